"""The evening act: believe a batch or hold, decide on every symbol, freeze the plan under its hash. Sends nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from execution.domain.errors import LedgerError
from execution.domain.events import BatchSuperseded, Event, PlanMissed, WhyRowsRecorded
from execution.ledger.book import Book, CycleRecord
from execution.ledger.why_rows import write_why_rows
from execution.risk.trading_context import TradingContext
from execution.session.account_view import context_of
from execution.session.agreed_time import refuse_other_time
from execution.session.approval import automatic_approval
from execution.session.basis import Basis, basis_of
from execution.session.breakers import after_breakers
from execution.session.decide import Decisions, decided_on_batch, decided_to_hold
from execution.session.desk import Desk
from execution.session.first_decision import first_decision
from execution.session.frozen_plan import frozen, gate_event, intended_orders, plan_event
from execution.session.holdings import holdings_of
from execution.session.lease_of_act import BUSY, leased
from execution.session.notes import note_once
from execution.session.proof import believed_signals
from execution.session.ramp_stage import ramp_stage
from execution.session.reconcile import Reconciled, reconcile
from execution.session.release import refuse_unreleased
from execution.session.why_plan import known_symbols, missed_rows, planned_rows

PlanStatus = Literal[
    "planned", "held", "missed", "already_planned", "superseded", "not_tradable", "no_batch_yet", "busy"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What came of asking for a plan.

    Attributes:
        status: `planned` and `held` made the cycle's plan now; `missed` closed a session that went by; `no_batch_yet`
            left the cycle to a batch that may still come; `busy` means that another process acts, ask again; the others
            changed nothing but, at most, a note.
        reason: why there is no new plan, or why it holds; empty for `planned`.
        plan_hash: the cycle's plan; None when it has none.
        batch_hash: the batch the cycle's plan was made of or refused.
        why_rows_hash: the plan's why-rows; None when it has none.
        entries: orders that open a position.
        exits: orders that reduce or close one.
        is_approved: whether the orders may go out.
    """

    session: date
    status: PlanStatus
    reason: str
    plan_hash: str | None
    batch_hash: str | None
    why_rows_hash: str | None
    entries: int
    exits: int
    is_approved: bool


def plan(desk: Desk, *, session: date, batch_hash: str | None, is_hold: bool = True) -> PlanReport:
    """Make the plan of a session's cycle from a batch, or from none to manage what is held; once for ever.

    Args:
        desk: the desk of the account.
        session: the decision session.
        batch_hash: the batch to plan; None when there is none.
        is_hold: whether positions are managed without a batch at any hour; otherwise one is waited for until the submit
            window opens, because a cycle planned without it would make no entries for ever.

    Raises:
        BatchRefused: the batch is malformed, or for another session or strategy.
        ChainBroken: the ledger was changed by hand.
        Fenced: another process took over.
        ReleaseRefused: this program or the batch's model may not trade.
        TimeDisagrees: the venue's clock or calendar differs from ours.
    """
    with leased(desk) as acting:
        if acting is None:
            return _without_plan(session, "busy", BUSY)
        return _planned_once(acting, session, batch_hash, is_hold=is_hold)


def _planned_once(desk: Desk, session: date, batch_hash: str | None, *, is_hold: bool) -> PlanReport:
    desk.ledger.verify_chain()
    cycle = desk.ledger.book().cycles.get(desk.cycle_id(session))
    if cycle is not None:
        return _of_planned(desk, cycle, batch_hash)
    if session != desk.tradable_session():
        return _of_untradable(desk, session, batch_hash)
    if batch_hash is None and not is_hold and not desk.is_in_submit_window(session):
        return _without_plan(session, "no_batch_yet", _no_batch_yet(desk, session))
    refuse_unreleased(desk)
    refuse_other_time(desk)
    reconciled = reconcile(desk)
    basis = basis_of(desk, reconciled, session, batch_hash)
    if basis.batch is not None:
        refuse_unreleased(desk, model_hash=basis.batch.model_hash)
    signals = believed_signals(basis.batch) if basis.batch else ()
    by_symbol = {signal.symbol: signal for signal in signals}
    context = context_of(desk, reconciled, session=session, signals=by_symbol, batch=basis.batch)
    context = after_breakers(desk, reconciled, context)
    decisions = _decisions(desk, reconciled, basis, context)
    orders = intended_orders(desk, decisions, session)
    plan_hash = frozen(desk, context, basis, orders)
    why_hash = write_why_rows(
        desk.artifacts,
        planned_rows(
            desk,
            decisions,
            session=session,
            batch=basis.batch,
            signals=by_symbol,
            batch_hash=basis.batch_hash,
            held_shares=reconciled.book.held_shares,
            plan_hash=plan_hash,
        ),
    )
    told = WhyRowsRecorded(
        at=desk.clock.now(),
        cycle_id=desk.cycle_id(session),
        session=session,
        stage="plan",
        artifact_hash=why_hash,
        rows=len(decisions.by_symbol),
    )
    planned = plan_event(desk, basis, session=session, plan_hash=plan_hash, equity_usd=context.equity_usd)
    events = (planned, *gate_event(basis, planned), *orders, told)
    approval = automatic_approval(desk, session=session, plan_hash=plan_hash, orders=orders)
    desk.ledger.record(lambda book: _unless_taken(book, reconciled, desk.cycle_id(session), (*events, *approval)))
    cycle = desk.ledger.book().cycles[desk.cycle_id(session)]
    if cycle.plan_hash != plan_hash:  # Another process was first.
        return _of_planned(desk, cycle, batch_hash)
    return _report(desk, cycle, "planned" if basis.batch else "held", basis.hold_reason)


def _of_planned(desk: Desk, cycle: CycleRecord, batch_hash: str | None) -> PlanReport:
    """Return the report of a cycle that has its plan; a batch it was not made of is noted once."""
    if batch_hash is None or batch_hash == cycle.batch_hash:
        return _report(desk, cycle, "already_planned", "the cycle has its plan already")
    reason = f"not traded: the cycle already has a plan, of {cycle.batch_hash or 'no batch'}"
    superseded = BatchSuperseded(
        at=desk.clock.now(),
        cycle_id=cycle.cycle_id,
        session=cycle.session,
        batch_hash=batch_hash,
        reason=reason,
    )
    desk.ledger.record(lambda book: () if batch_hash in book.cycles[cycle.cycle_id].superseded else (superseded,))
    return _report(desk, cycle, "superseded", reason)


def _of_untradable(desk: Desk, session: date, batch_hash: str | None) -> PlanReport:
    """Return the report of a session that may not be planned now; one that went by is closed for ever.

    What was over before decisions began is history: nobody missed it, and nothing is written of it.
    """
    history = _history(desk, session) if desk.submit_has_ended(session) else ""
    if history:
        return _without_plan(session, "not_tradable", history)
    current = desk.tradable_session()
    reason = f"session {session} may not be traded now: " + (
        f"the tradable session is {current}" if current else "no session may be traded at this instant"
    )
    note_once(desk, topic="not_tradable", session=session, subject=batch_hash or session.isoformat(), detail=reason)
    if desk.submit_has_ended(session):
        return _missed(desk, session, reason)
    return _without_plan(session, "not_tradable", reason)


def _history(desk: Desk, session: date) -> str:
    """Return why a session that went by is none that anybody could have planned; empty when it was missed."""
    judged = desk.batches.sessions()
    if not judged:
        return f"session {session} is history: no session was judged yet, so none was missed"
    first = first_decision(desk.ledger.book(), judged)
    if session < first:
        return f"session {session} is before {first}, where decisions begin: it is neither planned nor missed"
    return ""


def _no_batch_yet(desk: Desk, session: date) -> str:
    opens = desk.calendar.submit_window(session)[0].isoformat()
    return (
        f"no batch of session {session} is published: when its cycle publishes one, the plan follows by itself; "
        f"without one, positions alone are managed from {opens} on, or now where `is_hold` asks for it"
    )


def _without_plan(session: date, status: PlanStatus, reason: str) -> PlanReport:
    return PlanReport(
        session=session,
        status=status,
        reason=reason,
        plan_hash=None,
        batch_hash=None,
        why_rows_hash=None,
        entries=0,
        exits=0,
        is_approved=False,
    )


def _missed(desk: Desk, session: date, reason: str) -> PlanReport:
    reconciled = reconcile(desk)
    rows = missed_rows(desk, session=session, reason=reason, held_shares=reconciled.book.held_shares)
    why_hash = write_why_rows(desk.artifacts, rows)
    identity: dict[str, Any] = {"at": desk.clock.now(), "cycle_id": desk.cycle_id(session), "session": session}
    events = (
        PlanMissed(**identity, reason=reason),
        WhyRowsRecorded(**identity, stage="plan", artifact_hash=why_hash, rows=len(rows)),
    )
    desk.ledger.record(lambda book: () if desk.cycle_id(session) in book.cycles else events)
    return _report(desk, desk.ledger.book().cycles[desk.cycle_id(session)], "missed", reason)


def _decisions(desk: Desk, reconciled: Reconciled, basis: Basis, context: TradingContext) -> Decisions:
    holdings = holdings_of(
        reconciled.book,
        desk.calendar,
        context.session,
        rules=desk.exits,
        batch=basis.batch,
        prices_usd=context.closes_usd,
    )
    if basis.batch is None:
        return decided_to_hold(
            reason=basis.hold_reason,
            stage=basis.hold_stage,
            symbols=known_symbols(desk, context.session, basis.batch_hash),
            holdings={} if reconciled.differences else holdings,
            context=context,
            sizing=desk.sized_by,
            limits=desk.limits,
        )
    return decided_on_batch(
        signals=tuple(context.signals.values()),
        regime=basis.batch.regime,
        vix=basis.batch.vix,
        holdings=holdings,
        context=context,
        sizing=desk.sized_by,
        limits=desk.limits,
        ramp=ramp_stage(reconciled.book, desk.sizing.capital_ramp),
    )


def _unless_taken(book: Book, reconciled: Reconciled, cycle_id: str, events: Iterable[Event]) -> tuple[Event, ...]:
    if cycle_id in book.cycles:
        return ()
    if (book.held_shares, book.cash_usd) != (reconciled.book.held_shares, reconciled.book.cash_usd):
        raise LedgerError("cash or positions changed while the plan was made: plan again")
    return tuple(events)


def _report(desk: Desk, cycle: CycleRecord, status: PlanStatus, reason: str) -> PlanReport:
    orders = desk.ledger.book().orders_of(cycle.cycle_id)
    return PlanReport(
        session=cycle.session,
        status=status,
        reason=reason,
        plan_hash=cycle.plan_hash,
        batch_hash=cycle.batch_hash,
        why_rows_hash=cycle.why_rows[0].artifact_hash if cycle.why_rows else None,
        entries=len({record.order.symbol for record in orders if record.order.leg == "entry"}),
        exits=sum(record.order.leg == "exit" for record in orders),
        is_approved=cycle.approval is not None,
    )
