"""The columns of one user's file as columns of one raw table, before anything is judged.

A wide file of filings, one row per report, becomes one row per report and metric here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.file_reading import bad_file
from assets.ingest.file_values import CellForm, typed
from assets.ingest.files_settings import KNOWN_COLUMNS, TableFile
from assets.schemas import INSTANT, RawTable

_STAMPED: Final = ("source", "feed", "known_at")
_KNOWN_FIELDS: Final = {
    "known_at": pa.field("known_at", INSTANT, nullable=False),
    "known_date": pa.field("known_date", pa.date32(), nullable=False),
}
_FIGURE: Final = pa.field("value", pa.float64())


@dataclass(frozen=True, slots=True)
class MappedColumns:
    """Contract columns of one file.

    Attributes:
        values: contract column to its values, all but source, feed and known_at.
        told: `known_at` or `known_date` to its values, where the file tells one.
        places: 1-based data row each value came from.
    """

    values: dict[str, Any]
    told: dict[str, Any]
    places: pa.Array


def mapped_columns(table: RawTable, spec: TableFile, raw: pa.Table, places: pa.Array) -> MappedColumns:
    """Return the contract columns of a file's wanted rows.

    Args:
        table: the contract.
        spec: the mapping.
        raw: the file's columns, wanted rows only.
        places: 1-based data row of each of them.

    Raises:
        BadSourceFile: a cell is no value of its column's type, or empty where one is required.
    """
    told = _told_times(spec, raw, places)
    if spec.metrics:
        return _unpivoted(table, spec, raw, places, told)
    return MappedColumns(_values(table, spec, raw, places), told, places)


def _cells(raw: pa.Table, column: str) -> pa.Array:
    chunked = raw.column(column)
    return pa.concat_arrays(chunked.chunks) if chunked.num_chunks else pa.array([], chunked.type)


def _form(spec: TableFile, column: str, places: pa.Array, name: str) -> CellForm:
    return CellForm(
        file=spec.file,
        column=column,
        rows=places,
        scale=spec.scale.get(name, 1.0),
        date_format=spec.date_format,
        timezone=spec.timezone,
    )


def _values(table: RawTable, spec: TableFile, raw: pa.Table, places: pa.Array) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in table.schema:
        if field.name in _STAMPED:
            continue
        if field.name in spec.columns or field.name in spec.constants:
            values[field.name] = _value(field, spec, raw, places)
        elif field.nullable:
            values[field.name] = pa.nulls(len(places), field.type)
        elif field.name == "is_halted":
            values[field.name] = pa.repeat(pa.scalar(value=False), len(places))
    if table.name == "news" and "news_id" not in values:
        values["news_id"] = _headline_ids(values)
    return values


def _value(field: pa.Field, spec: TableFile, raw: pa.Table, places: pa.Array) -> pa.Array:
    column = spec.columns.get(field.name)
    if column is None:
        return pa.repeat(_constant(spec, field), len(places))
    return typed(_cells(raw, column), field, _form(spec, column, places, field.name))


def _constant(spec: TableFile, field: pa.Field) -> pa.Scalar:
    try:
        return pa.scalar(spec.constants[field.name]).cast(field.type)
    except pa.ArrowException as error:
        fault = f"the constant {spec.constants[field.name]!r} is no {field.type}"
        raise bad_file(spec.file, fault, column=field.name) from error


def _headline_ids(values: Mapping[str, Any]) -> pa.Array:
    """Return an id per headline made of its symbol, instant and words: the same headline has the same id anywhere."""
    micros = values["published_at"].cast(pa.int64())
    days = values["published_at"].cast(pa.date32(), safe=False).cast(pa.string())
    rows = zip(*(column.to_pylist() for column in (values["symbol"], days, micros, values["headline"])), strict=True)
    ids = [
        f"{day}-{hashlib.sha256(f'{symbol}|{at}|{words}'.encode()).hexdigest()[:16]}" for symbol, day, at, words in rows
    ]
    return pa.array(ids, pa.string())


def _unpivoted(
    table: RawTable, spec: TableFile, raw: pa.Table, places: pa.Array, told: dict[str, Any]
) -> MappedColumns:
    """Return one row per report and metric from one row per report; empty cells are no row."""
    shared = {name: _value(table.schema.field(name), spec, raw, places) for name in ("symbol", "form", "period_end")}
    pieces = []
    for name, metric in spec.metrics.items():
        value = typed(_cells(raw, metric.column), _FIGURE, _form(spec, metric.column, places, name))
        months = _months(spec, name, raw, shared["form"], places)
        columns = {**shared, **told, "metric": pa.repeat(name, len(places)), "value": value, "duration_months": months}
        pieces.append(pa.table({**columns, "place": places}).filter(pc.is_valid(value)))
    joined = pa.concat_tables(pieces).combine_chunks()
    columns = {name: _cells(joined, name) for name in joined.column_names}
    places = columns.pop("place")
    return MappedColumns(columns, {name: columns.pop(name) for name in told}, places)


def _months(spec: TableFile, name: str, raw: pa.Table, forms: pa.Array, places: pa.Array) -> pa.Array:
    metric = spec.metrics[name]
    if isinstance(metric.months, int):
        return pa.array(np.full(len(places), metric.months, dtype=np.int16))
    by = _cells(raw, metric.months_by).cast(pa.string()) if metric.months_by else forms
    known = pa.array(list(metric.months), pa.string())
    position = pc.index_in(by, known)
    unknown = np.flatnonzero(position.is_null().to_numpy(zero_copy_only=False))
    if len(unknown):
        at = int(unknown[0])
        fault = f"found {by[at].as_py()!r}, expected one of {list(metric.months)} to tell the months of {name}"
        raise bad_file(spec.file, fault, row=places[at].as_py(), column=metric.months_by or "form")
    return pa.array(list(metric.months.values()), pa.int16()).take(position)


def _told_times(spec: TableFile, raw: pa.Table, places: pa.Array) -> dict[str, Any]:
    return {
        name: typed(_cells(raw, spec.columns[name]), _KNOWN_FIELDS[name], _form(spec, spec.columns[name], places, name))
        for name in KNOWN_COLUMNS & spec.columns.keys()
    }
