"""Raw rows to per-symbol versions on the calendar: the form the kernel reads.

The same reader serves rows from the warehouse and rows from the raw store, so a recomputation that never opens the
warehouse can be compared with it bit for bit. Prices become doubles in one way only: the decimal's integer over its
scale, one correctly rounded division.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.vintages import Floats, Ints, VersionedRows
from assets.schemas import PRICE_USD
from execution.domain.errors import DataError
from execution.trading_calendar import TradingCalendar

Bools = npt.NDArray[np.bool_]

BAR_COLUMNS: Final = (
    "symbol",
    "session",
    "open_usd",
    "high_usd",
    "low_usd",
    "close_usd",
    "volume_shares",
    "known_at",
)
ACTION_COLUMNS: Final = ("symbol", "ex_session", "action", "value", "known_at")
MEMBERSHIP_COLUMNS: Final = ("index_name", "symbol", "from_session", "to_session", "known_at")

_EPOCH: Final = np.datetime64(0, "D")


@dataclass(frozen=True, slots=True)
class SessionAxis:
    """The exchange calendar as arrays; a session's position in it is the kernel's time.

    Attributes:
        days: days since 1970 of every session, ascending.
        cut_offs_us: microseconds since 1970 of every session's cut-off, ascending.
    """

    days: Ints
    cut_offs_us: Ints

    @classmethod
    def of(cls, calendar: TradingCalendar) -> "SessionAxis":
        """Return the axis of a calendar."""
        days = np.array(calendar.sessions, dtype="datetime64[D]") - _EPOCH
        cut_offs = [int(calendar.as_of(session).timestamp()) * 1_000_000 for session in calendar.sessions]
        return cls(days.astype(np.int64), np.array(cut_offs, dtype=np.int64))

    def at_or_after(self, days: Ints) -> Ints:
        """Return the position of the first session at or after each day."""
        return np.searchsorted(self.days, days).astype(np.int64)

    def usable_from(self, known_at_us: Ints) -> Ints:
        """Return the position of the first session whose cut-off is not before each instant."""
        return np.searchsorted(self.cut_offs_us, known_at_us).astype(np.int64)


@dataclass(frozen=True, slots=True)
class PricePanel:
    """Every version of every bar and action, per symbol in sorted order."""

    symbols: tuple[str, ...]
    bars: tuple[VersionedRows, ...]
    actions: tuple[VersionedRows, ...]


def price_panel(*, bars: pa.Table, actions: pa.Table, axis: SessionAxis) -> PricePanel:
    """Return the panel of raw rows.

    Args:
        bars: columns `BAR_COLUMNS`, typed as in `assets.schemas.DAILY_BARS`, any order, every version.
        actions: columns `ACTION_COLUMNS`, typed as in `assets.schemas.CORPORATE_ACTIONS`; those of symbols without a
            bar count nowhere.
        axis: the calendar.

    Raises:
        DataError: a bar is of a day that is no session, or an action is neither a split nor a dividend.
    """
    symbols, codes = _symbol_codes(bars.column("symbol"))
    days = _days(bars.column("session"))
    positions = axis.at_or_after(days)
    _refuse_closed_days(bars, days, positions, axis)
    values = [*(price_floats(bars.column(f"{name}_usd")) for name in ("open", "high", "low", "close")), _shares(bars)]
    known = _micros(bars.column("known_at"))
    bar_rows = _per_symbol(
        codes=codes,
        symbols=len(symbols),
        positions=positions,
        identity=np.zeros(codes.size, dtype=np.int64),
        known=known,
        values=values,
        usable=axis.usable_from(known),
    )
    return PricePanel(symbols, bar_rows, _action_rows(actions, symbols, axis))


def member_mask(membership: pa.Table, *, symbols: tuple[str, ...], axis: SessionAxis, first: int, last: int) -> Bools:
    """Return which symbols were index members, as known at each session's cut-off; shape (symbols, last - first + 1).

    Args:
        membership: columns `MEMBERSHIP_COLUMNS`, typed as in `assets.schemas.MEMBERSHIP`, every version.
        symbols: rows of the mask.
        axis: the calendar.
        first: position of the first column.
        last: position of the last column.
    """
    mask = np.zeros((len(symbols), last - first + 1), dtype=bool)
    row_of = {symbol: row for row, symbol in enumerate(symbols)}
    ordered = membership.sort_by([(name, "ascending") for name in ("index_name", "symbol", "from_session", "known_at")])
    facts = list(zip(*(ordered.column(name).to_pylist() for name in MEMBERSHIP_COLUMNS[:3]), strict=True))
    begins = axis.at_or_after(_days(ordered.column("from_session")))
    open_end = axis.days[-1] + 1
    ends = axis.at_or_after(_days(pc.fill_null(ordered.column("to_session").cast(pa.int32()), int(open_end))))
    usable = axis.usable_from(_micros(ordered.column("known_at")))
    for number, fact in enumerate(facts):
        row = row_of.get(fact[1])
        if row is None:
            continue
        is_superseded = number + 1 < len(facts) and facts[number + 1] == fact
        begin = max(int(begins[number]), int(usable[number])) - first
        end = min(int(ends[number]), int(usable[number + 1]) if is_superseded else len(axis.days)) - first
        mask[row, max(begin, 0) : max(end, 0)] = True
    return mask


def price_floats(column: pa.ChunkedArray) -> Floats:
    """Return decimals of six places as doubles, each correctly rounded.

    Raises:
        DataError: the column is not `decimal(18, 6)`.
    """
    if column.type != PRICE_USD:
        raise DataError(f"a price column is {column.type}, expected {PRICE_USD}")
    array = column.combine_chunks()
    chunk = array.chunk(0) if isinstance(array, pa.ChunkedArray) and array.num_chunks else array
    if len(chunk) == 0:
        return np.empty(0)
    # 18 digits fit the low 64 of the 128 bits, and below 2**53 an integer over a power of ten rounds once.
    words = np.frombuffer(chunk.buffers()[1], dtype="<i8")[2 * chunk.offset : 2 * (chunk.offset + len(chunk)) : 2]
    values = words.astype(np.float64)
    values /= 1e6
    return values


def _action_rows(actions: pa.Table, symbols: tuple[str, ...], axis: SessionAxis) -> tuple[VersionedRows, ...]:
    kinds = set(pc.unique(actions.column("action")).to_pylist()) - {"split", "dividend"}
    if kinds:
        raise DataError(f"corporate actions {sorted(kinds)}: expected split or dividend; fix the source's mapping")
    row_of: Mapping[str, int] = {symbol: row for row, symbol in enumerate(symbols)}
    codes = np.array([row_of.get(symbol, -1) for symbol in actions.column("symbol").to_pylist()], dtype=np.int64)
    days = _days(actions.column("ex_session"))
    is_split = pc.equal(actions.column("action"), "split").to_numpy(zero_copy_only=False).astype(np.int64)
    values = [is_split.astype(np.float64), price_floats(actions.column("value"))]
    known = _micros(actions.column("known_at"))
    keep = codes >= 0
    return _per_symbol(
        codes=codes[keep],
        symbols=len(symbols),
        positions=axis.at_or_after(days)[keep],
        identity=(days * 2 + is_split)[keep],
        known=known[keep],
        values=[column[keep] for column in values],
        usable=axis.usable_from(known)[keep],
    )


def _per_symbol(
    *,
    codes: Ints,
    symbols: int,
    positions: Ints,
    identity: Ints,
    known: Ints,
    values: Sequence[Floats],
    usable: Ints,
) -> tuple[VersionedRows, ...]:
    order = np.argsort(codes.astype(np.uint16) if symbols < 2**16 else codes, kind="stable")
    if not _is_ordered(order, codes, positions, identity, known):
        order = np.lexsort((known, identity, positions, codes))
    bounds = np.concatenate(([0], np.cumsum(np.bincount(codes, minlength=symbols)))).tolist()
    positions, usable, identity = positions[order], usable[order], identity[order]
    table = np.empty((len(values), order.size))
    for row, column in enumerate(values):
        np.take(column, order, out=table[row], mode="clip")  # the default mode would take into a copy first
    return tuple(
        VersionedRows(positions[begin:end], usable[begin:end], identity[begin:end], table[:, begin:end])
        for begin, end in pairwise(bounds)
    )


@numba.njit(cache=True)
def _is_ordered(order: Ints, codes: Ints, positions: Ints, identity: Ints, known: Ints) -> bool:
    # Stored rows are nearly always in order already, and this is much cheaper than sorting a million of them.
    for place in range(1, order.size):
        before, row = order[place - 1], order[place]
        if codes[row] != codes[before]:
            is_later = codes[row] > codes[before]
        elif positions[row] != positions[before]:
            is_later = positions[row] > positions[before]
        elif identity[row] != identity[before]:
            is_later = identity[row] > identity[before]
        else:
            is_later = known[row] >= known[before]
        if not is_later:
            return False
    return True


def _symbol_codes(column: pa.ChunkedArray) -> tuple[tuple[str, ...], Ints]:
    encoded = column.combine_chunks().dictionary_encode()
    array = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) and array.num_chunks else array
    names = array.dictionary.to_pylist() if len(array) else []
    symbols = tuple(sorted(names))
    place = {symbol: row for row, symbol in enumerate(symbols)}
    rank = np.array([place[name] for name in names], dtype=np.int64)
    return symbols, rank[array.indices.to_numpy(zero_copy_only=False)] if len(array) else np.empty(0, dtype=np.int64)


def _refuse_closed_days(bars: pa.Table, days: Ints, positions: Ints, axis: SessionAxis) -> None:
    inside = positions < axis.days.size
    wrong = ~inside
    wrong[inside] = axis.days[positions[inside]] != days[inside]
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{bars.column('symbol')[row].as_py()} has a bar on {bars.column('session')[row].as_py()}, which is no "
            "exchange session; correct the source, or take the day out"
        )


def _shares(bars: pa.Table) -> Floats:
    shares: Floats = bars.column("volume_shares").to_numpy().astype(np.float64)
    return shares


def _days(column: pa.ChunkedArray) -> Ints:
    days: Ints = column.cast(pa.int32()).to_numpy().astype(np.int64)
    return days


def _micros(column: pa.ChunkedArray) -> Ints:
    micros: Ints = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return micros
