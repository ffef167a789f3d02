"""A clock that stands still until a test moves it."""

from datetime import datetime


class ManualClock:
    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        return self._instant

    def monotonic_seconds(self) -> float:
        return self._instant.timestamp()

    def wait_seconds(self, seconds: float) -> bool:
        return False

    def move_to(self, instant: datetime) -> None:
        self._instant = instant
