"""Scheduled events, earnings and macro releases, and when their dates were announced: the port."""

from datetime import datetime
from typing import Final, Protocol

import pyarrow as pa

EARNINGS: Final = "earnings"
MACRO: Final = "macro"
WHOLE_MARKET: Final = "*"


class EventSource(Protocol):
    """The calendar of events. A source without one is absent, and what needs it blocks with the reason "unknown"."""

    def events(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/events` whose date became known in (after, upto]; they lie ahead of that."""
        ...
