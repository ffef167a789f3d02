"""The rows a gate judges and a batch is made from, named by one hash.

More than the features: prices, halts, membership and returns reach the order too, so a certificate must vouch for them.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.warehouse import Warehouse

# Each with the column that, within a session, makes its rows unique.
JUDGED_MARTS: Final[Mapping[str, str]] = {
    "fct_features": "symbol",
    "fct_market_context": "session",
    "fct_total_returns": "symbol",
    "fct_trading_facts": "symbol",
    "fct_universe": "symbol",
}


def judged_rows(warehouse: Warehouse, session: date) -> dict[str, pa.Table]:
    """Return the rows of one session in every judged mart, ordered."""
    with warehouse.kept_open():
        return {
            mart: warehouse.read(f"select * from marts.{mart} where session = ? order by {order}", [session])  # noqa: S608 - constants
            for mart, order in JUDGED_MARTS.items()
        }


def judged_features_hash(rows: Mapping[str, pa.Table]) -> str:
    """Return the hash that names one session's judged rows, as 64 hexadecimal digits.

    Equal rows give equal digits in any process; a difference in the last bit of one float is a difference.
    """
    digest = hashlib.sha256()
    for mart in JUDGED_MARTS:
        digest.update(f"{mart}={table_hash(rows[mart])};".encode())
    return digest.hexdigest()


def table_hash(table: pa.Table) -> str:
    """Return the SHA-256 of a table's column names, types and values in row order.

    Arrow's own bytes will not do: slices, chunks and the slots behind nulls differ between equal tables.

    Raises:
        TypeError: a column has a type that no mart has.
    """
    digest = hashlib.sha256(f"{table.num_rows};".encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(f"{name}:{column.type};".encode())
        values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        digest.update(np.packbits(values.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        digest.update(_value_bytes(values))
    return digest.hexdigest()


def _value_bytes(values: pa.Array) -> bytes:
    kind = values.type
    if pa.types.is_boolean(kind):
        return _value_bytes(values.cast(pa.uint8()))
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return bytes(pc.fill_null(values, pa.scalar(0, kind)).to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_date32(kind):
        return _value_bytes(values.cast(pa.int32()))
    if pa.types.is_timestamp(kind):
        return _value_bytes(values.cast(pa.int64()))
    if pa.types.is_decimal(kind) or pa.types.is_null(kind) or pa.types.is_dictionary(kind):
        return _value_bytes(values.cast(pa.string()))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = [(text or "").encode() for text in values.to_pylist()]
        return np.array([len(text) for text in texts], dtype=np.int64).tobytes() + b"".join(texts)
    raise TypeError(f"no content hash is defined for a column of type {kind}; cast it in the mart")
