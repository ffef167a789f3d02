"""Rows of the ledger that are old enough to be archived as well: which, and as a table that proves itself.

They stay in the ledger, for a chain with a hole proves nothing. The archive outlives the policy of backups, and its
rows hash to the same chain without the database.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date
from typing import Final

import pyarrow as pa

from assets.maintenance.archive import Archive
from assets.maintenance.retention import AUDIT, Item
from execution.ledger.event_codec import decoded
from execution.ledger.sql_driver import SqlDriver

SCHEMA: Final = pa.schema(
    [("sequence", pa.int64()), ("previous_hash", pa.string()), ("hash", pa.string()), ("body", pa.string())]
)


def archived_upto(archive: Archive) -> int:
    """Return the number of the last row of the ledger that the archive holds; 0 before the first."""
    names = [str(name) for line in archive.lines() if line["kind"] == AUDIT for name in _names(line["names"])]
    return max((int(name.rpartition(" ")[2]) for name in names), default=0)


def old_rows(driver: SqlDriver, *, after: int, before: date) -> Iterator[Item]:
    """Yield the rows from before a day that were not archived yet, as one thing to archive.

    Args:
        driver: of the ledger.
        after: number of the last row that was archived.
        before: rows are older than this day.
    """
    last, size, day = after, 0, None
    with driver.reading() as connection, closing(connection.chain(after)) as rows:
        for sequence, _, _, body in rows:
            written = decoded(body).at.date()
            if written >= before:
                break
            last, size, day = sequence, size + len(body), written
    if day is not None:
        name = f"rows {after + 1} to {last}"
        yield Item(kind=AUDIT, name=name, day=day, rows=last - after, size_bytes=size)


def rows_of_item(driver: SqlDriver, item: Item) -> pa.Table:
    """Return the rows an item names, with the hashes by which they are a piece of the chain."""
    _, first, _, last = item.name.split()
    found: list[dict[str, object]] = []
    with driver.reading() as connection, closing(connection.chain(int(first) - 1)) as rows:
        for sequence, previous_hash, own_hash, body in rows:
            if sequence > int(last):
                break
            texts = {"previous_hash": previous_hash.decode(), "hash": own_hash.decode(), "body": body.decode()}
            found.append({"sequence": sequence, **texts})
    return pa.Table.from_pylist(found, schema=SCHEMA)


def _names(names: object) -> Iterable[object]:
    return names if isinstance(names, list) else ()
