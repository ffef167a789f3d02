"""The tape: what the simulated venue's world looks like, one Parquet file per session.

A source writes the tape; only the venue and the daily mark read it. Analysis never does: the tape holds a session's bar
from its open on, which is a view of the future for everyone but the venue. Prices are raw dollars per share.
"""

import io
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from execution.artifact_files import write_atomically
from execution.domain.errors import CorruptArtifact, DataError

SCHEMA: Final = pa.schema(
    [
        pa.field("session", pa.date32(), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("open_usd", pa.decimal128(18, 6), nullable=False),
        pa.field("high_usd", pa.decimal128(18, 6), nullable=False),
        pa.field("low_usd", pa.decimal128(18, 6), nullable=False),
        pa.field("close_usd", pa.decimal128(18, 6), nullable=False),
        pa.field("volume_shares", pa.int64(), nullable=False),
        pa.field("is_halted", pa.bool_(), nullable=False),
        pa.field("split_ratio", pa.decimal128(18, 6), nullable=False),
        pa.field("dividend_usd", pa.decimal128(18, 6), nullable=False),
        pa.field("is_last_session", pa.bool_(), nullable=False),
    ]
)
# A venue looks at today and a few days back; a backtest walks forward. More would only hold memory.
_SESSIONS_KEPT: Final = 32


@dataclass(frozen=True, slots=True)
class TapeRow:
    """One symbol on one session, as the world will have it.

    A split, dividend or delisting needs its row: on a day without trading that is a row in a halt, prices carried.

    Attributes:
        session: the exchange day.
        symbol: exchange symbol.
        open_usd: first price of the session.
        high_usd: highest price; not below open, low and close.
        low_usd: lowest price; above zero.
        close_usd: official close.
        volume_shares: raw shares traded in the session.
        is_halted: nothing trades in the symbol on this session.
        split_ratio: new shares per old, effective before this session's open; 1 when there is none.
        dividend_usd: dollars per share held before this session's open, counted before the split; 0 when there is none.
        is_last_session: the symbol is delisted after this session's close.
    """

    session: date
    symbol: str
    open_usd: Decimal
    high_usd: Decimal
    low_usd: Decimal
    close_usd: Decimal
    volume_shares: int
    is_halted: bool
    split_ratio: Decimal
    dividend_usd: Decimal
    is_last_session: bool


def write_tape(root: Path, session: date, rows: Iterable[TapeRow]) -> Path:
    """Write one session's tape and return its path; the same rows in any order give the same bytes.

    The file appears whole or not at all: a temporary file is synced and renamed over the final name. Writing rows that
    are already there leaves the file alone.

    Args:
        root: the folder of tapes; made when absent.
        session: the exchange day every row must carry.
        rows: at most one per symbol.

    Raises:
        DataError: a row is of another session, a symbol comes twice, or a value is impossible; nothing is written.
    """
    table = _table(session, rows)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", version="2.6", store_schema=False)
    content = buffer.getvalue()
    target = _path(root, session)
    if target.exists() and target.read_bytes() == content:
        return target
    write_atomically(target, content)
    return target


class Tape:
    """The tapes of one folder, read a session at a time; the newest sessions asked for are kept in memory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: OrderedDict[date, tuple[tuple[int, int], Mapping[str, TapeRow]]] = OrderedDict()

    def has(self, session: date) -> bool:
        """Return whether a session's tape was written."""
        return _path(self._root, session).exists()

    def rows(self, session: date) -> Mapping[str, TapeRow]:
        """Return every row of a session by symbol, in order of symbols.

        Raises:
            DataError: the session has no tape.
            CorruptArtifact: the file is no tape of this session.
        """
        path = _path(self._root, session)
        try:
            status = path.stat()
        except FileNotFoundError:
            raise DataError(
                f"no tape for {session}: expected {path.name} in the folder of tapes; "
                "take in that session first (its source writes the tape)"
            ) from None
        # A source may write a session again with a correction: the signature of the file tells.
        signature = (status.st_mtime_ns, status.st_size)
        kept = self._kept.get(session)
        if kept is None or kept[0] != signature:
            kept = (signature, MappingProxyType(_read(path, session)))
            self._kept[session] = kept
        self._kept.move_to_end(session)
        while len(self._kept) > _SESSIONS_KEPT:
            self._kept.popitem(last=False)
        return kept[1]

    def row(self, session: date, symbol: str) -> TapeRow | None:
        """Return a symbol's row of a session, or None when the symbol has no bar on it.

        Raises:
            DataError: the session has no tape at all.
        """
        return self.rows(session).get(symbol)


def _path(root: Path, session: date) -> Path:
    return root / f"{session.isoformat()}.parquet"


def _table(session: date, rows: Iterable[TapeRow]) -> pa.Table:
    ordered = sorted(rows, key=lambda row: row.symbol)
    try:
        columns = [pa.array([getattr(row, field.name) for row in ordered], type=field.type) for field in SCHEMA]
        table = pa.Table.from_arrays(columns, schema=SCHEMA)
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise DataError(f"tape of {session}: a value does not fit its column: {error}") from error
    for problem, is_broken in _problems(session, table):
        if pc.any(is_broken).as_py():
            row = ordered[pc.index(is_broken, value=True).as_py()]
            raise DataError(f"tape of {session}: {problem}; found {row}")
    return table


def _problems(session: date, table: pa.Table) -> Iterable[tuple[str, Any]]:
    symbols = table["symbol"].combine_chunks()
    zero = pa.scalar(Decimal(0), type=pa.decimal128(18, 6))
    low, high = table["low_usd"], table["high_usd"]
    yield "a value is missing", _any_of(*[pc.is_null(table[name]) for name in SCHEMA.names])
    yield "a row is of another session", pc.not_equal(table["session"], pa.scalar(session, pa.date32()))
    yield "a symbol is empty", pc.equal(symbols, "")
    if len(symbols) > 1:
        # Rows are sorted by symbol, so a repeated one stands beside itself.
        repeated = pc.equal(symbols[1:], symbols[:-1])
        yield "a symbol comes twice", pa.concat_arrays([pa.array([False]), repeated])
    yield "a price is not above zero", pc.less_equal(low, zero)
    yield (
        "open or close lies outside low and high",
        _any_of(
            *[_any_of(pc.less(table[name], low), pc.greater(table[name], high)) for name in ("open_usd", "close_usd")]
        ),
    )
    yield "volume is negative", pc.less(table["volume_shares"], 0)
    yield "a split ratio is not above zero", pc.less_equal(table["split_ratio"], zero)
    yield "a dividend is negative", pc.less(table["dividend_usd"], zero)


def _any_of(first: Any, *others: Any) -> Any:
    for other in others:
        first = pc.or_(first, other)
    return first


def _read(path: Path, session: date) -> dict[str, TapeRow]:
    try:
        table = pq.read_table(path, schema=SCHEMA, use_threads=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise CorruptArtifact(f"tape {path.name} cannot be read: {error}; write the session's tape again") from error
    rows = [TapeRow(*values) for values in zip(*[column.to_pylist() for column in table.columns], strict=True)]
    if any(row.session != session for row in rows):
        raise CorruptArtifact(f"tape {path.name} holds rows of another session; write the session's tape again")
    return {row.symbol: row for row in rows}
