"""A ledger in which another process is faster, once: it acts just before an event of one kind is written."""

from collections.abc import Callable, Sequence
from typing import Any

from execution.domain.events import Event
from execution.ledger.book import Book
from execution.ledger.sqlite_ledger import SqliteLedger


class OvertakenLedger:
    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger
        self._rival: Callable[[], object] | None = None
        self._kind: type[Event] | None = None

    def overtake(self, kind: type[Event], rival: Callable[[], object]) -> None:
        """Let a rival act just before the next event of a kind is written."""
        self._kind, self._rival = kind, rival

    def record(self, decide: Callable[[Book], Sequence[Event]]) -> tuple[Event, ...]:
        rival, kind = self._rival, self._kind
        is_next = kind is not None and any(isinstance(event, kind) for event in decide(self._ledger.book()))
        if rival is not None and is_next:
            self._rival = None
            rival()
        return self._ledger.record(decide)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)
