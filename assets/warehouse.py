"""The DuckDB warehouse: short connections with one thread, typed reads, one writer at a time.

Whatever opens it from an asset, check or op declares `pool=POOL`: DuckDB lets one process write and shuts every other
process out meanwhile. Connections are confined to the home: no query can read or write a file elsewhere. Nothing that
trades imports this module.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from execution.domain.errors import DataError

if TYPE_CHECKING:
    import duckdb

POOL: Final = "warehouse"
"""Name of the concurrency pool, limit 1, of everything that opens the warehouse."""

# What a query needs beyond this goes through files beside the warehouse.
_MEMORY: Final = "400MB"


@dataclass(slots=True)
class _KeptOpen:
    """A block's opened file; None until the first connection asks for it."""

    read_only: bool
    connection: "duckdb.DuckDBPyConnection | None" = None


@dataclass(frozen=True, slots=True)
class Warehouse:
    """One DuckDB file.

    Attributes:
        path: the file; a read demands that it exists, a writing connection creates it.
        last: newest session whose rows exist for who reads it; None for all. Such a warehouse cannot be written to.
    """

    path: Path
    last: date | None = None
    _kept: "list[_KeptOpen]" = field(default_factory=list, init=False, repr=False, compare=False)

    def ending_with(self, session: date) -> "Warehouse":
        """Return the same warehouse without any row of a later session."""
        return replace(self, last=session)

    def read(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> pa.Table:
        """Return the rows of one query over a short read-only connection.

        Args:
            sql: one statement; order is promised only where it says `order by`.
            parameters: values for `?` (a sequence) or `$name` (a mapping) placeholders.

        Raises:
            DataError: the warehouse does not exist yet.
        """
        with self.connect(read_only=True) as connection:
            return connection.execute(sql, parameters or None).to_arrow_table()

    def has_table(self, schema: str, table: str) -> bool:
        """Return whether a table or view exists; False when the warehouse itself does not."""
        if not self.path.exists():
            return False
        found = self.read(
            "select 1 from information_schema.tables where table_schema = ? and table_name = ?", (schema, table)
        )
        return bool(found.num_rows)

    @contextmanager
    def kept_open(self, *, read_only: bool = True) -> Iterator[None]:
        """Serve all connections of the block over one opened file: opening and closing it takes longer than most work.

        The first connection opens it, so a file that cannot be read fails that read and not the block. A block within
        another is served by the outer one.

        Args:
            read_only: whether the block only reads. One that writes shuts every other opening of the file out, of this
                process too, and what it wrote is brought into the file once, at its end.
        """
        if self._kept:
            yield
            return
        kept = _KeptOpen(read_only)
        self._kept.append(kept)
        try:
            yield
        finally:
            self._kept.clear()
            if kept.connection is not None:
                kept.connection.close()

    @contextmanager
    def connect(self, *, read_only: bool) -> "Iterator[duckdb.DuckDBPyConnection]":
        """Open the file with one thread, no reach beyond its folder and a locked configuration; close it after.

        One thread makes grouped results the same in every run; time zone UTC keeps instants comparable.

        Raises:
            DataError: the connection is read-only and the file does not exist.
        """
        if read_only:
            self._demand_file()
        if self._kept and (read_only or not self._kept[0].read_only):
            kept = self._kept[0]
            kept.connection = kept.connection or self._opened(read_only=kept.read_only)
            connection = kept.connection.cursor()
        else:
            connection = self._opened(read_only=read_only)
        try:
            yield connection
        finally:
            connection.close()

    def _demand_file(self) -> None:
        if not self.path.exists():
            raise DataError(
                f"warehouse {self.path.name} not found in {self.path.parent}: expected a built warehouse; "
                "materialize the features of a session first"
            )

    def _opened(self, *, read_only: bool) -> "duckdb.DuckDBPyConnection":
        import duckdb  # noqa: PLC0415 - definitions import this module; the library loads when a query runs

        config: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": _MEMORY}
        if self.last is not None:
            if not read_only:
                raise ValueError(f"a warehouse that ends with {self.last} can be read only")
            connection = duckdb.connect(config=config)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = duckdb.connect(str(self.path), read_only=read_only, config=config)
        try:
            if self.last is not None:
                _show_up_to(connection, self.path, self.last)
            _confine(connection, self.path.parent)
        except duckdb.Error:
            connection.close()
            raise
        return connection


def _show_up_to(connection: "duckdb.DuckDBPyConnection", path: Path, last: date) -> None:
    """Make a view of each relation of a file under its own name, without the rows of later sessions."""
    file = str(path.resolve()).replace("'", "''")
    connection.execute(f"attach '{file}' (read_only)")
    relations = connection.execute(
        "select table_catalog, table_schema, table_name, bool_or(column_name = 'session') "
        "from information_schema.columns where table_catalog <> current_database() group by all order by all"
    ).fetchall()
    for catalog, schema, name, has_session in relations:
        connection.execute(f'create schema if not exists "{schema}"')
        only = f" where session <= date '{last.isoformat()}'" if has_session else ""
        connection.execute(f'create view "{schema}"."{name}" as select * from "{catalog}"."{schema}"."{name}"{only}')  # noqa: S608 - the file's own names


def _confine(connection: "duckdb.DuckDBPyConnection", home: Path) -> None:
    """Allow files of the home only, for good, and tell instants in UTC; only this order of statements holds."""
    row = connection.execute("select current_setting('lock_configuration')").fetchone()
    if row is not None and row[0]:
        return  # a sibling connection of this process has locked the same database already
    connection.execute("set global timezone = 'UTC'")
    folder = str(home.resolve()).replace("'", "''")
    connection.execute(f"set allowed_directories = ['{folder}/']")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
