"""How old each raw table is, in sessions, beside the age it may have: one answer for pages, figures and alerts.

Over a weekend nothing grows old. A source that never spoke is none, as for the gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from assets import schemas
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from execution.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAge:
    """The age of one raw table.

    Attributes:
        table: its name.
        newest: of bars their newest session; else the first session that could use the newest row.
        sessions: how many sessions past their cut-off are newer than that.
        allowed_sessions: how many may be; None where nothing is demanded.
    """

    table: str
    newest: date
    sessions: int
    allowed_sessions: int | None

    @property
    def is_late(self) -> bool:
        """Whether more sessions went by than may."""
        return self.allowed_sessions is not None and self.sessions > self.allowed_sessions

    @property
    def told(self) -> str:
        """The age as words, for a page or an alert."""
        demand = "" if self.allowed_sessions is None else f", allowed are {self.allowed_sessions}"
        return f"{self.table}: nothing new for {self.sessions} sessions past their cut-off{demand}"


def data_ages(
    store: RawStore, calendar: TradingCalendar, *, now: datetime, allowed: Mapping[str, int | None]
) -> tuple[DataAge, ...]:
    """Return the age of each table that has rows; from the index alone, no row is read.

    Args:
        store: the raw tables.
        calendar: counts sessions.
        now: the home's instant.
        allowed: by a table's name how many sessions may go by without a newer row; None, or no entry, demands nothing.
    """
    return tuple(
        DataAge(
            table=table.name,
            newest=newest,
            sessions=sessions_without(calendar, newest=newest, now=now),
            allowed_sessions=allowed.get(table.name),
        )
        for table in schemas.ALL
        if (newest := _newest(table, store, calendar)) is not None
    )


def sessions_without(calendar: TradingCalendar, *, newest: date, now: datetime) -> int:
    """Return how many sessions past their cut-off are newer than a session."""
    closed = calendar.last_closed(now)
    if closed is None:
        return 0
    return sum(calendar.as_of(session) <= now for session in calendar.between(newest, closed)[1:])


def _newest(table: schemas.RawTable, store: RawStore, calendar: TradingCalendar) -> date | None:
    if table is DAILY_BARS:
        # A correction of old bars is a new row, and brings no new session.
        return store.latest_session(table)
    known_at = store.newest_known_at(table)
    return None if known_at is None else calendar.first_usable(known_at)
