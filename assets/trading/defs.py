"""Dagster face of trading: lineage reaches the fills. Every decision is made in `execution.session`, never here.

Materializing any of these by hand, any number of times, changes nothing that the ledger already knows.
"""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from assets import keys
from assets.fact_log import tell
from assets.partitions import SESSIONS, session_of
from assets.run_tags import BUSY_TAG
from assets.trading.adjustment import adjust
from assets.trading.describe import described, orders_table, plan_pages, settled_pages
from assets.trading.ledger_proof import ledger_verdict
from execution.domain.errors import ChainBroken, SettingsRefused
from execution.ledger.export import export_ledger
from execution.session import run_session
from execution.session.approval import session_of_plan
from execution.session.control import control_sentence
from execution.session.run_session import Desk


class PlanConfig(dg.Config):
    """Which batch to plan."""

    batch_hash: str | None = None
    """Content hash of the batch; absent, the session's newest, waited for until orders may go out."""
    is_hold: bool = False
    """Plan without any batch: positions are managed, nothing is bought, and no batch of the session is traded later."""


@dg.asset(
    key=keys.TRADING_ORDER_PLAN,
    group_name=keys.TRADING,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(keys.ML_SIGNAL_BATCH), dg.AssetKey(keys.FEATURES_GATE_CERTIFICATE)],
    pool="trading",
)
def order_plan(
    context: dg.AssetExecutionContext, config: PlanConfig, desk: dg.ResourceParam[Desk]
) -> dg.MaterializeResult[None]:
    """The evening's plan of a session: sized, checked orders and a reason for every symbol. Sends nothing."""
    session = session_of(context)
    if config.is_hold and config.batch_hash:
        raise SettingsRefused(f"found is_hold and batch {config.batch_hash[:12]}, expected one of them")
    published = desk.batches.published(session)
    newest = published[-1] if published and not config.is_hold else None
    report = run_session.plan(desk, session=session, batch_hash=config.batch_hash or newest, is_hold=config.is_hold)
    facts = described(report)
    _tag_when_busy(context, report.status)
    facts["trading_state"] = control_sentence(desk.ledger.book().control)
    tell("plan_asked", run_id=context.run.run_id, decision_id=session.isoformat(), **facts)
    pages = plan_pages(desk.artifacts, report.plan_hash)
    return dg.MaterializeResult(metadata={**facts, **_markdown(pages)})


@dg.asset(
    key=keys.TRADING_ORDERS,
    group_name=keys.TRADING,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(keys.TRADING_ORDER_PLAN)],
    pool="trading",
)
def orders(context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.MaterializeResult[None]:
    """The plan's orders at the venue: sent inside the submit window, the unfilled rest cancelled after it."""
    session = session_of(context)
    is_over = desk.clock.now() >= desk.calendar.submit_window(session)[1]
    act = run_session.cancel_rest if is_over else run_session.submit
    report = act(desk, session=session)
    facts = described(report)
    _tag_when_busy(context, report.status)
    tell("orders_handled", run_id=context.run.run_id, decision_id=session.isoformat(), **facts)
    pages = {"orders": orders_table(desk.ledger.book().orders_of(desk.cycle_id(session)))}
    return dg.MaterializeResult(metadata={**facts, **_markdown(pages)})


@dg.asset(
    key=keys.TRADING_EXIT_WATCH,
    group_name=keys.TRADING,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(keys.TRADING_ORDERS)],
    # No pool: it lasts until the close, and between two looks the other acts must get their turn.
)
def exit_watch(context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.MaterializeResult[None]:
    """Exit rules asked at last prices until the close; what falls due is sold, each once."""
    session = session_of(context)
    report = run_session.watch(desk, session=session)
    facts = described(report)
    _tag_when_busy(context, report.status)
    tell("positions_watched", run_id=context.run.run_id, decision_id=session.isoformat(), **facts)
    return dg.MaterializeResult(metadata=facts)


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            key, group_name=keys.TRADING, deps=[dg.AssetKey(name) for name in upstream], description=description
        )
        for key, upstream, description in (
            (
                keys.TRADING_FILLS,
                (keys.TRADING_ORDERS, keys.TRADING_EXIT_WATCH),
                "Executions and corporate actions booked after the close.",
            ),
            (keys.TRADING_POSITIONS, (keys.TRADING_FILLS,), "Positions at the official close, to the cent."),
            (keys.TRADING_DECISIONS, (keys.TRADING_FILLS,), "One row per symbol: what happened and why."),
            (keys.TRADING_LEDGER_EXPORT, (keys.TRADING_FILLS,), "The ledger as hashed Parquet, for analysis to read."),
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "ledger_chain",
            asset=dg.AssetKey(keys.TRADING_FILLS),
            description="Every row of the ledger hashes as written, and every head that was signed is in it.",
            blocking=False,
        )
    ],
    partitions_def=SESSIONS,
    pool="trading",
)
def settlement(context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk], artifacts_root: dg.ResourceParam[Path]):  # type: ignore[no-untyped-def]  # Dagster would read a return annotation as outputs
    """Settle a session after the next one's close."""
    session = session_of(context)
    try:
        report = run_session.settle(desk, session=session)
    except ChainBroken:
        yield _ledger_check(desk)
        raise
    facts = described(report)
    _tag_when_busy(context, report.status)
    tell("session_settled", run_id=context.run.run_id, decision_id=session.isoformat(), **facts)
    export = export_ledger(desk.ledger, artifacts_root, upto_session=desk.calendar.next(session))
    pages = settled_pages(desk.ledger.book(), desk.artifacts, desk.cycle_id(session))
    for key in (keys.TRADING_FILLS, keys.TRADING_POSITIONS, keys.TRADING_DECISIONS):
        page = {name: text for name, text in pages.items() if name == key[-1]}
        yield dg.MaterializeResult(asset_key=dg.AssetKey(key), metadata={**facts, **_markdown(page)})
    yield dg.MaterializeResult(asset_key=dg.AssetKey(keys.TRADING_LEDGER_EXPORT), metadata={"hash": export.hash})
    yield _ledger_check(desk)


class ApprovalConfig(dg.Config):
    """A person's word for one plan."""

    plan_hash: str
    """The plan that was read; any other stays unapproved."""
    approver: str
    """Name of the person."""
    reason: str
    """Why, in the person's words."""
    word: str = ""
    """The person's signed word, where one is wanted (`touchstone sign`)."""


@dg.op(pool="trading")
def record_approval(context: dg.OpExecutionContext, config: ApprovalConfig, desk: dg.ResourceParam[Desk]) -> None:
    """Let exactly one plan's orders go out."""
    session = session_of_plan(desk.ledger.book(), config.plan_hash)
    report = run_session.approve(
        desk,
        session=session,
        plan_hash=config.plan_hash,
        approver=config.approver,
        reason=config.reason,
        word=config.word,
    )
    tell("plan_approved", run_id=context.run_id, decision_id=session.isoformat(), **described(report))


@dg.job
def approve_plan() -> None:
    """Approves exactly one plan hash, in a person's name. Sends nothing."""
    record_approval()


class AdjustmentConfig(dg.Config):
    """What moved on the account without a trade: cash, or shares of one symbol."""

    cash_usd: str = "0"
    """Dollars that came in; with a minus, that went out."""
    symbol: str = ""
    """Exchange symbol of shares; empty for cash."""
    shares: str = "0"
    """Shares that came in; with a minus, that went out."""
    cost_usd: str = "0"
    """What shares that came in are booked at, in all."""
    actor: str
    """Name of the person."""
    reason: str
    """Why, in the person's words."""


@dg.op(pool="trading")
def record_adjustment(context: dg.OpExecutionContext, config: AdjustmentConfig, desk: dg.ResourceParam[Desk]) -> None:
    """Book what a person answers for, where it is the whole difference between ledger and venue."""
    adjusted = adjust(desk, **config.model_dump())
    tell("account_adjusted", run_id=context.run_id, decision_id="", **described(adjusted))


@dg.job
def adjust_account() -> None:
    """Books a deposit, a withdrawal or a transfer of shares, in a person's name. Sends nothing."""
    record_adjustment()


def _ledger_check(desk: Desk) -> dg.AssetCheckResult:
    verdict = ledger_verdict(desk)
    return dg.AssetCheckResult(
        passed=verdict.passed,
        asset_key=dg.AssetKey(keys.TRADING_FILLS),
        check_name="ledger_chain",
        severity=dg.AssetCheckSeverity.ERROR,
        description=verdict.reason or None,
        metadata=described(verdict),
    )


def _markdown(pages: Mapping[str, str]) -> dict[str, dg.MarkdownMetadataValue]:
    # Not by the bare name: a report's number of fills is called `fills` as well.
    return {f"{name}_table": dg.MetadataValue.md(text) for name, text in pages.items()}


def _tag_when_busy(context: dg.AssetExecutionContext, status: str) -> None:
    # The sensors bound attempts, and a run that was not let in has tried nothing.
    if status == "busy":
        context.instance.add_run_tags(context.run.run_id, {BUSY_TAG: "true"})


DEFINITIONS = dg.Definitions(assets=[order_plan, orders, exit_watch, settlement], jobs=[approve_plan, adjust_account])
