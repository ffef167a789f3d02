from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from execution.domain.errors import TimeDisagrees
from execution.session.time_agreement import TimeAgreement
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays
from tests.fakes.manual_clock import ManualClock
from tests.fakes.venue_time import VenueTimeToldBy

SKEW = timedelta(seconds=90)


class Told:
    """A desk whose venue has a time of its own."""

    def __init__(self, folder: Path) -> None:
        self.days = TradingDays(folder)
        self.venue = VenueTimeToldBy(self.days.clock)
        self.days.desk_changes = {"time_agreement": TimeAgreement(self.venue, apart_max_seconds=10)}
        self.days.restarted()


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_a_day_is_traded_where_venue_and_desk_agree(told: Told) -> None:
    told.days.plan()
    assert told.days.submit().accepted > 0


@pytest.mark.parametrize("skew", [SKEW, -SKEW])
def test_nothing_is_sent_when_the_clocks_are_apart(told: Told, skew: timedelta) -> None:
    told.days.plan()
    told.venue.ahead = skew
    with pytest.raises(TimeDisagrees, match="90 s apart, allowed are 10"):
        told.days.submit()
    assert told.days.venue.open_orders() == ()


def test_nothing_is_planned_when_the_clocks_are_apart(told: Told) -> None:
    told.venue.ahead = SKEW
    with pytest.raises(TimeDisagrees):
        told.days.plan()


def test_a_difference_halts_until_a_person_resumes(told: Told) -> None:
    told.days.plan()
    told.venue.ahead = SKEW
    with pytest.raises(TimeDisagrees):
        told.days.submit()
    control = told.days.desk.ledger.book().control
    assert control is not None
    assert (control.state, control.actor) == ("halted", "circuit breaker")


def test_a_session_the_venue_does_not_hold_halts(told: Told) -> None:
    told.venue.closed = {SESSIONS[2]}
    with pytest.raises(TimeDisagrees, match=f"{SESSIONS[2]} is no session at the venue and open 14:30 to 21:00 UTC"):
        told.days.plan()


def test_an_early_close_that_only_the_venue_knows_halts(told: Told) -> None:
    told.venue.closes_earlier = {SESSIONS[1]: timedelta(hours=3)}
    with pytest.raises(TimeDisagrees, match="open 14:30 to 18:00 UTC at the venue"):
        told.days.plan()


def test_an_agreement_holds_for_a_quarter_of_an_hour() -> None:
    clock = ManualClock(CALENDAR.as_of(FIRST))
    venue = VenueTimeToldBy(clock)
    agreement = TimeAgreement(venue, apart_max_seconds=10)
    for _ in range(3):
        assert agreement.difference(clock, CALENDAR) == ""
    assert venue.asked == 1
    clock.move_to(clock.now() + timedelta(minutes=15))
    assert agreement.difference(clock, CALENDAR) == ""
    assert venue.asked == 2


@pytest.mark.parametrize("act", [TradingDays.cancel_rest, TradingDays.settle])
def test_what_only_reduces_or_books_is_done_all_the_same(told: Told, act: Callable[[TradingDays], object]) -> None:
    told.days.plan()
    told.days.submit()
    told.venue.ahead = SKEW
    act(told.days)
