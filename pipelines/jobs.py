"""Every job in the UI, one table: its act, what it materializes, where it lives, and when the wall clock asks for it.

Sensors start jobs in `simulated` and `files` mode, where the clock moves when told; in real modes the analysis jobs are
asked for by cron. Both ask the rules of `sensors/rules.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import dagster as dg

# The type of an asset job has no public name; it is only named here, never constructed.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from assets import keys
from pipelines.failure_kind import failure_kind
from sensors.rules import Act

Location = Literal["analysis", "trading"]

_DECISION_GROUPS = (keys.INGEST, keys.FEATURES, keys.QUALITY)
_SCORING_KEYS = (keys.ML_SCORES, keys.ML_SIGNAL_BATCH)
_TRAINING_KEYS = (keys.ML_TRAINING_SET, keys.ML_MODEL)
_LOOKING_BACK_KEYS = (keys.ML_LIVE_JUDGEMENT, keys.ML_ACCOUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the table.

    Attributes:
        act: the act it performs and its name in the UI.
        location: which code location carries it.
        groups: asset groups it materializes whole.
        single_keys: single assets it materializes.
        description: one sentence for the UI.
        cron: when the wall clock asks whether it is due, New York time; None where a sensor asks in every mode.
        runtime_max_seconds: how long a run may last; None for the instance's own bound.
    """

    act: Act
    location: Location
    groups: tuple[str, ...] = ()
    single_keys: tuple[keys.Key, ...] = ()
    description: str
    cron: str | None = None
    runtime_max_seconds: int | None = None


JOBS = (
    Job(
        act=Act.INGEST,
        location="analysis",
        # Not the snapshot: it is pinned at the cut-off, and a gate that looked earlier would refuse the day too soon.
        single_keys=keys.RAW_TABLES,
        description="Takes in what became known up to a session's close.",
        cron="*/5 13-18 * * 1-5",
    ),
    Job(
        act=Act.CYCLE,
        location="analysis",
        groups=_DECISION_GROUPS,
        single_keys=_SCORING_KEYS,
        description="From raw rows to a signal batch, gated; never trains.",
        cron="*/5 15-23 * * 1-5",
    ),
    Job(
        act=Act.FIRST_CYCLE,
        location="analysis",
        groups=_DECISION_GROUPS,
        single_keys=(*_TRAINING_KEYS, *_SCORING_KEYS),
        description="The first cycle of a home: takes in the history and trains before it scores.",
        cron="*/5 15-23 * * 1-5",
    ),
    Job(
        act=Act.TRAIN,
        location="analysis",
        single_keys=(*_LOOKING_BACK_KEYS, *_TRAINING_KEYS),
        description="Looks back on scores and account, trains and judges a challenger; due after a week's last cycle.",
        cron="0 * * * 5,6",
    ),
    Job(
        act=Act.REPORT,
        location="analysis",
        single_keys=(keys.REPORTS_DAILY,),
        description="Writes the page of a settled session.",
        cron="*/5 * * * 1-6",
    ),
    Job(
        act=Act.UPKEEP,
        location="analysis",
        groups=(keys.UPKEEP,),
        description="Archives and prunes, backs the home up, and restores that backup elsewhere to see that it can.",
        cron="*/10 18-23 * * 1-5",
    ),
    Job(
        act=Act.PLAN,
        location="trading",
        single_keys=(keys.TRADING_ORDER_PLAN,),
        description="Verifies a batch's proof, sizes and checks its orders, and records the plan. Sends nothing.",
    ),
    Job(
        act=Act.SUBMIT,
        location="trading",
        single_keys=(keys.TRADING_ORDERS,),
        description="Sends the approved plan's orders inside its window, each at most once.",
    ),
    Job(
        act=Act.CANCEL_REST,
        location="trading",
        single_keys=(keys.TRADING_ORDERS,),
        description="Cancels entries that still work at the deadline.",
    ),
    Job(
        act=Act.WATCH,
        location="trading",
        single_keys=(keys.TRADING_EXIT_WATCH,),
        description="Asks the exit rules at last prices until the close, and sells what falls due.",
        # From the submit window's end to the close, with room to spare.
        runtime_max_seconds=7 * 3_600,
    ),
    Job(
        act=Act.SETTLE,
        location="trading",
        single_keys=(keys.TRADING_FILLS, keys.TRADING_POSITIONS, keys.TRADING_DECISIONS, keys.TRADING_LEDGER_EXPORT),
        description="Books fills and corporate actions after the close and marks the positions.",
    ),
)


def job_definitions(location: Location) -> Mapping[Act, UnresolvedAssetJobDefinition]:
    """Return the jobs of one code location by their act."""
    return {row.act: _definition(row) for row in JOBS if row.location == location}


def _definition(row: Job) -> UnresolvedAssetJobDefinition:
    selection: dg.AssetSelection = dg.AssetSelection.assets(*[dg.AssetKey(key) for key in row.single_keys])
    if row.groups:
        selection = selection | dg.AssetSelection.groups(*row.groups)
    return dg.define_asset_job(
        str(row.act),
        selection=selection,
        description=row.description,
        hooks={failure_kind},
        tags={"dagster/max_runtime": row.runtime_max_seconds} if row.runtime_max_seconds else None,
    )
