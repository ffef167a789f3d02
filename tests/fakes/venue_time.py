"""What a venue says of the time, said by a test."""

from datetime import date, datetime, timedelta

from execution.ports import Clock, SessionHours
from execution.trading_calendar import TradingCalendar


class VenueTimeToldBy:
    """A venue that agrees with a clock and the shipped calendar, but for what a test changes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead = timedelta()
        self.closed: set[date] = set()
        self.closes_earlier: dict[date, timedelta] = {}
        self.asked = 0

    def now(self) -> datetime:
        self.asked += 1
        return self._clock.now() + self.ahead

    def sessions(self, first: date, last: date) -> tuple[SessionHours, ...]:
        calendar = TradingCalendar.shipped()
        return tuple(
            SessionHours(
                day, calendar.opens_at(day), calendar.closes_at(day) - self.closes_earlier.get(day, timedelta())
            )
            for day in calendar.between(first, last)
            if day not in self.closed
        )
