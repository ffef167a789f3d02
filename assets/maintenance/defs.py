"""Dagster face of upkeep: each night a backup, and the proof that it can be restored."""

from dataclasses import asdict
from datetime import date

import dagster as dg

from assets import keys
from assets.fact_log import tell
from assets.maintenance.nights import Upkeep, record_night
from assets.maintenance.restore_drill import refusal
from assets.partitions import SESSIONS
from execution.trading_calendar import TradingCalendar


@dg.asset(key=keys.UPKEEP_BACKUP, group_name=keys.UPKEEP, partitions_def=SESSIONS, pool="upkeep")
def backup(context: dg.AssetExecutionContext, upkeep: dg.ResourceParam[Upkeep]) -> dg.MaterializeResult[None]:
    """The home's files in the store of backups, listed by a manifest of hashes that was written last."""
    facts = asdict(upkeep.make_backup())
    tell("backup_made", run_id=context.run.run_id, decision_id=context.partition_key, **facts)
    return dg.MaterializeResult(metadata=facts)


@dg.asset(
    key=keys.UPKEEP_RESTORE_DRILL,
    group_name=keys.UPKEEP,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(keys.UPKEEP_BACKUP)],
    check_specs=[
        dg.AssetCheckSpec(
            "backups_can_be_restored",
            asset=dg.AssetKey(keys.UPKEEP_RESTORE_DRILL),
            description="The newest backup comes back whole, fits the anchors kept elsewhere, and decides the same.",
            blocking=False,
        )
    ],
    pool="upkeep",
)
def restore_drill(context: dg.AssetExecutionContext, upkeep: dg.ResourceParam[Upkeep]):  # type: ignore[no-untyped-def]  # Dagster would read a return annotation as outputs
    """The newest backup restored to an empty place by a process that cannot see the home, and thrown away again."""
    session = date.fromisoformat(context.partition_key)
    report = upkeep.drill(_is_last_of_week(session))
    reason = refusal(report, restore_seconds_max=upkeep.restore_seconds_max)
    tell("restore_drilled", run_id=context.run.run_id, decision_id=context.partition_key, **report.facts)
    record_night(upkeep.root, session, report.facts | {"refusal": reason})
    check = dg.AssetCheckResult(
        passed=not reason, severity=dg.AssetCheckSeverity.ERROR, description=reason or None, metadata=report.facts
    )
    return dg.MaterializeResult(metadata=report.facts, check_results=[check])


def _is_last_of_week(session: date) -> bool:
    return TradingCalendar.shipped().next(session).isocalendar().week != session.isocalendar().week


DEFINITIONS = dg.Definitions(assets=[backup, restore_drill])
