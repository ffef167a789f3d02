"""Numbers and names to Arrow columns of the raw contracts, without a Python object per row."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.schemas import INSTANT, PRICE_USD, RawTable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(instant: datetime) -> int:
    """Return an instant as microseconds since 1970, exactly."""
    passed = instant - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def micros_of(instants: Sequence[datetime]) -> npt.NDArray[np.int64]:
    """Return instants as microseconds since 1970."""
    return np.array([micros(instant) for instant in instants], dtype=np.int64)


def instants(values: npt.NDArray[np.int64]) -> pa.Array:
    """Return microseconds since 1970 as UTC instants."""
    return pa.array(values.astype("datetime64[us]")).cast(INSTANT)


def days(values: npt.NDArray[np.datetime64]) -> pa.Array:
    """Return numpy days as dates; not-a-time becomes null."""
    return pa.array(values.astype("datetime64[D]"))


def prices(micro_usd: npt.NDArray[np.int64]) -> pa.Array:
    """Return whole millionths of a dollar as exact prices with six decimals."""
    # Two little-endian 64-bit words per value: the number, and its sign repeated.
    words = np.empty((len(micro_usd), 2), dtype="<i8")
    words[:, 0] = micro_usd
    words[:, 1] = micro_usd >> 63
    return pa.Array.from_buffers(PRICE_USD, len(micro_usd), [None, pa.py_buffer(words.tobytes())])


def named(names: Sequence[str], positions: npt.NDArray[np.integer]) -> pa.Array:
    """Return the names at the given positions."""
    return pa.array(names, pa.string()).take(pa.array(positions))


def contract_rows(
    table: RawTable, columns: Mapping[str, pa.Array], *, source: str, feed: str, known_at: npt.NDArray[np.int64]
) -> pa.Table:
    """Return rows of a raw table from its own columns, stamped with their origin.

    Args:
        table: the contract.
        columns: every column but the three of origin, all of one length.
        source: which adapter.
        feed: which of its feeds.
        known_at: microseconds since 1970, one per row.
    """
    origin = {
        "source": pa.repeat(source, len(known_at)),
        "feed": pa.repeat(feed, len(known_at)),
        "known_at": instants(known_at),
    }
    arrays = [{**columns, **origin}[name] for name in table.schema.names]
    return pa.Table.from_arrays([pa.array(array) for array in arrays], schema=table.schema)


def known_between(rows: pa.Table, *, after: datetime | None, upto: datetime) -> pa.Table:
    """Return the rows that became known later than `after` (None: ever) and no later than `upto`, in their order."""
    known = rows.column("known_at")
    kept = pc.less_equal(known, pa.scalar(upto, INSTANT))
    if after is not None:
        kept = pc.and_(kept, pc.greater(known, pa.scalar(after, INSTANT)))
    return rows.filter(kept)


def day_numbers(values: Sequence[date]) -> npt.NDArray[np.datetime64]:
    """Return dates as numpy days."""
    return np.array(values, dtype="datetime64[D]")
