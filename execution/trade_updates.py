"""Events of orders as a venue's stream told them, each once, in a table that every process of a home may read.

Early word only: nothing is booked from it. An event is known by its own id, or by the hash of what it says, so a stream
that repeats or reorders adds nothing; what cannot be read is kept as it came.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import orjson

UNREADABLE: Final = "unreadable"
ListenerState = Literal["listening", "away", "refused"]
_LOCK_TIMEOUT_SECONDS: Final = 5.0
_TABLES: Final = """
create table if not exists trade_updates (
    id integer primary key, key text not null unique, event text not null, client_order_id text not null,
    heard_at text not null, raw blob not null
) strict;
create table if not exists trade_updates_listener (
    only integer primary key check (only = 1), state text not null, since text not null
) strict;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeUpdate:
    """One event as it was heard.

    Attributes:
        id: rises in the order of hearing.
        event: the venue's word for it; `unreadable` where there is none.
        client_order_id: of the order it is about; empty where it names none.
        heard_at: UTC.
        raw: what came.
    """

    id: int
    event: str
    client_order_id: str
    heard_at: datetime
    raw: bytes


class TradeUpdates:
    """The events of one account.

    Args:
        path: SQLite file, made when the first event is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, raw: bytes, *, heard_at: datetime) -> bool:
        """Keep what came and return whether it was new."""
        told = _told(raw)
        order = told.get("order")
        name = order.get("client_order_id") if isinstance(order, dict) else ""
        row = (_key(told, raw), str(told.get("event") or UNREADABLE), str(name or ""), heard_at.isoformat(), raw)
        with self._opened() as connection:
            added = connection.execute(
                "insert or ignore into trade_updates (key, event, client_order_id, heard_at, raw) "
                "values (?, ?, ?, ?, ?)",
                row,
            )
            return added.rowcount == 1

    def after(self, last_id: int) -> tuple[TradeUpdate, ...]:
        """Return the events behind an id, in the order of hearing."""
        query = "select id, event, client_order_id, heard_at, raw from trade_updates where id > ? order by id"
        with self._opened() as connection:
            return tuple(
                TradeUpdate(
                    id=row[0],
                    event=row[1],
                    client_order_id=row[2],
                    heard_at=datetime.fromisoformat(row[3]),
                    raw=row[4],
                )
                for row in connection.execute(query, (last_id,))
            )

    def newest_id(self) -> int:
        """Return the id of the newest event; 0 before the first."""
        with self._opened() as connection:
            return int(connection.execute("select coalesce(max(id), 0) from trade_updates").fetchone()[0])

    def note(self, state: ListenerState, since: datetime) -> None:
        """Write down whether somebody listens."""
        with self._opened() as connection:
            connection.execute(
                "insert into trade_updates_listener values (1, ?, ?) "
                "on conflict (only) do update set state = excluded.state, since = excluded.since",
                (state, since.isoformat()),
            )

    def listener(self) -> tuple[str, datetime] | None:
        """Return what the listener said last, and since when; None when there never was one."""
        with self._opened() as connection:
            row = connection.execute("select state, since from trade_updates_listener").fetchone()
        return None if row is None else (row[0], datetime.fromisoformat(row[1]))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None)) as connection:
            # An event that a power cut forgets is asked for by the next look-up.
            connection.execute("pragma synchronous = off")
            connection.executescript(_TABLES)
            yield connection


def _told(raw: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    told = said.get("data") if isinstance(said, dict) else None
    return told if isinstance(told, dict) else {}


def _key(told: dict[str, Any], raw: bytes) -> str:
    event_id = told.get("event_id")
    if isinstance(event_id, str) and event_id:
        return event_id
    said = orjson.dumps(told, option=orjson.OPT_SORT_KEYS) if told else raw
    return hashlib.sha256(said).hexdigest()
