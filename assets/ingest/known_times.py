"""When rows of users' files count as known, where the file does not say: the rules of thumb of each table.

All instants are microseconds since 1970, all days numpy days; the calendar's whole table is behind them.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa

from assets.ingest.arrays import Days, Ints
from assets.ingest.columns import micros_of
from assets.ingest.news import NEWS_KNOWN_AFTER
from assets.ingest.prices import bars_known_at
from execution.trading_calendar import TradingCalendar

EVENTS_KNOWN_SESSIONS_AHEAD: Final = 21


class KnownTimes:
    """The exchange calendar as arrays, and the rules on it."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self._days = np.array(calendar.sessions, dtype="datetime64[D]")
        self._opens = micros_of(calendar.opens)
        self._bars_known = bars_known_at(calendar)

    def after_close(self, sessions: Days) -> Ints:
        """Return 15 minutes after the close of each session, or of the first session after a day that is none."""
        return self._bars_known[self._at_or_after(sessions)]

    def at_open(self, days: Days) -> Ints:
        """Return the open of the first session on or after each day."""
        return self._opens[self._at_or_after(days)]

    def at_next_open(self, days: Days) -> Ints:
        """Return the open of the first session after each day: for dates without a time of day."""
        return self._opens[self._inside(np.searchsorted(self._days, days, side="right"))]

    def after_closes(self, sessions: Days, count: int) -> Ints:
        """Return 15 minutes after the close of the session that comes a count of sessions after each."""
        return self._bars_known[self._inside(np.searchsorted(self._days, sessions, side="right") + count - 1)]

    def sessions_after(self, sessions: Days, *, until: date) -> Ints:
        """Return how many sessions come after each, up to and with a day."""
        end = np.searchsorted(self._days, np.datetime64(until), side="right")
        return np.asarray(end - np.searchsorted(self._days, sessions, side="right"), dtype=np.int64)

    def sessions_before(self, instants: Ints, sessions: int) -> Ints:
        """Return the open of the session some sessions before the one each instant falls in or precedes."""
        return self._opens[self._inside(np.searchsorted(self._opens, instants) - sessions)]

    def _at_or_after(self, days: Days) -> Ints:
        return self._inside(np.searchsorted(self._days, days, side="left"))

    def _inside(self, positions: Ints) -> Ints:
        # Days beyond the shipped calendar count as its ends: they lie outside every market it can serve.
        return np.clip(positions, 0, len(self._days) - 1)


def known_at(
    known: KnownTimes,
    table: str,
    values: Mapping[str, Any],
    told: Mapping[str, Any],
    *,
    start: date,
    lag_days: int | None,
) -> tuple[Ints, bool]:
    """Return when each row was known, and whether that is assumed rather than told or ruled.

    Args:
        known: the calendar's rules.
        table: name of the raw table.
        values: its columns, as Arrow arrays.
        told: `known_at` or `known_date`, where the file tells one.
        start: first session of the data, for what has no date at all.
        lag_days: for filings without a date: days after the period's end.
    """
    if "known_at" in told:
        return _micros(told["known_at"]), False
    if "known_date" in told:
        return known.at_next_open(_days(told["known_date"])), False
    match table:
        case "daily_bars" | "indices":
            return known.after_close(_days(values["session"])), False
        case "corporate_actions":
            return known.at_open(_days(values["ex_session"])), False
        case "news":
            return _micros(values["published_at"]) + int(NEWS_KNOWN_AFTER.total_seconds() * 1_000_000), False
        case "membership" | "watchlists":
            return known.at_open(_days(values["from_session"])), False
        case "events":
            return known.sessions_before(_micros(values["scheduled_at"]), EVENTS_KNOWN_SESSIONS_AHEAD), True
        case "filings":
            return known.at_next_open(_days(values["period_end"]) + np.timedelta64(lag_days or 0, "D")), True
        case "securities" if "listed_session" in values:
            return known.at_open(_days(values["listed_session"])), True
        case _:
            return known.at_open(np.full(len(values["symbol"]), start, dtype="datetime64[D]")), True


def _days(array: pa.Array) -> Days:
    days: Days = array.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    return days


def _micros(array: pa.Array) -> Ints:
    micros: Ints = array.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.int64)
    return micros
