"""A circuit breaker whose state every process of a home shares: who finds a provider dead spares the others the wait.

Each act is a process of its own, so a breaker that lives in memory would learn the same outage again each time.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from pybreaker import STATE_CLOSED, CircuitBreaker, CircuitBreakerError, CircuitBreakerStorage

from execution.domain.errors import VenueUnavailable

T = TypeVar("T")
_LOCK_TIMEOUT_SECONDS: Final = 5.0
_TABLE: Final = (
    "create table if not exists breakers (provider text primary key, state text not null, failures integer not null, "
    "successes integer not null, opened_at text)"
)


class SharedBreaker:
    """Lets calls to a provider pass until too many failed in a row; then one in a while tries whether it is back.

    Args:
        path: SQLite file, made when absent.
        provider: what the breaker guards.
        failures: failed calls in a row, of all processes, that open it.
        reset_seconds: after so long one call may try again.
    """

    def __init__(self, path: Path, *, provider: str, failures: int, reset_seconds: float) -> None:
        self._provider = provider
        self._breaker = CircuitBreaker(
            fail_max=failures,
            reset_timeout=reset_seconds,
            # What the provider said clearly is no outage: only its silence counts.
            exclude=[lambda error: not isinstance(error, VenueUnavailable) or error.wait_seconds is not None],
            state_storage=_Stored(path, provider),
            name=provider,
            throw_new_error_on_trip=False,
        )

    def call(self, ask: Callable[[], T]) -> T:
        """Return what a call returns.

        Raises:
            VenueUnavailable: the call failed so, or the breaker is open and the call was not made.
        """
        try:
            return self._breaker.call(ask)
        except CircuitBreakerError as is_open:
            raise VenueUnavailable(
                f"{self._provider} did not answer several times in a row: nothing is asked for a while"
            ) from is_open

    @property
    def is_open(self) -> bool:
        """Whether calls are held back now."""
        return bool(self._breaker.current_state != STATE_CLOSED)


class _Stored(CircuitBreakerStorage):
    """The row of one provider; each access is a transaction of its own."""

    def __init__(self, path: Path, provider: str) -> None:
        super().__init__(provider)
        self._path = path
        self._provider = provider
        self._is_made = False

    @property
    def state(self) -> str:
        return str(self._value("state"))

    @state.setter
    def state(self, state: str) -> None:
        self._set("state = ?", state)

    def increment_counter(self) -> None:
        self._set("failures = failures + 1")

    def reset_counter(self) -> None:
        if self.counter:
            self._set("failures = 0")

    def increment_success_counter(self) -> None:
        self._set("successes = successes + 1")

    def reset_success_counter(self) -> None:
        if self.success_counter:
            self._set("successes = 0")

    @property
    def counter(self) -> int:
        return int(self._value("failures"))

    @property
    def success_counter(self) -> int:
        return int(self._value("successes"))

    @property
    def opened_at(self) -> datetime | None:
        found = self._value("opened_at")
        return datetime.fromisoformat(found) if found else None

    @opened_at.setter
    def opened_at(self, instant: datetime) -> None:
        self._set("opened_at = ?", instant.isoformat())

    def _value(self, column: str) -> Any:
        query = f"select {column} from breakers where provider = ?"  # noqa: S608 - one of four names above
        with closing(self._opened()) as connection:
            return connection.execute(query, (self._provider,)).fetchone()[0]

    def _set(self, change: str, *values: str) -> None:
        with closing(self._opened()) as connection:
            connection.execute(f"update breakers set {change} where provider = ?", (*values, self._provider))  # noqa: S608 - one of the texts above

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None)
        connection.execute("pragma synchronous = off")
        if not self._is_made:
            connection.execute(_TABLE)
            row = (self._provider, STATE_CLOSED, 0, 0)
            connection.execute("insert or ignore into breakers values (?, ?, ?, ?, null)", row)
            self._is_made = True
        return connection
