"""The tape with a plan's halts and volumes laid over it: what the world itself does wrong, for the engine to meet."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from execution.brokers.tape import Tape, TapeRow
from execution.venue.faults import FaultPlan


class FaultyTape(Tape):
    """A tape on which a plan's halts and volumes hold; give it to the engine in place of the true one."""

    def __init__(self, tape: Tape, plan: FaultPlan) -> None:
        super().__init__(Path())
        self._tape = tape
        self._plan = plan

    def has(self, session: date) -> bool:
        """Return whether a session's tape was written."""
        return self._tape.has(session)

    def rows(self, session: date) -> Mapping[str, TapeRow]:
        """Return every row of a session as the plan has it, by symbol."""
        rows = self._tape.rows(session)
        if not self._plan.halted and not self._plan.volumes_shares:
            return rows
        return {symbol: self._as_planned(row) for symbol, row in rows.items()}

    def _as_planned(self, row: TapeRow) -> TapeRow:
        volume = self._plan.volumes_shares.get(row.symbol, row.volume_shares)
        return replace(row, is_halted=row.is_halted or row.symbol in self._plan.halted, volume_shares=volume)
