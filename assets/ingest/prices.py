"""Unadjusted bars and index closes as first seen: the ports and when their rows count as known.

Every source of rows, here and in the sibling modules, has the same shape: a method named after its raw table takes
`after` and `upto` and returns the rows of that table's contract that became known later than `after` (None: from the
beginning) and no later than `upto`. A correction is a later row of the same fact. Asking twice gives the same rows;
asking for two adjoining spans gives the rows of the whole span. A source never returns a row it could not have had.
"""

from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.ingest.columns import micros_of
from execution.artifact_files import write_atomically
from execution.domain.errors import SettingsRefused
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


def keep_to_feed(path: Path, feed: str) -> None:
    """Remember the feed a home's bars begin with, and let no other follow: prices of two do not make one series.

    Args:
        path: where the home remembers it.
        feed: the one that is read now.

    Raises:
        SettingsRefused: the home began with another.
    """
    if not path.exists():
        write_atomically(path, feed.encode())
    began_with = path.read_text(encoding="utf-8")
    if began_with != feed:
        raise SettingsRefused(
            f"this home's bars are from feed {began_with} and settings say {feed}: volumes and prices of the two do "
            "not belong into one series; set the former back, or start a new home"
        )
