"""What the rows of a raw table say, as one canonical order and one hash.

The hash is taken over the values and not over the file: Parquet bytes change with the writer's version and compression,
the values do not. Two homes that hold the same rows therefore name them alike, on any day and with any library.
"""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.schemas import RawTable
from execution.domain.errors import DataError


def conform(table: RawTable, rows: pa.Table) -> pa.Table:
    """Return the rows with exactly the table's schema.

    Raises:
        DataError: a column is missing, unknown or of another type, or a required value is null.
    """
    if rows.column_names != table.schema.names:
        raise DataError(
            f"raw/{table.name} has columns {rows.column_names}, expected {table.schema.names} in that order"
        )
    for field in table.schema:
        column = rows.column(field.name)
        if column.type != field.type:
            raise DataError(f"raw/{table.name}.{field.name} is {column.type}, expected {field.type}: fix the source")
        if not field.nullable and column.null_count:
            raise DataError(f"raw/{table.name}.{field.name} has {column.null_count} nulls, expected none")
    return pa.Table.from_arrays([column.combine_chunks() for column in rows.columns], schema=table.schema)


def canonical_order(table: RawTable, rows: pa.Table) -> pa.Table:
    """Return the rows sorted by `known_at`, then by fact key: equal sets of rows become equal tables.

    Time comes first because readers ask for the newest sessions, and sorted files let them skip the rest.
    """
    keys = [(name, "ascending") for name in ("known_at", *table.fact_key)]
    return rows.take(pc.sort_indices(rows, sort_keys=keys)).combine_chunks()


def table_hash(table: RawTable, rows: pa.Table) -> str:
    """Return the SHA-256 of a table's name, columns and values, as 64 hexadecimal digits.

    Per column: its name and type, the number of rows, one byte per row for presence, then the values little-endian
    (strings as lengths and UTF-8 bytes), with zero in place of what is absent.
    """
    digest = hashlib.sha256(f"touchstone raw v1\n{table.name}\n{rows.num_rows}\n".encode())
    for field in table.schema:
        digest.update(f"{field.name}:{field.type}\n".encode())
        column = rows.column(field.name).combine_chunks()
        array = column.chunk(0) if isinstance(column, pa.ChunkedArray) and column.num_chunks else column
        for piece in _canonical_pieces(array):
            digest.update(piece)
    return digest.hexdigest()


def _canonical_pieces(array: Any) -> list[bytes | memoryview]:
    if len(array) == 0:
        return []
    presence = np.ascontiguousarray(array.is_valid().cast(pa.uint8()).to_numpy(zero_copy_only=False))
    if array.null_count:
        array = pa.concat_arrays([pc.if_else(array.is_valid(), array, _zero(array.type))])
    if pa.types.is_string(array.type):
        lengths = np.ascontiguousarray(pc.binary_length(array).to_numpy(zero_copy_only=False).astype("<i4"))
        _, offsets, data = array.buffers()
        bounds = np.frombuffer(offsets, dtype="<i4")[array.offset : array.offset + len(array) + 1]
        text = memoryview(data)[int(bounds[0]) : int(bounds[-1])] if data is not None else b""
        return [presence.data, lengths.data, text]
    if pa.types.is_boolean(array.type):
        return [presence.data, np.ascontiguousarray(array.cast(pa.uint8()).to_numpy(zero_copy_only=False)).data]
    width = array.type.bit_width // 8
    values = memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]
    return [presence.data, values]


def _zero(kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_string(kind):
        return pa.scalar("", kind)
    # Dates are counted in 32 bits and cast from no other width.
    return pa.scalar(0, pa.int32() if pa.types.is_date32(kind) else pa.int64()).cast(kind)
