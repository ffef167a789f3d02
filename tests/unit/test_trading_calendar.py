import warnings
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from execution.trading_calendar import NotASession, TradingCalendar

CALENDAR = TradingCalendar.shipped()
GOOD_FRIDAY = date(2024, 3, 29)


@pytest.fixture(scope="module")
def reference() -> Any:
    import exchange_calendars  # noqa: PLC0415 - heavy, and only these tests want it

    first, last = CALENDAR.sessions[0].isoformat(), CALENDAR.sessions[-1].isoformat()
    with warnings.catch_warnings():
        # The library still uses what the pinned pandas calls deprecated; its results are what is compared here.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Explicit bounds: the library's default window moves with today.
        calendar = exchange_calendars.get_calendar("XNYS", start=first, end=last)
        return calendar.sessions, calendar.opens, calendar.closes, calendar.early_closes


def test_the_table_holds_the_sessions_of_the_reference_and_no_other(reference: Any) -> None:
    assert list(CALENDAR.sessions) == [session.date() for session in reference[0]]


def test_every_session_opens_when_the_reference_says(reference: Any) -> None:
    assert list(CALENDAR.opens) == [instant.to_pydatetime() for instant in reference[1]]


def test_every_session_closes_when_the_reference_says(reference: Any) -> None:
    assert list(CALENDAR.closes) == [instant.to_pydatetime() for instant in reference[2]]


def test_the_early_closes_are_those_of_the_reference(reference: Any) -> None:
    early = {
        session
        for session, opens, closes in zip(CALENDAR.sessions, CALENDAR.opens, CALENDAR.closes, strict=True)
        if closes - opens < timedelta(hours=6, minutes=30)
    }
    assert early == {session.date() for session in reference[3]}
    assert date(2024, 11, 29) in early


def test_the_table_begins_and_ends_where_history_and_plans_need_it() -> None:
    assert CALENDAR.sessions[0] == date(2005, 1, 3)
    assert CALENDAR.sessions[-1] >= date(2029, 12, 31)


@pytest.mark.parametrize("day", [GOOD_FRIDAY, date(2024, 3, 30), date(2024, 12, 25), date(2012, 10, 29)])
def test_holidays_weekends_and_storms_are_no_sessions(day: date) -> None:
    assert not CALENDAR.is_session(day)
    with pytest.raises(NotASession, match=day.isoformat()):
        CALENDAR.index(day)


def test_the_session_after_maundy_thursday_is_easter_monday() -> None:
    assert CALENDAR.next(date(2024, 3, 28)) == date(2024, 4, 1)
    assert CALENDAR.previous(date(2024, 4, 1)) == date(2024, 3, 28)


def test_an_offset_beyond_the_table_is_refused() -> None:
    with pytest.raises(NotASession, match="outside"):
        CALENDAR.offset(CALENDAR.sessions[0], -1)
    with pytest.raises(NotASession, match="outside"):
        CALENDAR.offset(CALENDAR.sessions[-1], 1)


def test_sessions_between_two_days_include_both_ends_when_they_are_sessions() -> None:
    assert CALENDAR.between(date(2024, 3, 28), date(2024, 4, 1)) == (date(2024, 3, 28), date(2024, 4, 1))
    assert CALENDAR.between(GOOD_FRIDAY, GOOD_FRIDAY) == ()


def test_new_york_opens_at_another_utc_hour_in_summer() -> None:
    assert CALENDAR.opens_at(date(2024, 3, 8)) == datetime(2024, 3, 8, 14, 30, tzinfo=UTC)
    assert CALENDAR.opens_at(date(2024, 3, 11)) == datetime(2024, 3, 11, 13, 30, tzinfo=UTC)


def test_a_decision_is_cut_off_two_hours_after_an_early_close() -> None:
    assert CALENDAR.as_of(date(2024, 11, 29)) == datetime(2024, 11, 29, 20, tzinfo=UTC)


def test_bars_are_known_a_quarter_of_an_hour_after_the_close() -> None:
    session = date(2024, 3, 5)
    assert CALENDAR.bars_known_at(session) - CALENDAR.closes_at(session) == timedelta(minutes=15)


def test_orders_of_a_decision_are_sent_in_the_session_after_it() -> None:
    begins, ends = CALENDAR.submit_window(date(2024, 3, 28))
    assert begins == CALENDAR.opens_at(date(2024, 4, 1)) + timedelta(minutes=1)
    assert ends == CALENDAR.opens_at(date(2024, 4, 1)) + timedelta(minutes=15)


def test_the_last_closed_session_changes_with_the_close_itself() -> None:
    session = date(2024, 3, 5)
    closes_at = CALENDAR.closes_at(session)
    assert CALENDAR.last_closed(closes_at) == session
    assert CALENDAR.last_closed(closes_at - timedelta(microseconds=1)) == CALENDAR.previous(session)
    assert CALENDAR.last_closed(datetime(2005, 1, 3, tzinfo=UTC)) is None


def test_what_is_known_at_the_cut_off_is_usable_and_a_moment_later_waits_a_session() -> None:
    session = date(2024, 3, 5)
    assert CALENDAR.first_usable(CALENDAR.as_of(session)) == session
    assert CALENDAR.first_usable(CALENDAR.as_of(session) + timedelta(microseconds=1)) == CALENDAR.next(session)
    assert CALENDAR.first_usable(CALENDAR.as_of(CALENDAR.sessions[-1]) + timedelta(days=1)) is None


def test_an_order_trades_in_the_session_after_its_decision_or_the_first_to_close_after_it_was_sent():
    thursday, friday, monday = date(2024, 3, 7), date(2024, 3, 8), date(2024, 3, 11)
    close = CALENDAR.closes_at(friday)
    assert CALENDAR.trades_in(thursday, None) == friday
    assert CALENDAR.trades_in(thursday, close - timedelta(microseconds=1)) == friday
    assert CALENDAR.trades_in(thursday, close) == monday
