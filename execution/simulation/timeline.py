"""Virtual microseconds to instants and back, and the clock port of one process."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from execution.simulation.hub import SECOND, Hub, VirtualProcess
from execution.simulation.market import CALENDAR, SESSIONS

ORIGIN: Final = CALENDAR.closes_at(SESSIONS[0])
"""Where every schedule begins."""
_MICROSECOND: Final = timedelta(microseconds=1)


def instant_of(microseconds: int) -> datetime:
    """Return the instant of a virtual time."""
    return ORIGIN + timedelta(microseconds=microseconds)


def virtual_time(instant: datetime) -> int:
    """Return the virtual time of an instant, in microseconds."""
    return (instant - ORIGIN) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class VirtualClock:
    """The port `Clock` of one process: its wall clock may be wrong, its monotonic one never is."""

    hub: Hub
    process: VirtualProcess

    def now(self) -> datetime:
        """Return what the process's wall clock shows."""
        self.hub.stop("clock")
        return instant_of(self.hub.now + self.process.skew)

    def monotonic_seconds(self) -> float:
        """Return seconds since the schedule began, whatever the wall clock shows."""
        self.hub.stop("monotonic")
        return self.hub.now / SECOND

    def wait_seconds(self, seconds: float) -> bool:
        """Sleep, and return True: the time went by."""
        self.hub.stop("wait")
        self.hub.sleep(seconds)
        return True
