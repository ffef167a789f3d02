"""A ledger in which another process is faster, once: it acts just before an event of one kind is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from execution.domain.events import Event
from execution.ledger.book import Book
from execution.ledger.lease import Lease
from execution.ledger.store import LedgerStore


@dataclass
class _Plot:
    rival: Callable[[], object] | None = None
    kind: type[Event] | None = None


class OvertakenLedger:
    def __init__(self, ledger: LedgerStore, plot: _Plot | None = None) -> None:
        self._ledger = ledger
        self._plot = plot or _Plot()

    def overtake(self, kind: type[Event], rival: Callable[[], object]) -> None:
        """Let a rival act just before the next event of a kind is written."""
        self._plot.kind, self._plot.rival = kind, rival

    def record(self, decide: Callable[[Book], Sequence[Event]]) -> tuple[Event, ...]:
        rival, kind = self._plot.rival, self._plot.kind
        is_next = kind is not None and any(isinstance(event, kind) for event in decide(self._ledger.book()))
        if rival is not None and is_next:
            self._plot.rival = None
            rival()
        return self._ledger.record(decide)

    def fenced(self, lease: Lease) -> "OvertakenLedger":
        return OvertakenLedger(self._ledger.fenced(lease), self._plot)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)
