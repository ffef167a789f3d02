"""What must hold at every step: I1 to I10, judged by the venue's truth and the ledger's committed rows.

    I1   at most one accepted order per cycle, symbol, side and leg; at most one entry at work per cycle and symbol,
         and all of them together never buy more than was decided
    I2   the ledger's fills and ends are the venue's: none lost, none invented
    I3   an accepted order has an intent, an entry or exit one of an approved plan, an entry a green certificate
    I4   limits hold at every accept: order, basket, cash, shares that may be sold
    I5   positions and cash agree with the venue after settling, or the symbol is in quarantine
    I6   the chain verifies; an order, and a cancel, has its row from before the wire
    I7   nothing is accepted later than a halt and one order's way
    I8   no entry or exit is accepted outside of its plan's window, and no sale of an exit rule outside of the hours in
         which positions are watched, but for one order's way
    I9   once faults stop, every order and cycle comes to its end
    I10  what is unknown only ever reduces what may be done

The checker is told by the ports what was committed, sent and accepted; it never asks a process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Final

from execution.domain.errors import TouchstoneError
from execution.domain.events import (
    CorporateActionBooked,
    Event,
    FillBooked,
    OrderAccepted,
    OrderEnded,
    OrderRefused,
    OrderVoided,
    PlanRecorded,
    SettleFinished,
)
from execution.domain.orders import OrderRequest
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.ledger.store import LedgerStore
from execution.risk.limits import RiskLimits
from execution.simulation.hub import SECOND, Hub
from execution.simulation.limits_kept import limits_broken, named
from execution.simulation.market import CALENDAR, PublishedBatches
from execution.simulation.timeline import instant_of
from execution.simulation.venue import Venue, VenueOrder

_MAY_BE_ACCEPTED: Final = frozenset({"in_flight", "unknown", "missed", "open"})
_PROVEN: Final = frozenset({"filled", "cancelled", "expired", "rejected", "refused", "voided"})
_UNPLANNED: Final = frozenset({"stop", "monitor"})
_LATE_READ_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: which, when in virtual microseconds, and what was seen."""

    invariant: str
    at: int
    told: str


@dataclass(slots=True)
class Checker:
    """Judges one schedule.

    Attributes:
        peek: the committed book, read without stopping anywhere.
        trace: what led to the first broken promise; empty while none is.
        halted_at: virtual time since which nothing may be sent; None while it may.
        sent_by: by client order id, who sent it last and how much foreigners had spent when he last saw the account.
    """

    hub: Hub
    venue: Venue
    batches: PublishedBatches
    limits: RiskLimits
    peek: Callable[[], Book]
    violations: list[Violation] = field(default_factory=list)
    halted_at: int | None = None
    accepted_orders: int = 0
    trace: tuple[str, ...] = ()
    sent_by: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    _legs: dict[tuple[str, ...], str] = field(default_factory=dict)
    _entries: dict[tuple[str, str], list[VenueOrder]] = field(default_factory=dict)
    _booked: set[str] = field(default_factory=set)
    _spent_when_shown: dict[str, Decimal] = field(default_factory=dict)

    def broken(self, invariant: str, told: str) -> None:
        """Write down a broken promise."""
        self.violations.append(Violation(invariant, self.hub.now, told))
        self.hub.note(f"VIOLATION {invariant}: {told}")
        self.trace = self.trace or tuple(self.hub.tail)

    def sent(self, order: OrderRequest) -> None:
        """An order is put on the wire by the running process."""
        record = self.peek().orders.get(order.client_order_id)
        if record is None or record.sent_at is None:
            self.broken("I6", f"{named(order)} is sent without a row from before the wire")
        shown = self._spent_when_shown.get(self.hub.process.name, Decimal(0))
        self.sent_by[order.client_order_id] = (self.hub.process.name, shown)

    def cancel_sent(self, client_order_id: str) -> None:
        """A cancel is put on the wire."""
        record = self.peek().orders.get(client_order_id)
        if record is None or not record.is_cancel_requested:
            self.broken("I6", f"cancel of {client_order_id} is sent without a row from before the wire")

    def account_shown(self, process: str) -> None:
        """A process read the account: what foreigners spent by now it knows."""
        self._spent_when_shown[process] = self.venue.foreign_spent_usd

    def accepted(self, taken: VenueOrder) -> None:
        """The venue took an order of ours."""
        self.accepted_orders += 1
        order, book = taken.request, self.peek()
        record = book.orders.get(order.client_order_id)
        if record is None:
            self.broken("I3", f"{named(order)} is accepted and nobody decided it")
            return
        self._accepted_once(record, taken)
        if order.leg == "entry":
            self._follows_former(record, taken)
        self._was_let_out(book, record, order)
        _, spent = self.sent_by.get(order.client_order_id, ("", Decimal(0)))
        for invariant, told in limits_broken(self.venue, book, record, order, self.limits, foreign_spent_usd=spent):
            self.broken(invariant, told)
        self._in_time(record, order)
        if record.state not in _MAY_BE_ACCEPTED:
            self.broken("I2", f"{named(order)} is accepted while the ledger calls it {record.state}")

    def committed(self, events: Sequence[Event]) -> None:
        """A transaction of the ledger became durable."""
        for event in events:
            match event:
                case FillBooked():
                    self._fill_booked(event)
                case CorporateActionBooked():
                    if event.entry not in self.venue.actions:
                        self.broken("I2", f"corporate action {event.entry.entry_id} is booked and never happened")
                case OrderAccepted():
                    if not self._taken(event.client_order_id):
                        self.broken("I2", f"{event.client_order_id} is called accepted and the venue never had it")
                case OrderEnded():
                    self._ended(event)
                case OrderRefused() | OrderVoided():
                    if self._taken(event.client_order_id):
                        name = type(event).__name__
                        self.broken("I2", f"{event.client_order_id} gets {name} and the venue has it")
                case SettleFinished():
                    self._settled()
                case _:
                    pass

    def escaped(self, act: str, error: Exception) -> None:
        """An act ended with an error that is no named refusal."""
        self.broken("I9", f"{act} ended with {type(error).__name__}: {error}")

    def finished(self, ledger: LedgerStore, *, needs_end: bool = True) -> None:
        """Faults have stopped and the last act has run: judge the end.

        Args:
            ledger: as a fresh process opens it.
            needs_end: whether there was time for everything to come to its end.
        """
        try:
            ledger.verify_chain()
        except TouchstoneError as error:
            self.broken("I6", f"the chain does not verify: {error}")
        book = ledger.book()
        if book.opened is None:
            return
        booked = {key: event.fill for key, event in book.fills.items()}
        happened = {fill.execution_id: fill for _, fill in self.venue.fills if fill.filled_at >= book.opened.at}
        if needs_end:
            for key in sorted(happened.keys() - booked.keys()):
                self.broken("I2", f"fill {key} of {happened[key].client_order_id} was lost")
            self._agrees(book)
            for record in book.orders.values():
                self._has_ended(record)

    def _accepted_once(self, record: OrderRecord, taken: VenueOrder) -> None:
        order = taken.request
        leg = (record.cycle_id, order.symbol, order.side, record.leg)
        if leg in self._legs:
            self.broken("I1", f"{' '.join(leg)} is accepted as {self._legs[leg]} and as {taken.broker_order_id}")
        self._legs[leg] = taken.broker_order_id

    def _follows_former(self, record: OrderRecord, taken: VenueOrder) -> None:
        """An entry that tries several limits has one order at work, dearer than the former, for what is not bought."""
        order, former = taken.request, self._entries.setdefault((record.cycle_id, taken.request.symbol), [])
        if former:
            works = [other.broker_order_id for other in former if other.status == "open"]
            if works:
                self.broken("I1", f"{named(order)} is accepted while {', '.join(works)} of the same entry works")
            bought = sum(fill.quantity_shares for other in former for fill in self.venue.fills_of(other))
            # The first goes out for all that was decided.
            if bought + order.quantity_shares > former[0].request.quantity_shares:
                self.broken("I1", f"{named(order)} is accepted after {bought} shares were bought of the same entry")
            if (order.limit_usd or 0) <= (former[-1].request.limit_usd or 0):
                self.broken("I4", f"{named(order)} is accepted at no better a limit than the one before it")
        former.append(taken)

    def _was_let_out(self, book: Book, record: OrderRecord, order: OrderRequest) -> None:
        cycle = book.cycles[record.cycle_id]
        if record.sent_at is None:
            self.broken("I6", f"{named(order)} is accepted without a row from before the wire")
        # A protective stop and a sale that an exit rule asks for are no part of a plan: they follow from what is held.
        is_approved = cycle.approval is not None and cycle.approval.plan_hash == cycle.plan_hash
        if order.leg not in _UNPLANNED and not is_approved:
            self.broken("I3", f"{named(order)} is accepted and its plan was never approved")
        decided = record.order
        if (order.symbol, order.side, order.leg) != (decided.symbol, decided.side, decided.leg):
            self.broken("I3", f"{named(order)} is accepted and {named(decided)} was decided")
        if order.limit_usd != decided.limit_usd:
            self.broken("I3", f"{named(order)} is accepted at {order.limit_usd}, decided was {decided.limit_usd}")
        if order.leg == "entry":
            batch = self.batches.by_hash.get(cycle.batch_hash or "")
            if not isinstance(cycle.plan, PlanRecorded) or batch is None or not batch.certificate.is_green:
                self.broken("I3", f"entry {named(order)} is accepted without a green certificate")
        if order.symbol in book.quarantined:
            self._late(book.quarantined[order.symbol].at, "I10", f"{named(order)} is accepted in quarantine")

    def _in_time(self, record: OrderRecord, order: OrderRequest) -> None:
        faults, now = self.venue.faults, instant_of(self.hub.now)
        way = timedelta(seconds=2 * faults.in_flight_seconds + _LATE_READ_SECONDS)
        if self.halted_at is not None and self.hub.now > self.halted_at + way // timedelta(microseconds=1):
            seconds = (self.hub.now - self.halted_at) / SECOND
            self.broken("I7", f"{named(order)} is accepted {seconds:.1f} seconds after the halt")
        if order.leg == "stop":
            return
        opens, closes = CALENDAR.submit_window(record.session)
        if order.leg == "monitor":
            opens, closes = closes, CALENDAR.closes_at(CALENDAR.next(record.session))
        if faults.clock_jump:
            way += timedelta(seconds=faults.clock_jump_seconds)
        if not opens - way <= now <= closes + way:
            self.broken("I8", f"{named(order)} of {record.session} is accepted at {now.isoformat()}")

    def _late(self, since: object, invariant: str, told: str) -> None:
        """Write down something accepted after it was forbidden, unless it was on its way already."""
        way = timedelta(seconds=2 * self.venue.faults.in_flight_seconds + _LATE_READ_SECONDS)
        way += timedelta(seconds=self.venue.faults.clock_jump_seconds) if self.venue.faults.clock_jump else timedelta(0)
        if instant_of(self.hub.now) > since + way:  # type: ignore[operator]  # an instant
            self.broken(invariant, told)

    def _fill_booked(self, event: FillBooked) -> None:
        key = event.fill.execution_id
        if key in self._booked:
            self.broken("I2", f"fill {key} is booked twice")
        self._booked.add(key)
        if all(event.fill != fill for _, fill in self.venue.fills):
            self.broken("I2", f"fill {key} is booked and the venue has no such fill")

    def _ended(self, event: OrderEnded) -> None:
        taken = self._taken(event.client_order_id)
        if not taken or any(order.status == "open" for order in taken):
            self.broken("I2", f"{event.client_order_id} is called {event.status} and works at the venue")
        elif not any(_has_shown(order, event) for order in taken):
            self.broken("I2", f"{event.client_order_id} ended with other fills than the ledger's {event.filled_shares}")

    def _settled(self) -> None:
        if self.venue.session is None and not self.venue.touched:
            self._agrees(self.peek())

    def _agrees(self, book: Book) -> None:
        account = self.venue.account()
        if abs(book.cash_usd - account.cash_usd) >= Decimal("0.01") and not book.quarantined:
            self.broken("I5", f"cash is {book.cash_usd} USD in the ledger, {account.cash_usd} at the venue")
        held = book.held_shares
        for symbol in sorted(held.keys() | account.positions_shares.keys()):
            ours, theirs = held.get(symbol, 0), account.positions_shares.get(symbol, 0)
            if ours != theirs and symbol not in book.quarantined:
                self.broken("I5", f"{symbol} is {ours} shares in the ledger, {theirs} at the venue")

    def _has_ended(self, record: OrderRecord) -> None:
        order = record.order
        taken = self._taken(order.client_order_id)
        if record.state in _PROVEN:
            return
        if record.state == "open" and order.leg == "stop" and any(known.status == "open" for known in taken):
            return
        if record.state == "missed" and not taken:
            return
        at_venue = ", ".join(known.status for known in taken) or "not at the venue"
        self.broken("I9", f"{named(order)} ({record.leg}) stays {record.state}: {at_venue}")

    def _taken(self, client_order_id: str) -> list[VenueOrder]:
        return [order for order in self.venue.orders if order.request.client_order_id == client_order_id]


def _has_shown(order: VenueOrder, event: OrderEnded) -> bool:
    """Return whether the venue ever showed that end; a bust may have changed the count since."""
    return any((state.status, state.filled_shares) == (event.status, event.filled_shares) for _, state in order.shown)
