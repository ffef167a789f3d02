"""Dagster face of upkeep: each night retention, a backup, and the proof that it can be restored."""

from dataclasses import asdict
from datetime import date

import dagster as dg

from assets import keys
from assets.fact_log import tell
from assets.maintenance.compaction import compact
from assets.maintenance.health import lack_of_room
from assets.maintenance.health import refusal as promise_broken
from assets.maintenance.holdings import change_facts, change_table
from assets.maintenance.nights import Upkeep, record_night
from assets.maintenance.restore_drill import refusal
from assets.maintenance.retention import Keeper
from assets.partitions import SESSIONS, session_of
from assets.warehouse import POOL, Warehouse
from execution.trading_calendar import TradingCalendar


@dg.asset(
    key=keys.UPKEEP_RETENTION_PLAN,
    group_name=keys.UPKEEP,
    partitions_def=SESSIONS,
    check_specs=[
        dg.AssetCheckSpec(
            "no_decision_stands_on_it",
            asset=dg.AssetKey(keys.UPKEEP_RETENTION_PLAN),
            description="Nothing that would leave is listed by the pin of a decision inside the replay horizon.",
            blocking=True,
        )
    ],
    pool="upkeep",
)
def retention_plan(context: dg.AssetExecutionContext, keeper: dg.ResourceParam[Keeper]):  # type: ignore[no-untyped-def]  # Dagster would read a return annotation as outputs
    """What is old enough to leave the home, and what is held by decisions; removes nothing."""
    session = session_of(context)
    plan = keeper.plan(context.instance)
    hurt = keeper.hurt(plan)
    facts = {"leaving": len(plan.leaving), "held": len(plan.held)}
    tell("retention_planned", run_id=context.run.run_id, decision_id=session.isoformat(), **facts)
    check = dg.AssetCheckResult(
        passed=not hurt, severity=dg.AssetCheckSeverity.ERROR, description=hurt[0] if hurt else None
    )
    return dg.MaterializeResult(metadata={**facts, "plan": dg.MetadataValue.md(plan.table())}, check_results=[check])


@dg.asset(
    key=keys.UPKEEP_RETENTION,
    group_name=keys.UPKEEP,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(keys.UPKEEP_RETENTION_PLAN)],
    pool="upkeep",
)
def retention(context: dg.AssetExecutionContext, keeper: dg.ResourceParam[Keeper]) -> dg.MaterializeResult[None]:
    """What left the home: archived as hashed Parquet, read back, then removed. Shows only, where settings say so."""
    session = session_of(context)
    plan, before = keeper.plan(context.instance), keeper.holdings(context.instance)
    done = keeper.carry_out(context.instance, plan) if keeper.is_scheduled else {}
    after = keeper.holdings(context.instance)
    facts = done | change_facts(before, after)
    tell("retention_done", run_id=context.run.run_id, decision_id=session.isoformat(), **facts)
    return dg.MaterializeResult(metadata={**facts, "tables": dg.MetadataValue.md(change_table(before, after))})


@dg.asset(
    key=keys.UPKEEP_COMPACTION,
    group_name=keys.UPKEEP,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(keys.UPKEEP_RETENTION)],
    pool=POOL,
)
def compaction(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse], upkeep: dg.ResourceParam[Upkeep]
) -> dg.MaterializeResult[None]:
    """Feature parts merged by month, warehouse rewritten, databases vacuumed and analysed; bytes before and after."""
    session = session_of(context)
    merged = upkeep.merge_parts(session)
    sizes = {"parts_merged": merged} | compact(warehouse, upkeep.databases, upkeep.postgres())
    tell("stores_compacted", run_id=context.run.run_id, decision_id=session.isoformat(), **sizes)
    return dg.MaterializeResult(metadata=sizes)


@dg.asset(
    key=keys.UPKEEP_BACKUP,
    group_name=keys.UPKEEP,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(keys.UPKEEP_COMPACTION)],
    pool="upkeep",
)
def backup(context: dg.AssetExecutionContext, upkeep: dg.ResourceParam[Upkeep]) -> dg.MaterializeResult[None]:
    """The home's files in the store of backups, listed by a manifest of hashes that was written last."""
    session = session_of(context)
    facts = asdict(upkeep.make_backup())
    tell("backup_made", run_id=context.run.run_id, decision_id=session.isoformat(), **facts)
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
    session = session_of(context)
    report = upkeep.drill(_is_last_of_week(session))
    reason = refusal(report, restore_seconds_max=upkeep.restore_seconds_max)
    tell("restore_drilled", run_id=context.run.run_id, decision_id=session.isoformat(), **report.facts)
    record_night(upkeep.root, session, report.facts | {"refusal": reason, "home_bytes": upkeep.home_bytes()})
    check = dg.AssetCheckResult(
        passed=not reason, severity=dg.AssetCheckSeverity.ERROR, description=reason or None, metadata=report.facts
    )
    return dg.MaterializeResult(metadata=report.facts, check_results=[check])


@dg.asset(
    key=keys.UPKEEP_HEALTH,
    group_name=keys.UPKEEP,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(keys.UPKEEP_RESTORE_DRILL)],
    check_specs=[
        dg.AssetCheckSpec(
            "runs_as_promised",
            asset=dg.AssetKey(keys.UPKEEP_HEALTH),
            description="No session was missed, data are fresh, and the daemon was up as much as the settings promise.",
            blocking=False,
        ),
        dg.AssetCheckSpec(
            "machine_has_room",
            asset=dg.AssetKey(keys.UPKEEP_HEALTH),
            description="Processor, memory and disk have as much left as the settings want.",
            blocking=False,
        ),
    ],
    pool="upkeep",
)
def health(context: dg.AssetExecutionContext, upkeep: dg.ResourceParam[Upkeep]):  # type: ignore[no-untyped-def]  # Dagster would read a return annotation as outputs
    """How well the home has run over its newest sessions: cycles, uptime, freshness, restores, halts."""
    session = session_of(context)
    report = upkeep.health()
    facts, broken = report.facts(), promise_broken(report, upkeep.health_policy)
    tell("health_judged", run_id=context.run.run_id, decision_id=session.isoformat(), broken=broken, **facts)
    scarce, room = lack_of_room(report.machine, upkeep.health_policy), report.machine.facts()
    checks = [
        dg.AssetCheckResult(
            check_name=name,
            passed=not reason,
            severity=dg.AssetCheckSeverity.WARN,
            description=reason or None,
            metadata=told,
        )
        for name, reason, told in (("runs_as_promised", broken, facts), ("machine_has_room", scarce, room))
    ]
    return dg.MaterializeResult(metadata={**facts, **room}, check_results=checks)


def _is_last_of_week(session: date) -> bool:
    return TradingCalendar.shipped().next(session).isocalendar().week != session.isocalendar().week


DEFINITIONS = dg.Definitions(assets=[retention_plan, retention, compaction, backup, restore_drill, health])
