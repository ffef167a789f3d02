"""How old each raw table is, counted in sessions, and when that is too old."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, simulated_sources
from assets.maintenance.data_ages import DataAge, data_ages, sessions_without
from assets.raw_store import RawStore
from assets.schemas import ALL, DAILY_BARS, NEWS, RawTable
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
THURSDAY, FRIDAY, MONDAY = date(2024, 1, 4), date(2024, 1, 5), date(2024, 1, 8)
SETTINGS = SimulatedMarketSettings(symbols=5, first_session=date(2023, 12, 1), last_session=date(2024, 1, 31))


@pytest.fixture(scope="module")
def sources() -> MarketSources:
    return simulated_sources(SimulatedMarket(SETTINGS))


def take_in(store: RawStore, sources: MarketSources, table: RawTable, session: date) -> None:
    as_of = CALENDAR.as_of(session)
    store.append(table, sources.rows(table, after=None, upto=as_of), session=session, recorded_at=as_of)


def ages(store: RawStore, session: date, **allowed: int | None) -> dict[str, DataAge]:
    found = data_ages(store, CALENDAR, now=CALENDAR.as_of(session), allowed=allowed)
    return {age.table: age for age in found}


def test_each_table_with_rows_has_an_age(tmp_path: Path, sources: MarketSources) -> None:
    store = RawStore(tmp_path)
    for table in ALL:
        take_in(store, sources, table, THURSDAY)
    found = ages(store, FRIDAY)
    assert {"daily_bars", "news", "filings", "securities", "membership", "events", "indices"} <= set(found)
    assert found["daily_bars"] == DataAge(table="daily_bars", newest=THURSDAY, sessions=1, allowed_sessions=None)


def test_a_source_that_never_spoke_has_none(tmp_path: Path) -> None:
    assert ages(RawStore(tmp_path), FRIDAY) == {}


def test_what_is_older_than_allowed_is_late(tmp_path: Path, sources: MarketSources) -> None:
    store = RawStore(tmp_path)
    take_in(store, sources, NEWS, THURSDAY)
    sessions = ages(store, MONDAY)["news"].sessions
    assert sessions >= 2
    assert ages(store, MONDAY, news=sessions - 1)["news"].is_late
    assert not ages(store, MONDAY, news=sessions)["news"].is_late
    assert not ages(store, MONDAY, news=None)["news"].is_late


def test_a_late_correction_makes_no_bars_newer(tmp_path: Path, sources: MarketSources) -> None:
    store, known = RawStore(tmp_path), CALENDAR.as_of(FRIDAY)
    take_in(store, sources, DAILY_BARS, THURSDAY)
    rows = sources.rows(DAILY_BARS, after=None, upto=CALENDAR.as_of(THURSDAY)).slice(0, 1)
    column = rows.schema.get_field_index("known_at")
    store.append(
        DAILY_BARS,
        rows.set_column(column, rows.schema.field(column), [[known]]).set_column(
            rows.schema.get_field_index("volume_shares"), rows.schema.field("volume_shares"), [[1]]
        ),
        session=THURSDAY,
        recorded_at=known,
    )
    assert store.newest_known_at(DAILY_BARS) == known
    assert ages(store, FRIDAY)["daily_bars"].sessions == 1


def test_a_weekend_makes_nothing_older() -> None:
    sunday = CALENDAR.as_of(FRIDAY) + timedelta(days=2)
    assert sessions_without(CALENDAR, newest=FRIDAY, now=sunday) == 0


def test_a_session_counts_once_its_cut_off_passed() -> None:
    cut_off = CALENDAR.as_of(FRIDAY)
    assert sessions_without(CALENDAR, newest=THURSDAY, now=cut_off - timedelta(seconds=1)) == 0
    assert sessions_without(CALENDAR, newest=THURSDAY, now=cut_off) == 1
