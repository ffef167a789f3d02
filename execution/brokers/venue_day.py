"""What happens at the simulated venue when a session opens and when it closes; each in one transaction of the caller.

At the open: dividends, splits, then orders that meet the open. At the close: stops, then resting limits, then the stops
of what those bought, then the end of day orders, then delistings. Nothing happens in between, so nothing depends on how
often the venue is asked. A trailing stop has seen the open before the bar, and the bar's high only after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from execution.brokers.fill_model import (
    Fill,
    available_shares,
    fill_at_open,
    fill_of_resting_limit,
    fill_of_stop,
    is_stop_reached,
    meets_open,
    rests,
)
from execution.brokers.tape import TapeRow
from execution.brokers.venue_links import end_order, end_waiting, fill_order
from execution.brokers.venue_order import VenueOrder
from execution.brokers.venue_store import VenueStore
from execution.domain.canonical import content_hash
from execution.domain.orders import BrokerFill, CorporateActionEntry, WorkingStatus
from execution.domain.quantities import Shares, affordable_shares, cents, floor_shares, share_decimals
from execution.portfolio.cost_model import CostModel
from execution.portfolio.stops import split_adjusted_shares, split_adjusted_stop_usd

CASH: Final = "cash_usd"
_NO_SPLIT: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class VenueDay:
    """One session at the venue: its bars, its rules, and the store they act on.

    Attributes:
        links_wait_for_whole: what is attached to a buy works only once that has filled whole.
    """

    store: VenueStore
    session: date
    rows: Mapping[str, TapeRow]
    costs: CostModel
    links_wait_for_whole: bool

    def open(self, at: datetime) -> None:
        """Book dividends and splits, then fill what meets the open."""
        for symbol, row in self._rows_at_stake():
            if row.dividend_usd > 0:
                self._pay_dividend(symbol, row, at)
            if row.split_ratio != _NO_SPLIT:
                self._split(symbol, row, at)
        end_waiting(self.store)
        for order in self.store.open_orders():
            row_of_order = self.rows.get(order.symbol)
            if row_of_order is not None:
                self._trail(order, row_of_order, row_of_order.open_usd)
        for order in self.store.open_orders():
            self.fill_at_open(order, at)

    def close(self, at: datetime) -> None:
        """Fill stops and resting limits on the session's bar, expire day orders, then close what is delisted."""
        began_with = {order.client_order_id: order for order in self.store.open_orders()}
        self._reach_stops(at)
        self._rest_limits(began_with, at)
        # What a resting limit bought may still fall to its stop: the low came after the limit was traded through.
        self._reach_stops(at)
        for order in self.store.open_orders():
            if order.symbol in self.rows:
                row, before = self.rows[order.symbol], began_with[order.client_order_id]
                self._trail(order, row, row.high_usd if before.remaining_shares else row.close_usd)
        for order in self.store.open_orders():
            if order.time_in_force == "day":
                self._end(order, "expired", f"day order not filled by the close of {self.session}")
        for symbol, row in self._rows_at_stake():
            if row.is_last_session:
                self._delist(symbol, row, at)

    def fill_at_open(self, order: VenueOrder, at: datetime) -> None:
        """Fill an order as far as the open, the volume left and the cash allow; one that may not wait ends there."""
        newest = self._newest(order)
        row = self.rows.get(order.symbol)
        if newest is not None and row is not None and meets_open(newest.working):
            available = self._available(order)
            self._book(newest, fill_at_open(newest.working, row, available=available, costs=self.costs), at)
        if order.time_in_force in ("ioc", "fok"):
            self._end(order, "cancelled", f"{order.time_in_force}: not filled at the open of {self.session}")

    def _reach_stops(self, at: datetime) -> None:
        for known in self.store.open_orders():
            order, row = self._newest(known), self.rows.get(known.symbol)
            if order is None or row is None or order.is_triggered or order.remaining_shares == 0:
                continue
            if is_stop_reached(order.working, row):
                available = self._available(order)
                fill = fill_of_stop(order.working, row, available=available, costs=self.costs)
                self.store.update_order(replace(order, is_triggered=True))
                self._book(replace(order, is_triggered=True), fill, at)

    def _rest_limits(self, began_with: Mapping[str, VenueOrder], at: datetime) -> None:
        for known in self.store.open_orders():
            order, row, before = self._newest(known), self.rows.get(known.symbol), began_with[known.client_order_id]
            # A stop-limit that this bar triggered has had what is known to have followed its trigger.
            is_new = order is not None and order.order_type == "stop_limit" and not before.is_triggered
            if order is None or row is None or is_new or not rests(order.working):
                continue
            # Nothing is sold here that was bought on this bar: the high may have come before.
            available = min(self._available(order), before.remaining_shares)
            self._book(order, fill_of_resting_limit(order.working, row, available=available), at)

    def _trail(self, order: VenueOrder, row: TapeRow, price_usd: Decimal) -> None:
        trailed = order if row.is_halted or not order.remaining_shares else order.trailed(price_usd)
        if trailed is not order and trailed != order:
            self.store.update_order(trailed)

    def _newest(self, order: VenueOrder) -> VenueOrder | None:
        """Return an order as it is by now; None when it ended since it was read, as linked orders do."""
        newest = self.store.order(order.client_order_id)
        return newest if newest is not None and newest.status == "open" else None

    def _end(self, order: VenueOrder, status: WorkingStatus, reason: str) -> None:
        newest = self._newest(order)
        if newest is not None:
            end_order(self.store, newest, status, reason)

    def _rows_at_stake(self) -> list[tuple[str, TapeRow]]:
        symbols = self.store.positions().keys() | {order.symbol for order in self.store.open_orders()}
        return [(symbol, self.rows[symbol]) for symbol in sorted(symbols) if symbol in self.rows]

    def _available(self, order: VenueOrder) -> Shares:
        filled = self.store.filled_shares(self.session, order.symbol)
        decimals = share_decimals(order.quantity_shares)
        return available_shares(self.rows.get(order.symbol), filled_shares=filled, costs=self.costs, decimals=decimals)

    def _book(self, order: VenueOrder, fill: Fill | None, at: datetime) -> None:
        if fill is None:
            return
        held = self.store.held_shares(order.symbol)
        quantity, decimals = fill.quantity_shares, share_decimals(order.quantity_shares)
        if order.side == "buy":
            # A limit was set aside when the order came; only a market order can meet a price above its reserve.
            per_share = fill.price_usd + self.costs.commission_usd_per_share
            quantity = min(quantity, affordable_shares(_cash(self.store), per_share, decimals=decimals))
        else:
            quantity = min(quantity, floor_shares(held, decimals=decimals))
        if quantity == 0 or (order.time_in_force == "fok" and quantity < order.remaining_shares):
            return
        fee = self.costs.fee_usd(side=order.side, quantity_shares=quantity, price_usd=fill.price_usd)
        sign = 1 if order.side == "buy" else -1
        self.store.set_position(order.symbol, held + sign * quantity)
        _add_cash(self.store, -sign * quantity * fill.price_usd - fee)
        number = self.store.fill_count(order.client_order_id) + 1
        booked = BrokerFill(
            execution_id=_derived("x1", order.client_order_id, number),
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            quantity_shares=quantity,
            price_usd=fill.price_usd,
            fee_usd=fee,
            filled_at=at,
        )
        self.store.add_fill(booked, self.session)
        fill_order(
            self.store,
            order,
            quantity_shares=quantity,
            price_usd=fill.price_usd,
            links_wait_for_whole=self.links_wait_for_whole,
        )

    def _pay_dividend(self, symbol: str, row: TapeRow, at: datetime) -> None:
        held = self.store.held_shares(symbol)
        if held:
            self._book_action(
                "dividend", symbol, at, delta_shares=0, cash_usd=cents(held * row.dividend_usd), ratio=None
            )

    def _split(self, symbol: str, row: TapeRow, at: datetime) -> None:
        held = self.store.held_shares(symbol)
        if held:
            after = split_adjusted_shares(held, row.split_ratio)
            cash = cents(after.fraction * row.open_usd)
            delta = after.kept - held
            self._book_action("split", symbol, at, delta_shares=delta, cash_usd=cash, ratio=row.split_ratio)
        for known in self.store.open_orders():
            # One that ended a moment ago may have taken those linked to it along.
            order = self._newest(known)
            if order is None or order.symbol != symbol:
                continue
            after_split = _split_order(order, row.split_ratio)
            if after_split.quantity_shares == after_split.filled_shares:
                # An end is told with what was asked for, in the old shares; a venue shows no order of nothing.
                self._end(order, "cancelled", f"a split of {row.split_ratio} left less than one share")
            else:
                self.store.update_order(after_split)

    def _delist(self, symbol: str, row: TapeRow, at: datetime) -> None:
        for order in self.store.open_orders():
            if order.symbol == symbol:
                self._end(order, "cancelled", f"{symbol} was delisted after {self.session}")
        held = self.store.held_shares(symbol)
        if held:
            cash = cents(held * row.close_usd * (1 - self.costs.delisting_haircut_fraction))
            self._book_action("delisting", symbol, at, delta_shares=-held, cash_usd=cash, ratio=None)

    def _book_action(
        self,
        kind: Literal["split", "dividend", "delisting"],
        symbol: str,
        at: datetime,
        *,
        delta_shares: Shares,
        cash_usd: Decimal,
        ratio: Decimal | None,
    ) -> None:
        held = self.store.held_shares(symbol)
        self.store.set_position(symbol, held + delta_shares)
        _add_cash(self.store, cash_usd)
        self.store.add_action(
            CorporateActionEntry(
                entry_id=_derived("c1", symbol, self.session.isoformat(), kind),
                kind=kind,
                symbol=symbol,
                session=self.session,
                quantity_delta_shares=delta_shares,
                cash_usd=cash_usd,
                ratio=ratio,
                booked_at=at,
            )
        )


def venue_order_id(client_order_id: str) -> str:
    """Return the venue's own id of an order: derived, so that a day lived twice gives the same ids."""
    return _derived("v1", client_order_id)


def _derived(prefix: str, *parts: str | int) -> str:
    return prefix + content_hash([prefix, *parts])[:26]


def _cash(store: VenueStore) -> Decimal:
    return Decimal(store.value(CASH) or 0)


def _add_cash(store: VenueStore, amount_usd: Decimal) -> None:
    store.set_value(CASH, str(_cash(store) + amount_usd))


def _split_order(order: VenueOrder, ratio: Decimal) -> VenueOrder:
    remaining = split_adjusted_shares(order.remaining_shares, ratio).kept
    waiting = split_adjusted_shares(order.waiting_shares, ratio).kept
    after = replace(
        order,
        quantity_shares=order.filled_shares + remaining + waiting,
        waiting_shares=waiting,
        limit_usd=_split_usd(order.limit_usd, ratio),
        stop_usd=_split_usd(order.stop_usd, ratio),
        trail_usd=_split_usd(order.trail_usd, ratio),
        high_usd=_split_usd(order.high_usd, ratio),
        reserve_usd=split_adjusted_stop_usd(order.reserve_usd, ratio),
    )
    return after if after.high_usd is None else after.trailed(after.high_usd)


def _split_usd(price_usd: Decimal | None, ratio: Decimal) -> Decimal | None:
    return None if price_usd is None else split_adjusted_stop_usd(price_usd, ratio)
