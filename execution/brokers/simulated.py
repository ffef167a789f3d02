"""A venue that lives on the tape, behind the Broker and Quotes ports, with a store of its own that survives restarts.

It is a cash account: no shorts, no credit. It has no thread and no time of its own: each call first lives through the
sessions between the last call and the clock's instant, one transaction per event, so that a crash between any two
leaves a whole state. Same tape, same orders at the same instants: same fills with the same ids, to the cent.

What it does not model: the path of prices within a session, queues at a price, auctions, other people's reaction.
"""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from execution.brokers.tape import Tape, TapeRow
from execution.brokers.venue_day import CASH, VenueDay, venue_order_id
from execution.brokers.venue_links import end_order
from execution.brokers.venue_memory import MemoryVenueStore
from execution.brokers.venue_order import VenueOrder, account_fault
from execution.brokers.venue_store import VenueStore, stored_instant
from execution.domain.broker_capabilities import BrokerCapabilities, FractionalSizes
from execution.domain.errors import DataError, SettingsRefused
from execution.domain.order_fault import order_fault
from execution.domain.orders import (
    Accepted,
    AccountSnapshot,
    BrokerFill,
    CorporateActionEntry,
    OrderRequest,
    OrderState,
    Refused,
    SubmitOutcome,
)
from execution.domain.quantities import SHARE_DECIMALS_MAX, Shares, tick_above_usd
from execution.portfolio.cost_model import CostModel
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

_INITIAL_CASH: Final = "initial_cash_usd"
_LIVED_UNTIL: Final = "lived_until"
# Every call is answered in one transaction, so nothing is late and nothing is under way after it.
_CAPABILITIES: Final = BrokerCapabilities(
    id_uniqueness="forever",
    lookup_by_client_id=True,
    answer_seconds=0.0,
    visibility_lag_seconds=0.0,
    order_types=frozenset({"limit", "market", "stop", "stop_limit", "trailing_stop"}),
    times_in_force=frozenset({"day", "gtc", "ioc", "fok"}),
    order_classes=frozenset({"simple", "bracket", "oco"}),
    has_extended_hours=False,
    # As Alpaca takes them: alone, and for the day.
    fractional_sizes=FractionalSizes(
        decimals=SHARE_DECIMALS_MAX, order_types=frozenset({"market", "limit"}), times_in_force=frozenset({"day"})
    ),
)
# A market order has no worst price; it sets aside this much above the last one, as a broker's risk desk would.
_MARKET_RESERVE: Final = Decimal("1.05")
# A last price older than this many sessions is no price.
_SESSIONS_LOOKED_BACK: Final = 20


class _NotReplaced(Exception):
    """Undoes a replacement within its transaction."""

    def __init__(self, outcome: Refused) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Quiet:
    """A stretch of time in which nothing happens by itself, of a venue that was lived until some instant, as stored."""

    lived_until: str
    since: datetime
    until: datetime


class SimulatedBroker:
    """One account at the simulated venue.

    Args:
        path: the venue's own file, made when absent; `:memory:` for a venue that dies with the object.
        tape: the world.
        clock: the instant up to which the venue lives.
        calendar: exchange sessions.
        costs: what a fill costs, how much of a session's volume is ours, what a delisting leaves.
        initial_cash_usd: cash of a new account, above zero; an old one must have begun with the same.
        links_wait_for_whole: what is attached to a buy works only once that has filled whole, as at Alpaca; else from
            its first share on.
    """

    def __init__(  # noqa: PLR0917 - the composition root names every argument
        self,
        path: Path | Literal[":memory:"],
        tape: Tape,
        clock: Clock,
        calendar: TradingCalendar,
        costs: CostModel,
        initial_cash_usd: Decimal,
        *,
        links_wait_for_whole: bool = False,
    ) -> None:
        self._tape = tape
        self._clock = clock
        self._calendar = calendar
        self._costs = costs
        self._capabilities = replace(_CAPABILITIES, links_wait_for_whole=links_wait_for_whole)
        self._store = MemoryVenueStore() if path == ":memory:" else VenueStore(path)
        self._lock = threading.RLock()
        self._quiet: _Quiet | None = None
        with self._store.transaction():
            began_with = self._store.value(_INITIAL_CASH)
            if began_with is None:
                self._store.set_value(_INITIAL_CASH, str(initial_cash_usd))
                self._store.set_value(CASH, str(initial_cash_usd))
            elif Decimal(began_with) != initial_cash_usd:
                raise SettingsRefused(
                    f"the simulated account began with {began_with} USD and settings say {initial_cash_usd} USD; "
                    "set the former value back, or start a new home"
                )

    @property
    def capabilities(self) -> BrokerCapabilities:
        """Return what this venue promises: an accepted id is used up for ever."""
        return self._capabilities

    def close(self) -> None:
        """Close the venue's file."""
        self._store.close()

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        """Take an order and what is attached to it, or refuse it whole; in a session it meets the open's price at once.

        An id is used up for ever by the order that was accepted under it; a refused order leaves no trace.
        """
        with self._lock:
            now = self._present()
            with self._store.transaction():
                return self._take(order, now)

    def replace_order(self, client_order_id: str, order: OrderRequest) -> SubmitOutcome:
        """Put an order in the place of a working one, in one piece; when it is refused, the former works on."""
        with self._lock:
            now = self._present()
            try:
                with self._store.transaction():
                    former = self._store.order(client_order_id)
                    if former is None or former.status != "open" or former.group_id:
                        return Refused(f"{client_order_id} is no working order that stands alone: nothing to replace")
                    return self._take_instead(former, order, now)
            except _NotReplaced as undone:
                return undone.outcome

    def cancel(self, client_order_id: str) -> None:
        """Cancel what is left of an order and of its linked exits; an unknown or ended one is left alone."""
        with self._lock:
            self._present()
            with self._store.transaction():
                order = self._store.order(client_order_id)
                if order is not None and order.status == "open":
                    end_order(self._store, order, "cancelled", "cancelled on request")

    def order(self, client_order_id: str) -> OrderState | None:
        """Return an order by its client order id, or None."""
        with self._lock:
            self._present()
            order = self._store.order(client_order_id)
            return None if order is None else order.state

    def orders(self, *, after: int = 0) -> tuple[VenueOrder, ...]:
        """Return every order accepted behind a place in the order of arrival, as it is now, in that order."""
        with self._lock:
            self._present()
            return tuple(self._store.orders(after=after))

    def working_orders(self) -> tuple[VenueOrder, ...]:
        """Return working orders with all that the venue keeps of them, in order of arrival."""
        with self._lock:
            self._present()
            return tuple(self._store.open_orders())

    def kept_order(self, client_order_id: str) -> VenueOrder | None:
        """Return an order with all that the venue keeps of it, or None."""
        with self._lock:
            self._present()
            return self._store.order(client_order_id)

    def fills_of(self, client_order_id: str) -> tuple[BrokerFill, ...]:
        """Return an order's executions, oldest first."""
        with self._lock:
            self._present()
            return self._store.fills_of(client_order_id)

    def open_orders(self) -> tuple[OrderState, ...]:
        """Return working orders by client order id."""
        with self._lock:
            self._present()
            return tuple(sorted((o.state for o in self._store.open_orders()), key=lambda o: o.client_order_id))

    def fills(self, *, since: datetime) -> tuple[BrokerFill, ...]:
        """Return executions at or after an instant, oldest first."""
        with self._lock:
            self._present()
            return self._store.fills(since)

    def corporate_actions(self, *, since: datetime) -> tuple[CorporateActionEntry, ...]:
        """Return splits, dividends and delistings booked at or after an instant, oldest first."""
        with self._lock:
            self._present()
            return self._store.actions(since)

    def account(self) -> AccountSnapshot:
        """Return cash and positions now."""
        with self._lock:
            self._present()
            return AccountSnapshot(cash_usd=self._cash(), positions_shares=self._store.positions())

    def last_usd(self, symbol: str) -> Decimal | None:
        """Return the open of the running session, else the newest close of the last 20 sessions; None without either.

        A symbol that was delisted has no price any more.
        """
        now = self._clock.now()
        running = self._running_session(now)
        if running is not None:
            row = self._tape.row(running, symbol)
            if row is not None and not row.is_halted:
                return row.open_usd
        row = self._last_ended_row(symbol, now)
        return None if row is None or row.is_last_session else row.close_usd

    def close_usd(self, symbol: str, session: date) -> Decimal | None:
        """Return the close of an ended session, None without a bar; in a halt it is the close carried forward.

        Raises:
            DataError: the session has not ended by the clock, or has no tape.
        """
        ends_at, now = self._calendar.closes_at(session), self._clock.now()
        if now < ends_at:
            raise DataError(
                f"the close of {session} is not known at {now.isoformat()}: it ends at {ends_at.isoformat()}; "
                "advance the clock first"
            )
        row = self._tape.row(session, symbol)
        return None if row is None else row.close_usd

    def _present(self) -> datetime:
        """Live through what has happened by now, and return the instant."""
        now = self._clock.now()
        quiet, lived_until = self._quiet, self._store.value(_LIVED_UNTIL)
        # Asked many times between two events of a calendar, it has nothing to live through most times.
        if quiet is None or lived_until != quiet.lived_until or not quiet.since <= now < quiet.until:
            self._live_until(now)
            self._quiet = self._quiet_from(now)
        return now

    def _quiet_from(self, now: datetime) -> _Quiet | None:
        lived_until, calendar = self._store.value(_LIVED_UNTIL), self._calendar
        index = bisect_right(calendar.closes, now)
        if lived_until is None or index == len(calendar.closes):
            return None
        opens_at = calendar.opens[index]
        return _Quiet(lived_until, since=now, until=opens_at if now < opens_at else calendar.closes[index])

    def _live_until(self, now: datetime) -> None:
        lived = self._lived_until(now)
        if now < lived:
            raise DataError(
                f"the clock says {now.isoformat()}, but the venue has lived until {lived.isoformat()}: time cannot go "
                "back; use the clock file that belongs to this venue, or start a new home"
            )
        while self._next_event(lived, now) is not None:
            with self._store.transaction():
                # Another process may have lived through it since: look again under the lock.
                lived = self._lived_until(now)
                event = self._next_event(lived, now)
                if event is not None:
                    lived = self._live_through(*event, now=now)

    def _lived_until(self, now: datetime) -> datetime:
        lived = self._store.value(_LIVED_UNTIL)
        if lived is None:
            # A new account has no past: it begins at the first call.
            self._store.set_value(_LIVED_UNTIL, stored_instant(now))
            return now
        return datetime.fromisoformat(lived)

    def _next_event(self, lived: datetime, now: datetime) -> tuple[Literal["open", "close"], date, datetime] | None:
        calendar = self._calendar
        index = bisect_right(calendar.closes, lived)
        if index == len(calendar.sessions):
            return None
        session = calendar.sessions[index]
        if calendar.opens[index] > lived:
            return ("open", session, calendar.opens[index]) if calendar.opens[index] <= now else None
        return ("close", session, calendar.closes[index]) if calendar.closes[index] <= now else None

    def _live_through(self, phase: Literal["open", "close"], session: date, at: datetime, *, now: datetime) -> datetime:
        is_idle = not self._store.positions() and not self._store.open_orders()
        # With nothing held and nothing working, no session can change anything, with or without a tape.
        until = now if is_idle else at
        if not is_idle:
            day = self._day(session)
            if phase == "open":
                day.open(at)
            else:
                day.close(at)
        self._store.set_value(_LIVED_UNTIL, stored_instant(until))
        return until

    def _day(self, session: date) -> VenueDay:
        rows = self._tape.rows(session)
        waits = self._capabilities.links_wait_for_whole
        return VenueDay(self._store, session, rows, self._costs, links_wait_for_whole=waits)

    def _running_session(self, now: datetime) -> date | None:
        index = bisect_right(self._calendar.opens, now) - 1
        if index < 0 or now >= self._calendar.closes[index]:
            return None
        return self._calendar.sessions[index]

    def _last_ended_row(self, symbol: str, now: datetime) -> TapeRow | None:
        index = bisect_right(self._calendar.closes, now)
        for session in reversed(self._calendar.sessions[max(0, index - _SESSIONS_LOOKED_BACK) : index]):
            if not self._tape.has(session):
                return None
            row = self._tape.row(session, symbol)
            if row is not None:
                return row
        return None

    def _take(self, order: OrderRequest, now: datetime) -> SubmitOutcome:
        running = self._running_session(now)
        refusal = order_fault(order) or account_fault(order) or self._kind_refusal(order) or self._refusal(order, now)
        if refusal:
            return Refused(refusal)
        orders = self._venue_orders(order)
        if orders[0].order_type == "trailing_stop" and orders[0].stop_usd is None:
            return Refused(f"the trail leaves no stop above zero below the last price of {order.symbol}")
        stored = [self._store.add_order(each) for each in orders]
        self._store.set_value(_LIVED_UNTIL, stored_instant(now))
        if running is not None:
            day = self._day(running)
            for each in stored:
                day.fill_at_open(each, now)
        return Accepted(stored[0].broker_order_id)

    def _take_instead(self, former: VenueOrder, order: OrderRequest, now: datetime) -> SubmitOutcome:
        end_order(self._store, former, "cancelled", f"replaced by {order.client_order_id}")
        outcome = self._take(order, now)
        if isinstance(outcome, Refused):
            raise _NotReplaced(outcome)
        return outcome

    def _cash(self) -> Decimal:
        return Decimal(self._store.value(CASH) or 0)

    def _kind_refusal(self, order: OrderRequest) -> str:
        fault = self.capabilities.fault_of(order)
        return f"this venue takes no {fault}" if fault else ""

    def _refusal(self, order: OrderRequest, now: datetime) -> str | None:
        for each in (order, *order.attached):
            if self._store.order(each.client_order_id) is not None:
                return f"duplicate client_order_id {each.client_order_id}: it was accepted before"
        working = self._store.open_orders()
        if order.side == "sell":
            held = self._store.held_shares(order.symbol)
            in_sells = _shares_in_sells(working, order.symbol)
            if order.quantity_shares > held - in_sells:
                return (
                    f"insufficient shares: {order.quantity_shares} to sell of {order.symbol}, {held} held, "
                    f"{in_sells} in working sell orders; this account only reduces what it holds"
                )
            return None
        last = self.last_usd(order.symbol)
        if last is None:
            return f"unknown symbol {order.symbol}: it has no price at {now.isoformat()}"
        needed = self._cost(order.quantity_shares, _reserve_usd(order, last))
        in_buys = sum((self._cost(o.remaining_shares, o.reserve_usd) for o in working if o.side == "buy"), Decimal(0))
        if needed > self._cash() - in_buys:
            return (
                f"insufficient cash: {needed} USD needed, {self._cash()} USD held, {in_buys} USD in working buy orders"
            )
        return None

    def _cost(self, shares: Shares, reserve_usd: Decimal) -> Decimal:
        return shares * (reserve_usd + self._costs.commission_usd_per_share)

    def _venue_orders(self, order: OrderRequest) -> tuple[VenueOrder, ...]:
        """Return an order and what is attached to it; orders attached to a buy wait for its shares."""
        last = self.last_usd(order.symbol)
        group_id = order.client_order_id if order.attached else ""
        waiting = order.quantity_shares if order.side == "buy" else 0
        placed = _venue_order(order, last, group_id=group_id)
        legs = [_venue_order(leg, None if waiting else last, group_id=group_id) for leg in order.attached]
        return (placed, *(replace(leg, waiting_shares=waiting) for leg in legs))


def _venue_order(order: OrderRequest, last_usd: Decimal | None, *, group_id: str) -> VenueOrder:
    placed = VenueOrder(
        sequence=0,
        client_order_id=order.client_order_id,
        broker_order_id=venue_order_id(order.client_order_id),
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        quantity_shares=order.quantity_shares,
        filled_shares=0,
        limit_usd=order.limit_usd,
        stop_usd=order.stop_usd,
        reserve_usd=_reserve_usd(order, last_usd or Decimal(0)),
        is_triggered=False,
        status="open",
        reason="",
        trail_usd=order.trail_usd,
        trail_bps=order.trail_bps,
        group_id=group_id,
    )
    # A new trailing stop has seen the last price.
    return placed if last_usd is None else placed.trailed(last_usd)


def _shares_in_sells(working: Sequence[VenueOrder], symbol: str) -> Shares:
    """Return the shares that working sales may still sell; linked ones sell the same shares."""
    shares: dict[str, Shares] = {}
    for order in working:
        if (order.symbol, order.side) == (symbol, "sell"):
            key = order.group_id or order.client_order_id
            shares[key] = max(shares.get(key, 0), order.remaining_shares)
    return sum(shares.values())


def _reserve_usd(order: OrderRequest, last_usd: Decimal) -> Decimal:
    if order.side == "sell":
        return Decimal(0)
    return tick_above_usd(last_usd * _MARKET_RESERVE) if order.limit_usd is None else order.limit_usd
