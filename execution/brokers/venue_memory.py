"""What a simulated venue remembers that dies with its process: a backtest's, and a test's. No file, no text, no SQL.

It answers what `VenueStore` answers; one contract test asks both. A transaction that fails is undone write by write.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import TypeVar

from execution.brokers.venue_order import VenueOrder
from execution.brokers.venue_store import VenueStore
from execution.domain.errors import DataError
from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.quantities import Shares, stated_shares

Key = TypeVar("Key")
Value = TypeVar("Value")


class MemoryVenueStore(VenueStore):
    """Typed reads and writes of a venue without a file."""

    def __init__(self) -> None:
        # Not the other's: that one opens a database.
        self._values: dict[str, str] = {}
        self._positions: dict[str, Shares] = {}
        self._orders_by_id: dict[str, VenueOrder] = {}
        self._ids: list[str] = []
        self._working: dict[str, VenueOrder] = {}
        self._booked: list[BrokerFill] = []
        self._fills_by_order: dict[str, list[BrokerFill]] = {}
        self._filled: dict[tuple[date, str], Shares] = {}
        self._booked_actions: list[CorporateActionEntry] = []
        self._undo: list[Callable[[], object]] = []

    def close(self) -> None:
        """Do nothing: there is no file."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything in the block or nothing."""
        self._undo.clear()
        try:
            yield
        except BaseException:
            while self._undo:
                self._undo.pop()()
            raise

    def value(self, name: str) -> str | None:
        """Return a named value, or None when it was never set."""
        return self._values.get(name)

    def set_value(self, name: str, value: str) -> None:
        """Set a named value."""
        self._put(self._values, name, value)

    def positions(self) -> dict[str, Shares]:
        """Return shares by symbol, sorted by symbol, zeros left out."""
        return dict(sorted(self._positions.items()))

    def held_shares(self, symbol: str) -> Shares:
        """Return the shares of one symbol; 0 where none are held."""
        return self._positions.get(symbol, 0)

    def set_position(self, symbol: str, shares: Shares) -> None:
        """Set a position; zero removes it."""
        if shares:
            self._put(self._positions, symbol, stated_shares(shares))
        else:
            self._drop(self._positions, symbol)

    def order(self, client_order_id: str) -> VenueOrder | None:
        """Return an order by the client's id, or None."""
        return self._orders_by_id.get(client_order_id)

    def orders(self, *, after: int) -> list[VenueOrder]:
        """Return the orders behind a place in the order of arrival, in that order."""
        return [self._orders_by_id[order_id] for order_id in self._ids[max(0, after) :]]

    def open_orders(self) -> list[VenueOrder]:
        """Return working orders in order of arrival."""
        return list(self._working.values())

    def linked_orders(self, order: VenueOrder) -> list[VenueOrder]:
        """Return the other working orders of an order's group, in order of arrival."""
        if not order.group_id:
            return []
        return [
            other
            for other in self._working.values()
            if other.group_id == order.group_id and other.client_order_id != order.client_order_id
        ]

    def add_order(self, order: VenueOrder) -> VenueOrder:
        """Store a new order and return it with its place in the order of arrival."""
        if order.client_order_id in self._orders_by_id:
            raise DataError(f"the venue has an order {order.client_order_id} already: an id is used up for ever")
        self._ids.append(order.client_order_id)
        self._undo.append(self._ids.pop)
        placed = replace(order, sequence=len(self._ids))
        self.update_order(placed)
        return placed

    def update_order(self, order: VenueOrder) -> None:
        """Store an order's present state; an ended one never works again, so those that work stay in their order."""
        self._put(self._orders_by_id, order.client_order_id, order)
        if order.status == "open":
            self._put(self._working, order.client_order_id, order)
        else:
            self._drop(self._working, order.client_order_id)

    def add_fill(self, fill: BrokerFill, session: date) -> None:
        """Store one execution."""
        of_order = self._fills_by_order.setdefault(fill.client_order_id, [])
        for kept in (self._booked, of_order):
            kept.append(fill)
            self._undo.append(kept.pop)
        key = (session, fill.symbol)
        self._put(self._filled, key, stated_shares(self._filled.get(key, 0) + fill.quantity_shares))

    def fills(self, since: datetime) -> tuple[BrokerFill, ...]:
        """Return executions at or after an instant in the order they happened: a venue's time never goes back."""
        return tuple(self._booked[bisect_left(self._booked, since, key=lambda fill: fill.filled_at) :])

    def fills_of(self, client_order_id: str) -> tuple[BrokerFill, ...]:
        """Return an order's executions in the order they happened."""
        return tuple(self._fills_by_order.get(client_order_id, ()))

    def fill_count(self, client_order_id: str) -> int:
        """Return how many executions an order has."""
        return len(self._fills_by_order.get(client_order_id, ()))

    def filled_shares(self, session: date, symbol: str) -> Shares:
        """Return the shares of a symbol that filled in a session, both sides together."""
        return self._filled.get((session, symbol), 0)

    def add_action(self, entry: CorporateActionEntry) -> None:
        """Store one booked corporate action."""
        self._booked_actions.append(entry)
        self._undo.append(self._booked_actions.pop)

    def actions(self, since: datetime) -> tuple[CorporateActionEntry, ...]:
        """Return corporate actions booked at or after an instant in the order they were booked."""
        first = bisect_left(self._booked_actions, since, key=lambda entry: entry.booked_at)
        return tuple(self._booked_actions[first:])

    def _put(self, kept: dict[Key, Value], key: Key, value: Value) -> None:
        if key in kept:
            self._undo.append(partial(kept.__setitem__, key, kept[key]))
        else:
            self._undo.append(partial(kept.pop, key))
        kept[key] = value

    def _drop(self, kept: dict[Key, Value], key: Key) -> None:
        if key not in kept:
            return
        # Back in its place, not at the end: what works is served in order of arrival.
        self._undo.append(partial(_restore, kept, dict(kept)))
        del kept[key]


def _restore(kept: dict[Key, Value], before: dict[Key, Value]) -> None:
    kept.clear()
    kept.update(before)
