"""Ledgers the contract is run against, each in a place of its own."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.postgres_ledger import PostgresDriver, PostgresLedger
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.ledger.store import LedgerStore
from tests.builders.postgres import a_schema, postgres_dsn


class LedgerRig(Protocol):
    def opened(self) -> LedgerStore:
        """Return the ledger as another process would open it."""
        ...

    def expire(self, lease_name: str) -> None:
        """Let the time of a lease run out."""
        ...


class MakeRig(Protocol):
    __name__: str

    def __call__(self, folder: Path) -> AbstractContextManager[LedgerRig]: ...


class _Memory:
    def __init__(self) -> None:
        self._now_seconds = 0.0
        self._ledger = MemoryLedger(lambda: self._now_seconds)

    def opened(self) -> LedgerStore:
        return self._ledger

    def expire(self, lease_name: str) -> None:
        self._now_seconds += 1_000_000


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self._path = path

    def opened(self) -> LedgerStore:
        return SqliteLedger(self._path)

    def expire(self, lease_name: str) -> None:
        connection = sqlite3.connect(self._path)
        with connection:
            connection.execute("update lease set expires_at_milliseconds = 1 where name = ?", (lease_name,))
        connection.close()


class _Postgres:
    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn, self._schema = dsn, schema

    def opened(self) -> LedgerStore:
        return PostgresLedger(self._dsn, schema=self._schema)

    def expire(self, lease_name: str) -> None:
        with PostgresDriver(self._dsn, schema=self._schema).writing() as connection:
            connection.execute("update lease set expires_at_milliseconds = 1 where name = ?", (lease_name,))


@contextmanager
def memory(folder: Path) -> Iterator[LedgerRig]:
    yield _Memory()


@contextmanager
def sqlite(folder: Path) -> Iterator[LedgerRig]:
    yield _Sqlite(folder / "ledger.db")


@contextmanager
def postgres(folder: Path) -> Iterator[LedgerRig]:
    yield _Postgres(postgres_dsn(), a_schema())


RIGS: Final[tuple[MakeRig, ...]] = (memory, sqlite, postgres)
