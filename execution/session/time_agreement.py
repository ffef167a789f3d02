"""Do venue and desk agree what time it is, and which sessions there are?

An unscheduled closure is in no table that was shipped, and a machine's clock may be wrong: either way nobody knows
whether an order goes out inside its window. `agreed_time.py` says what is done about a difference.
"""

from datetime import datetime, timedelta
from typing import Final

from execution.ports import Clock, VenueTime
from execution.trading_calendar import TradingCalendar

# The session that runs or ran last, and what the next plan, its fills and their settlement fall on.
_DAYS_BACK: Final = timedelta(days=5)
_DAYS_AHEAD: Final = timedelta(days=10)
_HOLDS_FOR: Final = timedelta(minutes=15)


class TimeAgreement:
    """Compares a venue's clock and calendar with ours; an agreement holds for a quarter of an hour.

    Args:
        venue: what the venue says.
        apart_max_seconds: largest difference of the clocks.
    """

    def __init__(self, venue: VenueTime, *, apart_max_seconds: float) -> None:
        self._venue = venue
        self._apart_max_seconds = apart_max_seconds
        self._agreed_at: datetime | None = None

    def difference(self, clock: Clock, calendar: TradingCalendar) -> str:
        """Return in one sentence where venue and desk differ; empty where they agree.

        Raises:
            VenueUnavailable: the venue does not answer.
        """
        now = clock.now()
        if self._agreed_at is not None and self._agreed_at <= now < self._agreed_at + _HOLDS_FOR:
            return ""
        found = self._clocks(clock) or self._calendars(now, calendar)
        self._agreed_at = None if found else now
        return found

    def _clocks(self, clock: Clock) -> str:
        asked_at = clock.now()
        told = self._venue.now()
        answered_at = clock.now()
        # The venue looked at its clock at some time in between.
        apart = max((asked_at - told).total_seconds(), (told - answered_at).total_seconds())
        if apart <= self._apart_max_seconds:
            return ""
        return (
            f"the venue's clock says {told.isoformat()} and ours {answered_at.isoformat()}: {apart:.0f} s apart, "
            f"allowed are {self._apart_max_seconds:.0f}; set this machine's clock"
        )

    def _calendars(self, now: datetime, calendar: TradingCalendar) -> str:
        first, last = (now - _DAYS_BACK).date(), (now + _DAYS_AHEAD).date()
        told = {hours.session: (hours.opens_at, hours.closes_at) for hours in self._venue.sessions(first, last)}
        ours = {day: (calendar.opens_at(day), calendar.closes_at(day)) for day in calendar.between(first, last)}
        for day in sorted(told.keys() | ours.keys()):
            if told.get(day) != ours.get(day):
                return (
                    f"{day} is {_hours(told.get(day))} at the venue and {_hours(ours.get(day))} in the shipped "
                    "calendar; make it anew with `make calendar`"
                )
        return ""


def _hours(hours: tuple[datetime, datetime] | None) -> str:
    return "no session" if hours is None else f"open {hours[0]:%H:%M} to {hours[1]:%H:%M} UTC"
