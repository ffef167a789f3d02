"""Give space back and refresh statistics: DuckDB checkpointed, SQLite files vacuumed. No row changes."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from assets.warehouse import Warehouse
from execution.domain.errors import DataError

_COUNTS: Final = ("page_count", "freelist_count")
_WORTH_IT: Final = 0.2
"""Share of empty pages from which a database is rewritten."""


def compact(warehouse: Warehouse, databases: Sequence[Path]) -> dict[str, int]:
    """Compact what exists and return bytes before and after, by the file's name.

    Args:
        warehouse: nobody else may have it open.
        databases: SQLite files, not the ledger: only trading writes that.

    Raises:
        DataError: a database is damaged, or somebody holds it for half a minute.
    """
    sizes: dict[str, int] = {}
    if warehouse.path.exists():
        sizes[f"{warehouse.path.name}_before_bytes"] = warehouse.path.stat().st_size
        with warehouse.connect(read_only=False) as connection:
            connection.execute("checkpoint")
        sizes[f"{warehouse.path.name}_after_bytes"] = warehouse.path.stat().st_size
    for path in (path for path in databases if path.exists()):
        sizes[f"{path.name}_before_bytes"] = path.stat().st_size
        try:
            with closing(sqlite3.connect(path, timeout=30.0, isolation_level=None)) as database:
                (pages,), (free,) = (database.execute(f"pragma {what}").fetchone() for what in _COUNTS)
                # Rewriting a full file gives nothing back, and moves pages that the next backup must write again.
                if free > pages * _WORTH_IT:
                    database.execute("vacuum")
                database.execute("pragma optimize")
        except sqlite3.Error as error:
            raise DataError(f"{path.name} cannot be compacted: {error}; its rows are as they were") from error
        sizes[f"{path.name}_after_bytes"] = path.stat().st_size
    return sizes
