"""A tape in memory: recorded sessions a backtest walks through, or the few a test needs."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from execution.brokers.tape import Tape, TapeRow
from execution.domain.errors import DataError


class MemoryTape(Tape):
    """Sessions with their rows, given once."""

    def __init__(self, sessions: Mapping[date, Iterable[TapeRow]]) -> None:
        super().__init__(Path("nowhere"))
        self._sessions = {session: {row.symbol: row for row in rows} for session, rows in sessions.items()}

    def has(self, session: date) -> bool:
        """Return whether a session was recorded."""
        return session in self._sessions

    def rows(self, session: date) -> Mapping[str, TapeRow]:
        """Return every row of a session by symbol.

        Raises:
            DataError: the session was not recorded.
        """
        if session not in self._sessions:
            raise DataError(f"no tape for {session}: the recording has {len(self._sessions)} sessions; record it too")
        return self._sessions[session]
