"""Where the time comes from: the system, or a file that moves when told.

Every decision reads one of these through the `Clock` port. The file clock lets weeks be lived in minutes: one JSON file
in the home holds the instant, and only `advance_to` moves it, never back. Beside it stands how far the world was asked
to go: whoever moves the clock by itself (a sensor) stops there.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
from filelock import FileLock

from execution.artifact_files import write_atomically
from execution.domain.errors import DataError, SettingsRefused

_LOCK_TIMEOUT_SECONDS: Final = 30.0


class SystemClock:
    """The machine's own clock, for paper and live trading."""

    def now(self) -> datetime:
        """Return the machine's current instant in UTC."""
        return datetime.now(UTC)

    def monotonic_seconds(self) -> float:
        """Return the machine's monotonic reading."""
        return time.monotonic()

    def wait_seconds(self, seconds: float) -> bool:
        """Sleep, and return True: the time went by."""
        time.sleep(seconds)
        return True


class MovedClock:
    """A clock of this process alone, which its owner moves: recorded time."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """Return the instant it was moved to last."""
        return self._instant

    def monotonic_seconds(self) -> float:
        """Return the instant in seconds: no work takes time here."""
        return self._instant.timestamp()

    def wait_seconds(self, seconds: float) -> bool:  # noqa: ARG002 - the port's argument; this clock has no use for it
        """Return False at once: only `move_to` lets this clock's time go by."""
        return False

    def move_to(self, instant: datetime) -> None:
        """Move on to an instant.

        Raises:
            ValueError: it lies before the present one.
        """
        if instant < self._instant:
            raise ValueError(f"time cannot go back from {self._instant.isoformat()} to {instant.isoformat()}")
        self._instant = instant


class FileClock:
    """A clock whose instant stands in one file and is shared by every process that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=_LOCK_TIMEOUT_SECONDS)

    def now(self) -> datetime:
        """Return the instant the file holds, in UTC.

        Raises:
            SettingsRefused: the clock was never initialised.
            DataError: the file holds no instant.
        """
        return self._state()["now"]

    def monotonic_seconds(self) -> float:
        """Return the machine's monotonic reading: real work takes real time, whatever the file says."""
        return time.monotonic()

    def wait_seconds(self, seconds: float) -> bool:  # noqa: ARG002 - the port's argument; this clock has no use for it
        """Return False at once: only `advance_to` lets this clock's time go by."""
        return False

    def initialise(self, instant: datetime) -> datetime:
        """Set the first instant and return it; a clock that already runs is left alone and its instant returned.

        Raises:
            ValueError: the instant has no timezone.
        """
        first = _utc(instant)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if self._path.exists():
                return self.now()
            self._write(first, until=first)
        return first

    def until(self) -> datetime:
        """Return how far the world was asked to go, in UTC; the first instant until `live_until` says more."""
        return self._state()["until"]

    def live_until(self, instant: datetime) -> datetime:
        """Ask the world to go as far as an instant and return the limit; an earlier limit changes nothing.

        Raises:
            SettingsRefused: the clock was never initialised.
            ValueError: the instant has no timezone.
        """
        wanted = _utc(instant)
        self.now()
        with self._lock:
            state = self._state()
            limit = max(wanted, state["until"])
            self._write(state["now"], until=limit)
        return limit

    def advance_to(self, instant: datetime) -> datetime:
        """Move the clock forward and return its instant; moving it to where it stands changes nothing.

        Raises:
            DataError: the instant lies before the clock's own.
            SettingsRefused: the clock was never initialised.
            ValueError: the instant has no timezone.
        """
        wanted = _utc(instant)
        if not self._path.exists():
            self.now()
        with self._lock:
            stands_at = self.now()
            if wanted < stands_at:
                raise DataError(
                    f"the clock stands at {stands_at.isoformat()} and cannot go back to {wanted.isoformat()}; "
                    "to live that time again, start a new home"
                )
            if wanted > stands_at:
                self._write(wanted, until=max(wanted, self.until()))
        return wanted

    def _state(self) -> dict[str, datetime]:
        # The file is replaced whole, so a reader sees the old state or the new one and needs no lock.
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            raise SettingsRefused(
                f"the clock has no instant: expected {self._path.name} in the home; run `touchstone init` first"
            ) from None
        return _parsed(content, self._path.name)

    def _write(self, instant: datetime, *, until: datetime) -> None:
        state = {"now": instant.isoformat(), "until": until.isoformat()}
        write_atomically(self._path, orjson.dumps(state) + b"\n")


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime {instant!r}: expected a timezone")
    return instant.astimezone(UTC)


def _parsed(content: bytes, name: str) -> dict[str, datetime]:
    try:
        state = orjson.loads(content)
        return {key: _utc(datetime.fromisoformat(state[key])) for key in ("now", "until")}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f'the clock file {name} holds no instant: expected {{"now": "<UTC instant>", "until": "<UTC instant>"}}, '
            f"found {content[:80]!r}"
        ) from error
