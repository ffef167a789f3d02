"""A ledger that writes only while a lease is held; everything else is the ledger's own."""

from collections.abc import Callable, Iterator

from execution.domain.events import Event
from execution.ledger.book import Book
from execution.ledger.event_codec import RecordedEvent
from execution.ledger.hash_chain import ChainHead
from execution.ledger.lease import Lease
from execution.ledger.store import Decision, LedgerStore


class FencedLedger:
    """What `LedgerStore.fenced` returns."""

    def __init__(self, ledger: LedgerStore, record: Callable[[Decision], tuple[Event, ...]]) -> None:
        self._ledger = ledger
        self._record = record

    def record(self, decide: Decision) -> tuple[Event, ...]:
        """Append what a decision says of the newest book, all or nothing, and return it.

        Raises:
            Fenced: the lease was taken by somebody else or given back; nothing was written.
            LedgerError: an event does not follow from the book, or a fact that may exist once exists.
        """
        return self._record(decide)

    def book(self) -> Book:
        """Return the fold of all events."""
        return self._ledger.book()

    def events(self) -> Iterator[RecordedEvent]:
        """Yield all events in order."""
        return self._ledger.events()

    def head(self) -> ChainHead:
        """Return where the chain ends, without hashing it again."""
        return self._ledger.head()

    def hash_at(self, sequence: int) -> str | None:
        """Return the hash stored for a row; None when there is no such row."""
        return self._ledger.hash_at(sequence)

    def verify_chain(self) -> ChainHead:
        """Hash every row again and return the head."""
        return self._ledger.verify_chain()

    def trading_hash(self) -> str:
        """Return one hash over all trading events."""
        return self._ledger.trading_hash()

    def take_lease(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """Take a lease, or return None while somebody else holds it."""
        return self._ledger.take_lease(name, holder=holder, ttl_seconds=ttl_seconds)

    def renew_lease(self, lease: Lease, *, ttl_seconds: float) -> Lease:
        """Hold a lease for longer."""
        return self._ledger.renew_lease(lease, ttl_seconds=ttl_seconds)

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back."""
        self._ledger.release_lease(lease)

    def fenced(self, lease: Lease) -> LedgerStore:
        """Return the ledger under another lease, which replaces this one."""
        return self._ledger.fenced(lease)
