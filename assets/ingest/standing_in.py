"""Splits and dividends from a second provider while the first does not tell them; each row says whose it is.

Without them no session may be decided, and they are facts of the exchange, the same from whoever tells them. Bars are
not: feeds never mix in one feature, so nobody stands in for them. Nor for the past: a home that begins, or reads its
past again, waits for the first provider. What that one tells otherwise when it is back becomes a correction, as from
any provider that tells late.
"""

import logging
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from assets import schemas
from assets.ingest.corporate_actions import CorporateActionSource
from execution.artifact_files import write_atomically
from execution.domain.errors import VenueUnavailable

_LOG: Final = logging.getLogger(__name__)


class RevisedActions(CorporateActionSource, Protocol):
    """Splits and dividends of a provider that tells which state its past is in."""

    def revision(self, table: str) -> str:
        """Return which state a table's past is in; empty for tables without states."""
        ...


class StandingIn:
    """Splits and dividends of one provider, and of another where that one is silent.

    Args:
        first: whose word counts.
        second: who is asked for newer sessions while the first is silent.
        memory: where the newest state of the first one's past is remembered.
    """

    def __init__(self, first: RevisedActions, second: CorporateActionSource, *, memory: Path) -> None:
        self._first = first
        self._second = second
        self._memory = memory

    def corporate_actions(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows that became known in (after, upto], all of one provider.

        Raises:
            VenueUnavailable: neither answers, or the first does not and its whole past is asked for.
        """
        try:
            return self._first.corporate_actions(after=after, upto=upto)
        except VenueUnavailable as silence:
            if after is None:
                raise
            rows = self._second.corporate_actions(after=after, upto=upto)
            told = ", ".join(sorted(set(rows.column("source").to_pylist()))) or "the second provider"
            _LOG.warning("splits and dividends come from %s, %d rows: %s", told, rows.num_rows, silence)
            return rows

    def revision(self, table: str) -> str:
        """Return which state the first provider's past is in; while it is silent, the state it was in last.

        Raises:
            VenueUnavailable: it is silent and never said.
        """
        if table != schemas.CORPORATE_ACTIONS.name:
            return self._first.revision(table)
        try:
            revision = self._first.revision(table)
        except VenueUnavailable:
            if not self._memory.exists():
                raise
            return self._memory.read_text(encoding="utf-8")
        write_atomically(self._memory, revision.encode())
        return revision
