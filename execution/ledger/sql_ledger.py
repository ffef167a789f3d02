"""The ledger over a SQL database, written once for all of them: what differs is in their drivers.

An append locks the head row, folds what others wrote since, takes the decision, and writes rows, tables and head in one
transaction. The sequence comes from the locked head, never from a counter of the database, which may leave gaps.
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Final

from execution.domain.errors import ChainBroken, CommitUnknown, LedgerError
from execution.domain.events import Event
from execution.ledger.book import Book
from execution.ledger.event_codec import RecordedEvent, decoded, encoded, trading_hash
from execution.ledger.fenced_ledger import FencedLedger
from execution.ledger.folding import Folding, folded
from execution.ledger.hash_chain import GENESIS, ChainHead, link_hash, verified_head
from execution.ledger.lease import Lease, refuse_lost
from execution.ledger.migrating import SCHEMA_VERSION, append_only, prepare
from execution.ledger.projections import changes, write
from execution.ledger.rebuilding import rebuild, refuse_difference
from execution.ledger.sql_driver import SqlConnection, SqlDriver
from execution.ledger.store import Decision, LedgerStore

_PAGE_ROWS: Final = 1_000


class SqlLedger:
    """One account's ledger in a database; safe to use from several threads and processes."""

    def __init__(self, driver: SqlDriver) -> None:
        """Open a ledger; an empty database gets its tables.

        Raises:
            LedgerError: the database belongs to another program or has another schema.
        """
        self.driver: Final = driver
        self._lock = threading.RLock()
        self._book, self._head = Book(), ChainHead(0, GENESIS)
        prepare(driver)

    def record(self, decide: Decision) -> tuple[Event, ...]:
        """Append what a decision says of the newest book, all or nothing, and return it.

        Raises:
            LedgerError: an event does not follow from the book, or a fact that may exist once exists.
        """
        return self._record(None, decide)

    def append(self, *events: Event) -> None:
        """Append events whatever the book says, as far as they follow from it."""
        self.record(lambda _: events)

    def book(self) -> Book:
        """Return the fold of all events."""
        with self._lock, self.driver.reading() as connection:
            self._book, self._head = self._caught_up(connection, _head(connection))
            return self._book

    def events(self) -> Iterator[RecordedEvent]:
        """Yield all events in order, as they stand at the first step."""
        last, after = self.head().sequence, 0
        while after < last:
            # Page by page, each in a transaction of its own: a slow reader must not keep writers waiting.
            with self.driver.reading() as connection:
                page = connection.fetch(
                    "select sequence, hash, body from event where sequence > ? and sequence <= ? "
                    "order by sequence limit ?",
                    (after, last, _PAGE_ROWS),
                )
            for sequence, own, body in page:
                yield RecordedEvent(_whole(sequence), str(own), decoded(str(body).encode()))
            if not page:
                raise ChainBroken(
                    f"ledger chain: row {after + 1} is missing; restore the ledger from a verified backup"
                )
            after = _whole(page[-1][0])

    def head(self) -> ChainHead:
        """Return where the chain ends, without hashing it again."""
        with self.driver.reading() as connection:
            return _head(connection)

    def hash_at(self, sequence: int) -> str | None:
        """Return the hash stored for a row; None when there is no such row."""
        with self.driver.reading() as connection:
            found = connection.fetch("select hash from event where sequence = ?", (sequence,))
        return str(found[0][0]) if found else None

    def verify_chain(self) -> ChainHead:
        """Hash every row again, compare the last one with the head, and return it.

        Raises:
            ChainBroken: a row was changed, deleted or moved.
        """
        with self.driver.reading() as connection, closing(connection.chain(0)) as rows:
            told = _head(connection)
            found = verified_head(rows)
        if told != found:
            raise ChainBroken(
                f"ledger chain: it ends with row {found.sequence}, the head says row {told.sequence} "
                f"({told.hash[:12]}): rows are gone, or the head was changed; restore the ledger from a verified backup"
            )
        return found

    def verify_projections(self) -> None:
        """Compare every folded table with the events.

        Raises:
            ChainBroken: a row of a table was changed, added or taken away by hand.
        """
        with self.driver.reading() as connection:
            refuse_difference(connection)

    def missing_guards(self) -> tuple[str, ...]:
        """Return the names of triggers that refuse changes of append-only tables and are not there."""
        with self.driver.reading() as connection:
            tables = append_only(SCHEMA_VERSION)
            return tuple(name for table in tables for name in connection.missing_guards(table))

    def rebuild_projections(self) -> None:
        """Empty every folded table and fill it from the events again, in one transaction."""
        with self.driver.writing() as connection:
            _locked_head(connection)
            rebuild(connection, append_only=append_only(SCHEMA_VERSION))

    def trading_hash(self) -> str:
        """Return one hash over all trading events, equal for two homes that lived the same days."""
        return trading_hash(recorded.event for recorded in self.events())

    def take_lease(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """Take a lease and raise its token by one; None while somebody else holds one that has not expired."""
        with self.driver.writing() as connection:
            # The head row is the one lock of the ledger: two who ask for a lease that has no row yet wait here.
            _locked_head(connection)
            now = connection.now_milliseconds()
            held_by, token, expires = _lease_row(connection, name)
            if held_by not in ("", holder) and expires > now:
                return None
            taken, until = token + 1, now + round(ttl_seconds * 1000)
            connection.execute("delete from lease where name = ?", (name,))
            connection.execute("insert into lease values (?, ?, ?, ?)", (name, holder, taken, until))
        return Lease(name=name, holder=holder, token=taken, expires_at_seconds=until / 1000)

    def renew_lease(self, lease: Lease, *, ttl_seconds: float) -> Lease:
        """Hold a lease for so much longer from now on.

        Raises:
            Fenced: somebody else took it, or it was given back.
        """
        with self.driver.writing() as connection:
            _locked_head(connection)
            _refuse_lost(connection, lease)
            until = connection.now_milliseconds() + round(ttl_seconds * 1000)
            connection.execute("update lease set expires_at_milliseconds = ? where name = ?", (until, lease.name))
        return replace(lease, expires_at_seconds=until / 1000)

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back, so that anybody may take it at once; harmless when it is lost already."""
        with self.driver.writing() as connection:
            connection.execute(
                "update lease set holder = '', expires_at_milliseconds = 0 where name = ? and holder = ? and token = ?",
                (lease.name, lease.holder, lease.token),
            )

    def fenced(self, lease: Lease) -> LedgerStore:
        """Return the same ledger, whose `record` raises Fenced, writing nothing, once the lease is lost."""
        return FencedLedger(self, partial(self._record, lease))

    def _record(self, lease: Lease | None, decide: Decision) -> tuple[Event, ...]:
        with self._lock:
            events: tuple[Event, ...] = ()
            book, head = self._book, self._head
            try:
                with self.driver.writing() as connection:
                    before = _locked_head(connection)
                    if lease is not None:
                        _refuse_lost(connection, lease)
                    book, head = self._caught_up(connection, before)
                    events = tuple(decide(book))
                    if events:
                        book, head = _appended(connection, book, head, events)
            except CommitUnknown:
                if events:
                    self._refuse_unwritten(head)
            self._book, self._head = book, head
            return events

    def _caught_up(self, connection: SqlConnection, newest: ChainHead) -> tuple[Book, ChainHead]:
        """Return the newest book: the one in memory with the rows that others appended since."""
        book, head = self._book, self._head
        if head == newest:
            return book, head
        known = connection.fetch("select hash from event where sequence = ?", (head.sequence,))
        if head.sequence and (not known or known[0][0] != head.hash):
            # The ledger was exchanged under us, as by a restore: nothing remembered counts.
            book, head = Book(), ChainHead(0, GENESIS)
        rows = connection.chain(head.sequence)
        return folded(book, (decoded(body) for _, _, _, body in rows)), newest

    def _refuse_unwritten(self, head: ChainHead) -> None:
        """Read again whether the rows up to a head were written, behind any transaction that is still ending."""
        with self.driver.writing() as connection:
            _locked_head(connection)
            found = connection.fetch("select hash from event where sequence = ?", (head.sequence,))
        if not found or found[0][0] != head.hash:
            raise LedgerError(
                f"{self.driver.name}: the database was lost while it committed, and nothing was written; try again"
            )


def _appended(
    connection: SqlConnection, book: Book, head: ChainHead, events: tuple[Event, ...]
) -> tuple[Book, ChainHead]:
    folding = Folding(book)
    for event in events:
        sequence = head.sequence + 1
        body = encoded(sequence, event)
        own = link_hash(head.hash, body)
        told = changes(folding, sequence, event)
        # The row comes before the tables that refer to it.
        connection.execute("insert into event values (?, ?, ?, ?)", (sequence, head.hash, own, body.decode()))
        write(connection, told)
        head = ChainHead(sequence, own)
    connection.execute("update head set sequence = ?, hash = ?", (head.sequence, head.hash))
    return folding.book(), head


def _head(connection: SqlConnection) -> ChainHead:
    return _as_head(connection.fetch("select sequence, hash from head"))


def _locked_head(connection: SqlConnection) -> ChainHead:
    return _as_head(connection.fetch("select sequence, hash from head", is_locked=True))


def _as_head(rows: list[tuple[int | str | None, ...]]) -> ChainHead:
    if len(rows) != 1:
        raise ChainBroken(
            f"ledger chain: {len(rows)} head rows, expected one; restore the ledger from a verified backup"
        )
    return ChainHead(_whole(rows[0][0]), str(rows[0][1]))


def _lease_row(connection: SqlConnection, name: str) -> tuple[str, int, int]:
    found = connection.fetch("select holder, token, expires_at_milliseconds from lease where name = ?", (name,))
    return (str(found[0][0]), _whole(found[0][1]), _whole(found[0][2])) if found else ("", 0, 0)


def _refuse_lost(connection: SqlConnection, lease: Lease) -> None:
    holder, token, _ = _lease_row(connection, lease.name)
    refuse_lost(lease, holder=holder, token=token)


def _whole(value: int | str | None) -> int:
    if not isinstance(value, int):
        raise ChainBroken(f"ledger: {value!r} stands where a whole number belongs; restore it from a verified backup")
    return value
