"""Which session a run is of: one, chosen at its launch; without it nothing is begun."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets.features import defs as features
from assets.features.policy import FeaturePolicy
from assets.ingest import defs as ingest
from assets.maintenance import defs as maintenance
from assets.ml import defs as ml
from assets.partitions import SESSIONS, session_of
from assets.quality import defs as quality
from assets.reporting import defs as reporting
from assets.snapshots import SnapshotStore
from assets.trading import defs as trading

FROM, TO = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
CHOOSE = "expected one session: choose one under Partitions, or launch a backfill"
LAUNCHED = {
    "without a session": ({}, f"found no partition, {CHOOSE}"),
    "over a range": (
        {FROM: "2024-01-04", TO: "2024-01-08"},
        f"found the partitions 2024-01-04 to 2024-01-08 in one run, {CHOOSE} with a run for each",
    ),
}


def steps_of_a_session() -> Iterator[dg.AssetsDefinition]:
    """Yield every asset and check of either half that is partitioned by session."""
    for room in (features, ingest, maintenance, ml, quality, reporting, trading):
        for step in (*(room.DEFINITIONS.assets or ()), *(room.DEFINITIONS.asset_checks or ())):
            assert isinstance(step, dg.AssetsDefinition)
            if step.partitions_def is SESSIONS:
                yield step


def launched(step: dg.AssetsDefinition, tags: Mapping[str, str]) -> dg.ExecuteInProcessResult:
    """Return a run of one step whose resources are nothing but a policy and an empty folder: it cannot get far."""
    is_check = isinstance(step, dg.AssetChecksDefinition)
    told = {"feature_policy": FeaturePolicy(), "snapshots": SnapshotStore(Path("nowhere"))}
    location = dg.Definitions(
        assets=[] if is_check else [step],
        asset_checks=[step] if is_check else [],
        resources={name: told.get(name, object()) for name in step.required_resource_keys - {"io_manager"}},
    )
    return location.resolve_implicit_global_asset_job_def().execute_in_process(tags=dict(tags), raise_on_error=False)


def failure_of(result: dg.ExecuteInProcessResult) -> tuple[str, str]:
    """Return class and message of what failed a run's only step."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    error = event.step_failure_data.error
    assert error is not None
    told = event.step_failure_data.user_failure_data
    return error.cls_name or "", (told.description if told else "") or ""


@pytest.mark.parametrize("step", list(steps_of_a_session()), ids=lambda step: step.node_def.name)
@pytest.mark.parametrize("launch", LAUNCHED)
def test_a_step_of_a_session_launched_otherwise_says_what_to_choose(step: dg.AssetsDefinition, launch: str) -> None:
    tags, said = LAUNCHED[launch]
    assert failure_of(launched(step, tags)) == ("Failure", said)


@pytest.mark.parametrize("tags", [{"dagster/partition": "2024-01-04"}, {FROM: "2024-01-04", TO: "2024-01-04"}])
def test_a_run_of_one_session_knows_it_also_where_it_is_a_range_of_one(tags: dict[str, str]) -> None:
    found: list[date] = []

    @dg.asset(partitions_def=SESSIONS)
    def step(context: dg.AssetExecutionContext) -> None:
        found.append(session_of(context))

    assert launched(step, tags).success
    assert found == [date(2024, 1, 4)]
