"""A backtest's report says what the days say, the same way twice, and stamps what is wrong with its data."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from assets.ml.backtest import Lived, Trial, summed_up, values_of
from assets.ml.backtest_pages import figures
from assets.ml.backtest_report import Report, drawn
from assets.ml.judgement import SharpeRecord
from assets.ml.lived_charts import equity_svg, rolling_svg
from assets.ml.lived_facts import (
    BAND_SESSIONS_MIN,
    BLOCK_SESSIONS,
    UNKNOWN,
    Facts,
    Floats,
    daily_returns,
    difference,
    drawn_trips,
    facts_of,
    resampled_band,
    trips_sentence,
)
from assets.ml.lived_market import EVERY_STOCK, every_stock, in_equal_parts
from assets.ml.policy import LearningPolicy
from assets.ml.portfolios import Variant, side_by_side
from assets.ml.trial_log import BacktestLook
from assets.ml.trial_log import Trial as Line
from assets.performance import performance
from execution.lived_days import LivedDay
from tests.builders.backtest_quarter import CALENDAR, CASH, DEAR, FREE, PRICES, SESSIONS, lived, rules_of
from tests.unit.ml.marts_builder import a_market

POLICY = LearningPolicy()
TRIAL = Trial(first=SESSIONS[0], last=SESSIONS[-2], every_sessions=5, cost_multiples=(Decimal(1), Decimal(2)))


@pytest.fixture(scope="module")
def desks() -> tuple[Lived, ...]:
    """Production and the same at twice the costs, a variant that is as dear, and two sizes of the account."""
    free, dear = lived(FREE), lived(DEAR)
    portfolios = side_by_side(
        rules_of(FREE),
        scorer="momentum_12_1",
        policy=POLICY,
        cost_multiples=(Decimal(1), Decimal(2)),
        variants=[Variant(name="dear <one>", rules=rules_of(DEAR), scorer="model", policy=POLICY)],
        capitals_usd=(CASH, 10 * CASH),
    )
    return summed_up(portfolios, list(zip(free, dear, dear, free, dear, strict=True)))


@pytest.fixture(scope="module")
def facts(desks: tuple[Lived, ...]) -> Facts:
    return facts_of(desks[1])


@pytest.fixture(scope="module")
def report(desks: tuple[Lived, ...]) -> Report:
    facts, random = facts_of(desks[0]), np.random.default_rng(1)
    return Report(
        trial=TRIAL,
        desks=desks,
        facts=facts,
        benchmarks={EVERY_STOCK: np.linspace(1.0, 1.1, len(desks[0].days))},
        factors={name: 0.01 * random.standard_normal(len(facts.sessions)) for name in ("market", "momentum")},
        closes={
            trip.symbol: {session: PRICES[session][trip.symbol] for session in SESSIONS} for trip in drawn_trips(facts)
        },
        trials=(),
        stamps=("survivorship biased",),
        identity={"settings": "5" * 12, "code": "c<o>de"},
    )


def earned(desk: Lived) -> float:
    return float(desk.days[-1].mark.equity_usd - CASH)


def test_sectors_and_trips_share_out_every_dollar(desks: tuple[Lived, ...], facts: Facts) -> None:
    assert sum(facts.by_sector.values()) == pytest.approx(earned(desks[1]))
    assert sum(facts.by_regime.values()) == pytest.approx(earned(desks[1]))
    assert sum(facts.by_feature.values()) == pytest.approx(earned(desks[1]))
    assert sum(float(trip.earned_usd) for trip in facts.trips) == pytest.approx(earned(desks[1]))
    assert UNKNOWN not in facts.by_sector


def test_a_feature_gets_its_part_by_the_size_of_its_contribution(desks: tuple[Lived, ...], facts: Facts) -> None:
    # The builder's signals all contribute 0.3 and 0.1.
    assert facts.by_feature["return_5d"] == pytest.approx(earned(desks[1]) * 0.75)
    assert facts.by_feature["rsi_14"] == pytest.approx(earned(desks[1]) * 0.25)


def test_of_many_features_those_that_lost_most_are_drawn_beside_those_that_earned_most(report: Report) -> None:
    small = {f"earned_{place}": 20.0 - place for place in range(20)}
    amounts = {"earned_most": 700.0} | small | {"lost_little": -1.0, "lost_much": -400.0, "lost_most": -900.0}
    page = drawn(replace(report, facts=replace(report.facts, by_feature=amounts))).html()
    told = [name for name in re.findall(r"<text[^>]*>([a-z]+_[a-z0-9]+)</text>", page) if name in amounts]
    assert told == ["earned_most", *list(small)[:9], "lost_much", "lost_most"]
    assert "Drawn are the 12 of 24 features with the largest amounts; together all 24 come to -391 USD." in page
    few = dict(list(amounts.items())[:12])
    assert "Drawn are" not in drawn(replace(report, facts=replace(report.facts, by_feature=few))).html()


def test_months_compound_to_the_whole(desks: tuple[Lived, ...], facts: Facts) -> None:
    months = [value for months in facts.months.values() for value in months.values()]
    assert np.prod([1 + value for value in months]) - 1 == pytest.approx(earned(desks[1]) / float(CASH))
    assert list(facts.months[2024]) == [1, 2, 3, 4]


def test_a_band_holds_the_middle_of_what_days_drawn_again_come_to(facts: Facts) -> None:
    assert len(facts.low) == len(facts.sessions) > BLOCK_SESSIONS
    assert (facts.low < facts.high).all()
    assert facts.low[-1] < facts.equity[-1] < facts.high[-1]


def test_a_band_is_drawn_from_a_hundred_sessions_on_and_the_page_says_so_below(report: Report) -> None:
    short = len(report.facts.sessions)
    assert BLOCK_SESSIONS < short < BAND_SESSIONS_MIN == 100
    page = drawn(report).html()
    assert "Fewer than 100 sessions: no band is drawn" in page
    assert "Shaded" not in page
    assert "the days in pairs, 95 % interval" in page
    wider = replace(report.facts, low=report.facts.low - 0.1, high=report.facts.high + 0.1)
    assert equity_svg(wider, {}, name="own") == equity_svg(report.facts, {}, name="own")


def test_a_history_of_a_hundred_sessions_has_its_band(report: Report) -> None:
    days = np.array([0.01, -0.008] * 50)
    low, high = resampled_band(days)
    growth = np.asarray(np.cumprod(1 + days), dtype=np.float64)
    sessions = tuple(SESSIONS[0] + timedelta(days=place) for place in range(100))
    long = replace(report.facts, sessions=sessions, equity=growth, low=low, high=high)
    assert equity_svg(long, {}, name="own") != equity_svg(replace(long, low=low - 0.1), {}, name="own")
    short = replace(long, sessions=sessions[:99])
    assert equity_svg(short, {}, name="own") == equity_svg(replace(short, low=low - 0.1), {}, name="own")


def test_a_desk_differs_from_itself_by_nothing_and_dearer_trading_costs(desks: tuple[Lived, ...]) -> None:
    free, dear = daily_returns(desks[0]), daily_returns(desks[1])
    itself = difference(free, free)
    assert (itself.value, itself.low, itself.high) == (0.0, 0.0, 0.0)
    assert difference(free, dear).value > 0


def test_a_page_is_the_same_twice_and_fetches_nothing(report: Report) -> None:
    page = drawn(report).html()
    assert page == drawn(report).html()
    assert set(re.findall(r"https?://[^\s\"']+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "<script" not in page


def test_the_first_page_tells_trials_and_deflated_ratio_and_escapes_what_it_tells(report: Report) -> None:
    page = drawn(report).html()
    assert page.index("deflated Sharpe") < page.index("choices tried") < page.index("<svg")
    assert "c&lt;o&gt;de" in page


def test_the_more_was_backtested_in_a_home_the_less_the_same_result_is_worth(report: Report) -> None:
    over = 0.0002 + 0.001 * np.random.default_rng(3).standard_normal(len(report.facts.sessions))
    growth: Floats = np.cumprod(1 + daily_returns(report.desks[0]) - over)

    def told(count: int) -> float:
        look = BacktestLook(
            scorer="momentum_12_1", learning_hash=None, settings_hash="s", first=SESSIONS[0], last=SESSIONS[-2]
        )
        lines = [
            Line(
                choice_hash=str(number),
                dataset_hash="d",
                model_hash="",
                spread=SharpeRecord(days=60, sharpe=0.1 * (-1) ** number, skewness=0.0, kurtosis=3.0),
                at=CALENDAR.as_of(SESSIONS[-1]),
                backtest=look,
            )
            for number in range(count)
        ]
        page = drawn(replace(report, trials=lines, benchmarks={EVERY_STOCK: growth})).html()
        assert f"{count} backtested, 0 only taught and judged, in this home" in page
        found = re.search(r"deflated Sharpe over every stock alike</span><b>([\d.]+)<", page)
        assert found is not None
        return float(found[1])

    assert told(1) > told(2) > told(20)


def test_sortino_ratio_stands_beside_the_sharpe_ratio_and_recovery_beside_the_worst_fall(
    desks: tuple[Lived, ...], report: Report
) -> None:
    past, page = desks[0].performance, drawn(report).html()
    assert f"Sortino ratio {past.sortino:+.2f}" in page
    assert ("not recovered yet;" in page) == (past.recovery_sessions is None)
    back = replace(desks[0], performance=replace(past, recovery_sessions=17))
    assert "recovered in 17 sessions;" in drawn(replace(report, desks=(back, *desks[1:]))).html()


def test_a_portfolio_that_moves_with_the_market_has_no_edge_however_well_both_did(
    desks: tuple[Lived, ...], report: Report
) -> None:
    own = daily_returns(desks[0])
    apart = 0.0001 * np.resize([1.0, -1.0], len(own))
    rising = np.full(len(own), 0.002)
    desk = replace(desks[0], days=with_returns(desks[0], own + rising))
    growth = np.cumprod(1 + own + rising + apart - apart.mean())
    page = drawn(replace(report, desks=(desk, *desks[1:]), benchmarks={EVERY_STOCK: growth})).html()
    told = re.search(r"deflated Sharpe over every stock alike</span><b>([\d.]+)<", page)
    assert told is not None
    # A ratio of 0 is above 0 as often as below.
    assert float(told[1]) == pytest.approx(0.5, abs=0.01)


def with_returns(desk: Lived, returns: np.ndarray) -> tuple[LivedDay, ...]:
    """Return a portfolio's days with other equity."""
    equity = [CASH * Decimal(repr(one)) for one in np.cumprod(1 + returns).tolist()]
    return tuple(
        replace(day, mark=replace(day.mark, equity_usd=usd)) for day, usd in zip(desk.days, equity, strict=True)
    )


def test_a_flaw_of_the_data_is_stamped_at_head_foot_and_every_printed_page(report: Report) -> None:
    page = drawn(report).html()
    assert page.count('<span class="stamp">survivorship biased</span>') == 3
    assert "<title>[survivorship biased]" in page


def test_a_variant_is_told_beside_production_with_the_interval_of_their_difference(report: Report) -> None:
    page = drawn(report).html()
    assert "Variants beside production" in page
    assert re.search(r"1x costs less dear &lt;one&gt;: [+-][\d.]+ % \([+-][\d.]+ to [+-][\d.]+\) a year", page)


def shortened(report: Report, sessions: int) -> Report:
    """Return the report of the first so many sessions."""
    desks = tuple(
        replace(desk, days=desk.days[:sessions], performance=performance(values_of(CASH, desk.days[:sessions])))
        for desk in report.desks
    )
    return replace(
        report,
        desks=desks,
        facts=facts_of(desks[0]),
        benchmarks={name: growth[:sessions] for name, growth in report.benchmarks.items()},
        factors={name: returns[:sessions] for name, returns in report.factors.items()},
        closes={},
    )


def test_of_twenty_sessions_or_fewer_no_interval_and_no_figure_a_year_is_told(report: Report) -> None:
    for sessions in (1, BLOCK_SESSIONS):
        page = drawn(shortened(report, sessions)).html()
        assert "too short, so no interval is told" in page
        assert "the days in pairs, 95 % interval" not in page
        assert "turnover</span><b>too short<" in page
        assert "times the equity a year" not in page
        assert figures(shortened(report, sessions).desks[0])["turnover"] is None


def idle(report: Report) -> Report:
    """Return the report of as many sessions on which nothing was bought."""
    days = tuple(
        replace(
            day,
            mark=replace(day.mark, positions=(), cash_usd=CASH, equity_usd=CASH),
            executions=(),
            actions=(),
            bought=(),
        )
        for day in report.desks[0].days
    )
    desk = replace(report.desks[0], days=days, performance=performance(values_of(CASH, days)))
    return replace(report, desks=(desk, *report.desks[1:]), facts=facts_of(desk), closes={})


def test_an_account_that_never_moved_has_no_ratio_however_long_it_is(report: Report) -> None:
    still = idle(report)
    assert not still.desks[0].performance.is_too_short
    page = drawn(still).html()
    assert "Sharpe ratio</span><b>none</b><i>the account never moved</i>" in page
    assert "standard error 0.00" not in page
    assert "<td>too short</td>" not in page
    assert [figures(still.desks[0])[name] for name in ("Sharpe", "+-")] == ["none", "none"]
    assert drawn(still).pdf().startswith(b"%PDF")


def test_a_page_of_days_on_which_nothing_was_bought_says_so_where_it_has_nothing_to_draw(report: Report) -> None:
    page = drawn(idle(report)).html()
    for heading in ("Earned by sector", "Earned by regime at entry", "Earned by feature"):
        assert f'<h2>{heading}</h2><p class="note">Nothing was bought.</p>' in page
    assert "tells no contributions" not in page


def test_the_figures_of_a_single_session_are_drawn_as_points(report: Report) -> None:
    one, many = (drawn(told).content["charts"] for told in (shortened(report, 1), report))
    for name, curves in (("equity", 2), ("drawdown", 1), ("exposure", 1)):
        assert points_in(one[name]) == curves
        assert points_in(many[name]) == 0


def test_a_window_that_was_complete_once_is_drawn_as_a_point(report: Report) -> None:
    sessions = report.facts.sessions
    first = rolling_svg(sessions[:21], {"month": (0.01,)})
    assert points_in(first) == 1
    assert "PM" not in first
    assert points_in(rolling_svg(sessions, {"month": (0.01,) * 30, "quarter": (0.02,)})) == 1
    assert points_in(rolling_svg(sessions, {"month": (0.01,) * 30})) == 0


def points_in(drawing: str) -> int:
    """Return how many points a chart has; a line through one session alone is not seen."""
    return drawing.count('aria-roledescription="point"')


def test_a_history_too_short_for_a_ratio_has_no_deflated_one_and_tells_no_capacity(report: Report) -> None:
    short = shortened(report, 59)
    page = drawn(short).html()
    assert "the days in pairs, 95 % interval" in page
    assert "deflated Sharpe over every stock alike</span><b>too short<" in page
    assert "<td>1,000,000</td><td>too short</td>" in page
    assert "Fewer than 60 sessions: too short to tell what a larger account would lose." in page
    assert "earns nothing" not in page
    assert drawn(short).pdf().startswith(b"%PDF")


def test_trades_are_drawn_on_their_prices_with_each_purchase_and_sale(report: Report) -> None:
    page = drawn(report).html()
    trips = drawn_trips(report.facts)
    assert len(trips) == 6
    assert trips[0].earned_usd > 0 > trips[-1].earned_usd
    assert all(f"{trip.symbol}, {trip.entered} to {trip.ended}" in page for trip in trips)


def test_what_earned_is_not_among_the_worst_and_what_lost_not_among_the_best(report: Report) -> None:
    won = tuple(trip for trip in report.facts.trips if trip.earned_usd > 0)[:3]
    page = drawn(replace(report, facts=replace(report.facts, trips=won))).html()
    best, worst = page.split("<h2>Best round trips</h2>")[1].split("<h2>Worst round trips</h2>")
    assert all(f"<td>{trip.symbol}</td><td>{trip.entered}</td>" in best for trip in won)
    assert worst.startswith('\n<p class="note">None lost anything.</p>')


def test_factors_and_what_none_explains_are_told_with_intervals(report: Report) -> None:
    page = drawn(report).html()
    assert page.index("<td>market</td>") < page.index("<td>momentum</td>") < page.index("<td>what none explains</td>")


def test_size_of_the_account_and_what_it_bears_are_told(report: Report) -> None:
    page = drawn(report).html()
    assert "<td>100,000</td>" in page
    assert "<td>1,000,000</td>" in page
    assert "invested, percent" in page


def test_the_pdf_is_the_same_twice(report: Report) -> None:
    first = drawn(report).pdf()
    assert first.startswith(b"%PDF")
    assert first == drawn(report).pdf()


def test_a_stock_without_a_return_on_its_first_day_leaves_the_others_their_mean() -> None:
    growth = np.array([[np.nan, 1.02], [1.10, 1.00]])
    assert in_equal_parts(growth) == pytest.approx([1.02, 1.02 * 1.05])


def test_a_stock_not_listed_yet_or_delisted_already_does_not_dilute_the_others(tmp_path: Path) -> None:
    market = a_market(sessions=12, symbols=3)
    market.returns[:] = 0.001
    market.has_bar[:6, 1] = False
    market.has_bar[8:, 2] = False
    growth = every_stock(market.write(tmp_path / "warehouse.duckdb"), market.sessions)
    assert growth == pytest.approx(1.001 ** np.arange(1, 13))


def test_trips_that_last_to_the_end_are_told_as_open(facts: Facts) -> None:
    assert {trip.ended for trip in facts.trips if trip.is_open} <= {date(2024, 4, 10)}
    assert any(not trip.is_open for trip in facts.trips)


def test_round_trips_are_told_with_what_winners_and_losers_came_to(facts: Facts) -> None:
    trip = facts.trips[0]
    told = [replace(trip, earned_usd=Decimal(usd)) for usd in (300, 100, -100, 0)]
    assert trips_sentence(told) == (
        "4 round trips, 2 of them earned something, 200 USD on average; 1 lost 100 USD on average; profit factor 4.00."
    )
    assert trips_sentence(told[:2]) == "2 round trips, 2 of them earned something, 200 USD on average."
    assert trips_sentence(()) == "0 round trips, 0 of them earned something."
