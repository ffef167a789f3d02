"""What the events mean: cash, positions, orders, cycles and marks, folded from the first event on.

The book is a value. Folding more events gives a new book; nothing in it can be edited, so what it says about money is
what the events say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any

from execution.domain.errors import IllegalTransition, SameIdOtherOrder
from execution.domain.events import (
    AccountOpened,
    AuditNoted,
    BatchSuperseded,
    CancelRequested,
    ControlChanged,
    CorporateActionBooked,
    Event,
    FillBooked,
    OrderAccepted,
    OrderAmended,
    OrderEnded,
    OrderIntended,
    OrderMissed,
    OrderRefused,
    OrderVoided,
    OutcomeUnknown,
    PlanApproved,
    PlanHeld,
    PlanMissed,
    PlanRecorded,
    PositionsMarked,
    SettleFinished,
    SubmissionStarted,
    SubmitFinished,
    WhyRowsRecorded,
)
from execution.domain.positions import Position, after_action, after_fill, cash_flow_usd
from execution.ledger.order_record import OrderEvent, OrderRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRecord:
    """One decision session of one strategy on one account.

    Attributes:
        plan: what was planned: a batch, a hold, or nothing because the session went by.
        superseded: hashes of batches that came too late to be traded.
        why_rows: the why-row artifacts, the plan's first, the settle's second.
    """

    cycle_id: str
    session: date
    plan: PlanRecorded | PlanHeld | PlanMissed
    approval: PlanApproved | None = None
    superseded: tuple[str, ...] = ()
    why_rows: tuple[WhyRowsRecorded, ...] = ()
    is_submitted: bool = False
    settled: SettleFinished | None = None

    @property
    def batch_hash(self) -> str | None:
        """The batch the plan was made of or refused; None when there was none."""
        return None if isinstance(self.plan, PlanMissed) else self.plan.batch_hash

    @property
    def plan_hash(self) -> str | None:
        """What an approval is bound to; None for a session that went by."""
        return None if isinstance(self.plan, PlanMissed) else self.plan.plan_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The account as the ledger knows it.

    Attributes:
        opened: the first event; None before it.
        positions: by symbol, also those that are flat again, for what they realised.
        orders: by client order id, in the order they were decided.
        cycles: by cycle id, in the order they were planned.
        fills: by execution id, in the order they were booked.
        actions: by entry id, in the order they were booked.
        marks: daily marks, in the order they were made.
        notes: by topic, session and subject; the first of each.
        control: what may be sent, by whom and why; None when nobody ever said anything, which is active.
    """

    opened: AccountOpened | None = None
    cash_usd: Decimal = Decimal(0)
    positions: Mapping[str, Position] = field(default_factory=dict)
    orders: Mapping[str, OrderRecord] = field(default_factory=dict)
    cycles: Mapping[str, CycleRecord] = field(default_factory=dict)
    fills: Mapping[str, FillBooked] = field(default_factory=dict)
    actions: Mapping[str, CorporateActionBooked] = field(default_factory=dict)
    marks: tuple[PositionsMarked, ...] = ()
    notes: Mapping[tuple[str, date | None, str], AuditNoted] = field(default_factory=dict)
    control: ControlChanged | None = None

    @property
    def held_shares(self) -> dict[str, int]:
        """Signed whole shares by symbol, sorted, zeros left out."""
        return {symbol: held.shares for symbol, held in sorted(self.positions.items()) if held.shares}

    @property
    def realised_usd(self) -> Decimal:
        """Realised since the ledger began, over all symbols, dividends included."""
        return sum((held.realised_usd for held in self.positions.values()), Decimal(0))

    @property
    def foreign_symbols(self) -> frozenset[str]:
        """Symbols somebody else traded on the account: their positions are counted, but never managed."""
        return frozenset(b.fill.symbol for b in self.fills.values() if b.fill.client_order_id not in self.orders)

    @property
    def last_settled(self) -> SettleFinished | None:
        """The newest settle; None before the first."""
        settled = [cycle.settled for cycle in self.cycles.values() if cycle.settled is not None]
        return max(settled, key=lambda event: event.at, default=None)

    @property
    def unproven_orders(self) -> tuple[OrderRecord, ...]:
        """Orders ever sent whose end the venue has not proven, in the order they were decided."""
        return tuple(record for record in self.orders.values() if record.is_unproven)

    def orders_of(self, cycle_id: str) -> tuple[OrderRecord, ...]:
        """Return a cycle's orders in the order they were decided."""
        return tuple(record for record in self.orders.values() if record.cycle_id == cycle_id)

    def exposed_shares(self, symbol: str, *, side: str, leg: str | None = None) -> int:
        """Return shares of a symbol that open or possibly open orders of a side may still trade.

        Args:
            symbol: exchange symbol.
            side: buy or sell.
            leg: only orders whose kind of leg is this one: entry, exit or stop.
        """
        return sum(
            record.exposed_shares
            for record in self.orders.values()
            if record.order.symbol == symbol and record.order.side == side and leg in (None, record.order.leg)
        )

    def equity_usd(self, closes_usd: Mapping[str, Decimal]) -> Decimal:
        """Return cash plus everything held at given prices; a KeyError names a held symbol without one."""
        return self.cash_usd + sum((shares * closes_usd[s] for s, shares in self.held_shares.items()), Decimal(0))


def folded(book: Book, events: Iterable[Event]) -> Book:
    """Return the book after more events.

    Raises:
        IllegalTransition: an event does not follow from what was before.
        SameIdOtherOrder: a client order id is intended a second time.
    """
    folding = _Folding(book)
    for event in events:
        folding.apply(event)
    return folding.book()


class _Folding:
    """A book being written: one copy for a whole series of events instead of one per event."""

    def __init__(self, book: Book) -> None:
        self._opened, self._cash_usd, self._marks = book.opened, book.cash_usd, book.marks
        self._positions, self._orders, self._cycles = dict(book.positions), dict(book.orders), dict(book.cycles)
        self._fills, self._actions, self._notes = dict(book.fills), dict(book.actions), dict(book.notes)
        self._control = book.control

    def book(self) -> Book:
        return Book(
            opened=self._opened,
            cash_usd=self._cash_usd,
            positions=self._positions,
            orders=self._orders,
            cycles=self._cycles,
            fills=self._fills,
            actions=self._actions,
            marks=self._marks,
            notes=self._notes,
            control=self._control,
        )

    @singledispatchmethod
    def apply(self, event: Any) -> None:
        raise TypeError(f"{type(event).__name__} is no ledger event")

    @apply.register
    def _(self, event: AccountOpened) -> None:
        if self._opened is not None:
            raise IllegalTransition(f"account {event.account} is opened a second time")
        self._opened, self._cash_usd = event, event.cash_usd

    @apply.register(PlanRecorded)
    @apply.register(PlanHeld)
    @apply.register(PlanMissed)
    def _(self, event: PlanRecorded | PlanHeld | PlanMissed) -> None:
        if event.cycle_id in self._cycles:
            raise IllegalTransition(f"cycle {event.cycle_id} has a plan already; a cycle has one, for ever")
        self._cycles[event.cycle_id] = CycleRecord(cycle_id=event.cycle_id, session=event.session, plan=event)

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

    @apply.register
    def _(self, event: OrderIntended) -> None:
        order_id = event.order.client_order_id
        if order_id in self._orders:
            raise SameIdOtherOrder(f"order {order_id} ({event.order.symbol} {event.leg}) is recorded already")
        self._orders[order_id] = OrderRecord.intended(event, self._cycle(event).session)

    @apply.register(SubmissionStarted)
    @apply.register(OrderAccepted)
    @apply.register(OrderRefused)
    @apply.register(OutcomeUnknown)
    @apply.register(OrderMissed)
    @apply.register(OrderVoided)
    @apply.register(CancelRequested)
    @apply.register(OrderAmended)
    @apply.register(OrderEnded)
    def _(self, event: OrderEvent) -> None:
        record = self._orders.get(event.client_order_id)
        if record is None:
            raise IllegalTransition(f"{type(event).__name__} of order {event.client_order_id}, which nobody decided")
        self._orders[event.client_order_id] = record.after(event)

    @apply.register
    def _(self, event: FillBooked) -> None:
        fill = event.fill
        if fill.execution_id in self._fills:
            raise IllegalTransition(f"fill {fill.execution_id} is booked already")
        # A fill of an order that is not ours still moved the account's shares and cash.
        if fill.client_order_id in self._orders:
            self._orders[fill.client_order_id] = self._orders[fill.client_order_id].after_fill(fill)
        self._fills[fill.execution_id] = event
        self._cash_usd += cash_flow_usd(fill)
        self._positions[fill.symbol] = after_fill(self._position(fill.symbol), fill)

    @apply.register
    def _(self, event: CorporateActionBooked) -> None:
        entry = event.entry
        if entry.entry_id in self._actions:
            raise IllegalTransition(f"corporate action {entry.entry_id} is booked already")
        self._actions[entry.entry_id] = event
        self._cash_usd += entry.cash_usd
        self._positions[entry.symbol] = after_action(self._position(entry.symbol), entry)

    @apply.register
    def _(self, event: PositionsMarked) -> None:
        self._marks = (*self._marks, event)

    @apply.register
    def _(self, event: AuditNoted) -> None:
        self._notes.setdefault((event.topic, event.session, event.subject), event)

    @apply.register
    def _(self, event: ControlChanged) -> None:
        self._control = event

    def _position(self, symbol: str) -> Position:
        return self._positions.get(symbol, Position(symbol=symbol))

    def _cycle(self, event: Any) -> CycleRecord:
        cycle = self._cycles.get(event.cycle_id)
        if cycle is None:
            raise IllegalTransition(f"{type(event).__name__} of cycle {event.cycle_id}, which has no plan")
        return cycle
