"""The synthetic market: equal for equal seeds, whatever is asked of it, and honest about what is predictable."""

import subprocess
import sys
from datetime import date, datetime
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, simulated_sources
from assets.row_versions import newest_versions
from assets.table_content import canonical_order, table_hash
from execution.domain.errors import DataError
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
FIRST = date(2021, 1, 4)
LAST = date(2022, 12, 30)
END = CALENDAR.as_of(LAST)


@cache
def market(symbols: int = 100, last: date = LAST, seed: int = 11, signal: float = 1.0) -> SimulatedMarket:
    return SimulatedMarket(
        SimulatedMarketSettings(
            seed=seed, symbols=symbols, first_session=FIRST, last_session=last, signal_strength=signal
        )
    )


@cache
def whole(table: str, symbols: int = 100) -> pa.Table:
    return simulated_sources(market(symbols)).rows(schemas.BY_NAME[table], after=None, upto=END)


def hashes(sources: MarketSources, upto: datetime) -> dict[str, str]:
    rows = {table: sources.rows(table, after=None, upto=upto) for table in schemas.ALL}
    return {table.name: table_hash(table, canonical_order(table, found)) for table, found in rows.items()}


def matrix(table: pa.Table, column: str) -> npt.NDArray[np.float64]:
    """The newest versions of bars as sessions by symbols, NaN where there is none."""
    newest = newest_versions(schemas.DAILY_BARS, table)
    sessions = {day: row for row, day in enumerate(CALENDAR.between(FIRST, LAST))}
    symbols = {symbol: place for place, symbol in enumerate(sorted(set(newest.column("symbol").to_pylist())))}
    values = np.full((len(sessions), len(symbols)), np.nan)
    where = [sessions[day] for day in newest.column("session").to_pylist()]
    who = [symbols[symbol] for symbol in newest.column("symbol").to_pylist()]
    values[where, who] = newest.column(column).cast(pa.float64()).to_numpy()
    return values


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    script = (
        "import importlib.util; "
        f"spec = importlib.util.spec_from_file_location('told', {str(Path(__file__))!r}); "
        "told = importlib.util.module_from_spec(spec); spec.loader.exec_module(told); "
        "print(sorted(told.hashes(told.simulated_sources(told.market(20)), told.END).items()))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert told == str(sorted(hashes(simulated_sources(market(20)), END).items()))


def test_another_seed_gives_another_market() -> None:
    assert hashes(simulated_sources(market(5)), END) != hashes(simulated_sources(market(5, seed=12)), END)


@pytest.mark.parametrize("last", [date(2022, 3, 8), date(2022, 12, 29), date(2024, 6, 28)])
def test_the_past_does_not_depend_on_the_last_session(last: date) -> None:
    upto = CALENDAR.as_of(date(2022, 3, 8))
    assert hashes(simulated_sources(market(20, last)), upto) == hashes(simulated_sources(market(20)), upto)


def test_a_market_of_a_few_sessions_is_the_beginning_of_a_long_one() -> None:
    upto = CALENDAR.as_of(date(2021, 2, 5))
    assert hashes(simulated_sources(market(20, date(2021, 2, 5))), upto) == hashes(simulated_sources(market(20)), upto)


def test_a_market_asked_day_by_day_tells_what_it_tells_at_once() -> None:
    young = SimulatedMarket(SimulatedMarketSettings(seed=11, symbols=20, first_session=FIRST, last_session=LAST))
    early = simulated_sources(young).rows(schemas.DAILY_BARS, after=None, upto=CALENDAR.as_of(date(2021, 2, 5)))
    simulated_sources(young).rows(schemas.DAILY_BARS, after=None, upto=END)
    again = simulated_sources(young).rows(schemas.DAILY_BARS, after=None, upto=CALENDAR.as_of(date(2021, 2, 5)))
    assert early.equals(again)


def test_bars_keep_low_below_open_and_close_below_high() -> None:
    bars = whole("daily_bars")
    low, high = bars.column("low_usd"), bars.column("high_usd")
    for name in ("open_usd", "close_usd"):
        assert pc.all(pc.less_equal(low, bars.column(name))).as_py()
        assert pc.all(pc.less_equal(bars.column(name), high)).as_py()
    assert pc.min(low).as_py() > 0


def test_prices_are_whole_cents() -> None:
    closes = whole("daily_bars").column("close_usd").cast(pa.float64()).to_numpy() * 100
    assert np.abs(closes - np.rint(closes)).max() < 1e-6


def test_bars_are_known_fifteen_minutes_after_their_close_or_later_when_corrected() -> None:
    bars = whole("daily_bars")
    rule = {session: CALENDAR.bars_known_at(session) for session in CALENDAR.between(FIRST, LAST)}
    expected = pa.array([rule[day] for day in bars.column("session").to_pylist()], schemas.INSTANT)
    first = pc.equal(bars.column("known_at"), expected)
    corrections = bars.filter(pc.invert(first))
    assert 0 < corrections.num_rows < bars.num_rows // 1_000
    assert newest_versions(schemas.DAILY_BARS, bars).num_rows == bars.num_rows - corrections.num_rows


def test_a_halted_session_repeats_the_last_close_without_volume() -> None:
    bars = whole("daily_bars")
    halted = bars.filter(bars.column("is_halted"))
    assert halted.num_rows > 0
    assert set(halted.column("volume_shares").to_pylist()) == {0}
    assert halted.column("open_usd").equals(halted.column("close_usd"))


def test_traded_sessions_have_volume() -> None:
    bars = whole("daily_bars")
    traded = bars.filter(pc.invert(bars.column("is_halted")))
    assert pc.min(traded.column("volume_shares")).as_py() > 0


def test_every_jump_of_the_raw_price_by_half_is_told_as_a_split() -> None:
    closes = matrix(whole("daily_bars"), "close_usd")
    actions = whole("corporate_actions")
    splits = actions.filter(pc.equal(actions.column("action"), "split"))
    told = set(zip(splits.column("symbol").to_pylist(), splits.column("ex_session").to_pylist(), strict=True))
    symbols = sorted(set(whole("daily_bars").column("symbol").to_pylist()))
    sessions = CALENDAR.between(FIRST, LAST)
    row, column = np.nonzero(np.abs(np.log(closes[1:] / closes[:-1])) > np.log(1.9))
    assert told
    assert {(symbols[symbol], sessions[session + 1]) for session, symbol in zip(row, column, strict=True)} <= told


def test_actions_are_known_before_their_ex_session_opens() -> None:
    actions = whole("corporate_actions")
    for row in actions.to_pylist():
        assert row["known_at"] < CALENDAR.opens_at(row["ex_session"])


def test_volatility_clusters_and_tails_are_fat() -> None:
    closes = matrix(whole("daily_bars"), "close_usd")
    returns = np.log(closes[1:] / closes[:-1])
    returns = returns[:, np.isfinite(returns).all(axis=0)]
    returns = np.where(np.abs(returns) > 0.3, 0.0, returns)
    market_return = returns.mean(axis=1)
    absolute = np.abs(market_return - market_return.mean())
    assert np.corrcoef(absolute[1:], absolute[:-1])[0, 1] > 0.05
    standard = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    assert np.mean(standard**4) > 4.0


def test_the_delisted_stay_and_the_young_come_later() -> None:
    securities = whole("securities")
    assert securities.column("delisted_session").drop_null().length() > 0
    assert max(securities.column("listed_session").to_pylist()) > FIRST


def test_a_delisting_is_not_known_before_its_last_close() -> None:
    for row in whole("securities").to_pylist():
        if row["delisted_session"] is not None:
            assert row["known_at"] == CALENDAR.closes_at(row["delisted_session"])


def test_no_bar_comes_after_a_delisting() -> None:
    gone = {
        row["symbol"]: row["delisted_session"] for row in whole("securities").to_pylist() if row["delisted_session"]
    }
    last = pa.TableGroupBy(whole("daily_bars"), "symbol").aggregate([("session", "max")]).to_pylist()
    assert gone
    for row in last:
        assert row["session_max"] == gone.get(row["symbol"], LAST)


def test_headlines_are_known_after_they_are_published_and_some_come_late() -> None:
    news = whole("news")
    known, published = (news.column(name).cast(pa.int64()).to_numpy() for name in ("known_at", "published_at"))
    delays = known - published
    assert delays.min() == 60_000_000
    assert 0.01 < (delays > 3_600_000_000).mean() < 0.05


def test_filings_are_known_weeks_after_their_period_and_some_are_restated() -> None:
    filings = whole("filings")
    newest = newest_versions(schemas.FILINGS, filings)
    assert newest.num_rows < filings.num_rows
    delays = [(row["known_at"].date() - row["period_end"]).days for row in newest.slice(0, 500).to_pylist()]
    assert min(delays) >= 15
    restated = filings.filter(pc.equal(filings.column("metric"), "net_income"))
    assert newest_versions(schemas.FILINGS, restated).num_rows < restated.num_rows


def test_earnings_dates_are_announced_before_they_happen() -> None:
    events = whole("events")
    assert pc.all(pc.less(events.column("known_at"), events.column("scheduled_at"))).as_py()
    assert set(events.column("kind").to_pylist()) == {"earnings", "macro"}


def test_the_calendar_looks_past_the_last_session() -> None:
    latest = pc.max(whole("events").column("scheduled_at")).as_py()
    assert latest > END


def test_the_tape_shows_the_bars_as_they_end_up() -> None:
    session = date(2022, 6, 1)
    newest = newest_versions(schemas.DAILY_BARS, whole("daily_bars"))
    day = newest.filter(pc.equal(newest.column("session"), pa.scalar(session)))
    told = {row["symbol"]: (row["open_usd"], row["close_usd"], row["volume_shares"]) for row in day.to_pylist()}
    tape = {row.symbol: (row.open_usd, row.close_usd, row.volume_shares) for row in market().tape_rows(session)}
    assert tape == told


def test_the_tape_has_no_session_outside_the_market() -> None:
    with pytest.raises(DataError, match="2023-01-03"):
        market(5).tape_rows(date(2023, 1, 3))


def rank_correlations(signal: npt.NDArray[np.float64], returns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Per session the rank correlation of a signal known before it with the next five sessions' returns."""
    found = []
    for session in range(1, len(returns) - 5, 5):
        ahead = returns[session : session + 5].sum(axis=0)
        kept = np.isfinite(ahead)
        ranks = [np.argsort(np.argsort(values[kept])) for values in (signal[session], ahead)]
        found.append(np.corrcoef(ranks[0], ranks[1])[0, 1])
    return np.array(found)


def truth_and_returns(signal: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    asked = market(300, LAST, 11, signal)
    symbols, planted = asked.planted_signal()
    bars = simulated_sources(asked).rows(schemas.DAILY_BARS, after=None, upto=END)
    kept = [symbols.index(symbol) for symbol in sorted(set(bars.column("symbol").to_pylist()))]
    closes = matrix(bars, "close_usd")
    returns = np.diff(np.log(closes), axis=0, prepend=np.nan)
    returns[np.abs(returns) > 0.6] = np.nan
    return planted[:, kept], returns


def test_the_planted_signal_exists_and_is_weak() -> None:
    planted, returns = truth_and_returns(1.0)
    found = rank_correlations(planted, returns)
    assert 0.02 < found.mean() < 0.09
    assert found.mean() / found.std() * np.sqrt(len(found)) > 4.0


def test_without_strength_nothing_is_planted() -> None:
    planted, _ = truth_and_returns(0.0)
    assert not planted.any()


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="after last_session"):
        SimulatedMarketSettings(first_session=date(2022, 1, 4), last_session=date(2022, 1, 3))


def test_a_weekend_is_no_first_session() -> None:
    with pytest.raises(ValueError, match="no exchange session"):
        SimulatedMarketSettings(first_session=date(2022, 1, 1))
