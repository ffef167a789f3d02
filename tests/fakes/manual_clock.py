"""The clock of recorded time, which a test may also set back, as a person may set one."""

from datetime import datetime

from execution.clock import MovedClock


class ManualClock(MovedClock):
    def move_to(self, instant: datetime) -> None:
        self._instant = instant
