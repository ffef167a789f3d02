"""What looks back believes returns as they are known by then: a fact told late changes the past it is about."""

from datetime import timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from assets import schemas
from assets.features.price_features import feature_rows, read_past
from assets.ml.forward_returns import ForwardReturns
from assets.ml.lived_factors import factor_returns
from assets.ml.restated_returns import restated_returns
from assets.warehouse import Warehouse
from tests.builders import raw_rows
from tests.builders.feature_market import market
from tests.builders.raw_rows import CALENDAR, action, bar
from tests.unit.ml.marts_builder import a_market, stage

DAYS = raw_rows.sessions(12)
LATE = timedelta(hours=2)


def staged(path, bars, actions=(), *, returns=None, securities=()):
    """Return a warehouse of versions of raw rows, with a row of the mart for each session and symbol unless told."""
    stage(path, bars, actions, securities)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        if returns is None:
            returns = connection.execute(
                "select distinct session, symbol, 0.0 as total_return from staging.stg_raw__daily_bars"
            ).to_arrow_table()
        connection.register("rows_in", returns)
        connection.execute("create table marts.fct_total_returns as select session, symbol, total_return from rows_in")
    return Warehouse(path)


def told(warehouse, last, *, first=1):
    found = restated_returns(warehouse, grid=DAYS[first : last + 1], calendar=CALENDAR)
    return {DAYS.index(session): pytest.approx(returned, abs=1e-9) for (session, _), returned in found.items()}


def late(place):
    """Return an instant after a session's cut-off, and before that of the next one."""
    return CALENDAR.as_of(DAYS[place]) + LATE


def test_a_split_told_a_session_late_takes_the_fall_out_of_the_return(tmp_path):
    closes = [100.0, 100.0, 100.0, 50.0, 55.0, 55.0]
    bars = [bar("AAA", day, close) for day, close in zip(DAYS, closes, strict=False)]
    warehouse = staged(tmp_path / "w.duckdb", bars, [action("AAA", DAYS[3], "split", "2", late(3))])
    assert told(warehouse, 3) == {}
    assert told(warehouse, 5) == {1: 0.0, 2: 0.0, 3: 0.0, 4: 0.1, 5: 0.0}


@pytest.mark.parametrize("evenings", [0, 1, 3])
def test_a_close_put_right_later_takes_the_fault_out_of_both_returns(tmp_path, evenings):
    bars = [bar("AAA", day, 100.0) for day in DAYS[:8]]
    bars[3] = bar("AAA", DAYS[3], 120.0)
    bars.append(bar("AAA", DAYS[3], 100.0, known_at=late(3 + evenings)))
    warehouse = staged(tmp_path / "w.duckdb", bars)
    assert told(warehouse, 3 + evenings) == {}
    assert told(warehouse, 7) == dict.fromkeys(range(1, 8), 0.0)


def test_what_was_told_in_time_is_left_to_the_marts(tmp_path):
    bars = [bar("AAA", day, 100.0) for day in DAYS]
    warehouse = staged(tmp_path / "w.duckdb", bars, [action("AAA", DAYS[3], "dividend", "1")])
    assert told(warehouse, 11) == {}


def test_a_split_of_a_day_without_trading_is_told_late_too(tmp_path):
    monday = 2
    bars = [bar("AAA", day, 100.0 if place < monday else 50.0) for place, day in enumerate(DAYS[:6])]
    split = action("AAA", DAYS[monday] - timedelta(days=1), "split", "2", late(monday))
    assert told(staged(tmp_path / "w.duckdb", bars, [split]), 5) == dict.fromkeys(range(1, 6), 0.0)


def test_a_symbol_handed_in_with_its_past_has_no_returns_from_before(tmp_path):
    bars = [bar("AAA", day, 100.0, known_at=late(5)) for day in DAYS]
    warehouse = staged(tmp_path / "w.duckdb", bars, returns=returns_of(DAYS[6:]))
    assert set(told(warehouse, 11)) == set(range(6, 12))


def test_bars_after_a_delisting_do_not_count(tmp_path):
    bars = [bar("AAA", day, 100.0) for day in DAYS]
    bars.append(bar("AAA", DAYS[3], 101.0, known_at=late(3)))
    warehouse = staged(tmp_path / "w.duckdb", bars)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("delete from intermediate.int_securities__as_known where session > ?", (DAYS[7],))
    assert set(told(warehouse, 11)) == set(range(1, 8))


def returns_of(days, *, unknown=()):
    return pa.table(
        {
            "session": pa.array(days, pa.date32()),
            "symbol": ["AAA"] * len(days),
            "total_return": pa.array([None if day in unknown else 0.0 for day in days], pa.float64()),
        }
    )


def listing(first, known_at):
    return {"symbol": "AAA", "listed_session": first, "known_at": known_at}


def reopened(path, *listings):
    """Return a warehouse of a stock that had no bar for seven sessions and came back at less than half."""
    days, closes = [*DAYS[:3], *DAYS[10:]], [100.0, 100.0, 100.0, 40.0, 44.0]
    bars = [bar("AAA", day, close) for day, close in zip(days, closes, strict=True)]
    return staged(path, bars, returns=returns_of(days, unknown=[DAYS[10]]), securities=listings)


def test_a_stock_that_reopens_after_a_long_halt_brings_its_loss(tmp_path):
    warehouse = reopened(tmp_path / "w.duckdb", listing(DAYS[0], CALENDAR.opens_at(DAYS[0])))
    assert told(warehouse, 11)[10] == -0.6
    assert ForwardReturns.read(warehouse, grid=DAYS, calendar=CALENDAR).growth[10, 0] == pytest.approx(0.4)


def test_a_symbol_that_another_listing_took_brings_no_return_from_the_former_ones_close(tmp_path):
    listings = [listing(day, CALENDAR.opens_at(day)) for day in (DAYS[0], DAYS[10])]
    assert 10 not in told(reopened(tmp_path / "w.duckdb", *listings), 11)


def test_a_listing_that_was_put_right_does_not_part_a_history(tmp_path):
    wrong, right = listing(DAYS[6], CALENDAR.opens_at(DAYS[0])), listing(DAYS[0], late(8))
    assert told(reopened(tmp_path / "w.duckdb", wrong, right), 11)[10] == -0.6


def test_a_long_halt_of_bars_without_prices_changes_nothing_until_it_ends(tmp_path):
    zero = dict.fromkeys(("open_usd", "high_usd", "low_usd", "close_usd"), 0)
    bars = [bar("AAA", day, 100.0, **(zero if 2 < place < 10 else {})) for place, day in enumerate(DAYS)]
    warehouse = staged(tmp_path / "w.duckdb", bars, returns=returns_of(DAYS, unknown=DAYS[8:11]))
    assert np.isfinite(ForwardReturns.read(warehouse, grid=DAYS, calendar=CALENDAR).growth).all()


def test_of_a_market_with_late_facts_every_return_is_the_kernels_newest_reading(tmp_path):
    days = raw_rows.sessions(300)
    records = market(days, symbols=20)
    rows = {name: raw_rows.rows(schemas.BY_NAME[name], records[name]) for name in records}
    past = read_past(
        bars=rows["daily_bars"],
        actions=rows["corporate_actions"],
        membership=rows["membership"],
        last=days[-1],
        calendar=CALENDAR,
    )
    warehouse = staged(
        tmp_path / "w.duckdb", records["daily_bars"], records["corporate_actions"], returns=feature_rows(past, days)
    )
    grid = days[1:]
    known = ForwardReturns.read(warehouse, grid=grid, calendar=CALENDAR)
    restated = {symbol for _, symbol in restated_returns(warehouse, grid=grid, calendar=CALENDAR)}
    assert 3 <= len(restated) < len(past.symbols)
    begin = CALENDAR.index(grid[0])
    for row, symbol in enumerate(past.symbols):
        newest = [history for _, last, history in past.readings[row] if last == past.last]
        for history in newest:
            first = history.start - begin
            inside = np.arange(max(1, -first), history.close.size)
            kernels = np.cumsum(np.log1p(history.total_return[inside]))
            ours = np.cumsum(np.log(known.growth[first + inside, known.symbols.index(symbol)]))
            assert ours[-1] == pytest.approx(kernels[-1], abs=1e-9), symbol


def test_no_factor_moves_by_a_split_that_was_told_late(tmp_path):
    made = a_market(symbols=12, sessions=40)
    made.returns[:] = 0.0
    made.returns[20, 2] = -0.5
    warehouse = made.write(tmp_path / "w.duckdb")
    ex_session = made.day(20)
    bars = [bar("S002", day, 100.0 if day < ex_session else 50.0) for day in made.sessions]
    stage(warehouse.path, bars, [action("S002", ex_session, "split", "2", CALENDAR.as_of(ex_session) + LATE)])
    factors = factor_returns(warehouse, made.sessions[1:], np.zeros(39))
    assert "reversal" in factors
    assert all(not returns.any() for returns in factors.values())
