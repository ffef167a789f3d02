"""What the SQL ledger needs of a database: connections in transactions, and the few words in which dialects differ.

Statements are written once, with `?` for parameters. Tables hold integers and text; money is decimal text, so no
database ever rounds it.
"""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

Value = int | str | None


class SqlConnection(Protocol):
    """One open transaction."""

    def execute(self, statement: str, parameters: Sequence[Value] = ()) -> None:
        """Run a statement that answers nothing.

        Raises:
            FactExists: a unique key, a reference or a check of the tables forbids it.
        """
        ...

    def fetch(
        self, query: str, parameters: Sequence[Value] = (), *, is_locked: bool = False
    ) -> list[tuple[Value, ...]]:
        """Return all rows of a small answer; locked, they are the newest and nobody else changes them meanwhile."""
        ...

    def chain(self, after: int) -> Generator[tuple[int, bytes, bytes, bytes], None, None]:
        """Yield sequence, previous hash, hash and body of every event row after a sequence, in order, undecoded."""
        ...

    def guard(self, table: str) -> None:
        """Let a table refuse every update and deletion from now on."""
        ...

    def unguard(self, table: str) -> None:
        """Take the refusal away again; harmless when there is none."""
        ...

    def missing_guards(self, table: str) -> tuple[str, ...]:
        """Return the names of those triggers of `guard` that a table lacks or that refuse nothing; empty when none."""
        ...

    def run_script(self, script: str) -> None:
        """Run the statements of a migration, each ended by a semicolon at the end of its line."""
        ...

    def now_milliseconds(self) -> int:
        """Return the database's own clock: milliseconds since 1970, also within a long transaction the newest."""
        ...

    def schema_version(self, *, is_locked: bool = False) -> int:
        """Return the number of the newest migration; 0 when nothing was ever made here.

        Args:
            is_locked: whether nobody else may change it until the transaction ends.

        Raises:
            LedgerError: this is the database of another program.
        """
        ...

    def set_schema_version(self, version: int) -> None:
        """Write down the number of the newest migration."""
        ...


class SqlDriver(Protocol):
    """One database that holds one ledger."""

    @property
    def name(self) -> str:
        """What to call the ledger in a message: no path, no host, no secret."""
        ...

    def writing(self) -> AbstractContextManager[SqlConnection]:
        """Open a transaction that no other writer shares; it ends with the block, whole or not at all.

        Raises:
            FactExists: what was written exists already.
            CommitUnknown: the database was lost while it committed.
            LedgerError: the database cannot be used.
        """
        ...

    def reading(self) -> AbstractContextManager[SqlConnection]:
        """Open a transaction that sees one moment and writes nothing.

        Raises:
            LedgerError: the database cannot be used.
        """
        ...
