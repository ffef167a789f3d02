"""Simulated prices as rows of the raw contracts: bars with their rare misprints, corporate actions, indices."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest.arrays import Days, Floats, Ints
from assets.ingest.columns import contract_rows, days, named, prices
from assets.ingest.corporate_actions import DIVIDEND, SPLIT
from assets.ingest.simulation.companies import Companies
from assets.ingest.simulation.draws import BLOCK_SESSIONS, Stream, block_count, generator
from assets.ingest.simulation.price_paths import EX_AFTER_SESSIONS, PricePaths

SOURCE: Final = "simulated"
FEED: Final = "synthetic"
_MISPRINTS_PER_BAR: Final = 0.0002


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The sessions of a simulated market, and five more for what is already declared.

    Attributes:
        days: numpy days, shape (n_sessions + 5,).
        bars_known: when each session's bars become known, in microseconds since 1970, shape (n_sessions + 5,).
        sessions: n_sessions.
    """

    days: Days
    bars_known: Ints
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Misprints:
    """Bars the vendor first got wrong, one entry each.

    Attributes:
        session: index of the session.
        symbol: index of the symbol.
        corrected: index of the session after whose close the right bar was delivered; it may lie past the end.
        place: where between low and high the wrong close stood, in [0, 1].
    """

    session: Ints
    symbol: Ints
    corrected: Ints
    place: Floats


def misprints(seed: int, paths: PricePaths) -> Misprints:
    """Return the bars that are first told wrong; one to three sessions later the vendor corrects them."""
    sessions, count = paths.is_listed.shape
    found = []
    for block in range(block_count(sessions)):
        rng = generator(seed, Stream.PRINT, block)
        luck = rng.random((BLOCK_SESSIONS, count))
        delay, place = rng.integers(1, 4, luck.shape), rng.random(luck.shape)
        row, column = np.nonzero(luck < _MISPRINTS_PER_BAR)
        found.append((row + block * BLOCK_SESSIONS, column, delay[row, column], place[row, column]))
    session, symbol, delay, place = (np.concatenate(part) for part in zip(*found, strict=True))
    traded = session < sessions
    traded[traded] = (paths.volume_shares[session[traded], symbol[traded]]) > 0
    session, symbol, delay, place = session[traded], symbol[traded], delay[traded], place[traded]
    return Misprints(session=session, symbol=symbol, corrected=session + delay, place=place)


def bar_rows(
    paths: PricePaths, firms: Companies, timeline: Timeline, wrong: Misprints, *, first: int, stop: int
) -> pa.Table:
    """Return the bars first told after sessions `first` to `stop` - 1, and the corrections told then."""
    row, symbol = np.nonzero(paths.is_listed[first:stop])
    session = row + first
    known = session
    told = np.isin(session * len(firms.symbols) + symbol, wrong.session * len(firms.symbols) + wrong.symbol)
    due = (first <= wrong.corrected) & (wrong.corrected < stop)
    session, symbol = np.append(session, wrong.session[due]), np.append(symbol, wrong.symbol[due])
    known = np.append(known, wrong.corrected[due])
    close, volume = paths.close_cents[session, symbol], paths.volume_shares[session, symbol]
    low, high = paths.low_cents[session, symbol], paths.high_cents[session, symbol]
    if told.any():
        first_told = np.flatnonzero(told)
        place = dict(zip(zip(wrong.session, wrong.symbol, strict=True), wrong.place, strict=True))
        where = np.array([place[session[index], symbol[index]] for index in first_told])
        close[first_told] = low[first_told] + np.rint((high - low)[first_told] * where).astype(np.int64)
        volume[first_told] = volume[first_told] - volume[first_told] // 10
    columns = {
        "symbol": named(firms.symbols, symbol),
        "session": days(timeline.days[session]),
        "open_usd": prices(paths.open_cents[session, symbol] * 10_000),
        "high_usd": prices(high * 10_000),
        "low_usd": prices(low * 10_000),
        "close_usd": prices(close * 10_000),
        "volume_shares": pa.array(volume),
        "is_halted": pa.array(paths.is_halted[session, symbol]),
    }
    return contract_rows(schemas.DAILY_BARS, columns, source=SOURCE, feed=FEED, known_at=timeline.bars_known[known])


def action_rows(paths: PricePaths, firms: Companies, timeline: Timeline) -> pa.Table:
    """Return every split and dividend, known after the close of the session that declared it."""
    split_ex, split_symbol = np.nonzero(paths.split_ratio != 1.0)
    dividend_ex, dividend_symbol = np.nonzero(paths.dividend_cents)
    ex, symbol = np.append(split_ex, dividend_ex), np.append(split_symbol, dividend_symbol)
    ratios = np.rint(paths.split_ratio[split_ex, split_symbol] * 1_000_000).astype(np.int64)
    cash = paths.dividend_cents[dividend_ex, dividend_symbol] * 10_000
    columns = {
        "symbol": named(firms.symbols, symbol),
        "ex_session": days(timeline.days[ex]),
        "action": pa.array([SPLIT] * len(split_ex) + [DIVIDEND] * len(dividend_ex), pa.string()),
        "value": prices(np.append(ratios, cash)),
    }
    known = timeline.bars_known[ex - EX_AFTER_SESSIONS]
    return contract_rows(schemas.CORPORATE_ACTIONS, columns, source=SOURCE, feed=FEED, known_at=known)


def index_rows(paths: PricePaths, timeline: Timeline) -> pa.Table:
    """Return the market index as `spy` and the stand-in for VIX, known with the bars.

    The stand-in is the market's expected volatility in points, smoothed over about ten sessions, with the premium of
    a tenth that option prices carry.
    """
    sessions = timeline.sessions
    smooth = np.empty(sessions)
    level = paths.market_volatility[0]
    for index, volatility in enumerate(paths.market_volatility):
        level = 0.9 * level + 0.1 * volatility
        smooth[index] = level
    closes = np.append(np.round(paths.market_level, 2), np.round(110.0 * smooth, 2))
    columns = {
        "index_name": pa.array(["spy"] * sessions + ["vix_stand_in"] * sessions, pa.string()),
        "session": days(np.tile(timeline.days[:sessions], 2)),
        "close": pa.array(closes),
    }
    known = np.tile(timeline.bars_known[:sessions], 2)
    return contract_rows(schemas.INDICES, columns, source=SOURCE, feed=FEED, known_at=known)
