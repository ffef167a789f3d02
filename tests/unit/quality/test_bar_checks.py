"""Each rule on bars: what just passes, what just fails, and what a few faults do against many."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.carried_actions import MAX_CARRIED_SESSIONS
from assets.quality.bar_checks import bar_checks
from assets.quality.policy import GatePolicy
from assets.quality.verdicts import Report, run_check
from assets.schemas import CORPORATE_ACTIONS, DAILY_BARS, NEWS
from tests.builders.quality import raw_evidence
from tests.builders.raw_market import CALENDAR, SESSION, RawMarket, a_raw_market, symbols_of

CHECKS = {check.name: check for check in bar_checks()}
YESTERDAY = CALENDAR.previous(SESSION)
CENT = Decimal("0.01")
MARKET = a_raw_market(n_sessions=14)


def report(name: str, market: RawMarket = MARKET, **changes: Any) -> Report:
    return run_check(CHECKS[name], raw_evidence(market, **changes))


def with_prices(symbol: str, factor: str) -> RawMarket:
    """The market with one symbol's bar of the session set to a multiple of its previous close."""
    close = Decimal(str(MARKET.bar(symbol, YESTERDAY)["close_usd"])) * Decimal(factor)
    return MARKET.with_bar(
        symbol, SESSION, open_usd=close, high_usd=close + CENT, low_usd=close - CENT, close_usd=close
    )


def with_action(market: RawMarket, symbol: str, action: str, value: str) -> RawMarket:
    row = {"symbol": symbol, "ex_session": SESSION, "action": action, "value": Decimal(value)}
    return market.with_rows(CORPORATE_ACTIONS, [{**row, "known_at": CALENDAR.opens_at(SESSION)}])


@pytest.mark.parametrize("name", list(CHECKS))
def test_clean_bars_pass_and_leave_nobody_out(name: str) -> None:
    found = report(name)
    assert found.passed
    assert found.excluded == {}


@pytest.mark.parametrize(("close", "is_found"), [("0", True), ("-1", True), ("0.000001", False)])
def test_price_of_zero_is_found_and_the_smallest_positive_is_not(close: str, *, is_found: bool) -> None:
    market = MARKET.with_bar("S001", SESSION, close_usd=Decimal(close))
    assert ("S001" in report("positive_prices", market).excluded) is is_found


def test_high_equal_to_the_larger_of_open_and_close_is_in_order() -> None:
    bar = MARKET.bar("S001", SESSION)
    most = max(Decimal(str(bar["open_usd"])), Decimal(str(bar["close_usd"])))
    assert report("ohlc_order", MARKET.with_bar("S001", SESSION, high_usd=most)).excluded == {}


def test_high_a_cent_below_the_larger_of_open_and_close_is_found() -> None:
    bar = MARKET.bar("S001", SESSION)
    most = max(Decimal(str(bar["open_usd"])), Decimal(str(bar["close_usd"])))
    assert "S001" in report("ohlc_order", MARKET.with_bar("S001", SESSION, high_usd=most - CENT)).excluded


def test_low_a_cent_above_the_smaller_of_open_and_close_is_found() -> None:
    bar = MARKET.bar("S001", SESSION)
    least = min(Decimal(str(bar["open_usd"])), Decimal(str(bar["close_usd"])))
    assert "S001" in report("ohlc_order", MARKET.with_bar("S001", SESSION, low_usd=least + CENT)).excluded


@pytest.mark.parametrize(
    ("volume", "is_halted", "is_found"), [(1, False, False), (0, False, True), (0, True, False), (-1, True, True)]
)
def test_no_volume_is_found_unless_the_symbol_was_halted(volume: int, *, is_halted: bool, is_found: bool) -> None:
    market = MARKET.with_bar("S001", SESSION, volume_shares=volume, is_halted=is_halted)
    assert ("S001" in report("possible_volumes", market).excluded) is is_found


@pytest.mark.parametrize(("factor", "is_found"), [("1.39", False), ("1.41", True), ("0.61", False), ("0.59", True)])
def test_return_beyond_the_policy_is_a_jump(factor: str, *, is_found: bool) -> None:
    assert ("S001" in report("explained_jumps", with_prices("S001", factor)).excluded) is is_found


def test_halving_with_a_two_for_one_split_is_explained() -> None:
    assert report("explained_jumps", with_action(with_prices("S001", "0.5"), "S001", "split", "2")).excluded == {}


def test_split_in_the_table_that_the_price_does_not_show_is_a_jump() -> None:
    market = with_action(with_prices("S001", "1.0"), "S001", "split", "2")
    assert "S001" in report("explained_jumps", market).excluded


def test_large_dividend_explains_the_fall_it_causes() -> None:
    half = Decimal(str(MARKET.bar("S001", YESTERDAY)["close_usd"])) / 2
    market = with_action(with_prices("S001", "0.5"), "S001", "dividend", f"{half:.2f}")
    assert report("explained_jumps", market).excluded == {}


def test_split_while_the_symbol_had_no_bar_explains_its_next_bar() -> None:
    row = {"symbol": "S001", "ex_session": YESTERDAY, "action": "split", "value": Decimal(2)}
    before = Decimal(str(MARKET.bar("S001", CALENDAR.offset(SESSION, -2))["close_usd"])) / 2
    prices = {"open_usd": before, "high_usd": before + CENT, "low_usd": before - CENT, "close_usd": before}
    market = MARKET.with_bar("S001", SESSION, **prices).without_bars(session=YESTERDAY, symbols=["S001"])
    market = market.with_rows(CORPORATE_ACTIONS, [{**row, "known_at": CALENDAR.opens_at(YESTERDAY)}])
    assert report("explained_jumps", market).excluded == {}


def tripled_after_silence(*, missing: int, age: int) -> RawMarket:
    """The market with one symbol silent for some sessions and then at three times its price, so many sessions ago."""
    market, back = MARKET, CALENDAR.offset(SESSION, -age)
    for step in range(1, missing + 1):
        market = market.without_bars(session=CALENDAR.offset(back, -step), symbols=["S001"])
    for session in CALENDAR.between(back, SESSION):
        bar = MARKET.bar("S001", session)
        prices = {name: Decimal(str(value)) * 3 for name, value in bar.items() if name.endswith("_usd")}
        market = market.with_bar("S001", session, **prices)
    return market


@pytest.mark.parametrize("missing", [0, 3, MAX_CARRIED_SESSIONS])
@pytest.mark.parametrize("age", [0, 4])
def test_jump_over_sessions_without_a_bar_is_found_for_as_long_as_its_price_is_carried(missing: int, age: int) -> None:
    found = report("explained_jumps", tripled_after_silence(missing=missing, age=age))
    assert found.excluded.keys() == {"S001"}


def test_late_bar_older_than_the_quarantine_is_judged_by_its_last_bar_before_however_old() -> None:
    market, late = MARKET, CALENDAR.offset(SESSION, -8)
    for step in range(9, 12):
        market = market.without_bars(session=CALENDAR.offset(SESSION, -step), symbols=["S001"])
    prices = dict.fromkeys(("open_usd", "high_usd", "low_usd", "close_usd"), Decimal(9999))
    market = market.with_bar("S001", late, **prices, known_at=CALENDAR.as_of(SESSION))
    assert "1 older bars" in report("explained_jumps", market).outcomes[0].value


def split_and_adjusted(ratios: Mapping[str, str], adjusted: Sequence[str]) -> RawMarket:
    """A market in which symbols split ten sessions ago, some with all prices on the scale after it."""
    bars = MARKET.tables["daily_bars"]
    market = MARKET.with_table(DAILY_BARS, bars.filter(pc.is_in(bars.column("symbol"), pa.array(list(ratios)))))
    market = market.with_table(CORPORATE_ACTIONS, CORPORATE_ACTIONS.schema.empty_table())
    ex_session = CALENDAR.offset(SESSION, -10)
    known_at = CALENDAR.opens_at(ex_session)
    for symbol, ratio in ratios.items():
        row = {"symbol": symbol, "ex_session": ex_session, "action": "split", "value": Decimal(ratio)}
        market = market.with_rows(CORPORATE_ACTIONS, [{**row, "known_at": known_at}])
        if symbol not in adjusted:
            for session in CALENDAR.between(ex_session, SESSION):
                bar = market.bar(symbol, session)
                prices = {name: Decimal(str(bar[name])) / Decimal(ratio) for name in bar if name.endswith("_usd")}
                prices = {name: price.quantize(CENT) for name, price in prices.items()}
                market = market.with_bar(symbol, session, **prices)
    return market


def test_splits_that_mostly_leave_prices_where_they_were_close_the_gate_and_say_why() -> None:
    market = split_and_adjusted({"S001": "2", "S002": "0.67", "S004": "1.5"}, adjusted=["S001", "S002"])
    few = GatePolicy(max_history_fault_share=1.0)
    found = report("explained_jumps", market, is_first_session=True, policy=few)
    jumps, splits = found.outcomes
    assert jumps.passed
    assert (splits.name, splits.passed) == ("explained_jumps.split_adjusted_prices", False)
    assert splits.value == "2 of 3 (66.67%) splits leave the price where it was"
    assert "prices look split-adjusted already" in splits.reason
    assert {row["symbol"] for row in found.verdicts[1].offenders} == {"S001", "S002"}


@pytest.mark.parametrize(
    ("ratios", "adjusted"),
    [
        pytest.param({"S001": "2", "S002": "2"}, ["S001", "S002"], id="too few splits to tell"),
        pytest.param({"S001": "2", "S002": "2", "S004": "2", "S006": "2"}, ["S001", "S002"], id="just half of them"),
        pytest.param({"S001": "1.4", "S002": "2", "S004": "2"}, ["S001", "S002", "S004"], id="one too small to tell"),
        pytest.param({"S001": "2", "S002": "0.1", "S004": "1.5"}, [], id="all of them move the price"),
    ],
)
def test_splits_that_prove_no_adjustment_add_nothing_to_the_verdict(
    ratios: Mapping[str, str], adjusted: Sequence[str]
) -> None:
    market = split_and_adjusted(ratios, adjusted)
    few = GatePolicy(max_history_fault_share=1.0)
    found = report("explained_jumps", market, is_first_session=True, policy=few)
    assert [outcome.name for outcome in found.outcomes] == ["explained_jumps"]
    assert found.passed


def test_repeated_bar_is_found_and_a_difference_of_one_share_is_not() -> None:
    before = MARKET.bar("S001", YESTERDAY)
    values = {name: before[name] for name in ("open_usd", "high_usd", "low_usd", "close_usd")}
    volume = int(str(before["volume_shares"]))
    repeated = MARKET.with_bar("S001", SESSION, **values, volume_shares=volume)
    traded = MARKET.with_bar("S001", SESSION, **values, volume_shares=volume + 1)
    assert "S001" in report("fresh_values", repeated).excluded
    assert report("fresh_values", traded).excluded == {}


def test_repeats_count_from_the_length_the_policy_names() -> None:
    before = MARKET.bar("S001", YESTERDAY)
    repeated = MARKET.with_bar(
        "S001", SESSION, **{name: before[name] for name in before if name.endswith(("usd", "s"))}
    )
    assert report("fresh_values", repeated, policy=GatePolicy(stale_repeat_sessions=3)).excluded == {}


def test_halted_bar_may_repeat_the_one_before() -> None:
    before = MARKET.bar("S001", YESTERDAY)
    values = {name: before[name] for name in ("open_usd", "high_usd", "low_usd", "close_usd")}
    market = MARKET.with_bar("S001", SESSION, **values, volume_shares=0, is_halted=True)
    assert report("fresh_values", market).excluded == {}


@pytest.mark.parametrize("days", [-2, 1])
def test_bar_of_a_weekend_or_of_the_future_is_found(days: int) -> None:
    bar = {**MARKET.bar("S001", SESSION), "session": SESSION + timedelta(days=days)}
    assert "S001" in report("possible_sessions", MARKET.with_rows(DAILY_BARS, [bar])).excluded


@pytest.mark.parametrize(("seconds", "is_found"), [(0, False), (-1, True)])
def test_bar_known_before_the_close_is_found(seconds: int, *, is_found: bool) -> None:
    known_at = CALENDAR.closes_at(SESSION) + timedelta(seconds=seconds)
    found = report("possible_known_at", MARKET.with_bar("S001", SESSION, known_at=known_at))
    assert ("S001" in found.excluded) is is_found


def jumping(count: int) -> RawMarket:
    market = MARKET
    for symbol in symbols_of(count):
        bar = market.bar(symbol, SESSION)
        market = market.with_bar(symbol, SESSION, close_usd=Decimal(str(bar["low_usd"])) / 100)
    return market


@pytest.mark.parametrize(("count", "passes"), [(2, True), (3, False)])
def test_faults_of_a_twentieth_leave_symbols_out_and_more_close_the_gate(count: int, *, passes: bool) -> None:
    found = report("ohlc_order", jumping(count))
    assert found.passed is passes
    assert set(found.excluded) == set(symbols_of(count))


def test_one_faulty_symbol_is_tolerated_however_small_the_universe() -> None:
    small = a_raw_market(n_symbols=5, n_sessions=14)
    assert report("ohlc_order", small.with_bar("S001", SESSION, high_usd=CENT)).passed


def test_no_tolerance_means_one_faulty_symbol_closes_the_gate() -> None:
    strict = GatePolicy(tolerated_symbols=0, max_excluded_share=0.0)
    assert not report("ohlc_order", MARKET.with_bar("S001", SESSION, high_usd=CENT), policy=strict).passed


@pytest.mark.parametrize(("age", "is_left_out"), [(4, True), (5, False)])
def test_fault_leaves_its_symbol_out_until_the_quarantine_is_over(age: int, *, is_left_out: bool) -> None:
    market = MARKET.with_bar("S001", CALENDAR.offset(SESSION, -age), high_usd=CENT)
    assert ("S001" in report("ohlc_order", market).excluded) is is_left_out


def test_corrected_fault_leaves_nobody_out() -> None:
    good = MARKET.bar("S001", YESTERDAY)
    market = MARKET.with_bar("S001", YESTERDAY, high_usd=CENT)
    market = market.with_rows(DAILY_BARS, [{**good, "known_at": CALENDAR.closes_at(SESSION)}])
    assert report("ohlc_order", market).excluded == {}


def test_old_fault_of_a_first_intake_is_counted_not_charged_to_the_symbol() -> None:
    market = MARKET.with_bar("S001", MARKET.sessions[0], high_usd=CENT)
    found = report("ohlc_order", market, is_first_session=True, policy=GatePolicy(max_history_fault_share=0.01))
    assert found.passed
    assert found.excluded == {}
    assert "1 older bars" in found.outcomes[0].value


def test_many_old_faults_of_a_first_intake_close_the_gate() -> None:
    market = MARKET.with_bar("S001", MARKET.sessions[0], high_usd=CENT)
    strict = GatePolicy(max_history_fault_share=0.0)
    assert report("ohlc_order", market, is_first_session=True, policy=strict).passed
    market = market.with_bar("S002", MARKET.sessions[0], high_usd=CENT)
    assert not report("ohlc_order", market, is_first_session=True, policy=strict).passed


@pytest.mark.parametrize(("count", "passes"), [(1, True), (2, False)])
def test_one_old_bar_told_again_with_a_fault_is_tolerated_and_more_close_the_gate(count: int, *, passes: bool) -> None:
    market, old = MARKET, CALENDAR.offset(SESSION, -6)
    for symbol in symbols_of(count):
        again = {**MARKET.bar(symbol, old), "high_usd": CENT, "known_at": CALENDAR.closes_at(SESSION)}
        market = market.with_rows(DAILY_BARS, [again])
    found = report("ohlc_order", market)
    assert found.passed is passes
    assert f"{count} older bars" in found.outcomes[0].value


def test_without_tolerance_one_old_bar_told_again_with_a_fault_closes_the_gate() -> None:
    old = MARKET.bar("S001", CALENDAR.offset(SESSION, -6))
    again = {**old, "high_usd": CENT, "known_at": CALENDAR.closes_at(SESSION)}
    market = MARKET.with_rows(DAILY_BARS, [again])
    assert not report("ohlc_order", market, policy=GatePolicy(tolerated_symbols=0)).passed


def test_old_faults_already_judged_are_not_counted_again() -> None:
    market = MARKET.with_bar("S001", CALENDAR.offset(SESSION, -6), high_usd=CENT)
    assert report("ohlc_order", market, policy=GatePolicy(max_history_fault_share=0.0)).passed


def test_two_versions_at_one_instant_close_the_gate() -> None:
    bar = MARKET.bar("S001", SESSION)
    twice = MARKET.with_rows(DAILY_BARS, [{**bar, "volume_shares": 1}])
    found = report("unique_versions", twice)
    assert not found.passed
    assert found.verdicts[0].offenders[0]["symbol"] == "S001"


def test_later_correction_settles_two_versions_at_one_instant() -> None:
    bar = MARKET.bar("S001", SESSION)
    known_at = CALENDAR.as_of(SESSION)
    settled = MARKET.with_rows(DAILY_BARS, [{**bar, "volume_shares": 1}, {**bar, "known_at": known_at}])
    assert report("unique_versions", settled).passed


def test_two_versions_of_a_headline_close_the_gate_too() -> None:
    headlines = MARKET.tables["news"].to_pylist()
    twice = MARKET.with_rows(NEWS, [{**headlines[-1], "headline": "another"}])
    assert "1 in raw/news" in report("unique_versions", twice).outcomes[0].reason


@pytest.mark.parametrize("name", ["ohlc_order", "explained_jumps"])
def test_no_bar_at_all_is_a_failure_of_its_own(name: str) -> None:
    found = report(name, MARKET.with_table(DAILY_BARS, DAILY_BARS.schema.empty_table()))
    assert [(verdict.passed, verdict.value) for verdict in found.verdicts] == [(False, "no bars")]


def test_failure_shows_the_rows_at_fault() -> None:
    (verdict,) = report("ohlc_order", jumping(3)).verdicts
    assert {row["symbol"] for row in verdict.offenders} == {"S000", "S001", "S002"}
    assert verdict.offenders[0]["session"] == SESSION.isoformat()
