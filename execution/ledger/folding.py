"""Events into the book: which fact changes what, and which facts do not follow from what was before."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import singledispatchmethod
from typing import Any, Final

from msgspec.structs import replace

from execution.domain.errors import IllegalTransition, SameIdOtherOrder
from execution.domain.events import (
    AccountAdjusted,
    AccountOpened,
    AuditNoted,
    BatchSuperseded,
    CancelRequested,
    ControlChanged,
    CorporateActionBooked,
    Event,
    FillBooked,
    GateJudged,
    LedgerRestored,
    OrderAccepted,
    OrderAmended,
    OrderEnded,
    OrderIntended,
    OrderMissed,
    OrderRefused,
    OrderVoided,
    OrderWrittenOff,
    OutcomeUnknown,
    PlanApproved,
    PlanHeld,
    PlanMissed,
    PlanRecorded,
    PositionsMarked,
    QuarantineLifted,
    ReleaseApproved,
    RepriceRequested,
    SettleFinished,
    SubmissionRepeated,
    SubmissionStarted,
    SubmitFinished,
    SymbolQuarantined,
    WhyRowsRecorded,
    WordSigned,
)
from execution.domain.orders import BrokerFill
from execution.domain.positions import Position, after_action, after_adjustment, after_fill, cash_flow_usd
from execution.ledger.book import Book, CycleRecord
from execution.ledger.grown import Grown
from execution.ledger.layered import Layered
from execution.ledger.moves import Move, position_after, undoes
from execution.ledger.order_record import OrderEvent, OrderRecord
from execution.ledger.risk_day import RiskDay


def folded(book: Book, events: Iterable[Event]) -> Book:
    """Return the book after more events.

    Raises:
        IllegalTransition: an event does not follow from what was before.
        SameIdOtherOrder: a client order id is intended a second time.
    """
    news = tuple(events)
    if not news:
        return book
    folding = Folding(book)
    for event in news:
        _APPLIED(type(event))(folding, event)
    return folding.book()


def takes_back(fill: BrokerFill, fills: Mapping[str, FillBooked]) -> bool:
    """Return whether a reversal takes back exactly a booked fill that nothing took back before."""
    booked = fills.get(fill.reverses or "")
    if booked is None or any(other.fill.reverses == fill.reverses for other in fills.values()):
        return False
    return undoes(fill, booked.fill)


class Folding:
    """A book being written: one copy for a whole series of events instead of one per event."""

    def __init__(self, book: Book) -> None:
        self._opened, self._cash_usd, self._epoch = book.opened, book.cash_usd, book.epoch
        self._paid_in_usd = book.paid_in_usd
        self._marks = book.marks if isinstance(book.marks, Grown) else Grown(book.marks)
        self._control, self._release, self._alarms = book.control, book.release, tuple(book.alarms)
        self._last_settled, self._moved_at = book.last_settled, book.moved_at
        # What grows for years is layered, what stays small is copied.
        self._positions, self._orders = Layered(book.positions), Layered(book.orders)
        self._cycles, self._notes = Layered(book.cycles), Layered(book.notes)
        self._fills, self._actions = Layered(book.fills), Layered(book.actions)
        self._words = Layered(book.words)
        self._days, self._numbers = Layered(book.days), Layered(book.order_numbers)
        self._order_ids_of, self._order_ids_in = Layered(book.order_ids_of), Layered(book.order_ids_in)
        self._cycle_ids_of, self._entry_ids = Layered(book.cycle_ids_of), Layered(book.entry_ids)
        self._fills_in, self._traded_at = Layered(book.fills_in), Layered(book.traded_at)
        self._moves_in = Layered(book.moves_in)
        self._adjustments = book.adjustments
        self._quarantined, self._lifted = dict(book.quarantined), dict(book.lifted)
        self._unproven, self._held_shares = dict(book.unproven), dict(book.held_shares)
        self._strangers = dict(book.strangers)

    def book(self) -> Book:
        """Return the book as it stands."""
        return Book(
            opened=self._opened,
            cash_usd=self._cash_usd,
            paid_in_usd=self._paid_in_usd,
            positions=self._positions,
            orders=self._orders,
            cycles=self._cycles,
            fills=self._fills,
            actions=self._actions,
            adjustments=self._adjustments,
            marks=self._marks,
            notes=self._notes,
            control=self._control,
            alarms=self._alarms,
            quarantined=self._quarantined,
            lifted=self._lifted,
            release=self._release,
            words=self._words,
            days=self._days,
            epoch=self._epoch,
            unproven=self._unproven,
            order_ids_of=self._order_ids_of,
            order_ids_in=self._order_ids_in,
            order_numbers=self._numbers,
            entry_ids=self._entry_ids,
            cycle_ids_of=self._cycle_ids_of,
            fills_in=self._fills_in,
            moves_in=self._moves_in,
            traded_at=self._traded_at,
            held_shares=self._held_shares,
            strangers=self._strangers,
            moved_at=self._moved_at,
            last_settled=self._last_settled,
        )

    def order(self, client_order_id: str) -> OrderRecord | None:
        """Return an order as it stands; None when nobody decided it."""
        return self._orders.get(client_order_id)

    def cycle(self, cycle_id: str) -> CycleRecord | None:
        """Return a cycle as it stands; None when it has no plan."""
        return self._cycles.get(cycle_id)

    def position(self, symbol: str) -> Position:
        """Return a symbol's position as it stands."""
        return self._positions.get(symbol, Position(symbol=symbol))

    def day(self, session: date) -> RiskDay:
        """Return an exchange day as it stands."""
        return self._days.get(session, RiskDay(session=session))

    @singledispatchmethod
    def apply(self, event: Any) -> None:
        """Write one event into the book.

        Raises:
            IllegalTransition: the event does not follow from what was before.
            SameIdOtherOrder: a client order id is intended a second time.
        """
        raise TypeError(f"{type(event).__name__} is no ledger event")

    @apply.register
    def _(self, event: AccountOpened) -> None:
        if self._opened is not None:
            raise IllegalTransition(f"account {event.account} is opened a second time")
        self._opened, self._cash_usd, self._paid_in_usd = event, event.cash_usd, event.cash_usd

    @apply.register(PlanRecorded)
    @apply.register(PlanHeld)
    @apply.register(PlanMissed)
    def _(self, event: PlanRecorded | PlanHeld | PlanMissed) -> None:
        if event.cycle_id in self._cycles:
            raise IllegalTransition(f"cycle {event.cycle_id} has a plan already; a cycle has one, for ever")
        self._cycles[event.cycle_id] = CycleRecord(cycle_id=event.cycle_id, session=event.session, plan=event)
        self._cycle_ids_of[event.session] = (*self._cycle_ids_of.get(event.session, ()), event.cycle_id)

    @apply.register
    def _(self, event: PlanApproved) -> None:
        cycle = self._cycle(event)
        if event.plan_hash != cycle.plan_hash:
            raise IllegalTransition(
                f"plan {event.plan_hash} was approved, cycle {event.cycle_id} has plan {cycle.plan_hash}"
            )
        self._cycles[event.cycle_id] = replace(cycle, approval=event)

    @apply.register
    def _(self, event: BatchSuperseded) -> None:
        cycle = self._cycle(event)
        self._cycles[event.cycle_id] = replace(cycle, superseded=(*cycle.superseded, event.batch_hash))

    @apply.register
    def _(self, event: GateJudged) -> None:
        cycle = self._cycle(event)
        if cycle.gate is not None:
            raise IllegalTransition(f"the gate of cycle {event.cycle_id} is told already; a plan has one, for ever")
        self._cycles[event.cycle_id] = replace(cycle, gate=event)

    @apply.register
    def _(self, event: WhyRowsRecorded) -> None:
        cycle = self._cycle(event)
        self._cycles[event.cycle_id] = replace(cycle, why_rows=(*cycle.why_rows, event))

    @apply.register
    def _(self, event: SubmitFinished) -> None:
        self._cycles[event.cycle_id] = replace(self._cycle(event), is_submitted=True)

    @apply.register
    def _(self, event: SettleFinished) -> None:
        cycle = self._cycle(event)
        if cycle.settled is not None:
            raise IllegalTransition(f"cycle {event.cycle_id} is settled already")
        self._cycles[event.cycle_id] = replace(cycle, settled=event)
        if self._last_settled is None or event.at > self._last_settled.at:
            self._last_settled = event

    @apply.register
    def _(self, event: OrderIntended) -> None:
        order_id = event.order.client_order_id
        if order_id in self._orders:
            raise SameIdOtherOrder(f"order {order_id} ({event.order.symbol} {event.leg}) is recorded already")
        record = OrderRecord.intended(event, self._cycle(event).session)
        self._order_ids_of[event.cycle_id] = (*self._order_ids_of.get(event.cycle_id, ()), order_id)
        symbol = event.order.symbol
        self._order_ids_in[symbol] = (*self._order_ids_in.get(symbol, ()), order_id)
        self._numbers[order_id] = len(self._numbers)
        for leg in event.order.attached:
            self._entry_ids[leg.client_order_id] = order_id
        self._keep(record)

    @apply.register(SubmissionStarted)
    @apply.register(OrderAccepted)
    @apply.register(OrderRefused)
    @apply.register(OutcomeUnknown)
    @apply.register(OrderMissed)
    @apply.register(OrderVoided)
    @apply.register(CancelRequested)
    @apply.register(RepriceRequested)
    @apply.register(OrderAmended)
    @apply.register(OrderEnded)
    @apply.register(SubmissionRepeated)
    @apply.register(OrderWrittenOff)
    def _(self, event: OrderEvent) -> None:
        record = self._orders.get(event.client_order_id)
        if record is None:
            raise IllegalTransition(f"{type(event).__name__} of order {event.client_order_id}, which nobody decided")
        after = record.after(event)
        self._keep(after)
        if after.sent_at is not None:
            self._live(self.day(after.sent_at.date()).after_order(record, after))

    @apply.register
    def _(self, event: FillBooked) -> None:
        fill = event.fill
        if fill.execution_id in self._fills:
            raise IllegalTransition(f"fill {fill.execution_id} is booked already")
        # A fill of an order that is not ours still moved the account's shares and cash.
        record = self._orders.get(fill.client_order_id)
        if record is not None and fill.reverses is None:
            self._keep(record.after_fill(fill))
        elif record is not None and takes_back(fill, self._fills):
            self._keep(record.after_reversal(fill))
        if record is None:
            self._strangers[fill.execution_id] = len(self._fills)
        self._fills[fill.execution_id] = event
        self._fills_in[fill.symbol] = (*self._fills_in.get(fill.symbol, ()), event)
        self._traded_at[fill.symbol] = max(fill.filled_at, self._traded_at.get(fill.symbol, fill.filled_at))
        self._cash_usd += cash_flow_usd(fill)
        held, moves = self.position(fill.symbol), self._follow(fill.symbol, event)
        # What is taken back is rare, and worth a fold of its symbol from the beginning.
        after = after_fill(held, fill) if fill.reverses is None else position_after(fill.symbol, moves)
        self._moved(after, at=fill.filled_at)
        realised = after.realised_usd - held.realised_usd
        self._live(self.day(fill.filled_at.date()).after_fill(event, realised_usd=realised))

    @apply.register
    def _(self, event: CorporateActionBooked) -> None:
        entry = event.entry
        if entry.entry_id in self._actions:
            raise IllegalTransition(f"corporate action {entry.entry_id} is booked already")
        self._actions[entry.entry_id] = event
        self._cash_usd += entry.cash_usd
        held = self.position(entry.symbol)
        self._follow(entry.symbol, event)
        after = self._moved(after_action(held, entry), at=entry.booked_at)
        day = self.day(entry.session)
        realised = day.realised_usd + after.realised_usd - held.realised_usd
        self._live(replace(day, realised_usd=realised))

    @apply.register
    def _(self, event: AccountAdjusted) -> None:
        self._adjustments = (*self._adjustments, event)
        self._cash_usd += event.cash_usd
        self._paid_in_usd += event.cash_usd
        self._moved_at = event.at if self._moved_at is None else max(self._moved_at, event.at)
        if event.symbol is None:
            return
        held = self.position(event.symbol)
        # Only what is held can be carried away, and only a long position can be added to.
        if held.shares < 0 or held.shares + event.shares_delta < 0:
            raise IllegalTransition(
                f"{event.symbol} is {held.shares} shares, moved were {event.shares_delta}: only what is held goes out"
            )
        after = after_adjustment(held, shares_delta=event.shares_delta, cost_usd=event.cost_usd, at=event.at)
        self._paid_in_usd += after.cost_usd - held.cost_usd
        self._follow(event.symbol, event)
        self._moved(after, at=event.at)

    @apply.register
    def _(self, event: PositionsMarked) -> None:
        self._marks = self._marks.followed_by(event)

    @apply.register
    def _(self, event: AuditNoted) -> None:
        key = (event.topic, event.session, event.subject)
        if key not in self._notes:
            self._notes[key] = event

    @apply.register
    def _(self, event: ControlChanged) -> None:
        self._control = event
        if event.state == "halted":
            self._alarms += (event,)

    @apply.register
    def _(self, event: SymbolQuarantined) -> None:
        self._quarantined.setdefault(event.symbol, event)
        self._alarms += (event,)

    @apply.register
    def _(self, event: QuarantineLifted) -> None:
        if self._quarantined.pop(event.symbol, None) is None:
            raise IllegalTransition(f"{event.symbol} is in no quarantine that could be lifted")
        self._lifted[event.symbol] = len(self._fills)

    @apply.register
    def _(self, event: ReleaseApproved) -> None:
        self._release = event

    @apply.register
    def _(self, event: WordSigned) -> None:
        self._words[event.matter, event.subject] = event

    @apply.register
    def _(self, event: LedgerRestored) -> None:
        if event.epoch <= self._epoch:
            raise IllegalTransition(f"a restored ledger begins epoch {event.epoch}, and epoch {self._epoch} was used")
        self._epoch = event.epoch

    def _keep(self, record: OrderRecord) -> None:
        order_id = record.order.client_order_id
        self._orders[order_id] = record
        if not record.is_unproven:
            self._unproven.pop(order_id, None)
            return
        is_known = order_id in self._unproven
        newest = next(reversed(self._unproven), None)
        self._unproven[order_id] = record
        # Orders go out in another order than they were decided, as exits do before entries.
        if not is_known and newest is not None and self._numbers[order_id] < self._numbers[newest]:
            self._unproven = {key: self._unproven[key] for key in sorted(self._unproven, key=self._numbers.__getitem__)}

    def _follow(self, symbol: str, move: Move) -> tuple[Move, ...]:
        moves = (*self._moves_in.get(symbol, ()), move)
        self._moves_in[symbol] = moves
        return moves

    def _moved(self, position: Position, *, at: datetime) -> Position:
        symbol, is_known = position.symbol, position.symbol in self._held_shares
        self._positions[symbol] = position
        if not position.shares:
            self._held_shares.pop(symbol, None)
        else:
            self._held_shares[symbol] = position.shares
            if not is_known:
                self._held_shares = dict(sorted(self._held_shares.items()))
        self._moved_at = at if self._moved_at is None else max(self._moved_at, at)
        return position

    def _live(self, day: RiskDay) -> None:
        newest = next(reversed(self._days), None)
        is_earlier = newest is not None and day.session < newest and day.session not in self._days
        self._days[day.session] = day
        if is_earlier:
            self._days = Layered(dict(sorted(self._days.items())))

    def _cycle(self, event: Any) -> CycleRecord:
        cycle = self._cycles.get(event.cycle_id)
        if cycle is None:
            raise IllegalTransition(f"{type(event).__name__} of cycle {event.cycle_id}, which has no plan")
        return cycle


_APPLIED: Final[Callable[[type], Callable[[Folding, Event], None]]] = vars(Folding)["apply"].dispatcher.dispatch
"""What `Folding.apply` comes to for a kind of event, without a method of its own for each series."""
