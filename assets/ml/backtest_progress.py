"""How far a backtest is and how long it will take, told every few seconds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from execution.lived_days import LivedDay

_SECONDS_BETWEEN: Final = 5.0


@dataclass(slots=True)
class Progress:
    """Counts sessions and estimates what is left by the mean of those that are over.

    The first one is no measure: what is read and taught before a backtest begins ends with it.

    Attributes:
        sessions: how many there are in all.
        now_seconds: a clock that only goes forward; it decides what is told, and nothing else.
    """

    sessions: int
    now_seconds: Callable[[], float]
    _first_over: float = field(init=False)
    _said: float = field(init=False)
    _lived: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        self._first_over = self._said = self.now_seconds()

    def told(self, day: LivedDay) -> str:
        """Count a session and return a line to tell; empty while the last one is fresh."""
        self._lived += 1
        now = self.now_seconds()
        if self._lived == 1:
            self._first_over = now
        if now - self._said < _SECONDS_BETWEEN:
            return ""
        self._said = now
        so_far = f"{day.session}  {self._lived} of {self.sessions} sessions, equity {day.mark.equity_usd:,.2f} USD"
        if self._lived == 1:
            return so_far
        left = (now - self._first_over) / (self._lived - 1) * (self.sessions - self._lived)
        return f"{so_far}, about {left:.0f} s left"
