"""Freshness and completeness at their boundaries."""

from datetime import date, timedelta
from typing import Any

import pytest

from assets.quality.freshness import FRESHNESS_CHECKS
from assets.quality.policy import GatePolicy
from assets.quality.verdicts import Report, run_check
from assets.schemas import DAILY_BARS, EVENTS, INDICES, NEWS, SECURITIES
from tests.builders.quality import raw_evidence
from tests.builders.raw_market import CALENDAR, SESSION, RawMarket, a_raw_market, rows_of, symbols_of

CHECKS = {check.name: check for check in FRESHNESS_CHECKS}
MARKET = a_raw_market(n_sessions=14)


def report(name: str, market: RawMarket = MARKET, **changes: Any) -> Report:
    return run_check(CHECKS[name], raw_evidence(market, **changes))


def with_security(market: RawMarket, symbol: str, **changes: Any) -> RawMarket:
    row = {"symbol": symbol, "listed_session": market.sessions[0], "known_at": CALENDAR.opens_at(SESSION), **changes}
    return market.with_rows(SECURITIES, [row])


@pytest.mark.parametrize("name", list(CHECKS))
def test_complete_and_current_data_pass(name: str) -> None:
    assert report(name).passed


def test_missing_session_is_stale() -> None:
    found = report("bars_are_current", MARKET.without_bars(session=SESSION))
    assert not found.passed
    assert "2024-03-04" in found.outcomes[0].reason


def test_bars_after_a_weekend_are_current() -> None:
    monday = date(2024, 3, 4)
    assert report("bars_are_current", session=monday).passed


@pytest.mark.parametrize(("missing", "passes"), [(2, True), (3, False)])
def test_universe_is_complete_with_nineteen_of_twenty(missing: int, *, passes: bool) -> None:
    found = report("universe_is_complete", MARKET.without_bars(session=SESSION, symbols=symbols_of(missing)))
    assert found.passed is passes
    assert set(found.excluded) == set(symbols_of(missing))


def test_universe_without_any_bar_is_incomplete_even_with_one_symbol() -> None:
    market = a_raw_market(n_symbols=1, n_sessions=14).without_bars(session=SESSION)
    assert not report("universe_is_complete", market).passed


def test_no_listed_symbol_is_no_universe() -> None:
    market = MARKET.with_table(SECURITIES, SECURITIES.schema.empty_table())
    assert not report("universe_is_complete", market).passed


def test_delisted_symbol_is_not_expected_to_trade() -> None:
    last = CALENDAR.previous(SESSION)
    market = MARKET.without_bars(session=SESSION, symbols=["S001"])
    market = with_security(market, "S001", delisted_session=last)
    assert report("universe_is_complete", market).excluded == {}


def test_symbol_is_expected_on_its_last_session() -> None:
    market = MARKET.without_bars(session=SESSION, symbols=["S001"])
    market = with_security(market, "S001", delisted_session=SESSION)
    assert "S001" in report("universe_is_complete", market).excluded


def test_symbol_listed_tomorrow_is_not_expected_today() -> None:
    market = with_security(MARKET, "NEW", listed_session=CALENDAR.next(SESSION))
    assert report("universe_is_complete", market).excluded == {}


@pytest.mark.parametrize(("seconds", "passes"), [(0, True), (1, False)])
def test_bars_are_late_after_ninety_minutes(seconds: int, *, passes: bool) -> None:
    known_at = CALENDAR.closes_at(SESSION) + timedelta(minutes=90, seconds=seconds)
    market = MARKET
    for symbol in symbols_of(3):
        market = market.with_bar(symbol, SESSION, known_at=known_at)
    assert report("bars_are_on_time", market).passed is passes


def test_two_late_bars_of_forty_are_tolerated() -> None:
    known_at = CALENDAR.closes_at(SESSION) + timedelta(minutes=119)
    market = MARKET.with_bar("S001", SESSION, known_at=known_at).with_bar("S002", SESSION, known_at=known_at)
    assert report("bars_are_on_time", market).passed


def test_correction_of_a_bar_that_was_on_time_is_not_late() -> None:
    rows = [{**MARKET.bar(symbol, SESSION), "known_at": CALENDAR.as_of(SESSION)} for symbol in symbols_of(20)]
    assert report("bars_are_on_time", MARKET.with_rows(DAILY_BARS, rows)).passed


@pytest.mark.parametrize(("unlisted", "passes"), [(2, True), (3, False)])
def test_unlisted_symbols_that_trade_are_named_and_bounded(unlisted: int, *, passes: bool) -> None:
    market = MARKET
    for symbol in symbols_of(unlisted):
        market = with_security(market, symbol, delisted_session=CALENDAR.previous(SESSION))
    found = report("reference_data", market)
    assert found.verdicts[0].passed is passes
    assert set(found.excluded) == set(symbols_of(unlisted))


@pytest.mark.parametrize(("limit", "passes"), [(13, True), (12, False)])
def test_reference_data_age_is_counted_in_sessions(limit: int, *, passes: bool) -> None:
    assert report("reference_data", policy=GatePolicy(max_reference_age_sessions=limit)).passed is passes


def test_source_that_never_spoke_is_skipped_with_its_reason() -> None:
    found = report("sources_are_awake", MARKET.with_table(NEWS, NEWS.schema.empty_table()))
    assert found.passed
    assert "no such source: skipped" in [verdict.value for verdict in found.verdicts if verdict.detail == "news"]


def test_silence_beyond_the_policy_is_found() -> None:
    old = {"index_name": "vix", "session": MARKET.sessions[0], "close": 15.0}
    row = {**old, "known_at": CALENDAR.bars_known_at(CALENDAR.offset(SESSION, -6))}
    market = MARKET.with_table(INDICES, rows_of(INDICES, [row]))
    assert not report("sources_are_awake", market).passed
    assert report("sources_are_awake", market, policy=GatePolicy(max_indices_silence_sessions=6)).passed


def test_calendar_of_events_that_fell_silent_is_found_where_the_policy_demands_it() -> None:
    event = MARKET.tables["events"].to_pylist()[0]
    row = {**event, "known_at": CALENDAR.bars_known_at(CALENDAR.offset(SESSION, -6))}
    market = MARKET.with_table(EVENTS, rows_of(EVENTS, [row]))
    assert report("sources_are_awake", market).passed
    assert report("sources_are_awake", market, policy=GatePolicy(max_events_silence_sessions=6)).passed
    found = report("sources_are_awake", market, policy=GatePolicy(max_events_silence_sessions=5))
    assert not found.passed
    assert "raw/events has had nothing new for 6 sessions" in [verdict.reason for verdict in found.verdicts]


def test_silence_that_is_not_demanded_is_still_measured() -> None:
    old = {**MARKET.tables["news"].to_pylist()[0], "known_at": CALENDAR.bars_known_at(MARKET.sessions[0])}
    found = report("sources_are_awake", MARKET.with_table(NEWS, rows_of(NEWS, [old])))
    assert found.passed
    assert "newest row 13 sessions old" in [verdict.value for verdict in found.verdicts]
