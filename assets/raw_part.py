"""One immutable file of the raw store, as its index line and its own footer describe it.

The same line stands in both places, so an index can always be made again from the files.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from assets.schemas import RawTable
from assets.table_content import table_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One immutable file of one table.

    Attributes:
        table: name of the raw table.
        hash: content hash of its rows; the file's name.
        session: the session whose cycle took it in.
        rows: number of rows, never 0.
        min_known_at: when its earliest row became known.
        max_known_at: when its latest row became known.
        recorded_at: when we stored it; not part of the hash.
        ranges: per column of the fact key its smallest and largest value, as text that sorts like the values.
        revision: which state of the source it came from; empty when the source has no states.
    """

    table: str
    hash: str
    session: date
    rows: int
    min_known_at: datetime
    max_known_at: datetime
    recorded_at: datetime
    ranges: tuple[tuple[str, str, str], ...]
    revision: str = ""


def describe(table: RawTable, rows: pa.Table, *, session: date, recorded_at: datetime, revision: str) -> Part:
    """Return the description of a part that would hold these rows; at least one row."""
    known = pc.min_max(rows.column("known_at")).as_py()
    return Part(
        table=table.name,
        hash=table_hash(table, rows),
        session=session,
        rows=rows.num_rows,
        min_known_at=known["min"].astimezone(UTC),
        max_known_at=known["max"].astimezone(UTC),
        recorded_at=recorded_at.astimezone(UTC),
        ranges=key_ranges(table, rows),
        revision=revision,
    )


def key_ranges(table: RawTable, rows: pa.Table) -> tuple[tuple[str, str, str], ...]:
    """Return the smallest and largest value of each fact-key column, as text that sorts like the values."""
    bounds = {name: pc.min_max(rows.column(name)).as_py() for name in table.fact_key}
    return tuple((name, _text(bound["min"]), _text(bound["max"])) for name, bound in bounds.items())


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else str(value)


def overlap(left: tuple[tuple[str, str, str], ...], right: tuple[tuple[str, str, str], ...]) -> bool:
    """Return whether two sets of ranges may name a common fact."""
    others = {name: (low, high) for name, low, high in right}
    return all(low <= others[name][1] and others[name][0] <= high for name, low, high in left)


def encode_line(part: Part) -> bytes:
    """Return a part as its index line, without the line's end."""
    return orjson.dumps(
        {
            "table": part.table,
            "hash": part.hash,
            "session": part.session.isoformat(),
            "rows": part.rows,
            "min_known_at": _text(part.min_known_at),
            "max_known_at": _text(part.max_known_at),
            "recorded_at": _text(part.recorded_at),
            "ranges": part.ranges,
            "revision": part.revision,
        }
    )


def parse_line(line: bytes) -> Part | None:
    """Return the part a line describes; None for an empty line or one a crash cut short: the footer tells the same."""
    try:
        stored = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return Part(
        table=stored["table"],
        hash=stored["hash"],
        session=date.fromisoformat(stored["session"]),
        rows=stored["rows"],
        min_known_at=datetime.fromisoformat(stored["min_known_at"]),
        max_known_at=datetime.fromisoformat(stored["max_known_at"]),
        recorded_at=datetime.fromisoformat(stored["recorded_at"]),
        ranges=tuple((name, low, high) for name, low, high in stored["ranges"]),
        revision=stored.get("revision", ""),
    )
