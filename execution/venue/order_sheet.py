"""Every order the venue took, with what the engine does not keep: when, in whose place, and how it was told to end.

The table to assert on: one row is one accepted order, whatever answers reached the client. It survives restarts in an
SQLite file of its own, beside the engine's.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter

from execution.brokers.venue_order import VenueOrder
from execution.domain.canonical import content_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """One order on the sheet.

    Attributes:
        order_id: the venue's own id, a UUID derived from the client order id, so that a day lived twice gives the same.
        order: the order as it was last seen in the engine; a scripted rejection is known here alone.
        accepted_at: the clock's instant at which it was taken.
        changed_at: when it last changed.
        ended_at: when it ended; None while it works.
        is_extended_hours: what the client asked for.
        order_class: simple, bracket or oco; the legs have the class of the order they came with.
        entry_id: of a leg attached to another order, that order's id; else empty.
        replaces: id of the order whose place it took; else empty.
        replaced_by: id of the order that took its place; else empty.
    """

    order_id: str
    order: VenueOrder
    accepted_at: datetime
    changed_at: datetime
    ended_at: datetime | None = None
    is_extended_hours: bool = False
    order_class: str = "simple"
    entry_id: str = ""
    replaces: str = ""
    replaced_by: str = ""


_ROW: Final = TypeAdapter(SheetRow)


class OrderSheet:
    """The rows in order of arrival, by either id. Whoever writes serialises the calls."""

    def __init__(self, path: Path | Literal[":memory:"] = ":memory:") -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("create table if not exists sheet (order_id text primary key, content blob not null)")
        self._rows: dict[str, SheetRow] = {}
        self._ids: dict[str, str] = {}
        for (content,) in self._connection.execute("select content from sheet order by rowid"):
            self._keep(_ROW.validate_json(content))

    def __iter__(self) -> Iterator[SheetRow]:
        """Go through the rows in order of arrival."""
        return iter(tuple(self._rows.values()))

    def put(self, row: SheetRow) -> None:
        """Write a row, new or changed."""
        self._connection.execute(
            "insert into sheet values (?, ?) on conflict (order_id) do update set content = excluded.content",
            (row.order_id, _ROW.dump_json(row)),
        )
        self._keep(row)

    def by_id(self, order_id: str) -> SheetRow | None:
        """Return the row of a venue's id, or None."""
        return self._rows.get(order_id)

    def by_client_id(self, client_order_id: str) -> SheetRow | None:
        """Return the row of a client order id, or None."""
        order_id = self._ids.get(client_order_id)
        return None if order_id is None else self._rows[order_id]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _keep(self, row: SheetRow) -> None:
        self._rows[row.order_id] = row
        self._ids[row.order.client_order_id] = row.order_id


def derived_uuid(*parts: str) -> str:
    """Return an id that looks like any other venue's and is the same for the same parts."""
    digest = content_hash(["venue", *parts])
    # Version 8 is the one whose bits are the maker's own (RFC 9562, section 5.8).
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
