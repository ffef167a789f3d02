"""What the events mean: cash, positions, orders, cycles and marks.

The book is a value. Folding more events (`folding.py`) gives a new book; nothing in it can be edited, so what it says
about money is what the events say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import takewhile

import msgspec

from execution.domain.events import (
    AccountAdjusted,
    AccountOpened,
    AuditNoted,
    ControlChanged,
    CorporateActionBooked,
    FillBooked,
    GateJudged,
    PlanApproved,
    PlanHeld,
    PlanMissed,
    PlanRecorded,
    PositionsMarked,
    ReleaseApproved,
    SettleFinished,
    SymbolQuarantined,
    WhyRowsRecorded,
    WordSigned,
)
from execution.domain.orders import ATTACHED_LEGS, CorporateActionEntry
from execution.domain.positions import Position
from execution.domain.quantities import Shares
from execution.ledger.grown import Grown
from execution.ledger.layered import Layered
from execution.ledger.moves import Move
from execution.ledger.order_record import OrderRecord
from execution.ledger.risk_day import RiskDay

Alarm = ControlChanged | SymbolQuarantined
"""The account was halted, or a symbol of it put into quarantine."""


class CycleRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decision session of one strategy on one account.

    Attributes:
        plan: what was planned: a batch, a hold, or nothing because the session went by.
        gate: the certificate the plan was made under, check by check; None where there was none.
        superseded: hashes of batches that came too late to be traded.
        why_rows: the why-row artifacts, the plan's first, the settle's second.
    """

    cycle_id: str
    session: date
    plan: PlanRecorded | PlanHeld | PlanMissed
    gate: GateJudged | None = None
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


class Book(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The account as the ledger knows it. What an act asks of it again and again is reckoned at the first asking.

    Attributes:
        opened: the first event; None before it.
        paid_in_usd: what the account was given: its opening cash, and what moved without a trade since. Cash and the
            cost of what is held are this and what was realised.
        positions: by symbol, also those that are flat again, for what they realised.
        orders: by client order id, in the order they were decided.
        cycles: by cycle id, in the order they were planned.
        fills: by execution id, in the order they were booked.
        actions: by entry id, in the order they were booked.
        adjustments: what moved without a trade, as persons booked it, in that order.
        marks: daily marks, in the order they were made.
        notes: by topic, session and subject; the first of each.
        control: what may be sent, by whom and why; None when nobody ever said anything, which is active.
        alarms: every halt and every quarantine there ever was, whatever became of it, in the order they came.
        quarantined: symbols in which nothing of ours may go out now, and why.
        lifted: by symbol, how many fills were booked when a person last lifted its quarantine.
        release: what may trade, as approved last; None before the first approval.
        words: by matter and subject, the newest signed word of a person.
        days: by exchange day, oldest first: reserved, filled, entries and realised, what went out and what was filled.
        epoch: part of every client order id; rises only when the ledger is restored from a backup.
        unproven: by client order id, orders ever sent whose end the venue has not proven, in the order they were
            decided: years of orders are not looked through for the few that still matter. So are the rest of these.
        order_ids_of: by cycle id, its orders in the order they were decided.
        order_ids_in: by symbol, its orders in the order they were decided.
        order_numbers: by client order id, its place in the order they were decided.
        entry_ids: by client order id of an attached order, the order it goes to the venue with.
        cycle_ids_of: by decision session, its cycles.
        fills_in: by symbol, its fills in the order they were booked.
        moves_in: by symbol, its fills, corporate actions and adjustments in the order they were booked.
        traded_at: by symbol, its newest fill.
        held_shares: signed shares by symbol, sorted, zeros left out.
        strangers: by execution id, the place of each fill whose order was not known when it was booked.
        moved_at: the newest instant of a fill or a corporate action; None before the first.
        last_settled: the newest settle; None before the first.
    """

    opened: AccountOpened | None = None
    cash_usd: Decimal = Decimal(0)
    paid_in_usd: Decimal = Decimal(0)
    positions: Mapping[str, Position] = msgspec.field(default_factory=dict)
    orders: Mapping[str, OrderRecord] = msgspec.field(default_factory=dict)
    cycles: Mapping[str, CycleRecord] = msgspec.field(default_factory=dict)
    fills: Mapping[str, FillBooked] = msgspec.field(default_factory=dict)
    actions: Mapping[str, CorporateActionBooked] = msgspec.field(default_factory=dict)
    adjustments: tuple[AccountAdjusted, ...] = ()
    marks: Sequence[PositionsMarked] = msgspec.field(default_factory=Grown)
    notes: Mapping[tuple[str, date | None, str], AuditNoted] = msgspec.field(default_factory=dict)
    control: ControlChanged | None = None
    alarms: Sequence[Alarm] = ()
    quarantined: Mapping[str, SymbolQuarantined] = msgspec.field(default_factory=dict)
    lifted: Mapping[str, int] = msgspec.field(default_factory=dict)
    release: ReleaseApproved | None = None
    words: Mapping[tuple[str, str], WordSigned] = msgspec.field(default_factory=dict)
    days: Layered[date, RiskDay] = msgspec.field(default_factory=lambda: Layered({}))
    epoch: int = 0
    unproven: Mapping[str, OrderRecord] = msgspec.field(default_factory=dict)
    order_ids_of: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    order_ids_in: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    order_numbers: Mapping[str, int] = msgspec.field(default_factory=dict)
    entry_ids: Mapping[str, str] = msgspec.field(default_factory=dict)
    cycle_ids_of: Mapping[date, tuple[str, ...]] = msgspec.field(default_factory=dict)
    fills_in: Mapping[str, tuple[FillBooked, ...]] = msgspec.field(default_factory=dict)
    moves_in: Mapping[str, tuple[Move, ...]] = msgspec.field(default_factory=dict)
    traded_at: Mapping[str, datetime] = msgspec.field(default_factory=dict)
    held_shares: Mapping[str, Shares] = msgspec.field(default_factory=dict)
    strangers: Mapping[str, int] = msgspec.field(default_factory=dict)
    moved_at: datetime | None = None
    last_settled: SettleFinished | None = None

    @property
    def realised_usd(self) -> Decimal:
        """Realised since the ledger began, dividends included: cash and cost of what is held beyond what was given."""
        cost = sum((self.positions[symbol].cost_usd for symbol in self.held_shares), Decimal(0))
        return self.cash_usd + cost - self.paid_in_usd

    @cached_property
    def foreign_symbols(self) -> frozenset[str]:
        """Symbols in quarantine, or traded by somebody else since a person last answered for them: never managed."""
        fills = ((number, self.fills[key].fill) for key, number in self.strangers.items())
        traded = {
            fill.symbol
            for number, fill in fills
            if fill.client_order_id not in self.orders and number >= self.lifted.get(fill.symbol, 0)
        }
        return frozenset(traded | self.quarantined.keys())

    @cached_property
    def unproven_orders(self) -> tuple[OrderRecord, ...]:
        """Orders ever sent whose end the venue has not proven, in the order they were decided."""
        return tuple(self.unproven.values())

    @cached_property
    def unproven_in(self) -> Mapping[str, Sequence[OrderRecord]]:
        """Those orders by symbol; a symbol without one is left out."""
        found: dict[str, list[OrderRecord]] = {}
        for record in self.unproven_orders:
            found.setdefault(record.order.symbol, []).append(record)
        return found

    def orders_of(self, cycle_id: str, *, symbol: str | None = None) -> tuple[OrderRecord, ...]:
        """Return a cycle's orders in the order they were decided: all of them, or those of one symbol."""
        order_ids: Iterable[str] = self.order_ids_of.get(cycle_id, ())
        if symbol is not None:
            in_symbol = frozenset(self.order_ids_in.get(symbol, ()))
            order_ids = filter(in_symbol.__contains__, order_ids)
        return tuple([self.orders[order_id] for order_id in order_ids])

    def orders_in(self, symbol: str) -> tuple[OrderRecord, ...]:
        """Return a symbol's orders in the order they were decided."""
        return tuple([self.orders[order_id] for order_id in self.order_ids_in.get(symbol, ())])

    def newest_in(self, symbol: str) -> Iterator[OrderRecord]:
        """Yield a symbol's orders, the newest first: whoever finds what it looks for does not go through years."""
        return (self.orders[order_id] for order_id in reversed(self.order_ids_in.get(symbol, ())))

    def splits_in(self, symbol: str) -> tuple[CorporateActionEntry, ...]:
        """Return a symbol's splits in the order they were booked; what else a venue books moves no price."""
        entries = [move.entry for move in self.moves_in.get(symbol, ()) if isinstance(move, CorporateActionBooked)]
        return tuple([entry for entry in entries if entry.kind == "split"])

    def cycles_of(self, session: date) -> tuple[CycleRecord, ...]:
        """Return a decision session's cycles in the order they were planned."""
        return tuple(self.cycles[cycle_id] for cycle_id in self.cycle_ids_of.get(session, ()))

    def days_since(self, instant: datetime) -> tuple[RiskDay, ...]:
        """Return the exchange days from an instant's on, oldest first."""
        newest_first = takewhile(lambda day: day >= instant.date(), reversed(self.days))
        return tuple(self.days[day] for day in newest_first)[::-1]

    def fills_since(self, instant: datetime) -> tuple[FillBooked, ...]:
        """Return executions at or after an instant, day by day, each day's in the order they were booked."""
        return tuple(
            booked for day in self.days_since(instant) for booked in day.fills if booked.fill.filled_at >= instant
        )

    def actions_since(self, instant: datetime) -> tuple[CorporateActionEntry, ...]:
        """Return what the venue booked besides executions after an instant, in the order it came into the ledger.

        What it booked earlier and told later is left out.
        """
        newest_first = takewhile(lambda booked: booked.at > instant, reversed(tuple(self.actions.values())))
        entries = [booked.entry for booked in newest_first][::-1]
        return tuple(entry for entry in entries if entry.booked_at > instant)

    def exposed_shares(self, symbol: str, *, side: str, leg: str | None = None) -> Shares:
        """Return shares of a symbol that open or possibly open orders of a side may still trade.

        Args:
            symbol: exchange symbol.
            side: buy or sell.
            leg: only orders whose kind of leg is this one: entry, exit or stop.
        """
        exposed: Shares = 0
        attached: dict[str, list[OrderRecord]] = {}
        for record in self.unproven_in.get(symbol, ()):
            if record.order.side != side or leg not in (None, record.order.leg):
                continue
            entry = self.entry_of(record)
            if entry is None:
                exposed += record.exposed_shares
            else:
                attached.setdefault(entry.order.client_order_id, []).append(record)
        for entry_id, records in attached.items():
            # They sell the same shares, and no more than their entry has bought and they have not sold.
            entry = self.orders[entry_id]
            legs = [self.orders.get(one.client_order_id) for one in entry.order.attached]
            sold = sum(one.filled_shares for one in legs if one is not None)
            exposed += max(0, min(max(one.exposed_shares for one in records), entry.filled_shares - sold))
        return exposed

    def entry_of(self, record: OrderRecord) -> OrderRecord | None:
        """Return the buy that an order went to the venue with; None for one that went alone."""
        if record.order.leg not in ATTACHED_LEGS:
            return None
        entry_id = self.entry_ids.get(record.order.client_order_id)
        return None if entry_id is None else self.orders[entry_id]

    def equity_usd(self, closes_usd: Mapping[str, Decimal]) -> Decimal:
        """Return cash plus everything held at given prices; a KeyError names a held symbol without one."""
        return self.cash_usd + sum((shares * closes_usd[s] for s, shares in self.held_shares.items()), Decimal(0))
