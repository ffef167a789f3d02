from datetime import UTC, date, datetime

import pytest

from execution.clock import FileClock
from execution.domain.errors import SettingsRefused
from execution.trading_calendar import TradingCalendar
from pipelines.cli.clock import after_sessions, clock_page, moment, movable_clock
from pipelines.home import Home
from pipelines.trading_settings import TradingSettings

CALENDAR = TradingCalendar.shipped()


@pytest.fixture
def clock(tmp_path):
    clock = FileClock(tmp_path / "clock.json")
    clock.initialise(datetime(2024, 3, 1, 12, 0, tzinfo=UTC))
    return clock


def test_a_date_means_the_cut_off_of_its_session():
    assert moment("2024-03-01", CALENDAR) == datetime(2024, 3, 1, 23, 0, tzinfo=UTC)


def test_an_instant_means_itself_in_any_zone():
    assert moment("2024-03-01T16:00:00-05:00", CALENDAR) == datetime(2024, 3, 1, 21, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2024-03-02", "no exchange session"),
        ("2024-03-01T21:00:00", "names no zone"),
        ("tomorrow", "expected a session"),
    ],
)
def test_what_is_no_moment_is_refused(text, problem):
    with pytest.raises(SettingsRefused, match=problem):
        moment(text, CALENDAR)


def test_so_many_sessions_more_start_at_the_newest_cut_off_asked_for(clock):
    assert after_sessions(clock, 1, CALENDAR) == CALENDAR.as_of(date(2024, 3, 1))
    clock.live_until(datetime(2024, 3, 1, 23, 0, tzinfo=UTC))
    assert after_sessions(clock, 2, CALENDAR).date().isoformat() == "2024-03-05"


def test_the_page_says_what_comes_next(clock):
    page = clock_page(clock, CALENDAR)
    assert "now           2024-03-01 12:00:00 UTC" in page
    assert "next event    2024-03-01 14:31:00 UTC" in page


def test_real_modes_have_no_clock_to_move(tmp_path):
    settings = TradingSettings.model_construct(mode="live")
    with pytest.raises(SettingsRefused, match="runs on the machine's own time"):
        movable_clock(settings, Home(tmp_path))
