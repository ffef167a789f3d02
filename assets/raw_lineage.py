"""From a decision down to the raw rows it could see, and from a raw row up to the decisions that could see it.

Both directions follow the pinned snapshot: a row stands behind a session when its part is on the session's list and it
was known at the cut-off. Nothing here is stored; the parts and the pins are the lineage.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from assets import schemas
from assets.raw_store import RawStore
from assets.schemas import INSTANT, RawTable
from assets.snapshots import DataSnapshot
from execution.domain.errors import DataError

# The dataset scanner's own name for the file a row was read from.
_FILE = "__filename"
# Events that concern every symbol carry this one.
_EVERY_SYMBOL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsBehind:
    """What one raw table knew of one symbol at a session's cut-off.

    Attributes:
        table: name of the raw table.
        rows: rows known by then, corrections and what they corrected both counted.
        parts: hash of each part they came in and how many came in it, sorted by hash.
        origins: `source/feed` of the rows, sorted.
        first_known_at: when the earliest became known.
        last_known_at: when the latest became known.
        newest: the row that became known last.
    """

    table: str
    rows: int
    parts: tuple[tuple[str, int], ...]
    origins: tuple[str, ...]
    first_known_at: datetime
    last_known_at: datetime
    newest: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One stored row: its table, the part it came in, and its columns."""

    table: str
    part_hash: str
    columns: Mapping[str, Any]

    def is_behind(self, snapshot: DataSnapshot) -> bool:
        """Return whether a session with this snapshot could see the row."""
        known_at: datetime = self.columns["known_at"]
        return self.part_hash in snapshot.hashes(self.table) and known_at <= snapshot.as_of


def rows_behind(raw_store: RawStore, snapshot: DataSnapshot, symbol: str) -> tuple[RowsBehind, ...]:
    """Return, per raw table that has any, the rows of a symbol a session could see.

    Args:
        raw_store: where the parts lie.
        snapshot: the session's pinned list.
        symbol: exchange symbol; rows about every symbol count too.

    Raises:
        CorruptArtifact: a part of the snapshot is gone.
    """
    found = []
    for table in schemas.ALL:
        if "symbol" not in table.schema.names:
            continue
        known = pc.field("known_at") <= pa.scalar(snapshot.as_of, INSTANT)
        about = pc.field("symbol").isin([symbol, _EVERY_SYMBOL])
        rows = _read(raw_store.paths(snapshot, table), table, known & about)
        if rows.num_rows:
            found.append(_summary(table, rows))
    return tuple(found)


def stored_rows(raw_store: RawStore, table: RawTable, wanted: Mapping[str, str]) -> tuple[RawRow, ...]:
    """Return every stored version of the rows with given column values, earliest known first.

    Args:
        raw_store: where the parts lie.
        table: the raw table.
        wanted: column name to value, as text.

    Raises:
        DataError: a column is not one of the table's, or a value is not of its type.
    """
    matches = pc.scalar(True)  # noqa: FBT003 - the neutral filter
    for name, text in wanted.items():
        matches &= pc.field(name) == _typed(table, name, text)
    paths = [raw_store.path(table, part.hash) for part in raw_store.parts(table)]
    rows = _read(paths, table, matches).sort_by("known_at").to_pylist() if paths else []
    return tuple(RawRow(table=table.name, part_hash=Path(row.pop(_FILE)).stem, columns=row) for row in rows)


def _typed(table: RawTable, name: str, text: str) -> pa.Scalar:
    if name not in table.schema.names:
        raise DataError(f"raw/{table.name} has no column {name!r}: it has {', '.join(table.schema.names)}")
    kind = table.schema.field(name).type
    try:
        return pc.cast(pa.scalar(text), kind)
    except pa.ArrowInvalid as error:
        raise DataError(f"{name}={text!r} is no {kind}, as raw/{table.name} has it: {error}") from error


def _read(paths: list[Path], table: RawTable, matches: pc.Expression) -> pa.Table:
    files = ds.dataset([str(path) for path in paths], schema=table.schema, format="parquet")
    # One thread: the reader's pool may abort the process at its very end, and a command line has an exit code.
    return files.to_table(columns=[*table.schema.names, _FILE], filter=matches, use_threads=False)


def _summary(table: RawTable, rows: pa.Table) -> RowsBehind:
    known = pc.min_max(rows.column("known_at")).as_py()
    by_part = Counter(Path(name).stem for name in rows.column(_FILE).to_pylist())
    origins = {f"{row['source']}/{row['feed']}" for row in rows.select(["source", "feed"]).to_pylist()}
    newest = rows.sort_by([("known_at", "descending")]).slice(0, 1).drop_columns([_FILE]).to_pylist()[0]
    return RowsBehind(
        table=table.name,
        rows=rows.num_rows,
        parts=tuple(sorted(by_part.items())),
        origins=tuple(sorted(origins)),
        first_known_at=known["min"],
        last_known_at=known["max"],
        newest=newest,
    )
