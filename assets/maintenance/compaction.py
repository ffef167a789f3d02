"""Give space back and refresh statistics: DuckDB checkpointed and rewritten, SQLite and Postgres vacuumed and analysed.

No row changes. A file is rewritten only where a fifth of it is empty: rewriting a full one gives nothing back, and
moves pages that the next backup must write again.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from execution.durable_files import DurableFiles

_COUNTS: Final = ("page_count", "freelist_count")
_WORTH_IT: Final = 0.2
"""Share of empty pages from which a database is rewritten."""


def compact(
    warehouse: Warehouse, databases: Sequence[Path], postgres: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Compact what exists and return bytes before and after, by the file's or the database's name.

    Args:
        warehouse: nobody else may have it open.
        databases: SQLite files, not the ledger: only trading writes that.
        postgres: addresses of Postgres databases by what they are called here; an address is never shown.

    Raises:
        DataError: a database is damaged or cannot be reached, or somebody holds it for half a minute.
    """
    sizes: dict[str, int] = {}
    if warehouse.path.exists():
        sizes[f"{warehouse.path.name}_before_bytes"] = warehouse.path.stat().st_size
        _compact_warehouse(warehouse)
        sizes[f"{warehouse.path.name}_after_bytes"] = warehouse.path.stat().st_size
    for path in (path for path in databases if path.exists()):
        sizes[f"{path.name}_before_bytes"] = path.stat().st_size
        _compact_sqlite(path)
        sizes[f"{path.name}_after_bytes"] = path.stat().st_size
    for name, address in (postgres or {}).items():
        before, after = _compact_postgres(name, address)
        sizes |= {f"{name}_before_bytes": before, f"{name}_after_bytes": after}
    return sizes


def _compact_warehouse(warehouse: Warehouse) -> None:
    """Checkpoint the warehouse, and copy it into a new file where it has become loose; DuckDB never shrinks a file."""
    loose = warehouse.path.with_name(f".{warehouse.path.name}.rewritten")
    with warehouse.connect(read_only=False) as connection:
        connection.execute("checkpoint")
        sizes = connection.execute(
            "select database_name, total_blocks, free_blocks from pragma_database_size() "
            "where database_name = current_database()"
        ).fetchone()
        if sizes is None or sizes[2] <= sizes[1] * _WORTH_IT:
            return
        for leftover in (loose, loose.with_name(f"{loose.name}.wal")):
            leftover.unlink(missing_ok=True)
        told = str(loose).replace("'", "''")
        connection.execute(f"attach '{told}' as rewritten")
        connection.execute(f'copy from database "{sizes[0]}" to rewritten')
        connection.execute("detach rewritten")
    files = DurableFiles()
    files.sync(loose)
    files.rename(loose, warehouse.path)
    files.sync_folder(warehouse.path.parent)


def _compact_sqlite(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=30.0, isolation_level=None)) as database:
            (pages,), (free,) = (database.execute(f"pragma {what}").fetchone() for what in _COUNTS)
            if free > pages * _WORTH_IT:
                database.execute("vacuum")
            database.execute("pragma optimize")
    except sqlite3.Error as error:
        raise DataError(f"{path.name} cannot be compacted: {error}; its rows are as they were") from error


def _compact_postgres(name: str, address: str) -> tuple[int, int]:
    """Vacuum and analyse every table of a database, and return its bytes before and after."""
    import psycopg2  # noqa: PLC0415 - loads where a home is in Postgres

    try:
        with closing(psycopg2.connect(address)) as database:
            # A vacuum is no part of a transaction.
            database.autocommit = True
            with database.cursor() as cursor:
                cursor.execute("select pg_database_size(current_database())")
                (before,) = cursor.fetchone()
                cursor.execute("set lock_timeout = '30s'")
                cursor.execute("vacuum (analyze)")
                cursor.execute("select pg_database_size(current_database())")
                (after,) = cursor.fetchone()
    except psycopg2.Error as error:
        # What the library says may hold the address.
        kind = type(error).__name__
        raise DataError(f"{name} cannot be compacted ({kind}): look at its server; its rows are as they were") from None
    return int(before), int(after)
