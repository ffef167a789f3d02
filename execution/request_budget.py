"""Requests to one provider, counted across every process of a home, so that a quota is kept and a cancel always fits.

A row per request of the last minute in a small SQLite file. Reads wait first, orders later, cancels never: whoever
wants less risk is not held back by our own counting. What the provider itself says (wait, or how little is left) is
shared the same way.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal

from execution.domain.errors import VenueUnavailable
from execution.ports import Clock

Urgency = Literal["read", "order", "cancel"]
WINDOW_SECONDS: Final = 60.0
_LOCK_TIMEOUT_SECONDS: Final = 5.0
_TABLES: Final = """
create table if not exists requests (provider text not null, at real not null);
create index if not exists requests_by_time on requests (provider, at);
create table if not exists pauses (provider text primary key, until real not null);
"""


class RequestBudget:
    """A quota per minute, shared by all who name the same file and provider.

    Args:
        path: SQLite file, made when absent.
        provider: whose quota it is.
        clock: the time; each process of a home reads the same one.
        per_minute: requests the provider takes in a minute.
        kept_for_orders: of these, requests that reads leave to orders and cancels.
        kept_for_cancels: of these, requests that reads and orders leave to cancels.
    """

    def __init__(
        self, path: Path, *, provider: str, clock: Clock, per_minute: int, kept_for_orders: int, kept_for_cancels: int
    ) -> None:
        self._path = path
        self._provider = provider
        self._clock = clock
        self._most: dict[Urgency, int] = {
            "read": per_minute - kept_for_orders - kept_for_cancels,
            "order": per_minute - kept_for_cancels,
        }
        self._is_made = False

    def take(self, urgency: Urgency) -> float:
        """Count a request and return 0, or count nothing and return the seconds to wait before asking again."""
        now = self._clock.now().timestamp()
        with self._written() as connection:
            # Rows ahead of the clock are from before it was set back: they would never run out.
            connection.execute("delete from requests where at <= ? or at > ?", (now - WINDOW_SECONDS, now + 1))
            wait = 0.0 if urgency == "cancel" else self._wait(connection, urgency, now)
            if wait <= 0:
                connection.execute("insert into requests values (?, ?)", (self._provider, now))
        return max(wait, 0.0)

    def wait(self, *, longest_seconds: float) -> None:
        """Count a read, letting time go by until it fits.

        Raises:
            VenueUnavailable: it will not fit within the longest wait, or time goes by only when told.
        """
        waited = 0.0
        while (needed := self.take("read")) > 0:
            if waited + needed > longest_seconds or not self._clock.wait_seconds(needed):
                raise VenueUnavailable(
                    f"the request budget of {self._provider} is used up for {needed:.1f} s more, allowed to wait are "
                    f"{longest_seconds} s; ask again later",
                    wait_seconds=needed,
                )
            waited += needed

    def pause(self, seconds: float) -> None:
        """Let reads and orders of every process wait, as the provider asked; a shorter pause changes nothing."""
        until = self._clock.now().timestamp() + seconds
        with self._written() as connection:
            connection.execute(
                "insert into pauses values (?, ?) "
                "on conflict (provider) do update set until = max(until, excluded.until)",
                (self._provider, until),
            )

    def _wait(self, connection: sqlite3.Connection, urgency: Urgency, now: float) -> float:
        paused = connection.execute("select until from pauses where provider = ?", (self._provider,)).fetchone()
        wait = paused[0] - now if paused else 0.0
        most = self._most[urgency]
        # The request that must grow a minute old before one more fits.
        oldest = connection.execute(
            "select at from requests where provider = ? order by at desc limit 1 offset ?", (self._provider, most - 1)
        ).fetchone()
        return max(wait, oldest[0] + WINDOW_SECONDS - now if oldest else 0.0)

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None)) as connection:
            if not self._is_made:
                connection.executescript(_TABLES)
                self._is_made = True
            # A count that a power cut forgets is a minute's count: it need not wait for the device.
            connection.execute("pragma synchronous = off")
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")
