"""What the simulated venue remembers, in one SQLite file of its own: cash, positions, orders, fills, booked actions.

Rollback journal and full synchronisation: a change is on the device before anyone hears of it. (Write-ahead logging is
left alone: SQLite before 3.51.3 can corrupt a file when two connections write and checkpoint at once.)
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from execution.brokers.venue_order import VenueOrder
from execution.domain.errors import DataError
from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.quantities import Shares, shares_text, stated_shares

_SCHEMA_VERSION: Final = 3
_BUSY_TIMEOUT_SECONDS: Final = 30.0
_SCHEMA: Final = """
create table venue (name text primary key, value text not null) strict, without rowid;
create table positions (
    symbol text primary key, shares integer not null check (shares > 0)
) strict, without rowid;
create table orders (
    sequence integer primary key, client_order_id text not null unique, broker_order_id text not null unique,
    symbol text not null, side text not null, order_type text not null, time_in_force text not null,
    quantity_shares integer not null check (quantity_shares >= 0),
    filled_shares integer not null check (filled_shares between 0 and quantity_shares),
    limit_usd text, stop_usd text, reserve_usd text not null, is_triggered integer not null,
    status text not null, reason text not null
) strict;
create index working on orders (status) where status = 'open';
create table fills (
    sequence integer primary key, execution_id text not null unique, client_order_id text not null,
    symbol text not null, session text not null, side text not null,
    quantity_shares integer not null check (quantity_shares > 0), price_usd text not null, fee_usd text not null,
    filled_at text not null
) strict;
create index fills_of_session on fills (session, symbol);
create table actions (
    sequence integer primary key, entry_id text not null unique, kind text not null, symbol text not null,
    session text not null, quantity_delta_shares integer not null, cash_usd text not null, ratio text,
    booked_at text not null
) strict;
"""
# From version 1 to 2. New files take the same steps, so there is one shape of version 2.
_LINKS_AND_TRAILS: Final = """
alter table orders add column trail_usd text;
alter table orders add column trail_bps text;
alter table orders add column high_usd text;
alter table orders add column waiting_shares integer not null default 0;
alter table orders add column group_id text not null default '';
create index linked on orders (group_id) where group_id <> '';
"""
# From version 2 to 3: a number of shares is an integer, or decimal text where it is no whole one. New files take the
# same steps, so there is one shape of version 3.
_PARTS_OF_SHARES: Final = """
create table positions_3 (symbol text primary key, shares any not null check (shares > 0)) strict, without rowid;
insert into positions_3 select * from positions;
drop table positions;
alter table positions_3 rename to positions;
create table orders_3 (
    sequence integer primary key, client_order_id text not null unique, broker_order_id text not null unique,
    symbol text not null, side text not null, order_type text not null, time_in_force text not null,
    quantity_shares any not null check (quantity_shares >= 0), filled_shares any not null check (filled_shares >= 0),
    limit_usd text, stop_usd text, reserve_usd text not null, is_triggered integer not null,
    status text not null, reason text not null,
    trail_usd text, trail_bps text, high_usd text, waiting_shares any not null, group_id text not null
) strict;
insert into orders_3 select * from orders;
drop table orders;
alter table orders_3 rename to orders;
create index working on orders (status) where status = 'open';
create index linked on orders (group_id) where group_id <> '';
create table fills_3 (
    sequence integer primary key, execution_id text not null unique, client_order_id text not null,
    symbol text not null, session text not null, side text not null,
    quantity_shares any not null check (quantity_shares > 0), price_usd text not null, fee_usd text not null,
    filled_at text not null
) strict;
insert into fills_3 select * from fills;
drop table fills;
alter table fills_3 rename to fills;
create index fills_of_session on fills (session, symbol);
create table actions_3 (
    sequence integer primary key, entry_id text not null unique, kind text not null, symbol text not null,
    session text not null, quantity_delta_shares any not null, cash_usd text not null, ratio text,
    booked_at text not null
) strict;
insert into actions_3 select * from actions;
drop table actions;
alter table actions_3 rename to actions;
"""
_STEPS: Final = (_SCHEMA, _LINKS_AND_TRAILS, _PARTS_OF_SHARES)


class VenueStore:
    """Typed reads and writes of the venue's file; a write belongs into a `transaction`."""

    def __init__(self, path: Path | Literal[":memory:"]) -> None:
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        # The owner of this object serialises its calls; the driver's own check would forbid a second thread for good.
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("pragma synchronous = full")
        with self.transaction():
            version = self._connection.execute("pragma user_version").fetchone()[0]
            if version in range(_SCHEMA_VERSION):
                for statement in "".join(_STEPS[version:]).split(";\n"):
                    self._connection.execute(statement)
                self._connection.execute(f"pragma user_version = {_SCHEMA_VERSION}")
            elif version != _SCHEMA_VERSION:
                raise DataError(
                    f"the venue's file has schema version {version}, this program knows {_SCHEMA_VERSION}; "
                    "run it with the program that wrote it, or start a new home"
                )

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything in the block or nothing; other processes wait."""
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def value(self, name: str) -> str | None:
        """Return a named value, or None when it was never set."""
        found = self._connection.execute("select value from venue where name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def set_value(self, name: str, value: str) -> None:
        """Set a named value."""
        self._connection.execute("insert or replace into venue values (?, ?)", (name, value))

    def positions(self) -> dict[str, Shares]:
        """Return shares by symbol, sorted by symbol, zeros left out."""
        rows = self._connection.execute("select symbol, shares from positions order by symbol")
        return {symbol: _shares(shares) for symbol, shares in rows}

    def held_shares(self, symbol: str) -> Shares:
        """Return the shares of one symbol; 0 where none are held."""
        found = self._connection.execute("select shares from positions where symbol = ?", (symbol,)).fetchone()
        return 0 if found is None else _shares(found[0])

    def set_position(self, symbol: str, shares: Shares) -> None:
        """Set a position; zero removes it."""
        if shares == 0:
            self._connection.execute("delete from positions where symbol = ?", (symbol,))
        else:
            self._connection.execute("insert or replace into positions values (?, ?)", (symbol, _kept(shares)))

    def order(self, client_order_id: str) -> VenueOrder | None:
        """Return an order by the client's id, or None."""
        found = self._orders("client_order_id = ?", client_order_id)
        return found[0] if found else None

    def orders(self, *, after: int) -> list[VenueOrder]:
        """Return the orders behind a place in the order of arrival, in that order."""
        return self._orders("sequence > ?", after)

    def open_orders(self) -> list[VenueOrder]:
        """Return working orders in order of arrival."""
        return self._orders("status = 'open'")

    def linked_orders(self, order: VenueOrder) -> list[VenueOrder]:
        """Return the other working orders of an order's group, in order of arrival."""
        if not order.group_id:
            return []
        linked = self._orders("status = 'open' and group_id = ?", order.group_id)
        return [other for other in linked if other.client_order_id != order.client_order_id]

    def add_order(self, order: VenueOrder) -> VenueOrder:
        """Store a new order and return it with its place in the order of arrival."""
        cursor = self._connection.execute(
            f"insert into orders values (null{', ?' * 19})",  # noqa: S608 - question marks alone
            _order_columns(order),
        )
        if cursor.lastrowid is None:
            raise DataError(f"the venue's file gave no place to order {order.client_order_id}")
        return replace(order, sequence=cursor.lastrowid)

    def update_order(self, order: VenueOrder) -> None:
        """Store an order's present state."""
        self._connection.execute(
            f"replace into orders values (?{', ?' * 19})",  # noqa: S608 - question marks alone
            (order.sequence, *_order_columns(order)),
        )

    def add_fill(self, fill: BrokerFill, session: date) -> None:
        """Store one execution."""
        self._connection.execute(
            "insert into fills values (null, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                fill.execution_id,
                fill.client_order_id,
                fill.symbol,
                session.isoformat(),
                fill.side,
                _kept(fill.quantity_shares),
                str(fill.price_usd),
                str(fill.fee_usd),
                stored_instant(fill.filled_at),
            ),
        )

    def fills(self, since: datetime) -> tuple[BrokerFill, ...]:
        """Return executions at or after an instant in the order they happened."""
        return self._fills("filled_at >= ?", stored_instant(since))

    def fills_of(self, client_order_id: str) -> tuple[BrokerFill, ...]:
        """Return an order's executions in the order they happened."""
        return self._fills("client_order_id = ?", client_order_id)

    def fill_count(self, client_order_id: str) -> int:
        """Return how many executions an order has."""
        query = "select count(*) from fills where client_order_id = ?"
        return int(self._connection.execute(query, (client_order_id,)).fetchone()[0])

    def filled_shares(self, session: date, symbol: str) -> Shares:
        """Return the shares of a symbol that filled in a session, both sides together."""
        # Added up here: the database would add parts of shares as floats.
        query = "select quantity_shares from fills where session = ? and symbol = ?"
        rows = self._connection.execute(query, (session.isoformat(), symbol))
        return stated_shares(sum(_shares(shares) for (shares,) in rows))

    def add_action(self, entry: CorporateActionEntry) -> None:
        """Store one booked corporate action."""
        self._connection.execute(
            "insert into actions values (null, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.entry_id,
                entry.kind,
                entry.symbol,
                entry.session.isoformat(),
                _kept(entry.quantity_delta_shares),
                str(entry.cash_usd),
                None if entry.ratio is None else str(entry.ratio),
                stored_instant(entry.booked_at),
            ),
        )

    def actions(self, since: datetime) -> tuple[CorporateActionEntry, ...]:
        """Return corporate actions booked at or after an instant in the order they were booked."""
        rows = self._connection.execute(
            "select entry_id, kind, symbol, session, quantity_delta_shares, cash_usd, ratio, booked_at "
            "from actions where booked_at >= ? order by sequence",
            (stored_instant(since),),
        )
        return tuple(
            CorporateActionEntry(
                entry_id=entry_id,
                kind=kind,
                symbol=symbol,
                session=date.fromisoformat(session),
                quantity_delta_shares=_shares(delta),
                cash_usd=Decimal(cash),
                ratio=_decimal(ratio),
                booked_at=datetime.fromisoformat(booked_at),
            )
            for entry_id, kind, symbol, session, delta, cash, ratio, booked_at in rows
        )

    def _fills(self, condition: str, parameter: str) -> tuple[BrokerFill, ...]:
        columns = "execution_id, client_order_id, symbol, side, quantity_shares, price_usd, fee_usd, filled_at"
        rows = self._connection.execute(
            f"select {columns} from fills where {condition} order by sequence",  # noqa: S608 - constants of this file
            (parameter,),
        )
        return tuple(
            BrokerFill(
                execution_id=execution_id,
                client_order_id=client_order_id,
                symbol=symbol,
                side=side,
                quantity_shares=_shares(quantity),
                price_usd=Decimal(price),
                fee_usd=Decimal(fee),
                filled_at=datetime.fromisoformat(filled_at),
            )
            for execution_id, client_order_id, symbol, side, quantity, price, fee, filled_at in rows
        )

    def _orders(self, condition: str, *parameters: str | int) -> list[VenueOrder]:
        rows = self._connection.execute(
            f"select * from orders where {condition} order by sequence",  # noqa: S608 - two constants of this file
            parameters,
        )
        return [_order(row) for row in rows]


@lru_cache(maxsize=64)
def stored_instant(instant: datetime) -> str:
    """Return an instant as the file keeps it: in UTC and of one width, so that text compares as time does."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _decimal(stored: str | None) -> Decimal | None:
    return None if stored is None else Decimal(stored)


def _shares(stored: int | str) -> Shares:
    return stored if isinstance(stored, int) else Decimal(stored)


def _kept(shares: Shares) -> int | str:
    stated = stated_shares(shares)
    return stated if isinstance(stated, int) else shares_text(stated)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _order_columns(order: VenueOrder) -> tuple[Any, ...]:
    return (
        order.client_order_id,
        order.broker_order_id,
        order.symbol,
        order.side,
        order.order_type,
        order.time_in_force,
        _kept(order.quantity_shares),
        _kept(order.filled_shares),
        _text(order.limit_usd),
        _text(order.stop_usd),
        str(order.reserve_usd),
        int(order.is_triggered),
        order.status,
        order.reason,
        _text(order.trail_usd),
        _text(order.trail_bps),
        _text(order.high_usd),
        _kept(order.waiting_shares),
        order.group_id,
    )


def _order(row: tuple[Any, ...]) -> VenueOrder:
    return VenueOrder(
        sequence=row[0],
        client_order_id=row[1],
        broker_order_id=row[2],
        symbol=row[3],
        side=row[4],
        order_type=row[5],
        time_in_force=row[6],
        quantity_shares=_shares(row[7]),
        filled_shares=_shares(row[8]),
        limit_usd=_decimal(row[9]),
        stop_usd=_decimal(row[10]),
        reserve_usd=Decimal(row[11]),
        is_triggered=bool(row[12]),
        status=row[13],
        reason=row[14],
        trail_usd=_decimal(row[15]),
        trail_bps=_decimal(row[16]),
        high_usd=_decimal(row[17]),
        waiting_shares=_shares(row[18]),
        group_id=row[19],
    )
