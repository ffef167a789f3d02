"""The morning act: exits, then entries, then a stop for everything held. Each order goes over the wire once.

Before the wire stands a row in the ledger; after it the answer, or that nobody knows it (`send.py`). Where the clock
runs by itself, the act looks again until the deadline: it sends a stop behind each new fill and looks up a stop that
nobody knows of. What fills later is covered by the next act. The deadline's act cancels what has not filled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal

from execution.domain.errors import Halted
from execution.domain.events import PlanMissed, SubmitFinished
from execution.domain.quantities import Shares
from execution.ledger.book import Book, CycleRecord
from execution.ledger.order_record import OrderRecord
from execution.session.account_block import block_told
from execution.session.agreed_time import refuse_other_time
from execution.session.approval import approval_refusal, refuse_changed_plan
from execution.session.day_orders import (
    cancel,
    end_day_orders,
    intended,
    is_waiting,
    void,
    void_overtaken,
    working_stops,
)
from execution.session.desk import Desk
from execution.session.ladder import turn_of
from execution.session.lease_of_act import BUSY, leased
from execution.session.protect import (
    bare_parts,
    held_back,
    next_stop,
    oversold_stops,
    perhaps_unprotected,
    stop_price,
    unprotected,
)
from execution.session.reconcile import Reconciled, reconcile, still_known
from execution.session.release import refuse_unreleased
from execution.session.reprice import give_up_rungs
from execution.session.reservation import SendView, view_at_send
from execution.session.send import send, send_again

SubmitStatus = Literal["submitted", "already_submitted", "pending", "rest_cancelled", "refused", "busy"]
_LOOKS_AGAIN: Final = frozenset({"submitted", "already_submitted", "pending", "busy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReport:
    """What stands of a session's orders after sending, or after the rest was cancelled.

    Attributes:
        status: `pending` means that an order of the plan waits to be sent, as an exit does for the end of its stop;
            `busy` that another process acts: ask again.
        reason: why nothing was sent; empty otherwise.
        accepted: orders the venue has or had, stops included.
        refused: orders the venue proved not to have.
        unknown: orders nobody knows the outcome of.
        voided: orders that were never sent and never will be.
        filled: orders filled in whole.
        unprotected: symbols held without an exit or stop known to work for every whole share.
        bare_parts: symbol to the part of a share held that no stop can cover.
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
    bare_parts: Mapping[str, Shares] = field(default_factory=dict)


def submit(desk: Desk, *, session: date) -> SubmitReport:
    """Send a session's approved plan inside its window; asking again sends nothing twice.

    An entry that tries several limits goes from one to the next in these looks. A clock that moves only when told has
    one price between two of its instants: there the next limit is tried at once.

    Raises:
        ChainBroken: the ledger was changed by hand.
        CorruptArtifact: the plan is not the one that was approved.
        Fenced: another process took over.
        Halted: the kill switch is engaged.
        LedgerError: cash differs from the venue's, or an order is not in the plan.
        ReleaseRefused: this program may not trade.
        TimeDisagrees: the venue's clock or calendar differs from ours.
    """
    report = _look(desk, session, is_time_up=False)
    looks_at_once = desk.sizing.entry_rungs - 1
    while _looks_again(desk, report):
        has_waited = desk.clock.wait_seconds(desk.sending.poll_seconds)
        if not has_waited and not looks_at_once:
            break
        looks_at_once -= not has_waited
        report = _look(desk, session, is_time_up=not has_waited)
    return report


def cancel_rest(desk: Desk, *, session: date) -> SubmitReport:
    """Cancel what has not filled by the deadline and protect what has; harmless to repeat.

    Raises:
        ChainBroken: the ledger was changed by hand.
        Fenced: another process took over.
        LedgerError: cash differs from the venue's.
    """
    with leased(desk) as acting:
        return _report(desk, session, "busy", BUSY) if acting is None else _cancelled(acting, session)


def _looks_again(desk: Desk, report: SubmitReport) -> bool:
    if report.status not in _LOOKS_AGAIN or desk.submit_has_ended(report.session):
        return False
    orders = desk.ledger.book().orders_of(desk.cycle_id(report.session))
    return report.status == "busy" or bool(report.unprotected) or any(is_waiting(record) for record in orders)


def _look(desk: Desk, session: date, *, is_time_up: bool) -> SubmitReport:
    with leased(desk) as acting:
        if acting is None:
            return _report(desk, session, "busy", BUSY)
        return _sent(acting, session, is_time_up=is_time_up)


def _sent(desk: Desk, session: date, *, is_time_up: bool) -> SubmitReport:
    desk.ledger.verify_chain()
    desk.refuse_when_halted()
    refusal = _refusal(desk, session)
    if refusal:
        return _report(desk, session, "refused", refusal)
    refuse_unreleased(desk)
    refuse_other_time(desk)
    refuse_changed_plan(desk, _cycle(desk, session))
    looked_at = desk.clock.now()
    reconciled = reconcile(desk)
    reconciled.refuse_differences()
    block = block_told(desk, session, reconciled)
    if block:
        return _report(desk, session, "pending", block)
    was_submitted = _cycle(desk, session).is_submitted
    if not was_submitted:
        _send_day_orders(desk, session, reconciled, is_time_up=is_time_up)
    _send_unknown_again(desk, session, reconciled, looked_at=looked_at)
    protect(desk, session, reconciled)
    if was_submitted:
        return _report(desk, session, "already_submitted", "")
    if intended(desk, session, "exit"):
        return _report(desk, session, "pending", "an exit waits until the venue has ended its stop")
    waiting = intended(desk, session, "entry")
    if waiting and desk.is_in_submit_window(session):
        if all(turn_of(desk.ledger.book(), record).shares == 0 for record in waiting):
            return _report(desk, session, "pending", "an entry works at one limit, and its next one waits")
        return _report(desk, session, "pending", "an entry waits: nothing may add to a position now, or not so fast")
    _finish(desk, session)
    return _report(desk, session, "submitted", "")


def _cancelled(desk: Desk, session: date) -> SubmitReport:
    desk.ledger.verify_chain()
    if not desk.submit_has_ended(session):
        return _report(desk, session, "refused", f"the deadline of {session} has not come")
    cycle = _cycle_or_none(desk, session)
    if cycle is None:
        return _report(desk, session, "refused", f"session {session} has no plan")
    if cycle.settled is not None:
        # Nobody ends the orders of a settled session any more, so none may be decided for it, stops included.
        return _report(desk, session, "rest_cancelled", f"session {session} is settled")
    reconciled = reconcile(desk)
    is_asked = end_day_orders(desk, session=session, before="the deadline")
    reconciled = reconcile(desk) if is_asked else still_known(desk, reconciled)
    reconciled.refuse_differences()
    try:
        protect(desk, session, reconciled)
    except Halted as halted:
        # The rest is cancelled all the same; a halt sends nothing, stops included.
        return _report(desk, session, "rest_cancelled", str(halted))
    _finish(desk, session)
    return _report(desk, session, "rest_cancelled", "")


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
    return approval_refusal(desk, cycle)


def _send_day_orders(desk: Desk, session: date, reconciled: Reconciled, *, is_time_up: bool) -> None:
    void_overtaken(desk, session)
    exits = [r for r in intended(desk, session, "exit") if r.order.symbol not in reconciled.apart_shares]
    stops = [(stop, record) for record in exits for stop in working_stops(reconciled.book, record.order.symbol)]
    for stop, record in stops:
        cancel(desk, stop, f"its position is sold by {record.order.client_order_id}")
    is_given_up = give_up_rungs(desk, session, is_time_up=is_time_up)
    view = view_at_send(desk, reconcile(desk) if exits or is_given_up else reconciled, session)
    for record in exits:
        _send_exit(desk, view, record)
    for record in intended(desk, session, "entry"):
        _send_entry(desk, view, record)


def _send_exit(desk: Desk, view: SendView, record: OrderRecord) -> None:
    """Sell what the plan sells, once its stop is proven gone: two open exits could sell a share twice."""
    book, symbol = desk.ledger.book(), record.order.symbol
    if working_stops(book, symbol):
        return
    held = book.held_shares.get(symbol, 0)
    sellable = min(record.order.quantity_shares, held - book.exposed_shares(symbol, side="sell"))
    if sellable > 0:
        send(desk, view, record, sellable)
    elif held <= 0:
        void(desk, record, "nothing is left to sell")


def _send_entry(desk: Desk, view: SendView, record: OrderRecord) -> None:
    """Buy what the plan buys, at one limit after the other: the next behind the proven end of the former."""
    turn = turn_of(desk.ledger.book(), record)
    if turn.over:
        void(desk, record, turn.over)
    elif turn.shares:
        send(desk, view, record, turn.shares)


def _send_unknown_again(desk: Desk, session: date, reconciled: Reconciled, *, looked_at: datetime) -> None:
    book = reconciled.book
    cycle_id = desk.cycle_id(session)
    unknown = [record for record in book.unproven_orders if record.state == "unknown"]
    asked = [record for record in unknown if record.cycle_id == cycle_id or _still_belongs(book, record)]
    # What is attached to an order goes out with it or not at all.
    records = [record for record in asked if book.entry_of(record) is None]
    if records:
        view = view_at_send(desk, reconciled, session)
        for record in records:
            send_again(desk, view, record, looked_at=looked_at)


def _still_belongs(book: Book, record: OrderRecord) -> bool:
    """Return whether a stop of a session gone by is what its position needs now: no split has moved its price."""
    return record.order.leg == "stop" and record.order.stop_usd == stop_price(book, record.order.symbol)


def protect(desk: Desk, session: date, reconciled: Reconciled) -> None:
    """Send a stop for every share of ours that no open exit covers, and no stop for a share that is not there."""
    reconciled = still_known(desk, reconciled)
    excess = oversold_stops(reconciled.book)
    for surplus in excess:
        cancel(desk, surplus, "it would sell more than is held")
    if excess:
        reconciled = reconcile(desk)
    cover(desk, session, reconciled)


def cover(desk: Desk, session: date, reconciled: Reconciled) -> None:
    """Send a stop for every share of ours that no open exit covers; nothing that works is ended.

    Of a blocked account none is even decided: a session decides one stop a symbol, and the venue would refuse it.
    """
    if block_told(desk, session, reconciled):
        return
    view = view_at_send(desk, reconciled, session)
    book = desk.ledger.book()
    missing = [next_stop(desk, book, session=session, symbol=symbol) for symbol in unprotected(book)]
    intents = {stop.order.client_order_id: stop for stop in missing if stop is not None}
    desk.ledger.record(lambda newest: [stop for key, stop in intents.items() if key not in newest.orders])
    for key, stop in intents.items():
        send(desk, view, desk.ledger.book().orders[key], stop.order.quantity_shares)
    if intents:
        reconcile(desk)


def _finish(desk: Desk, session: date) -> None:
    finished = SubmitFinished(at=desk.clock.now(), cycle_id=desk.cycle_id(session), session=session)
    desk.ledger.record(lambda book: () if book.cycles[finished.cycle_id].is_submitted else (finished,))


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
        unprotected=tuple(sorted({*perhaps_unprotected(book), *held_back(desk, book)})),
        bare_parts=bare_parts(book),
    )
