"""The feature rows of one session, and the hash that names them: what a gate judges and a model scores."""

import hashlib
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.feature_catalogue import NAMES
from assets.warehouse import Warehouse

_COLUMNS: Final = ", ".join(("session", "symbol", *NAMES))


def feature_rows(warehouse: Warehouse, session: date) -> pa.Table:
    """Return a session's rows of `marts.fct_features`, ordered by symbol: session, symbol, then every feature."""
    return warehouse.read(
        f"select {_COLUMNS} from marts.fct_features where session = ? order by symbol",  # noqa: S608 - own column names
        (session,),
    )


def features_hash(warehouse: Warehouse, session: date) -> str:
    """Return the content hash of a session's ordered feature rows, as 64 hexadecimal digits.

    Two sessions have the same hash only when every name, null and bit of every value agrees.
    """
    return rows_hash(feature_rows(warehouse, session))


def rows_hash(rows: pa.Table) -> str:
    """Return the content hash of feature rows in the order given.

    Args:
        rows: columns session (date), symbol (string) and doubles; NaN must not occur, null means absent.
    """
    digest = hashlib.sha256()
    for name in rows.column_names:
        column = rows.column(name).combine_chunks()
        digest.update(f"{name}\x1f{len(column)}\x1e".encode())
        if pa.types.is_floating(column.type):
            digest.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
            digest.update(pc.fill_null(column, 0.0).to_numpy().astype("<f8").tobytes())
        else:
            digest.update("\x1f".join(column.cast(pa.string()).to_pylist()).encode())
    return digest.hexdigest()
