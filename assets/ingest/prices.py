"""Unadjusted bars and index closes as first seen: the ports and when their rows count as known.

Every source of rows, here and in the sibling modules, has the same shape: a method named after its raw table takes
`after` and `upto` and returns the rows of that table's contract that became known later than `after` (None: from the
beginning) and no later than `upto`. A correction is a later row of the same fact. Asking twice gives the same rows;
asking for two adjoining spans gives the rows of the whole span. A source never returns a row it could not have had.
"""

from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.ingest.columns import micros_of
from execution.trading_calendar import BARS_KNOWN_AFTER_CLOSE, TradingCalendar


class PriceSource(Protocol):
    """Daily bars, unadjusted."""

    def bars(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/daily_bars` that became known in (after, upto]."""
        ...


class IndexSource(Protocol):
    """Closes of market indices: volatility and market level."""

    def indices(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/indices` that became known in (after, upto]."""
        ...


def bars_known_at(calendar: TradingCalendar) -> npt.NDArray[np.int64]:
    """Return when the bars of each session of the calendar count as known, in microseconds since 1970.

    Fifteen minutes after the close: the time a consolidated feed needs to settle.
    """
    return micros_of([close + BARS_KNOWN_AFTER_CLOSE for close in calendar.closes])
