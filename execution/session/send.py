"""One order over the wire: reserved and written down first, looked at once more, sent once, its answer written down.

This is the only place in the tree that calls a broker's `submit`. Between the row and the wire stand the kill switch,
the deadline and a window of a second: a process that was paused there sends nothing, and says so with an end of the
order. One that died there says nothing, and the order is looked up like any other whose outcome nobody knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execution.domain.errors import Halted
from execution.domain.events import (
    Event,
    OrderAccepted,
    OrderRefused,
    OrderVoided,
    OutcomeUnknown,
    SubmissionRepeated,
    SubmissionStarted,
)
from execution.domain.order_fault import order_fault
from execution.domain.orders import Accepted, OrderRequest, Refused, SubmitOutcome
from execution.domain.provenance import are_green
from execution.domain.quantities import Shares
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.ledger.sent_together import submission
from execution.risk.reduce_only import may_go_out
from execution.risk.throttles import message_refusal
from execution.session.answers import outcome_told
from execution.session.day_so_far import day_began_at, messages_sent_at
from execution.session.desk import Desk
from execution.session.ladder import turn_of
from execution.session.lease_of_act import keep_lease
from execution.session.notes import note_once
from execution.session.reservation import SendView, refused_at_send, reserved_usd

DAY_LEGS = ("entry", "exit")
# After an answer that took so long, the lease is held on to: many slow answers could outlast it.
_SLOW_SECONDS = 1.0


@dataclass(slots=True)
class _Attempt:
    """One way of an order to the wire: what the newest book said, and when it said so."""

    desk: Desk
    view: SendView
    order: OrderRequest
    started_seconds: float = field(default=0.0)

    def let_out(self, book: Book, record: OrderRecord) -> Sequence[Event]:
        """Return the row before the wire, the end of an order that may not go any more, or nothing for not now."""
        self.started_seconds = self.desk.clock.monotonic_seconds()
        now, shares = self.desk.clock.now(), self.order.quantity_shares
        if record.state != "intended" or not self._may_go(book) or self._is_throttled(book, now):
            return ()
        if not self._has_its_turn(book, record):
            return ()
        end = self._end(book, record, now)
        if end:
            return (OrderVoided(at=now, client_order_id=self.order.client_order_id, reason=end),)
        reserved = reserved_usd(self.desk, record, shares)
        return submission(record, at=now, quantity_shares=shares, reserved_usd=reserved)

    def let_out_again(self, record: OrderRecord, reason: str) -> Sequence[Event]:
        """Return the row before sending an order of unknown outcome once more, or nothing when it is known by now."""
        self.started_seconds = self.desk.clock.monotonic_seconds()
        if record.state != "unknown":
            return ()
        order_id = self.order.client_order_id
        return (SubmissionRepeated(at=self.desk.clock.now(), client_order_id=order_id, reason=reason),)

    def _may_go(self, book: Book) -> bool:
        order, shares = self.order, self.order.quantity_shares
        held, exposed = book.held_shares.get(order.symbol, 0), book.exposed_shares(order.symbol, side=order.side)
        oversells = order.side == "sell" and exposed + shares > held
        state = book.control.state if book.control else "active"
        is_let_out = may_go_out(
            state, side=order.side, quantity_shares=shares, held_shares=held, exposed_shares=exposed
        )
        return is_let_out and not oversells and order.symbol not in self.view.apart_shares

    def _has_its_turn(self, book: Book, record: OrderRecord) -> bool:
        # Asked in the transaction that lets it out: two rungs at work could buy a share twice.
        return self.order.leg != "entry" or self.order.quantity_shares <= turn_of(book, record).shares

    def _is_throttled(self, book: Book, now: datetime) -> bool:
        # Nothing that limits risk may keep risk from being reduced.
        if self.order.leg != "entry":
            return False
        sent = messages_sent_at(book, since=day_began_at(self.desk.calendar, now))
        return message_refusal(sent, now=now, limits=self.desk.limits) is not None

    def _end(self, book: Book, record: OrderRecord, now: datetime) -> str:
        symbol = self.order.symbol
        if symbol in book.quarantined:
            return f"{symbol} is in quarantine: {book.quarantined[symbol].reason}"
        ungated = self._ungated(book, record)
        if ungated:
            return ungated
        malformed = order_fault(self.order)
        if malformed:
            return malformed
        fault = self.desk.broker.capabilities.fault_of(self.order)
        if fault:
            return f"the venue does not take {fault}"
        blocked = refused_at_send(
            self.desk, self.view, book, record, quantity_shares=self.order.quantity_shares, now=now
        )
        if blocked is None:
            return ""
        return f"last look, {blocked.check}: {blocked.reason}: {blocked.found}, allowed {blocked.allowed}"

    def _ungated(self, book: Book, record: OrderRecord) -> str:
        # What reduces risk goes out whatever the gate said.
        gate = book.cycles[record.cycle_id].gate
        if self.order.leg != "entry" or (
            gate is not None and gate.session == record.session and are_green(gate.stage, gate.checks)
        ):
            return ""
        told = f"no green gate of {record.session} stands in the ledger beside its plan"
        return told if gate else f"{told}: a version that wrote none planned it, and the next evening plans again"

    def too_late(self) -> str:
        """Return why the order may not go out any more; empty when it may, and then it goes at once.

        Raises:
            Halted: the kill switch was engaged after the row was written.
        """
        desk = self.desk
        desk.refuse_when_halted()
        if not is_in_time(desk, self.view, self.order):
            return "its window was over when it should have gone out"
        # Last of all, so that nothing that takes time stands between it and the wire.
        waited = desk.clock.monotonic_seconds() - self.started_seconds
        if waited > desk.sending.window_seconds:
            return f"{waited:.1f} s after its row, allowed are {desk.sending.window_seconds} s"
        return ""

    def withdraw(self, reason: str) -> None:
        """End an order whose row is written and which this process, the only one that could, did not send.

        Whoever only reads the row cannot tell it from one that went out. What another process found out since stands.
        """
        told = f"not sent: {reason}"
        order_ids = [self.order.client_order_id, *(leg.client_order_id for leg in self.order.attached)]
        note_once(self.desk, topic="not_sent", session=self.view.session, subject=order_ids[0], detail=told)
        now = self.desk.clock.now()
        self.desk.ledger.record(
            lambda book: [
                OrderVoided(at=now, client_order_id=order_id, reason=told)
                for order_id in order_ids
                if book.orders[order_id].state == "in_flight"
            ]
        )


def is_in_time(desk: Desk, view: SendView, order: OrderRequest) -> bool:
    """Return whether an order may go out at the clock's instant: entries and exits only inside their window."""
    return order.leg not in DAY_LEGS or desk.is_in_submit_window(view.session)


def send(desk: Desk, view: SendView, record: OrderRecord, quantity_shares: Shares) -> None:
    """Put one order over the wire: at most once, whatever happens around it.

    Args:
        desk: the desk that acts.
        view: the world as it was asked just before.
        record: an order that was decided and not sent.
        quantity_shares: shares to send, no more than were decided.

    Raises:
        Fenced: another process took the lease.
        Halted: nothing may be sent.
    """
    desk.refuse_when_halted()
    if not is_in_time(desk, view, record.order):
        return
    order_id = record.order.client_order_id
    attempt = _Attempt(desk, view, record.order.of_size(quantity_shares))
    events = desk.ledger.record(lambda book: attempt.let_out(book, book.orders[order_id]))
    if any(isinstance(event, SubmissionStarted) for event in events):
        _answered(attempt, is_repeated=False)


def send_again(desk: Desk, view: SendView, record: OrderRecord, *, looked_at: datetime) -> None:
    """Send an order of unknown outcome once more under its id, where policy, venue and time allow it.

    Args:
        desk: the desk that acts.
        view: the world as it was asked just before.
        record: an order the venue did not know when it was looked up.
        looked_at: the instant before that look-up.

    Raises:
        Fenced: another process took the lease.
        Halted: nothing may be sent.
    """
    waited = repeat_wait(desk)
    last_sent = record.repeated_at or record.sent_at
    is_allowed = desk.sending.unknown_outcome_policy == "same_id" and desk.broker.capabilities.may_repeat
    if not is_allowed or last_sent is None or looked_at - last_sent < waited:
        return
    desk.refuse_when_halted()
    if not is_in_time(desk, view, record.order):
        return
    order_id = record.order.client_order_id
    attempt = _Attempt(desk, view, record.order)
    reason = f"unknown to the venue {waited.total_seconds():.0f} s and more after it was sent"
    if desk.ledger.record(lambda book: attempt.let_out_again(book.orders[order_id], reason)):
        _answered(attempt, is_repeated=True)


def repeat_wait(desk: Desk) -> timedelta:
    """Return how long an order may still arrive at the venue or stay unseen there after its row was written."""
    promised = desk.broker.capabilities
    return timedelta(seconds=desk.sending.window_seconds + promised.answer_seconds + promised.visibility_lag_seconds)


def _answered(attempt: _Attempt, *, is_repeated: bool) -> None:
    desk = attempt.desk
    # Nothing has gone out before this is over: what fails later has an outcome nobody knows. Of an order that is sent
    # again the first sending may have arrived, whatever becomes of its repetition.
    try:
        too_late = attempt.too_late()
    except Halted as halted:
        if not is_repeated:
            attempt.withdraw(str(halted))
        raise
    if too_late:
        if not is_repeated:
            attempt.withdraw(too_late)
        return
    outcome = outcome_told(desk.broker.submit(attempt.order))
    if desk.clock.monotonic_seconds() - attempt.started_seconds > _SLOW_SECONDS:
        keep_lease(desk)
    if is_repeated and isinstance(outcome, Refused):
        # A used id is refused too: the first sending may be what it is used by. Only a look-up tells.
        return
    desk.ledger.record(lambda book: _answers(book, attempt.order, outcome, desk.clock.now()))


def _answers(book: Book, order: OrderRequest, outcome: SubmitOutcome, now: datetime) -> Sequence[Event]:
    told = _answer(book.orders[order.client_order_id], outcome, now)
    if not isinstance(outcome, Refused):
        # What is attached is known by its own look-up.
        return told
    attached = [book.orders[leg.client_order_id] for leg in order.attached]
    return (*told, *[event for record in attached for event in _answer(record, outcome, now)])


def _answer(record: OrderRecord, outcome: SubmitOutcome, now: datetime) -> Sequence[Event]:
    # Another process may have reconciled between the wire and this row: what it proved stands.
    if record.state not in ("in_flight", "unknown"):
        return ()
    order_id = record.order.client_order_id
    match outcome:
        case Accepted():
            return (OrderAccepted(at=now, client_order_id=order_id, broker_order_id=outcome.broker_order_id),)
        case Refused():
            return (OrderRefused(at=now, client_order_id=order_id, reason=outcome.reason),)
        case _:
            is_told = record.state == "unknown"
            return () if is_told else (OutcomeUnknown(at=now, client_order_id=order_id, reason=outcome.reason),)
