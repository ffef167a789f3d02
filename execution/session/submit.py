"""The morning act: exits, then entries, then a stop for everything held. Each order goes over the wire once.

Before the wire stands a row in the ledger; after it the answer, or that nobody knows it. What is unknown is looked up
by every later act and never sent again. The deadline's act cancels what has not filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from execution.domain.errors import Halted
from execution.domain.events import (
    CancelRequested,
    Event,
    OrderAccepted,
    OrderRefused,
    OrderVoided,
    OutcomeUnknown,
    PlanMissed,
    SubmissionStarted,
    SubmitFinished,
)
from execution.domain.orders import Accepted, Refused, SubmitOutcome
from execution.ledger.book import Book, CycleRecord
from execution.ledger.order_record import OrderRecord
from execution.risk.reduce_only import may_go_out
from execution.session.desk import Desk
from execution.session.protect import next_stop, unprotected
from execution.session.reconcile import reconcile

SubmitStatus = Literal["submitted", "already_submitted", "pending", "rest_cancelled", "refused"]
_DAY_LEGS = ("entry", "exit")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReport:
    """What stands of a session's orders after sending, or after the rest was cancelled.

    Attributes:
        status: `pending` means that an exit still waits for the end of its stop: ask again.
        reason: why nothing was sent; empty otherwise.
        accepted: orders the venue has or had, stops included.
        refused: orders the venue proved not to have.
        unknown: orders nobody knows the outcome of.
        voided: orders that were never sent and never will be.
        filled: orders filled in whole.
        unprotected: symbols held without a stop for every share.
    """

    session: date
    status: SubmitStatus
    reason: str
    accepted: int
    refused: int
    unknown: int
    voided: int
    filled: int
    unprotected: tuple[str, ...]


def submit(desk: Desk, *, session: date) -> SubmitReport:
    """Send a session's approved plan inside its window; asking again sends nothing twice.

    Raises:
        ChainBroken: the ledger was changed by hand.
        Halted: the kill switch is engaged.
        LedgerError: ledger and venue differ.
    """
    desk.ledger.verify_chain()
    desk.refuse_when_halted()
    refusal = _refusal(desk, session)
    if refusal:
        return _report(desk, session, "refused", refusal)
    reconcile(desk).refuse_differences()
    was_submitted = _cycle(desk, session).is_submitted
    if not was_submitted:
        _send_exits(desk, session)
        for record in _intended(desk, session, "entry"):
            _send(desk, session, record, record.order.quantity_shares)
    _protect(desk, session)
    if was_submitted:
        return _report(desk, session, "already_submitted", "")
    if _intended(desk, session, "exit"):
        return _report(desk, session, "pending", "an exit waits until the venue has ended its stop")
    _finish(desk, session)
    return _report(desk, session, "submitted", "")


def cancel_rest(desk: Desk, *, session: date) -> SubmitReport:
    """Cancel what has not filled by the deadline and protect what has; harmless to repeat.

    Raises:
        ChainBroken: the ledger was changed by hand.
        LedgerError: ledger and venue differ.
    """
    desk.ledger.verify_chain()
    if not desk.submit_has_ended(session):
        return _report(desk, session, "refused", f"the deadline of {session} has not come")
    if _cycle_or_none(desk, session) is None:
        return _report(desk, session, "refused", f"session {session} has no plan")
    reconcile(desk)
    end_day_orders(desk, session=session, reason="not filled before the deadline")
    reconciled = reconcile(desk)
    reconciled.refuse_differences()
    try:
        _protect(desk, session)
    except Halted as halted:
        # The rest is cancelled all the same; a halt sends nothing, stops included.
        return _report(desk, session, "rest_cancelled", str(halted))
    _finish(desk, session)
    return _report(desk, session, "rest_cancelled", "")


def end_day_orders(desk: Desk, *, session: date, reason: str) -> None:
    """Void a session's entries and exits that were never sent and ask the venue to cancel those that still work."""
    for record in desk.ledger.book().orders_of(desk.cycle_id(session)):
        order_id = record.order.client_order_id
        if record.state == "intended":
            _void(desk, order_id, reason)
        elif record.is_unproven and record.order.leg in _DAY_LEGS:
            _cancel(desk, record, reason)


def is_waiting(record: OrderRecord) -> bool:
    """Return whether an entry or exit was not sent yet, or works and was not asked to end."""
    if record.order.leg not in _DAY_LEGS:
        return False
    return record.state == "intended" or (record.exposed_shares > 0 and not record.is_cancel_requested)


def _refusal(desk: Desk, session: date) -> str:
    """Return why a session's orders may not be sent now; empty when they may."""
    cycle = _cycle_or_none(desk, session)
    if cycle is None:
        return f"session {session} has no plan"
    if isinstance(cycle.plan, PlanMissed):
        return f"session {session} was missed: {cycle.plan.reason}"
    if not desk.is_in_submit_window(session):
        opens, closes = desk.calendar.submit_window(session)
        return f"outside the submit window of {session}: {opens.isoformat()} to {closes.isoformat()}"
    if cycle.approval is None:
        return f"plan {cycle.plan_hash} waits for approval"
    return ""


def _send_exits(desk: Desk, session: date) -> None:
    """Sell what the plan sells, each only after its stop is proven gone: two open exits could sell a share twice."""
    exits = _intended(desk, session, "exit")
    for record in exits:
        for stop in _working_stops(desk.ledger.book(), record.order.symbol):
            _cancel(desk, stop, f"its position is sold by {record.order.client_order_id}")
    if exits:
        reconcile(desk)
    for record in exits:
        book, symbol = desk.ledger.book(), record.order.symbol
        if _working_stops(book, symbol):
            continue
        held = book.held_shares.get(symbol, 0)
        sellable = min(record.order.quantity_shares, held - book.exposed_shares(symbol, side="sell"))
        if sellable > 0:
            _send(desk, session, record, sellable)
        elif held <= 0:
            _void(desk, record.order.client_order_id, "nothing is left to sell")


def _protect(desk: Desk, session: date) -> None:
    """Send a stop for every share of ours that no open exit covers."""
    reconcile(desk)
    book = desk.ledger.book()
    missing = [next_stop(desk, book, session=session, symbol=symbol) for symbol in unprotected(book)]
    intents = {stop.order.client_order_id: stop for stop in missing if stop is not None}
    desk.ledger.record(lambda newest: [stop for key, stop in intents.items() if key not in newest.orders])
    for key, stop in intents.items():
        _send(desk, session, desk.ledger.book().orders[key], stop.order.quantity_shares)
    reconcile(desk)


def _send(desk: Desk, session: date, record: OrderRecord, quantity_shares: int) -> None:
    """Put one order over the wire: at most once, whatever happens around it."""
    desk.refuse_when_halted()
    if record.order.leg in _DAY_LEGS and not desk.is_in_submit_window(session):
        return
    order = replace(record.order, quantity_shares=quantity_shares)
    order_id = order.client_order_id
    started = SubmissionStarted(at=desk.clock.now(), client_order_id=order_id, quantity_shares=quantity_shares)

    def start(book: Book) -> Sequence[Event]:
        held, exposed = book.held_shares.get(order.symbol, 0), book.exposed_shares(order.symbol, side=order.side)
        oversells = order.side == "sell" and exposed + quantity_shares > held
        state = book.control.state if book.control else "active"
        is_let_out = may_go_out(
            state, side=order.side, quantity_shares=quantity_shares, held_shares=held, exposed_shares=exposed
        )
        return () if oversells or not is_let_out or book.orders[order_id].state != "intended" else (started,)

    if desk.ledger.record(start):
        outcome = desk.broker.submit(order)
        desk.ledger.record(lambda book: _answer(book, order_id, outcome, desk))


def _answer(book: Book, order_id: str, outcome: SubmitOutcome, desk: Desk) -> Sequence[Event]:
    # Another process may have reconciled between the wire and this row: what it proved stands.
    if book.orders[order_id].state not in ("in_flight", "unknown"):
        return ()
    now = desk.clock.now()
    match outcome:
        case Accepted():
            return (OrderAccepted(at=now, client_order_id=order_id, broker_order_id=outcome.broker_order_id),)
        case Refused():
            return (OrderRefused(at=now, client_order_id=order_id, reason=outcome.reason),)
        case _:
            is_told = book.orders[order_id].state == "unknown"
            return () if is_told else (OutcomeUnknown(at=now, client_order_id=order_id, reason=outcome.reason),)


def _cancel(desk: Desk, record: OrderRecord, reason: str) -> None:
    """Ask the venue to end an order; the ledger says first that it was asked, and only a lookup proves the end."""
    order_id = record.order.client_order_id
    asked = CancelRequested(at=desk.clock.now(), client_order_id=order_id, reason=reason)

    def ask(book: Book) -> Sequence[Event]:
        newest = book.orders[order_id]
        return () if newest.is_cancel_requested or not newest.is_unproven else (asked,)

    desk.ledger.record(ask)
    if desk.ledger.book().orders[order_id].is_unproven:
        desk.broker.cancel(order_id)


def _finish(desk: Desk, session: date) -> None:
    finished = SubmitFinished(at=desk.clock.now(), cycle_id=desk.cycle_id(session), session=session)
    desk.ledger.record(lambda book: () if book.cycles[finished.cycle_id].is_submitted else (finished,))


def _void(desk: Desk, order_id: str, reason: str) -> None:
    voided = OrderVoided(at=desk.clock.now(), client_order_id=order_id, reason=reason)
    desk.ledger.record(lambda book: (voided,) if book.orders[order_id].state == "intended" else ())


def _intended(desk: Desk, session: date, leg: str) -> tuple[OrderRecord, ...]:
    orders = desk.ledger.book().orders_of(desk.cycle_id(session))
    return tuple(record for record in orders if record.order.leg == leg and record.state == "intended")


def _working_stops(book: Book, symbol: str) -> tuple[OrderRecord, ...]:
    return tuple(
        record
        for record in book.orders.values()
        if record.order.symbol == symbol and record.order.leg == "stop" and record.exposed_shares > 0
    )


def _cycle_or_none(desk: Desk, session: date) -> CycleRecord | None:
    return desk.ledger.book().cycles.get(desk.cycle_id(session))


def _cycle(desk: Desk, session: date) -> CycleRecord:
    return desk.ledger.book().cycles[desk.cycle_id(session)]


def _report(desk: Desk, session: date, status: SubmitStatus, reason: str) -> SubmitReport:
    book = desk.ledger.book()
    records = book.orders_of(desk.cycle_id(session))
    states = [record.state for record in records]
    return SubmitReport(
        session=session,
        status=status,
        reason=reason,
        accepted=sum(record.broker_order_id is not None for record in records),
        refused=states.count("refused"),
        unknown=sum(state in ("in_flight", "unknown", "missed") for state in states),
        voided=states.count("voided"),
        filled=states.count("filled"),
        unprotected=unprotected(book),
    )
