"""The first session that is decided: named by the settings, or the first with enough history before it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, simulated_sources
from execution.domain.errors import SettingsRefused
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import first_cycle_session
from pipelines.cli.demo import run_demo
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import Settings, load_settings

CALENDAR = TradingCalendar.shipped()
FIRST = 1000
SHORT = {"TOUCHSTONE__SIMULATED__FIRST_SESSION": "2024-01-02", "TOUCHSTONE__SIMULATED__LAST_SESSION": "2024-12-31"}
REFUSAL = r"found 252 sessions of data from 2024-01-02 to 2024-12-31, expected at least 506.*set first_cycle_session"


def running(first: date, last: date | None) -> MarketSources:
    made = simulated_sources(SimulatedMarket(SimulatedMarketSettings(symbols=1)))
    return replace(made, span=lambda: (first, last))


def market(sessions: int) -> MarketSources:
    return running(CALENDAR.sessions[FIRST], CALENDAR.sessions[FIRST + sessions - 1])


def test_the_first_decision_has_504_sessions_before_it_and_one_to_trade_in_after_it() -> None:
    assert first_cycle_session(Settings(), market(506)) == CALENDAR.sessions[FIRST + 504]


def test_a_market_too_short_for_the_history_is_refused_with_what_to_do() -> None:
    fault = r"found 505 sessions of data .* expected at least 506: 504 of history.*; give more data, or set first_cycle"
    with pytest.raises(SettingsRefused, match=fault):
        first_cycle_session(Settings(), market(505))


def test_a_short_market_is_decided_from_the_session_the_settings_name() -> None:
    named = CALENDAR.sessions[FIRST + 3]
    assert first_cycle_session(Settings(first_cycle_session=named), market(5)) == named


def test_a_source_without_an_end_gets_its_history_with_time() -> None:
    newest = CALENDAR.sessions[FIRST]
    assert first_cycle_session(Settings(), running(newest, None)) == CALENDAR.sessions[FIRST + 504]


def test_data_that_begin_on_a_day_without_trading_are_counted_from_the_session_after_it() -> None:
    new_year = running(date(2010, 1, 1), date(2012, 12, 31))
    assert first_cycle_session(Settings(), new_year) == CALENDAR.offset(date(2010, 1, 4), 504)


def test_a_home_of_a_short_market_is_refused_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=REFUSAL):
        create_home(load_settings(None, SHORT), Home(tmp_path))
    # What cannot be decided is not what the home goes on with.
    named = tmp_path / "named.yaml"
    named.write_text("first_cycle_session: 2024-06-03\n")
    create_home(load_settings(named, SHORT), Home(tmp_path))
    assert load_settings(Home(tmp_path).settings, {}).first_cycle_session == date(2024, 6, 3)


def test_a_demo_of_a_short_market_is_refused_before_the_daemon_starts(tmp_path: Path) -> None:
    settings = tmp_path / "short.yaml"
    settings.write_text("simulated: {first_session: 2024-01-02, last_session: 2024-12-31}\n")
    with pytest.raises(SettingsRefused, match=REFUSAL):
        run_demo(home=Home(tmp_path / "home"), settings_path=settings)
