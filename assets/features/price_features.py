"""The kernel asset's work: feature rows and the market series of the sessions asked for, from raw rows alone.

A pure function of its rows: what was stored before is never read, so an increment and a full rebuild agree bit for bit.
Corrections change sessions from the one that could know them on, never earlier ones (`vintages`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.feature_catalogue import FEATURES
from assets.features.feature_library import FeatureLibrary
from assets.features.feature_set import Singles
from assets.features.market_series import Floats, MarketSeries, market_series
from assets.features.price_history import PriceHistory, price_histories
from assets.features.price_measures import FACTS, MEASURES, RANKED, price_measures, ranked_measures
from assets.features.price_panel import PricePanel, SessionAxis, member_mask, price_panel
from assets.features.vintages import Ints, vintages
from execution.trading_calendar import TradingCalendar

FAMILIES: Final = ("price", "volume", "risk", "indicator", "level")
"""Families the kernel computes; ranks, market, news and fundamentals are made in the marts."""
COLUMNS: Final = (*(feature.name for feature in FEATURES if feature.family in FAMILIES), *FACTS)
ROW_SCHEMA: Final = pa.schema(
    [
        pa.field("session", pa.date32(), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        *(pa.field(name, pa.float64()) for name in COLUMNS),
    ]
)
MARKET_COLUMNS: Final = (
    "return_1d",
    "breadth_1d",
    "return_20d",
    "volatility_20d",
    "trend_200d",
    "is_bull",
    "is_volatile",
)
MARKET_SCHEMA: Final = pa.schema(
    [pa.field("session", pa.date32(), nullable=False), *(pa.field(name, pa.float64()) for name in MARKET_COLUMNS)]
)


@dataclass(frozen=True, slots=True)
class PricePast:
    """Every history that mattered up to a session, read once; rows of any earlier session can be asked of it.

    Attributes:
        symbols: sorted.
        readings: per symbol, (first session, last session, history): the history serves those sessions.
        market: over sessions `first` to `last`, calendar positions.
        calendar: the exchange calendar.
    """

    symbols: tuple[str, ...]
    readings: tuple[tuple[tuple[int, int, PriceHistory], ...], ...]
    market: MarketSeries
    first: int
    last: int
    calendar: TradingCalendar


def first_session(bars: pa.Table) -> date | None:
    """Return the oldest session that has a bar; None without bars."""
    oldest: date | None = pc.min(bars.column("session")).as_py()
    return oldest


def read_past(
    *, bars: pa.Table, actions: pa.Table, membership: pa.Table, last: date, calendar: TradingCalendar
) -> PricePast:
    """Return the past up to a session, every symbol in every reading its corrections made.

    Args:
        bars: as in `price_panel`; rows that became known after the session's cut-off are ignored.
        actions: as in `price_panel`.
        membership: as in `member_mask`.
        last: newest session rows will be asked for.
        calendar: the exchange calendar.

    Raises:
        DataError: a bar is of a day that is no session, an action or split ratio is malformed.
    """
    axis = _axis(calendar)
    end = calendar.index(last)
    panel = price_panel(bars=bars, actions=actions, axis=axis)
    readings = tuple(tuple(_readings(panel, row, end)) for row in range(len(panel.symbols)))
    first = min((history.start for reading in readings for _, _, history in reading), default=end)
    returns = _first_known_returns(readings, first=first, last=end)
    mask = member_mask(membership, symbols=panel.symbols, axis=axis, first=first, last=end)
    return PricePast(panel.symbols, readings, market_series(returns, mask), first, end, calendar)


def feature_rows(past: PricePast, sessions: Sequence[date], symbols: Iterable[str] | None = None) -> pa.Table:
    """Return the kernel's rows of the given sessions, ordered by session and symbol.

    Args:
        past: read up to the newest of the sessions or later.
        sessions: sessions wanted, any order.
        symbols: only these, or all of them when None. A symbol has a row where a bar was reported and its history has
            begun.

    Returns:
        Schema `ROW_SCHEMA`; a value is finite or null.
    """
    stretches = tuple(_stretches(past, sessions, symbols))
    keys, order = _ordered_keys(past, stretches)
    values = np.empty((len(MEASURES), order.size))
    end = 0
    for stretch in stretches:
        begin, end = end, end + stretch.kept.size
        values[:, begin:end] = _measured(past, stretch)[:, stretch.kept]
    columns = [_finite_or_null(values[MEASURES.index(name), order]) for name in COLUMNS]
    return pa.Table.from_arrays([*keys, *columns], schema=ROW_SCHEMA)


def ranked_values(past: PricePast, session: date, symbols: Sequence[str]) -> dict[str, Floats]:
    """Return what the marts rank symbols by, per measure in the order of the symbols, NaN where there is no value."""
    values = {name: np.full(len(symbols), np.nan) for name in RANKED}
    row_of = {symbol: row for row, symbol in enumerate(symbols)}
    for stretch in _stretches(past, [session], symbols):
        row = row_of[past.symbols[stretch.row]]
        market = _market_return(past, stretch.history)
        for name, of_symbol in ranked_measures(stretch.history, market, first=stretch.first).items():
            values[name][row] = of_symbol[0]
    return values


def library_rows(
    past: PricePast, library: FeatureLibrary, sessions: Sequence[date], symbols: Iterable[str] | None = None
) -> pa.Table:
    """Return the rows of the sets that are switched on: for the same sessions and symbols as `feature_rows`.

    Returns:
        The library's own schema; a value is finite or null.
    """
    stretches = tuple(_stretches(past, sessions, symbols))
    keys, order = _ordered_keys(past, stretches)
    values = np.empty((len(library.features), order.size), dtype=np.float32)
    end = 0
    for stretch in stretches:
        begin, end = end, end + stretch.kept.size
        values[:, begin:end] = library.compute(stretch.history, stretch.first)[:, stretch.kept]
    columns = [_finite_or_null(column[order]) for column in values]
    return pa.Table.from_arrays([*keys, *columns], schema=library.schema)


def market_rows(past: PricePast, sessions: Sequence[date]) -> pa.Table:
    """Return the market series of the given sessions that are not before the first bar, in session order."""
    positions = np.array(sorted(past.calendar.index(session) for session in sessions), dtype=np.int64)
    positions = positions[(positions >= past.first) & (positions <= past.last)]
    columns = [_finite_or_null(getattr(past.market, name)[positions - past.first]) for name in MARKET_COLUMNS]
    return pa.Table.from_arrays([_session_column(past, positions), *columns], schema=MARKET_SCHEMA)


def _readings(panel: PricePanel, row: int, end: int) -> Iterator[tuple[int, int, PriceHistory]]:
    for vintage in vintages(panel.bars[row], panel.actions[row], last=end):
        for history in price_histories(vintage):
            yield vintage.first, vintage.last, history


def _first_known_returns(
    readings: tuple[tuple[tuple[int, int, PriceHistory], ...], ...], *, first: int, last: int
) -> Floats:
    returns = np.full((len(readings), last - first + 1), np.nan)
    for row, of_symbol in enumerate(readings):
        for begin, end, history in of_symbol:
            low, high = _span(history, begin, end)
            own = slice(low - history.start, high - history.start)
            known = np.where(history.is_reported[own], history.total_return[own], np.nan)
            returns[row, low - first : high - first] = known
    return returns


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows wanted of one history: row `first` + `kept[i]` of it, cut after the last, is at `positions[i]`."""

    row: int
    history: PriceHistory
    first: int
    kept: Ints
    positions: Ints


def _stretches(past: PricePast, sessions: Sequence[date], symbols: Iterable[str] | None) -> Iterator[_Stretch]:
    wanted = np.zeros(len(past.calendar.sessions), dtype=bool)
    wanted[[past.calendar.index(session) for session in sessions]] = True
    chosen = set(past.symbols if symbols is None else symbols)
    for row, symbol in enumerate(past.symbols):
        for begin, end, history in past.readings[row] if symbol in chosen else ():
            low, high = _span(history, begin, end)
            if low >= high:
                continue
            inside = wanted[low:high] & history.is_reported[low - history.start : high - history.start]
            positions = np.flatnonzero(inside) + low
            if positions.size:
                until = int(positions[-1]) + 1 - history.start
                first = int(positions[0]) - history.start
                yield _Stretch(row, history.until(until), first, positions - positions[0], positions)


def _measured(past: PricePast, stretch: _Stretch) -> Floats:
    market = _market_return(past, stretch.history)
    return price_measures(past.symbols[stretch.row], stretch.history, market, first=stretch.first)


def _market_return(past: PricePast, history: PriceHistory) -> Floats:
    begin = history.start - past.first
    return past.market.return_1d[begin : begin + history.close.size]


def _ordered_keys(past: PricePast, stretches: Sequence[_Stretch]) -> tuple[list[pa.Array], Ints]:
    """Return the columns session and symbol, ordered, and the order that puts the stretches' rows there."""
    nothing = np.empty(0, dtype=np.int64)
    positions = np.concatenate([nothing, *(stretch.positions for stretch in stretches)])
    codes = np.concatenate([nothing, *(np.full(stretch.kept.size, stretch.row) for stretch in stretches)])
    order = np.lexsort((codes, positions))
    names = pa.array(past.symbols, pa.string()).take(pa.array(codes[order]))
    return [_session_column(past, positions[order]), names], order


def _span(history: PriceHistory, begin: int, end: int) -> tuple[int, int]:
    return max(begin, history.start), min(end + 1, history.start + history.close.size)


def _session_column(past: PricePast, positions: Ints) -> pa.Array:
    return pa.array(_axis(past.calendar).days[positions].astype(np.int32), pa.int32()).cast(pa.date32())


def _finite_or_null(values: Floats | Singles) -> pa.Array:
    # Adding zero turns a negative zero, which compares equal and hashes apart, into zero.
    return pa.array(values + values.dtype.type(0), mask=~np.isfinite(values))


@cache
def _axis(calendar: TradingCalendar) -> SessionAxis:
    # Building it takes milliseconds, and a process knows one calendar.
    return SessionAxis.of(calendar)
