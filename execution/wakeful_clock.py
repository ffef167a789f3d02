"""A clock for those who wait for orders: its waiting ends early when the venue's stream had something to say."""

from typing import Final

from execution.ports import Clock
from execution.trade_updates import TradeUpdates

_SLICE_SECONDS: Final = 0.25


class WakefulClock:
    """A clock whose waiting ends early when an event has arrived: there may be something to look at.

    Args:
        clock: the clock itself.
        updates: what the listener heard.
    """

    def __init__(self, clock: Clock, updates: TradeUpdates) -> None:
        self._clock = clock
        self._updates = updates
        self.now = clock.now
        self.monotonic_seconds = clock.monotonic_seconds

    def wait_seconds(self, seconds: float) -> bool:
        """Let time go by, less when an event arrives; return False where the clock moves only when told."""
        heard, waited = self._updates.newest_id(), 0.0
        while waited < seconds and self._updates.newest_id() == heard:
            piece = min(_SLICE_SECONDS, seconds - waited)
            if not self._clock.wait_seconds(piece):
                return False
            waited += piece
        return True
