"""What the session needs of a ledger: append in one transaction, read, verify. One store per account."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from execution.domain.events import Event
from execution.ledger.book import Book
from execution.ledger.event_codec import RecordedEvent
from execution.ledger.hash_chain import ChainHead


class LedgerStore(Protocol):
    """An append-only, hash-chained series of events and the book they fold into."""

    def record(self, decide: Callable[[Book], Sequence[Event]]) -> tuple[Event, ...]:
        """Append what a decision says of the newest book, all or nothing, and return it.

        The decision is taken under the write lock, so nobody can append between looking and writing.
        """
        ...

    def book(self) -> Book:
        """Return the fold of all events."""
        ...

    def events(self) -> Iterator[RecordedEvent]:
        """Yield all events in order."""
        ...

    def verify_chain(self) -> ChainHead:
        """Hash every row again and return the head; raise ChainBroken when one does not fit."""
        ...

    def trading_hash(self) -> str:
        """Return one hash over all trading events, equal for two homes that lived the same days."""
        ...
