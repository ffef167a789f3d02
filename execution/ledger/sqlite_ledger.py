"""The ledger in one SQLite file: append-only, hash-chained, each append one fully synchronous transaction.

Rollback journal, not WAL: the SQLite bundled with Python 3.11 carries the WAL-reset bug (fixed in 3.51.3), and tens of
rows a day need no speed. A connection lives for one operation, so threads and processes never share one.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final

from execution.domain.errors import ChainBroken, LedgerError
from execution.domain.events import (
    CorporateActionBooked,
    Event,
    FillBooked,
    OrderIntended,
    PlanHeld,
    PlanMissed,
    PlanRecorded,
    SubmissionStarted,
)
from execution.ledger.book import Book
from execution.ledger.event_codec import RecordedEvent, decoded, encoded, trading_hash
from execution.ledger.fenced_ledger import FencedLedger
from execution.ledger.folding import folded
from execution.ledger.hash_chain import GENESIS, ChainHead, ChainRow, link_hash, verified_head
from execution.ledger.lease import Lease, refuse_lost
from execution.ledger.store import Decision, LedgerStore

APPLICATION_ID: Final = 0x544F5543  # "TOUC"
SCHEMA_VERSION: Final = 2
_UNIQUE_TABLES: Final = ("cycle", "intent", "submission", "fill", "corporate_action")
_APPEND_ONLY: Final = ("event", *_UNIQUE_TABLES)
_BUSY_MILLISECONDS: Final = 10_000


class SqliteLedger:
    """One account's ledger; `":memory:"` keeps it in this process only."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        self._lock = threading.RLock()
        self._memory = self._opened() if self._path == ":memory:" else None
        self._book, self._head = Book(), ChainHead(0, GENESIS)
        if self._memory is None:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            _prepare(connection, self._path)

    def record(self, decide: Decision) -> tuple[Event, ...]:
        """Append what a decision says of the newest book, all or nothing, and return it.

        Raises:
            LedgerError: an event does not follow from the book, or a fact that may exist once exists.
        """
        return self._record(None, decide)

    def _record(self, lease: Lease | None, decide: Decision) -> tuple[Event, ...]:
        with self._lock, self._connection() as connection:
            connection.execute("begin immediate")
            try:
                if lease is not None:
                    _refuse_lost(connection, lease)
                book, head = self._caught_up(connection)
                events = tuple(decide(book))
                book_after, head_after = folded(book, events), head
                for event in events:
                    head_after = _append(connection, head_after, event)
                connection.execute("commit")
            except sqlite3.IntegrityError as error:
                connection.execute("rollback")
                raise LedgerError(f"the ledger refused a fact that exists already: {error}") from error
            except BaseException:
                connection.execute("rollback")
                raise
            self._book, self._head = book_after, head_after
            return events

    def append(self, *events: Event) -> None:
        """Append events whatever the book says, as far as they follow from it."""
        self.record(lambda _: events)

    def book(self) -> Book:
        """Return the fold of all events."""
        with self._lock, self._connection() as connection:
            self._book, self._head = self._caught_up(connection)
            return self._book

    def events(self) -> Iterator[RecordedEvent]:
        """Yield all events in order, as they stand at the first step."""
        with self._lock, self._connection() as connection:
            rows = _rows(connection, after=0)
        for row in rows:
            yield RecordedEvent(row.sequence, row.hash, decoded(row.body))

    def verify_chain(self) -> ChainHead:
        """Hash every row again, compare the tables of once-only facts with the events, and return the head.

        Raises:
            ChainBroken: a row was changed, deleted or moved, or a once-only fact has no event.
        """
        with self._lock, self._connection() as connection:
            rows = _rows(connection, after=0)
            head = verified_head(rows)
            stored = {table: _stored_facts(connection, table) for table in _UNIQUE_TABLES}
        told: dict[str, set[tuple[str, int]]] = {table: set() for table in _UNIQUE_TABLES}
        for row in rows:
            fact = _once_only(decoded(row.body))
            if fact is not None:
                told[fact[0]].add((fact[1][0], row.sequence))
        for table in _UNIQUE_TABLES:
            if stored[table] != told[table]:
                odd = min(stored[table] ^ told[table])
                raise ChainBroken(
                    f"ledger table {table} and the events differ over {odd[0]} (row {odd[1]}): "
                    "the table was changed by hand; restore the ledger from a verified backup"
                )
        return head

    def trading_hash(self) -> str:
        """Return one hash over all trading events, equal for two homes that lived the same days."""
        return trading_hash(recorded.event for recorded in self.events())

    def head(self) -> ChainHead:
        """Return where the chain ends, without hashing it again."""
        with self._lock, self._connection() as connection:
            found = connection.execute("select sequence, hash from event order by sequence desc limit 1").fetchone()
        return ChainHead(*found) if found else ChainHead(0, GENESIS)

    def hash_at(self, sequence: int) -> str | None:
        """Return the hash stored for a row; None when there is no such row."""
        with self._lock, self._connection() as connection:
            found = connection.execute("select hash from event where sequence = ?", (sequence,)).fetchone()
        return str(found[0]) if found else None

    def take_lease(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """Take a lease and raise its token by one; None while somebody else holds one that has not expired."""
        with self._writing() as connection:
            now = _now_milliseconds(connection)
            held_by, token, expires = _lease_row(connection, name)
            if held_by not in ("", holder) and expires > now:
                return None
            until = now + round(ttl_seconds * 1000)
            connection.execute("insert or replace into lease values (?, ?, ?, ?)", (name, holder, token + 1, until))
        return Lease(name=name, holder=holder, token=token + 1, expires_at_seconds=until / 1000)

    def renew_lease(self, lease: Lease, *, ttl_seconds: float) -> Lease:
        """Hold a lease for so much longer from now on.

        Raises:
            Fenced: somebody else took it, or it was given back.
        """
        with self._writing() as connection:
            _refuse_lost(connection, lease)
            until = _now_milliseconds(connection) + round(ttl_seconds * 1000)
            connection.execute("update lease set expires_at_milliseconds = ? where name = ?", (until, lease.name))
        return replace(lease, expires_at_seconds=until / 1000)

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back, so that anybody may take it at once; harmless when it is lost already."""
        with self._writing() as connection:
            connection.execute(
                "update lease set holder = '', expires_at_milliseconds = 0 where name = ? and holder = ? and token = ?",
                (lease.name, lease.holder, lease.token),
            )

    def fenced(self, lease: Lease) -> LedgerStore:
        """Return the same ledger, whose `record` raises Fenced, writing nothing, once the lease is lost."""
        return FencedLedger(self, partial(self._record, lease))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection() as connection:
            connection.execute("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")

    def _caught_up(self, connection: sqlite3.Connection) -> tuple[Book, ChainHead]:
        """Return the newest book: the one in memory with the rows that others appended since."""
        book, head = self._book, self._head
        if head.sequence:
            known = connection.execute("select hash from event where sequence = ?", (head.sequence,)).fetchone()
            if known is None or known[0] != head.hash:
                # The file was exchanged under us, as by a restore: nothing remembered counts.
                book, head = Book(), ChainHead(0, GENESIS)
        rows = _rows(connection, after=head.sequence)
        if rows:
            book, head = folded(book, (decoded(row.body) for row in rows)), ChainHead(rows[-1].sequence, rows[-1].hash)
        return book, head

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute(f"pragma busy_timeout = {_BUSY_MILLISECONDS}")
        connection.execute("pragma foreign_keys = on")
        connection.execute("pragma synchronous = full")
        return connection

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._memory
        try:
            connection = connection or self._opened()
            yield connection
        except sqlite3.DatabaseError as error:
            name = Path(self._path).name
            raise LedgerError(
                f"{name} cannot be used as a ledger: {error}; check the disk, or restore it from a verified backup"
            ) from error
        finally:
            if self._memory is None and connection is not None:
                connection.close()


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    """Make the tables of a new file; refuse a file that is not a ledger of this version."""
    application, version, tables = _identity(connection)
    if (application, version, tables) == (0, 0, 0):
        connection.execute("begin immediate")
        if _identity(connection)[2] == 0:  # Another process may have been first.
            schema = (files("execution.ledger") / "schema.sql").read_text(encoding="utf-8")
            for statement in schema.split(";"):
                connection.execute(statement)
            for table in _APPEND_ONLY:
                for action in ("update", "delete"):
                    connection.execute(
                        f"create trigger {table}_refuses_{action} before {action} on {table} "
                        f"begin select raise(abort, 'the ledger is append-only'); end"
                    )
            connection.execute(f"pragma application_id = {APPLICATION_ID}")
            connection.execute(f"pragma user_version = {SCHEMA_VERSION}")
        connection.execute("commit")
        application, version, _ = _identity(connection)
    if application != APPLICATION_ID:
        raise LedgerError(f"{Path(path).name} is no ledger (application id {application}): point to another file")
    if version != SCHEMA_VERSION:
        raise LedgerError(
            f"{Path(path).name} has ledger schema {version}, this program knows {SCHEMA_VERSION}: "
            "migrate the ledger or use the version that wrote it"
        )


def _now_milliseconds(connection: sqlite3.Connection) -> int:
    (now,) = connection.execute("select cast((julianday('now') - 2440587.5) * 86400000 as integer)").fetchone()
    return int(now)


def _lease_row(connection: sqlite3.Connection, name: str) -> tuple[str, int, int]:
    query = "select holder, token, expires_at_milliseconds from lease where name = ?"
    found = connection.execute(query, (name,)).fetchone()
    return found or ("", 0, 0)


def _refuse_lost(connection: sqlite3.Connection, lease: Lease) -> None:
    holder, token, _ = _lease_row(connection, lease.name)
    refuse_lost(lease, holder=holder, token=token)


def _identity(connection: sqlite3.Connection) -> tuple[int, int, int]:
    application = int(connection.execute("pragma application_id").fetchone()[0])
    version = int(connection.execute("pragma user_version").fetchone()[0])
    tables = int(connection.execute("select count(*) from sqlite_schema").fetchone()[0])
    return application, version, tables


def _rows(connection: sqlite3.Connection, *, after: int) -> list[ChainRow]:
    cursor = connection.execute(
        "select sequence, previous_hash, hash, body from event where sequence > ? order by sequence", (after,)
    )
    return [ChainRow(sequence, previous, own, body.encode()) for sequence, previous, own, body in cursor]


def _append(connection: sqlite3.Connection, head: ChainHead, event: Event) -> ChainHead:
    sequence = head.sequence + 1
    body = encoded(sequence, event)
    own = link_hash(head.hash, body)
    connection.execute(
        "insert into event (sequence, previous_hash, hash, body) values (?, ?, ?, ?)",
        (sequence, head.hash, own, body.decode()),
    )
    fact = _once_only(event)
    if fact is not None:
        table, values = fact
        marks = ", ".join("?" * (len(values) + 1))
        connection.execute(f"insert into {table} values ({marks})", (*values, sequence))  # noqa: S608 - a table name of this module
    return ChainHead(sequence, own)


def _once_only(event: Event) -> tuple[str, tuple[str, ...]] | None:
    """Return the table that lets an event's fact exist once, and the row's values in order; None for other events."""
    match event:
        case PlanRecorded() | PlanHeld() | PlanMissed():
            return "cycle", (event.cycle_id,)
        case OrderIntended():
            order = event.order
            return "intent", (order.client_order_id, event.cycle_id, order.symbol, order.side, event.leg)
        case SubmissionStarted():
            return "submission", (event.client_order_id,)
        case FillBooked():
            return "fill", (event.fill.execution_id,)
        case CorporateActionBooked():
            return "corporate_action", (event.entry.entry_id,)
        case _:
            return None


def _stored_facts(connection: sqlite3.Connection, table: str) -> set[tuple[str, int]]:
    key = {"cycle": "cycle_id", "fill": "execution_id", "corporate_action": "entry_id"}.get(table, "client_order_id")
    return {(row[0], row[1]) for row in connection.execute(f"select {key}, sequence from {table}")}  # noqa: S608 - names of this module
