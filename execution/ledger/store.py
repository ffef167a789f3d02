"""What the session needs of a ledger: append in one transaction, read, verify, and let one executor write at a time.

One store per account. Adapters: `memory_ledger`, `sqlite_ledger`, `postgres_ledger`; one contract suite runs over all.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from execution.domain.events import Event
from execution.ledger.book import Book
from execution.ledger.event_codec import RecordedEvent
from execution.ledger.hash_chain import ChainHead
from execution.ledger.lease import Lease

Decision = Callable[[Book], Sequence[Event]]
"""What to append, said of the newest book."""


class LedgerStore(Protocol):
    """An append-only, hash-chained series of events and the book they fold into."""

    def record(self, decide: Decision) -> tuple[Event, ...]:
        """Append what a decision says of the newest book, all or nothing, and return it.

        The decision is taken under the write lock, so nobody can append between looking and writing.

        Raises:
            LedgerError: an event does not follow from the book, or a fact that may exist once exists.
        """
        ...

    def book(self) -> Book:
        """Return the fold of all events."""
        ...

    def events(self) -> Iterator[RecordedEvent]:
        """Yield all events in order, as they stand at the first step."""
        ...

    def head(self) -> ChainHead:
        """Return where the chain ends, without hashing it again."""
        ...

    def hash_at(self, sequence: int) -> str | None:
        """Return the hash stored for a row; None when there is no such row."""
        ...

    def verify_chain(self) -> ChainHead:
        """Hash every row again and return the head; raise ChainBroken when one does not fit."""
        ...

    def trading_hash(self) -> str:
        """Return one hash over all trading events, equal for two homes that lived the same days."""
        ...

    def take_lease(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """Take a lease and raise its token by one; None while somebody else holds one that has not expired.

        Args:
            name: what may be done by one holder at a time.
            holder: who asks; a holder that asks again fences off its former self.
            ttl_seconds: how long it holds unless renewed, above zero, by the ledger's own clock.
        """
        ...

    def renew_lease(self, lease: Lease, *, ttl_seconds: float) -> Lease:
        """Hold a lease for so much longer from now on, also one that expired and nobody else took.

        Raises:
            Fenced: somebody else took it, or it was given back.
        """
        ...

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back, so that anybody may take it at once; harmless when it is lost already."""
        ...

    def fenced(self, lease: Lease) -> "LedgerStore":
        """Return the same ledger, whose `record` raises Fenced, writing nothing, once the lease is lost.

        The token is compared inside the write transaction. An expired lease that nobody else took still writes.
        """
        ...
