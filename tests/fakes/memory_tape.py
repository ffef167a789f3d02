"""A tape that never touches the device."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from execution.brokers.tape import Tape, TapeRow
from execution.domain.errors import DataError


class MemoryTape(Tape):
    def __init__(self, sessions: Mapping[date, Iterable[TapeRow]]) -> None:
        super().__init__(Path("nowhere"))
        self._sessions = {session: {row.symbol: row for row in rows} for session, rows in sessions.items()}

    def has(self, session: date) -> bool:
        return session in self._sessions

    def rows(self, session: date) -> Mapping[str, TapeRow]:
        if session not in self._sessions:
            raise DataError(f"no tape for {session}")
        return self._sessions[session]
