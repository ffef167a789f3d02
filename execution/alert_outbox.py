"""What somebody has to be told, kept until it was: one SQLite table, written by whoever finds out, read by the sender.

One alert per cause and window: the first goes out at once, repeats are counted on it, and when the window is over it is
told once more with their number. An alert is there until a channel took it, across any number of restarts.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from execution.domain.errors import DataError

Severity = Literal["info", "warning", "critical"]
_BUSY_SECONDS: Final = 10.0
_WATCHED: Final = "watched"
LEDGER_PLACE: Final = "ledger"
"""Name of the place up to which the ledger was read for alerts."""
_TABLES: Final = """
create table if not exists alert (
    id integer primary key, cause text not null, severity text not null, title text not null, detail text not null,
    first_at text not null, count integer not null, told_count integer not null default 0,
    attempts integer not null default 0, next_at text not null, channel text
) strict;
create index if not exists alert_by_cause on alert (cause, id);
create table if not exists alert_place (name text primary key, place integer not null) strict;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something somebody has to be told.

    Attributes:
        cause: what makes two alerts the same: `run_failed:cycle`, `low_disk`.
        severity: `critical` wakes somebody, `warning` is looked at today, `info` may be read.
        title: one line.
        detail: what was found and what to do.
    """

    cause: str
    severity: Severity
    title: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An alert no channel took yet.

    Attributes:
        id: its row.
        alert: what is told.
        first_at: when it was first found out, UTC.
        count: how often since.
        attempts: how often it was tried to tell.
    """

    id: int
    alert: Alert
    first_at: datetime
    count: int
    attempts: int


class AlertOutbox:
    """The alerts of one home, in its operations file."""

    def __init__(self, path: Path, *, window: timedelta = timedelta(minutes=5)) -> None:
        """Open the outbox; tables that do not exist yet are made when the first alert is raised.

        Args:
            path: the SQLite file.
            window: how long repeats of a cause are counted instead of told.
        """
        self._path, self._window = path, window

    def raise_alert(self, alert: Alert, *, at: datetime) -> bool:
        """Keep an alert until it was told; return whether it is a new one, not a repeat.

        Args:
            alert: what somebody has to be told.
            at: the machine's instant, UTC.
        """
        with self._writing() as database:
            last = database.execute(
                "select id, first_at from alert where cause = ? order by id desc limit 1", (alert.cause,)
            ).fetchone()
            if last is not None and at < datetime.fromisoformat(last[1]) + self._window:
                database.execute("update alert set count = count + 1 where id = ?", (last[0],))
                return False
            database.execute(
                "insert into alert (cause, severity, title, detail, first_at, count, next_at) "
                "values (?, ?, ?, ?, ?, 1, ?)",
                (alert.cause, alert.severity, alert.title, alert.detail, _text(at), _text(at)),
            )
            return True

    def waiting(self, *, at: datetime) -> tuple[Waiting, ...]:
        """Return what is to be told now, oldest first: what nobody was told, and repeats of a window that is over."""
        with self._writing() as database:
            rows = database.execute(
                "select id, cause, severity, title, detail, first_at, count, attempts from alert where next_at <= ? "
                "and (told_count = 0 or (count > told_count and first_at <= ?)) order by id",
                (_text(at), _text(at - self._window)),
            ).fetchall()
        return tuple(
            Waiting(
                id=row[0],
                alert=Alert(cause=row[1], severity=row[2], title=row[3], detail=row[4]),
                first_at=datetime.fromisoformat(row[5]),
                count=row[6],
                attempts=row[7],
            )
            for row in rows
        )

    def told(self, waiting: Waiting, *, channel: str) -> None:
        """Note that a channel took an alert, with the repeats it had then."""
        with self._writing() as database:
            database.execute(
                "update alert set told_count = ?, channel = ? where id = ?", (waiting.count, channel, waiting.id)
            )

    def not_told(self, waiting: Waiting, *, again_at: datetime) -> None:
        """Note that no channel took an alert, and when to try again."""
        with self._writing() as database:
            database.execute(
                "update alert set attempts = attempts + 1, next_at = ? where id = ?", (_text(again_at), waiting.id)
            )

    def standing(self) -> tuple[int, int]:
        """Return how many alerts wait, and how many of these no channel took though it was tried."""
        if not self._path.exists():
            return 0, 0
        with self._writing() as database:
            waiting, failed = database.execute(
                "select count(*), coalesce(sum(attempts > 0), 0) from alert where told_count = 0"
            ).fetchone()
        return int(waiting), int(failed)

    def place(self, name: str) -> int | None:
        """Return up to where a reader has read a source; None before the first time."""
        with self._writing() as database:
            found = database.execute("select place from alert_place where name = ?", (name,)).fetchone()
        return None if found is None else int(found[0])

    def move(self, name: str, place: int) -> None:
        """Note up to where a reader has read; it comes after the alerts of what was read, so none is skipped."""
        with self._writing() as database:
            database.execute(
                "insert into alert_place values (?, ?) on conflict (name) do update set place = excluded.place",
                (name, place),
            )

    def move_back(self, name: str, place: int) -> None:
        """Let a reader go on from an earlier place, where its source lost its end; one that stands before it stays."""
        if not self._path.exists():
            return
        with self._writing() as database:
            database.execute("update alert_place set place = min(place, ?) where name = ?", (place, name))

    def watched(self, *, at: datetime) -> None:
        """Note that somebody looked for alerts and told what waited, just now."""
        self.move(_WATCHED, round(at.timestamp()))

    def watched_at(self) -> datetime | None:
        """Return when somebody last looked; None when nobody ever did."""
        seconds = self.place(_WATCHED) if self._path.exists() else None
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
                database.executescript(_TABLES)
                database.execute("begin immediate")
                yield database
                database.execute("commit")
        except sqlite3.Error as error:
            raise DataError(f"the alerts in {self._path.name} cannot be used: {error}; check the disk") from error


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
