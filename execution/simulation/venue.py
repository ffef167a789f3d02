"""The simulated venue as it truly is: it owns orders, fills and account, outlives every process, and forgets nothing.

What a process is shown of it may lag and get lost on the way (`wire`); what is here is the truth that the ledger is
judged by.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from execution.domain.orders import (
    STOP_TYPES,
    Accepted,
    AccountSnapshot,
    BrokerFill,
    CorporateActionEntry,
    OrderRequest,
    OrderState,
    Refused,
    SubmitOutcome,
    WorkingStatus,
)
from execution.domain.positions import cash_flow_usd
from execution.domain.quantities import Shares, share_decimals, stated_shares
from execution.simulation.draws import Draws
from execution.simulation.faults import Faults, Mode
from execution.simulation.hub import SECOND, Hub
from execution.simulation.market import CALENDAR, Bar, World
from execution.simulation.timeline import instant_of, virtual_time

_FEE_USD_PER_SHARE: Final = Decimal("0.005")
_TTL_SECONDS: Final = 600
_SLOWEST_FILL_SECONDS: Final = 90.0


@dataclass(eq=False, slots=True)
class VenueOrder:
    """An order at the venue.

    Attributes:
        accepted_at: virtual time it was taken.
        shown: what reads show of it from which virtual time on, oldest first.
        is_ours: whether a desk of ours sent it.
        trail_ratio: new shares per old since it was accepted; its trail is so much shorter.
        group: of linked orders, the client order id of the buy they came with.
        waiting_shares: of an order attached to a buy, the shares that the buy has not bought.
    """

    broker_order_id: str
    request: OrderRequest
    accepted_at: int
    quantity_shares: Shares
    stop_usd: Decimal | None
    filled_shares: Shares = 0
    status: WorkingStatus = "open"
    is_triggered: bool = False
    is_ours: bool = True
    trail_ratio: int = 1
    group: str = ""
    waiting_shares: Shares = 0
    shown: list[tuple[int, OrderState]] = field(default_factory=list)

    @property
    def remaining_shares(self) -> Shares:
        """Shares it may still trade."""
        return self.quantity_shares - self.filled_shares - self.waiting_shares if self.status == "open" else 0

    @property
    def is_linked_entry(self) -> bool:
        """Whether it is the buy that others wait for."""
        return bool(self.request.attached)


@dataclass(slots=True)
class Venue:
    """One account at one venue.

    Attributes:
        on_accept: called with every order the venue takes, at the moment it does.
        orders: every order ever taken, in that order.
        fills: every execution with the virtual time from which reads show it.
        actions: corporate actions booked.
        halted: symbols that do not trade in the running session.
        foreign_spent_usd: cash that strangers' orders took out of the account.
        touched: symbols whose position is not only our orders' doing: foreign orders, busts, splits.
    """

    hub: Hub
    draws: Draws
    faults: Faults
    mode: Mode
    world: World
    cash_usd: Decimal
    on_accept: Callable[[VenueOrder], None] = lambda _: None
    orders: list[VenueOrder] = field(default_factory=list)
    fills: list[tuple[int, BrokerFill]] = field(default_factory=list)
    actions: list[CorporateActionEntry] = field(default_factory=list)
    positions: dict[str, Shares] = field(default_factory=dict)
    halted: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    foreign_spent_usd: Decimal = Decimal(0)
    session: date | None = None

    def take(self, order: OrderRequest, *, is_ours: bool = True) -> SubmitOutcome:
        """Take an order now, or refuse it."""
        if self.session is None and order.time_in_force != "gtc":
            return Refused("the venue is closed")
        if any(order.client_order_id == known.request.client_order_id for known in self._remembered()):
            return Refused(f"duplicate client_order_id {order.client_order_id}")
        if is_ours and not self.hub.is_healed and self.draws.chance(self.faults.refused):
            return Refused("the venue does not want it")
        now = self.hub.now
        taken = VenueOrder(
            f"v{len(self.orders) + 1}", order, now, order.quantity_shares, order.stop_usd, is_ours=is_ours
        )
        self.orders.append(taken)
        self._show(taken)
        for leg in order.attached:
            taken.group = order.client_order_id
            number, shares = f"v{len(self.orders) + 1}", leg.quantity_shares
            attached = VenueOrder(number, leg, now, shares, leg.stop_usd, is_ours=is_ours)
            attached.group, attached.waiting_shares = order.client_order_id, shares
            self.orders.append(attached)
            self._show(attached)
        if is_ours:
            self.on_accept(taken)
        self.hub.note(f"venue takes {taken.broker_order_id} {order.side} {order.quantity_shares} {order.symbol}")
        self._work(taken)
        return Accepted(taken.broker_order_id)

    def cancel(self, client_order_id: str) -> None:
        """End what works under a client order id."""
        for order in self.orders:
            if order.request.client_order_id == client_order_id and order.status == "open":
                self._end(order, "cancelled")

    def open(self, session: date) -> None:
        """Open a session: splits first, then the stops that its prices reach."""
        self.session = session
        for symbol in sorted({symbol for symbol, shares in self.positions.items() if shares}):
            bar = self._bar(symbol)
            if bar.split > 1:
                self._split(session, symbol, bar.split)
        self.hub.note(f"venue opens {session}")
        for order in self.orders:
            if order.status == "open":
                self._work(order)

    def close(self) -> None:
        """Close the session: what was good for the day ends."""
        for order in self.orders:
            if order.status == "open" and order.request.time_in_force == "day":
                self._end(order, "expired")
        self.session = None
        self.halted.clear()
        self.hub.note("venue closes")

    def bust(self, execution_id: str) -> None:
        """Take a fill back, if the account still holds what it bought."""
        taken_back = next(fill for _, fill in self.fills if fill.execution_id == execution_id)
        is_reversed = any(fill.reverses == execution_id for _, fill in self.fills)
        if is_reversed or self.positions.get(taken_back.symbol, 0) < taken_back.quantity_shares:
            return
        self.touched.add(taken_back.symbol)
        order = next(order for order in self.orders if execution_id.startswith(f"{order.broker_order_id}."))
        order.filled_shares -= taken_back.quantity_shares
        self._show(order)
        self._book(
            replace(
                taken_back,
                execution_id=f"{execution_id}-bust",
                side="sell",
                fee_usd=Decimal(0),
                filled_at=instant_of(self.hub.now),
                reverses=execution_id,
            )
        )

    def account(self) -> AccountSnapshot:
        """Return cash and positions as they are."""
        held = {symbol: shares for symbol, shares in sorted(self.positions.items()) if shares}
        return AccountSnapshot(cash_usd=self.cash_usd, positions_shares=held)

    def fills_of(self, order: VenueOrder) -> list[BrokerFill]:
        """Return an order's executions."""
        prefix = f"{order.broker_order_id}."
        return [fill for _, fill in self.fills if fill.execution_id.startswith(prefix) and fill.reverses is None]

    def _remembered(self) -> list[VenueOrder]:
        match self.mode.ids:
            case "forever":
                return self.orders
            case "open_only":
                return [order for order in self.orders if order.status == "open"]
            case "ttl":
                return [order for order in self.orders if order.accepted_at > self.hub.now - _TTL_SECONDS * SECOND]
            case "none":
                return []

    def _work(self, order: VenueOrder) -> None:
        """Decide how an order fares in what is left of the running session."""
        symbol = order.request.symbol
        if self.session is None or symbol in self.halted:
            return
        bar = self._bar(symbol)
        if order.request.trail_usd is not None:
            self._trail(order, bar)
        if order.request.order_type in STOP_TYPES:
            if order.stop_usd is not None and bar.low_usd <= order.stop_usd:
                self._later(1.0, 3600.0, lambda: self._fill(order, min(order.stop_usd or bar.low_usd, bar.open_usd)))
            return
        limit = order.request.limit_usd
        price = bar.open_usd
        if order.request.leg == "take_profit" and limit is not None:
            if max(bar.open_usd, bar.close_usd) > limit:
                self._later(1.0, 3600.0, lambda: self._fill(order, limit))
            return
        if limit is not None and (price > limit if order.request.side == "buy" else price < limit):
            return
        parts = 1 + self.draws.below(3) if self._goes_wrong(self.faults.partial_fill) else 1
        # Counted in the order's own smallest parts of a share.
        steps = 10 ** share_decimals(order.quantity_shares)
        wanted = int(order.quantity_shares * steps)
        if self._goes_wrong(self.faults.unfilled):
            wanted = self.draws.below(wanted + 1)
        counts = [wanted // parts] * parts
        counts[-1] += wanted - sum(counts)
        shares = [stated_shares(Decimal(count) / steps) for count in counts]
        slowest = _SLOWEST_FILL_SECONDS if order.is_ours else 1.0
        for part in shares:
            if part:
                self._later(0.1, slowest, lambda part=part: self._fill(order, price, part))  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    def _later(self, soonest_seconds: float, latest_seconds: float, event: Callable[[], None]) -> None:
        self.hub.at(self.hub.now + int(self.draws.between(soonest_seconds, latest_seconds) * SECOND), event)

    def _fill(self, order: VenueOrder, price_usd: Decimal, part: Shares | None = None) -> None:
        request = order.request
        shares = min(part or order.remaining_shares, order.remaining_shares)
        if request.side == "sell":
            shares = min(shares, self.positions.get(request.symbol, 0))
        if shares <= 0 or self.session is None or request.symbol in self.halted:
            return
        order.filled_shares += shares
        self._book(
            BrokerFill(
                execution_id=f"{order.broker_order_id}.{len(self.fills_of(order)) + 1}",
                client_order_id=request.client_order_id,
                symbol=request.symbol,
                side=request.side,
                quantity_shares=shares,
                price_usd=price_usd,
                fee_usd=_FEE_USD_PER_SHARE * shares,
                filled_at=instant_of(self.hub.now),
            ),
            is_ours=order.is_ours,
        )
        if order.filled_shares == order.quantity_shares:
            order.status = "filled"
        self._show(order)
        for other in self._linked(order):
            if order.is_linked_entry:
                other.waiting_shares -= shares
                self._work(other)
            elif not other.is_linked_entry:
                self._give_up(other, shares)

    def _book(self, fill: BrokerFill, *, is_ours: bool = True) -> None:
        self.fills.append((self.hub.now + self._lag(), fill))
        self.cash_usd += cash_flow_usd(fill)
        direction = 1 if fill.side == "buy" else -1
        held = self.positions.get(fill.symbol, 0) + direction * fill.quantity_shares
        self.positions[fill.symbol] = stated_shares(held)
        if not is_ours:
            self.foreign_spent_usd -= cash_flow_usd(fill)
        self.hub.note(f"venue fills {fill.execution_id} {fill.side} {fill.quantity_shares} {fill.symbol}")

    def _split(self, session: date, symbol: str, ratio: int) -> None:
        self.touched.add(symbol)
        delta = self.positions[symbol] * (ratio - 1)
        self.positions[symbol] = stated_shares(self.positions[symbol] + delta)
        self.actions.append(
            CorporateActionEntry(
                entry_id=f"split-{session}-{symbol}",
                kind="split",
                symbol=symbol,
                session=session,
                quantity_delta_shares=delta,
                cash_usd=Decimal(0),
                ratio=Decimal(ratio),
                booked_at=instant_of(self.hub.now),
            )
        )
        for order in self.orders:
            if order.status == "open" and order.request.symbol == symbol and order.stop_usd is not None:
                order.quantity_shares = order.filled_shares + order.remaining_shares * ratio
                order.stop_usd = (order.stop_usd / ratio).quantize(Decimal("0.01"))
                order.trail_ratio *= ratio
                self._show(order)

    def _end(self, order: VenueOrder, status: WorkingStatus) -> None:
        order.status = status
        self._show(order)
        for other in self._linked(order):
            if order.is_linked_entry:
                waiting, other.waiting_shares = other.waiting_shares, 0
                self._give_up(other, waiting)
            elif not other.is_linked_entry:
                self._end(other, status)

    def _give_up(self, order: VenueOrder, shares: Shares) -> None:
        """Take shares from a linked order that it cannot sell any more; it ends with the last of them."""
        if order.quantity_shares - order.filled_shares == shares:
            order.status = "cancelled"
        else:
            order.quantity_shares = stated_shares(order.quantity_shares - shares)
        self._show(order)

    def _linked(self, order: VenueOrder) -> list[VenueOrder]:
        """Return the other working orders of an order's group."""
        if not order.group:
            return []
        return [one for one in self.orders if one.group == order.group and one is not order and one.status == "open"]

    def _trail(self, order: VenueOrder, bar: Bar) -> None:
        trail = (order.request.trail_usd or Decimal(0)) / order.trail_ratio
        stop = (bar.open_usd - trail).quantize(Decimal("0.01"))
        if order.stop_usd is None or stop > order.stop_usd:
            order.stop_usd = stop
            self._show(order)

    def _show(self, order: VenueOrder) -> None:
        visible_at = self.hub.now + self._lag()
        if order.shown:
            visible_at = max(visible_at, order.shown[-1][0])
        order.shown.append((visible_at, _state(order)))

    def _lag(self) -> int:
        if self.hub.is_healed or not self.draws.chance(self.faults.lagging_read):
            return 0
        return int(self.draws.unit() * self.mode.lag_seconds * SECOND)

    def _goes_wrong(self, probability: float) -> bool:
        return not self.hub.is_healed and self.draws.chance(probability)

    def _bar(self, symbol: str) -> Bar:
        assert self.session is not None  # noqa: S101 - asked in a session only
        return self.world.bars[self.session, symbol]


def schedule_sessions(venue: Venue, sessions: tuple[date, ...]) -> None:
    """Let a venue open and close its sessions at their times."""
    for session in sessions:
        venue.hub.at(virtual_time(CALENDAR.opens_at(session)), lambda session=session: venue.open(session))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        venue.hub.at(virtual_time(CALENDAR.closes_at(session)), venue.close)


def shown_now(order: VenueOrder, now: int) -> OrderState | None:
    """Return what a read shows of an order at a virtual time."""
    return next((state for visible_at, state in reversed(order.shown) if visible_at <= now), None)


def shown_fills(venue: Venue, *, since: datetime) -> list[BrokerFill]:
    """Return the executions a read shows now."""
    now = venue.hub.now
    return [fill for visible_at, fill in venue.fills if visible_at <= now and fill.filled_at >= since]


def _state(order: VenueOrder) -> OrderState:
    request = order.request
    return OrderState(
        client_order_id=request.client_order_id,
        broker_order_id=order.broker_order_id,
        symbol=request.symbol,
        side=request.side,
        quantity_shares=order.quantity_shares,
        filled_shares=order.filled_shares,
        status=order.status,
        order_type=request.order_type,
        limit_usd=request.limit_usd,
        stop_usd=order.stop_usd,
        reason="" if order.status in ("open", "filled") else order.status,
    )
