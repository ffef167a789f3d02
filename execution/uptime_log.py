"""Minutes in which somebody saw the daemon alive: one row per minute of a session, written by who watches.

A minute nobody wrote counts as down: what was not seen is not promised.
"""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from execution.domain.errors import DataError
from execution.trading_calendar import TradingCalendar

_TABLE: Final = "create table if not exists uptime (minute integer primary key, is_up integer not null) strict"
_BUSY_SECONDS: Final = 10.0
_KEPT_DAYS: Final = 800


class UptimeLog:
    """The minutes of one home, in its operations file."""

    def __init__(self, path: Path) -> None:
        """Open the log; its table is made when the first minute is seen."""
        self._path = path

    def see(self, *, at: datetime, is_up: bool) -> None:
        """Keep what was seen in a minute; once down, a minute stays down.

        Raises:
            DataError: the file cannot be written.
        """
        minute = int(at.timestamp()) // 60
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as database, database:
                database.execute(_TABLE)
                database.execute(
                    "insert into uptime values (?, ?) on conflict (minute) do update set is_up = min(is_up, ?)",
                    (minute, is_up, is_up),
                )
                database.execute("delete from uptime where minute < ?", (minute - _KEPT_DAYS * 24 * 60,))
        except sqlite3.Error as error:
            raise DataError(f"{self._path.name} cannot keep the daemon's minutes: {error}; check the disk") from error

    def share(self, sessions: Collection[date], calendar: TradingCalendar) -> float | None:
        """Return the share of session minutes in which the daemon was alive; None where nobody watched any session.

        Sessions before the first one that was watched are left out: nobody promised to watch them.
        """
        spans = [_minutes(calendar.opens_at(session), calendar.closes_at(session)) for session in sorted(sessions)]
        seen = [self._up(first, last) for first, last in spans]
        while seen and seen[0] is None:
            seen, spans = seen[1:], spans[1:]
        asked = sum(last - first for first, last in spans)
        return sum(up or 0 for up in seen) / asked if asked else None

    def _up(self, first: int, last: int) -> int | None:
        if not self._path.exists():
            return None
        with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as database:
            if not database.execute("select 1 from sqlite_master where name = 'uptime'").fetchone():
                return None
            found = database.execute(
                "select count(*), sum(is_up) from uptime where minute >= ? and minute < ?", (first, last)
            ).fetchone()
        return int(found[1]) if found[0] else None


def is_in_session(at: datetime, calendar: TradingCalendar) -> bool:
    """Return whether an instant lies in the open hours of an exchange session."""
    day = (at - timedelta(hours=5)).date()
    return calendar.is_session(day) and calendar.opens_at(day) <= at < calendar.closes_at(day)


def _minutes(first: datetime, last: datetime) -> tuple[int, int]:
    return int(first.timestamp()) // 60, int(last.timestamp()) // 60
