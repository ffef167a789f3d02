"""One user's file to rows of one raw table: read, convert, stamp, judge.

The order is fixed: rows that are none of the table's are skipped, cells become values, rows outside the data's span are
left out, `known_at` is told or derived, and then every row is judged by the table's rules.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.columns import instants
from assets.ingest.file_mapping import mapped_columns
from assets.ingest.file_reading import FileLimits, bad_file, located, read_csv, read_parquet
from assets.ingest.file_rules import BrokenRule, Refusal, broken_rules, repeated
from assets.ingest.files_settings import Scalar, TableFile
from assets.ingest.known_times import KnownTimes, known_at
from assets.schemas import RawTable

_SESSION_COLUMN: Final = {"daily_bars": "session", "corporate_actions": "ex_session", "indices": "session"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContext:
    """What every file of one source shares.

    Attributes:
        folder: where the files are.
        limits: what is opened at all.
        source: name of the source, stamped on every row.
        known: the rules of `known_at`.
        first: first session of the data; None while it is not known yet.
        last: last session of the data; None while it is not known yet.
    """

    folder: Path
    limits: FileLimits
    source: str
    known: KnownTimes
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class FileRows:
    """Rows of one file that keep every rule, and those that do not."""

    rows: pa.Table
    places: pa.Array
    refusals: tuple[Refusal, ...]


def file_rows(table: RawTable, spec: TableFile, context: FileContext) -> FileRows:
    """Return a file's rows of a raw table.

    Raises:
        BadSourceFile: the file is unusable, or a row breaks a rule and the mapping does not ask for quarantine.
    """
    raw, places = _wanted(*_read(spec, context), spec)
    mapped = mapped_columns(table, spec, raw, places)
    known, is_assumed = known_at(
        context.known,
        table.name,
        mapped.values,
        mapped.told,
        start=context.first or date.min,
        lag_days=spec.assumed_lag_days,
    )
    feed = PurePosixPath(spec.file).stem + ("/assumed" if is_assumed else "")
    count = len(mapped.places)
    origin = {"source": pa.repeat(context.source, count), "feed": pa.repeat(feed, count), "known_at": instants(known)}
    stamped = {**mapped.values, **origin}
    # A file of securities may leave its listing dates to be derived from the bars: they are no column yet.
    rows = pa.table({name: stamped[name] for name in table.schema.names if name in stamped})
    return _judged(table, spec, *_inside_span(table, rows, mapped.places, context))


def _read(spec: TableFile, context: FileContext) -> tuple[pa.Table, pa.Array]:
    """Return the file's columns that the mapping names, and the 1-based row of each of their rows."""
    path = located(context.folder, spec.file, limits=context.limits)
    wanted = {*spec.columns.values(), *spec.skip_where}
    for metric in spec.metrics.values():
        wanted |= {metric.column, *([metric.months_by] if metric.months_by else [])}
    columns = sorted(wanted)
    if (spec.format or path.suffix.lstrip(".").lower()) == "parquet":
        table = read_parquet(path, spec.file, columns, limits=context.limits)
        return table, pa.array(np.arange(1, table.num_rows + 1))
    return read_csv(path, spec.file, columns, delimiter=spec.delimiter, limits=context.limits)


def _wanted(raw: pa.Table, places: pa.Array, spec: TableFile) -> tuple[pa.Table, pa.Array]:
    """Return the rows that are not marked to skip, and their 1-based numbers in the file."""
    for column, marks in spec.skip_where.items():
        try:
            encoded = raw.column(column).combine_chunks().dictionary_encode()
            cells = encoded.dictionary.to_pylist()
        except (pa.ArrowException, OverflowError, ValueError) as error:
            fault = f"its cells cannot be compared with skip_where ({error}); mark rows by another column"
            raise bad_file(spec.file, fault, column=column) from error
        # Each value is looked at once, however many rows have it.
        is_marked = [any(_is_mark(cell, mark) for mark in marks) for cell in cells]
        kept = pc.fill_null(pc.invert(pa.array(is_marked, pa.bool_()).take(encoded.indices)), True)  # noqa: FBT003 - by position only
        raw, places = raw.filter(kept), places.filter(kept)
    return raw.combine_chunks(), places


def _is_mark(cell: Any, mark: Scalar) -> bool:
    """Return whether a cell is a value of `skip_where`: text is what it says, a number or a truth value its worth."""
    if isinstance(cell, bytes):
        cell = cell.decode(errors="replace")
    if isinstance(cell, str) and isinstance(mark, str):
        return cell == mark
    worth = _number(mark)
    return (worth is not None and _number(cell) == worth) or str(cell).lower() == str(mark).lower()


def _number(value: Any) -> float | None:
    """Return what a value is worth as a number, true as one; None for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _inside_span(table: RawTable, rows: pa.Table, places: pa.Array, context: FileContext) -> tuple[pa.Table, pa.Array]:
    column = _SESSION_COLUMN.get(table.name)
    if column is None:
        return rows, places
    for bound, is_out in ((context.first, pc.less), (context.last, pc.greater)):
        if bound is not None:
            kept = pc.invert(is_out(rows.column(column), pa.scalar(bound, pa.date32())))
            rows, places = rows.filter(kept), places.filter(kept.combine_chunks())
    return rows.combine_chunks(), places


def _judged(table: RawTable, spec: TableFile, rows: pa.Table, places: pa.Array) -> FileRows:
    if table.name == "news" and "news_id" not in spec.columns:
        # Ids made of the words: a repetition is the same headline listed twice, not a contradiction.
        once = pa.array(~repeated(table, rows))
        rows, places = rows.filter(once).combine_chunks(), places.filter(once)
    refusals: list[Refusal] = []
    kept = np.ones(rows.num_rows, dtype=bool)
    for broken in broken_rules(table, rows):
        for position in np.flatnonzero(broken.rows):
            found = _found(rows, int(position), broken)
            place = places[int(position)].as_py()
            column = spec.columns.get(broken.column, broken.column)
            if not spec.quarantine:
                fault = f"found {found}, expected {broken.demand}; correct it or set quarantine"
                raise bad_file(spec.file, fault, row=place, column=column)
            refusal = Refusal(file=spec.file, row=place, column=column, demand=broken.demand, found=found)
            refusals.append(refusal)
        kept &= ~broken.rows
    return FileRows(rows.filter(pa.array(kept)), places.filter(pa.array(kept)), tuple(refusals))


def _found(rows: pa.Table, position: int, broken: BrokenRule) -> str:
    """Return a row's value in the column of a rule, with those of the columns to tell beside it."""
    beside = ", ".join(f"{name} {rows.column(name)[position].as_py()}" for name in broken.beside)
    return f"{rows.column(broken.column)[position].as_py()}" + (f" ({beside})" if beside else "")
