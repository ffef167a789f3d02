"""The ledger in one SQLite file: append-only, hash-chained, each append one fully synchronous transaction.

Rollback journal where SQLite is older than 3.51.3: until then write-ahead logging can corrupt a file that two
connections write and checkpoint at once (sqlite.org/wal.html, "WAL-reset bug"). Each thread has a connection of its
own, and a new one when the process forked or the file was exchanged.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from execution.domain.errors import FactExists, LedgerError
from execution.ledger.network_folders import refuse_network_folder
from execution.ledger.sql_driver import SqlConnection, Value
from execution.ledger.sql_ledger import SqlLedger

APPLICATION_ID: Final = 0x544F5543  # "TOUC"
WAL_IS_SAFE_FROM: Final = (3, 51, 3)
JournalMode = Literal["delete", "wal"]
_BUSY_MILLISECONDS: Final = 10_000
_NOW: Final = "select cast((julianday('now') - 2440587.5) * 86400000 as integer)"


class SqliteLedger(SqlLedger):
    """One account's ledger in a file."""

    def __init__(
        self,
        path: Path | str,
        *,
        journal_mode: JournalMode | None = None,
        clock_seconds: Callable[[], float] | None = None,
    ) -> None:
        """Open a ledger; a file that does not exist yet is made.

        Args:
            path: the file, on a disk of this machine.
            journal_mode: None for the fastest one that this SQLite keeps without fault.
            clock_seconds: the clock leases expire by; None for SQLite's own.

        Raises:
            LedgerError: the file is no ledger, is of another schema, or lies on a network file system.
        """
        super().__init__(SqliteDriver(path, journal_mode=journal_mode, clock_seconds=clock_seconds))


def safest_journal(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> JournalMode:
    """Return the journal mode for a version of SQLite."""
    return "wal" if version >= WAL_IS_SAFE_FROM else "delete"


class SqliteDriver:
    """A SQLite file, or `:memory:` for tables that live as long as this object."""

    def __init__(
        self,
        path: Path | str,
        *,
        journal_mode: JournalMode | None = None,
        clock_seconds: Callable[[], float] | None = None,
    ) -> None:
        self._path = str(path)
        self._file = Path(path)
        self._clock_seconds = clock_seconds
        self._journal_mode = journal_mode or safest_journal()
        self._kept = threading.local()
        self._memory = self._opened() if self._path == ":memory:" else None
        if self._memory is None:
            folder = self._file.absolute().parent
            folder.mkdir(parents=True, exist_ok=True)
            refuse_network_folder(folder)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self._file.name

    @contextmanager
    def writing(self) -> Iterator[SqlConnection]:
        """Open a transaction under SQLite's write lock; a deferred one could fail half-way without waiting."""
        with self._transaction("begin immediate") as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[SqlConnection]:
        """Open a transaction that sees one moment."""
        with self._transaction("begin") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[SqlConnection]:
        try:
            connection = self._connection()
            connection.execute(begin)
            try:
                yield _SqliteConnection(connection, self.name, self._clock_seconds)
                connection.execute("commit")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
        except sqlite3.IntegrityError as error:
            raise FactExists(f"the ledger refused a fact that exists already: {error}") from error
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"{self.name} cannot be used as a ledger: {error}; check the disk, or restore it from a verified backup"
            ) from error

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection, a new one after a fork or when the file was exchanged, as by a restore."""
        if self._memory is not None:
            return self._memory
        kept: tuple[tuple[int, int, int], sqlite3.Connection] | None = getattr(self._kept, "connection", None)
        if kept is not None and kept[0] == self._place():
            return kept[1]
        connection = self._opened()
        self._kept.connection = (self._place(), connection)
        return connection

    def _place(self) -> tuple[int, int, int]:
        """Return process and file; an open file keeps its number, so another file never has it."""
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return os.getpid(), 0, 0
        return os.getpid(), found.st_dev, found.st_ino

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"pragma busy_timeout = {_BUSY_MILLISECONDS}")
            connection.execute("pragma foreign_keys = on")
            # Full alone does not sync the folder once a rollback journal is gone: after a power cut it could be there
            # again and take back the row from before the wire, while the order is at the venue.
            connection.execute("pragma synchronous = extra")
            connection.execute("pragma mmap_size = 0")
            connection.execute(f"pragma journal_mode = {self._journal_mode}")
        except BaseException:
            connection.close()
            raise
        return connection


class _SqliteConnection:
    def __init__(self, connection: sqlite3.Connection, name: str, clock_seconds: Callable[[], float] | None) -> None:
        self._connection = connection
        self._name = name
        self._clock_seconds = clock_seconds

    def execute(self, statement: str, parameters: Sequence[Value] = ()) -> None:
        self._connection.execute(statement, parameters)

    def fetch(
        self,
        query: str,
        parameters: Sequence[Value] = (),
        *,
        is_locked: bool = False,  # noqa: ARG002 - a writing transaction of SQLite has the whole file locked
    ) -> list[tuple[Value, ...]]:
        return self._connection.execute(query, parameters).fetchall()

    def chain(self, after: int) -> Generator[tuple[int, bytes, bytes, bytes], None, None]:
        # As blobs: text that is no UTF-8 any more must be found by its hash, not break the reader.
        cursor = self._connection.execute(
            "select sequence, cast(previous_hash as blob), cast(hash as blob), cast(body as blob) "
            "from event where sequence > ? order by sequence",
            (after,),
        )
        try:
            yield from cursor
        finally:
            # A statement that was read half-way keeps the file locked for as long as anybody remembers it.
            cursor.close()

    def guard(self, table: str) -> None:
        for statement in _guards(table).values():
            self._connection.execute(statement)

    def unguard(self, table: str) -> None:
        for name in _guards(table):
            self._connection.execute(f"drop trigger if exists {name}")

    def missing_guards(self, table: str) -> tuple[str, ...]:
        # By its text: one of the same name may refuse nothing.
        found = self.fetch("select name, sql from sqlite_schema where type = 'trigger' and tbl_name = ?", (table,))
        return tuple(name for name, statement in _guards(table).items() if (name, statement) not in found)

    def run_script(self, script: str) -> None:
        for statement in script.split(";\n"):
            self._connection.execute(statement)

    def now_milliseconds(self) -> int:
        if self._clock_seconds is not None:
            return round(self._clock_seconds() * 1000)
        return int(self._connection.execute(_NOW).fetchone()[0])

    def schema_version(self, *, is_locked: bool = False) -> int:  # noqa: ARG002 - a writing transaction locks the file
        (application,) = self._connection.execute("pragma application_id").fetchone()
        (version,) = self._connection.execute("pragma user_version").fetchone()
        (tables,) = self._connection.execute("select count(*) from sqlite_schema").fetchone()
        if (application, version, tables) != (0, 0, 0) and application != APPLICATION_ID:
            raise LedgerError(f"{self._name} is no ledger (application id {application}): point to another file")
        return int(version)

    def set_schema_version(self, version: int) -> None:
        self._connection.execute(f"pragma application_id = {APPLICATION_ID}")
        self._connection.execute(f"pragma user_version = {version}")


def _guards(table: str) -> dict[str, str]:
    """Return the triggers that refuse changes of a table, by name, spelt as SQLite keeps them."""
    return {
        f"{table}_refuses_{action}": f"CREATE TRIGGER {table}_refuses_{action} before {action} on {table} "
        "begin select raise(abort, 'the ledger is append-only'); end"
        for action in ("update", "delete")
    }
