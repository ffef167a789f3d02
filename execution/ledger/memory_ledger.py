"""The ledger in this process alone: the same chain and the same refusals as on disk, and nothing to survive a crash.

The simulator's ledger. Crashing a process of the simulation keeps the object, as a crash keeps a file.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from execution.domain.errors import LedgerError
from execution.domain.events import Event, OrderIntended
from execution.ledger.book import Book
from execution.ledger.event_codec import RecordedEvent, encoded, trading_hash
from execution.ledger.fenced_ledger import FencedLedger
from execution.ledger.folding import folded
from execution.ledger.hash_chain import EMPTY, ChainHead, ChainRow, linked, verified_head
from execution.ledger.lease import Lease, refuse_lost
from execution.ledger.store import Decision, LedgerStore

_NEVER: Final = float("-inf")


class MemoryLedger:
    """One account's ledger in memory; for one thread at a time."""

    def __init__(
        self, clock_seconds: Callable[[], float] = time.monotonic, *, is_within_reach_of_others: bool = True
    ) -> None:
        """Begin an empty ledger.

        Args:
            clock_seconds: the clock leases expire by; only differences of its readings mean anything.
            is_within_reach_of_others: whether anybody but this object may change a row. Where nobody can, as in a
                backtest, a row is hashed again once, and not at every act of its years.
        """
        self._clock_seconds = clock_seconds
        self._is_within_reach_of_others = is_within_reach_of_others
        self._verified = EMPTY
        self._rows: list[ChainRow] = []
        self._events: list[Event] = []
        self._book, self._head = Book(), EMPTY
        self._legs: set[tuple[str, ...]] = set()
        self._leases: dict[str, Lease] = {}

    def record(self, decide: Decision) -> tuple[Event, ...]:
        """Append what a decision says of the newest book, all or nothing, and return it.

        Raises:
            LedgerError: an event does not follow from the book, or a fact that may exist once exists.
        """
        return self._record(None, decide)

    def append(self, *events: Event) -> None:
        """Append events whatever the book says, as far as they follow from it."""
        self.record(lambda _: events)

    def book(self) -> Book:
        """Return the fold of all events."""
        return self._book

    def events(self) -> Iterator[RecordedEvent]:
        """Yield all events in order, as they stand at the first step."""
        for row, event in list(zip(self._rows, self._events, strict=True)):
            yield RecordedEvent(row.sequence, row.hash.decode(), event)

    def head(self) -> ChainHead:
        """Return where the chain ends, without hashing it again."""
        return self._head

    def hash_at(self, sequence: int) -> str | None:
        """Return the hash stored for a row; None when there is no such row."""
        return self._rows[sequence - 1].hash.decode() if 0 < sequence <= len(self._rows) else None

    def verify_chain(self) -> ChainHead:
        """Hash every row again and return the head.

        Raises:
            ChainBroken: a row was changed, deleted or moved.
        """
        if self._is_within_reach_of_others:
            return verified_head(self._rows)
        self._verified = verified_head(self._rows[self._verified.sequence :], after=self._verified)
        return self._verified

    def trading_hash(self) -> str:
        """Return one hash over all trading events, equal for two homes that lived the same days."""
        return trading_hash(self._events)

    def take_lease(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """Take a lease and raise its token by one; None while somebody else holds one that has not expired."""
        now, found = self._clock_seconds(), self._leases.get(name)
        if found is not None and found.holder != holder and found.expires_at_seconds > now:
            return None
        token = found.token + 1 if found is not None else 1
        taken = Lease(name=name, holder=holder, token=token, expires_at_seconds=now + ttl_seconds)
        self._leases[name] = taken
        return taken

    def renew_lease(self, lease: Lease, *, ttl_seconds: float) -> Lease:
        """Hold a lease for so much longer from now on.

        Raises:
            Fenced: somebody else took it, or it was given back.
        """
        self._refuse_lost(lease)
        renewed = replace(lease, expires_at_seconds=self._clock_seconds() + ttl_seconds)
        self._leases[lease.name] = renewed
        return renewed

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back, so that anybody may take it at once; harmless when it is lost already."""
        found = self._leases.get(lease.name)
        if found is not None and (found.holder, found.token) == (lease.holder, lease.token):
            # The row stays, so that the token rises for ever.
            self._leases[lease.name] = replace(lease, holder="", expires_at_seconds=_NEVER)

    def fenced(self, lease: Lease) -> LedgerStore:
        """Return the same ledger, whose `record` raises Fenced, writing nothing, once the lease is lost."""
        return FencedLedger(self, partial(self._record, lease))

    def _record(self, lease: Lease | None, decide: Decision) -> tuple[Event, ...]:
        if lease is not None:
            self._refuse_lost(lease)
        events = tuple(decide(self._book))
        if not events:
            return ()
        book, head = folded(self._book, events), self._head
        rows, legs = [], set()
        for event in events:
            if isinstance(event, OrderIntended):
                leg = (event.cycle_id, event.order.symbol, event.order.side, event.leg)
                if leg in self._legs or leg in legs:
                    raise LedgerError(f"the ledger refused a fact that exists already: order of {' '.join(leg)}")
                legs.add(leg)
            row = linked(head, encoded(head.sequence + 1, event))
            rows.append(row)
            head = ChainHead(row.sequence, row.hash.decode())
        self._book, self._head = book, head
        self._legs |= legs
        self._rows.extend(rows)
        self._events.extend(events)
        return events

    def _refuse_lost(self, lease: Lease) -> None:
        found = self._leases.get(lease.name)
        refuse_lost(lease, holder=found.holder if found else "", token=found.token if found else 0)
