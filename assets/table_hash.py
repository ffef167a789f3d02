"""Content hash of an Arrow table: equal values in equal order give equal digits, whatever buffers they lie in.

Arrow's own bytes will not do: slices, chunks and the slots behind nulls differ between equal tables.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def table_hash(table: pa.Table) -> str:
    """Return the SHA-256 of a table's column names, types and values in row order, as 64 hexadecimal digits.

    Floats are hashed by their bits, so a difference in the last bit is a difference.

    Raises:
        TypeError: a column has a type that no table of this project has.
    """
    digest = hashlib.sha256()
    digest.update(f"{table.num_rows};".encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(f"{name}:{column.type};".encode())
        values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        digest.update(np.packbits(values.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        digest.update(_value_bytes(values))
    return digest.hexdigest()


def _value_bytes(values: pa.Array) -> bytes:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _value_bytes(values.cast(kind.value_type))
    if pa.types.is_boolean(kind):
        return np.packbits(values.fill_null(value=False).to_numpy(zero_copy_only=False)).tobytes()
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return bytes(pc.fill_null(values, pa.scalar(0, kind)).to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_date32(kind):
        return _value_bytes(values.cast(pa.int32()))
    if pa.types.is_timestamp(kind):
        return _value_bytes(values.cast(pa.int64()))
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return _value_bytes(values.cast(pa.string()))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = [(text or "").encode() for text in values.to_pylist()]
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        return lengths.tobytes() + b"".join(texts)
    raise TypeError(f"no content hash is defined for a column of type {kind}; cast it before hashing")
