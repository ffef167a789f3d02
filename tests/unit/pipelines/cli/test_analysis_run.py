from datetime import UTC, date, datetime

import pytest

from execution.domain.errors import SettingsRefused
from execution.trading_calendar import TradingCalendar
from pipelines.cli.analysis_run import decided_session

CALENDAR = TradingCalendar.shipped()
AFTER_CUT_OFF = datetime(2024, 3, 1, 23, 0, tzinfo=UTC)
BETWEEN = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)


def test_without_a_name_the_newest_session_whose_cut_off_has_come_is_meant():
    assert decided_session(None, now=AFTER_CUT_OFF, calendar=CALENDAR) == date(2024, 3, 1)
    assert decided_session(None, now=BETWEEN, calendar=CALENDAR) == date(2024, 2, 29)


def test_an_earlier_session_may_be_named():
    assert decided_session(date(2024, 2, 28), now=AFTER_CUT_OFF, calendar=CALENDAR) == date(2024, 2, 28)


def test_a_session_ahead_of_the_clock_is_refused():
    with pytest.raises(SettingsRefused, match="the cut-off of 2024-03-01 has not come"):
        decided_session(date(2024, 3, 1), now=BETWEEN, calendar=CALENDAR)


def test_a_holiday_is_refused():
    with pytest.raises(SettingsRefused, match="2024-02-19 is no exchange session"):
        decided_session(date(2024, 2, 19), now=AFTER_CUT_OFF, calendar=CALENDAR)
