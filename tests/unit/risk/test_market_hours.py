"""The exchange's hours against an independent calendar over ten years, changes of the clock included."""

import warnings
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from execution.risk.market_hours import market_phase
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
SECOND = timedelta(seconds=1)
FIRST, LAST = date(2015, 1, 2), date(2024, 12, 31)


@pytest.fixture(scope="module")
def reference() -> Any:
    import exchange_calendars  # noqa: PLC0415 - heavy, and only these tests want it

    with warnings.catch_warnings():
        # The library still uses what the pinned pandas calls deprecated; its results are what is compared here.
        warnings.simplefilter("ignore", DeprecationWarning)
        calendar = exchange_calendars.get_calendar("XNYS", start=FIRST.isoformat(), end=LAST.isoformat())
        minutes = calendar.minutes.tz_convert(None).astype("datetime64[s]").astype("int64")
        return calendar.opens, calendar.closes, frozenset(minutes.tolist())


def test_every_session_boundary_of_ten_years_agrees_with_an_independent_calendar(reference: Any) -> None:
    opens, closes, _ = reference
    wrong = []
    for opens_at, closes_at in zip(opens, closes, strict=True):
        first, last = opens_at.to_pydatetime(), closes_at.to_pydatetime()
        expected = ((first, "open"), (first - SECOND, "closed"), (last, "closed"), (last - SECOND, "open"))
        wrong += [at for at, phase in expected if market_phase(CALENDAR, at) != phase]
    assert len(opens) > 2_500
    assert wrong == []


def test_every_quarter_of_an_hour_of_ten_years_agrees_with_an_independent_calendar(reference: Any) -> None:
    at, end, wrong = datetime(2015, 1, 3, tzinfo=UTC), datetime(2024, 12, 31, tzinfo=UTC), []
    while at < end:
        expected = "open" if int(at.timestamp()) in reference[2] else "closed"
        if market_phase(CALENDAR, at) != expected:
            wrong.append(at)
        at += timedelta(minutes=15)
    assert wrong == []


@pytest.mark.parametrize("day", [date(2024, 3, 29), date(2024, 12, 25), date(2025, 1, 9), date(2024, 3, 10)])
def test_holidays_and_weekends_are_closed_all_day(day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert {market_phase(CALENDAR, midnight + timedelta(minutes=minute)) for minute in range(0, 1440, 15)} == {"closed"}


@pytest.mark.parametrize(("day", "opens_at_utc"), [(date(2024, 3, 8), "14:30"), (date(2024, 3, 11), "13:30")])
def test_the_open_moves_with_the_exchange_clock(day: date, opens_at_utc: str) -> None:
    opens_at = datetime.fromisoformat(f"{day}T{opens_at_utc}+00:00")
    assert market_phase(CALENDAR, opens_at) == "open"
    assert market_phase(CALENDAR, opens_at - SECOND) == "closed"


@pytest.mark.parametrize("instant", [CALENDAR.opens[0] - SECOND, CALENDAR.closes[-1]])
def test_what_the_table_does_not_cover_is_unknown(instant: datetime) -> None:
    assert market_phase(CALENDAR, instant) == "unknown"
