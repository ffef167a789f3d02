"""The ports a simulated process trades through, each call of which stops at the hub: ledger, artifacts, kill switch."""

import errno
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from execution.domain.errors import CorruptArtifact, Halted, LedgerError
from execution.domain.events import Event
from execution.ledger.book import Book
from execution.ledger.event_codec import RecordedEvent
from execution.ledger.hash_chain import ChainHead
from execution.ledger.lease import Lease
from execution.ledger.store import Decision, LedgerStore
from execution.simulation.draws import Draws
from execution.simulation.faults import Faults
from execution.simulation.hub import Hub
from execution.simulation.invariants import Checker

Value = TypeVar("Value")
_BUSY_SECONDS: Final = 10.0


@dataclass(slots=True)
class WriteLock:
    """The database's write lock: one process at a time, also while it sleeps in the middle of a transaction."""

    hub: Hub
    is_held: bool = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            LedgerError: somebody else held it for too long.
        """
        if self.is_held and not self.hub.wait_until(lambda: not self.is_held, longest_seconds=_BUSY_SECONDS):
            raise LedgerError("the ledger is locked by another process: try again")
        self.is_held = True
        try:
            yield
        finally:
            self.is_held = False


@dataclass(frozen=True, slots=True)
class InstrumentedLedger:
    """The port `LedgerStore` of one process, over a store that survives it.

    A write can be cut down inside its transaction, refused by a full disk, or be durable without its caller knowing.
    """

    store: LedgerStore
    hub: Hub
    draws: Draws
    faults: Faults
    lock: WriteLock
    checker: Checker

    def record(self, decide: Decision) -> tuple[Event, ...]:
        """Append what a decision says of the newest book."""

        def decided(book: Book) -> Sequence[Event]:
            events = tuple(decide(book))
            if events:
                self.hub.stop("record~")
                self._fill_disk()
            return events

        self.hub.stop("record<")
        with self.lock.held():
            events = self.store.record(decided)
            if events:
                self.checker.committed(events)
                self.hub.note("ledger " + " ".join(type(event).__name__ for event in events))
        self.hub.stop("record>")
        if events and self._goes_wrong(self.faults.commit_unknown):
            raise LedgerError("the connection to the ledger broke: nobody knows whether the transaction is durable")
        return events

    def book(self) -> Book:
        """Return the fold of all events."""
        self.hub.stop("book")
        return self.store.book()

    def events(self) -> Iterator[RecordedEvent]:
        """Yield all events in order."""
        self.hub.stop("events")
        return self.store.events()

    def head(self) -> ChainHead:
        """Return where the chain ends."""
        self.hub.stop("head")
        return self.store.head()

    def hash_at(self, sequence: int) -> str | None:
        """Return the hash stored for a row."""
        self.hub.stop("hash_at")
        return self.store.hash_at(sequence)

    def verify_chain(self) -> ChainHead:
        """Hash every row again and return the head."""
        self.hub.stop("verify")
        return self.store.verify_chain()

    def trading_hash(self) -> str:
        """Return one hash over all trading events."""
        self.hub.stop("trading_hash")
        return self.store.trading_hash()

    def take_lease(self, name: str, *, holder: str, ttl_seconds: float) -> Lease | None:
        """Take a lease, or return None while somebody else holds it."""
        self.hub.stop("lease<")
        with self.lock.held():
            lease = self.store.take_lease(name, holder=holder, ttl_seconds=ttl_seconds)
        self.hub.stop("lease>")
        return lease

    def renew_lease(self, lease: Lease, *, ttl_seconds: float) -> Lease:
        """Hold a lease for longer."""
        self.hub.stop("renew<")
        with self.lock.held():
            renewed = self.store.renew_lease(lease, ttl_seconds=ttl_seconds)
        self.hub.stop("renew>")
        return renewed

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back."""
        self.hub.stop("release<")
        with self.lock.held():
            self.store.release_lease(lease)
        self.hub.stop("release>")

    def fenced(self, lease: Lease) -> LedgerStore:
        """Return the same ledger under a lease."""
        return InstrumentedLedger(self.store.fenced(lease), self.hub, self.draws, self.faults, self.lock, self.checker)

    def _fill_disk(self) -> None:
        if self._goes_wrong(self.faults.disk_full):
            raise LedgerError("the ledger's disk is full: nothing was written")

    def _goes_wrong(self, probability: float) -> bool:
        return not self.hub.is_healed and self.draws.chance(probability)


@dataclass(slots=True)
class MemoryArtifacts:
    """The port `Artifacts` in memory; the bytes outlive every process."""

    hub: Hub
    draws: Draws
    faults: Faults
    files: dict[tuple[str, str], Any] = field(default_factory=dict)

    def write(self, folder: str, data: bytes, *, suffix: str) -> str:
        """Store bytes and return their hash."""
        return self._store(folder, hashlib.sha256(data).hexdigest() + suffix, data)

    def read(self, folder: str, digest: str, *, suffix: str) -> bytes:
        """Return the bytes of a hash.

        Raises:
            CorruptArtifact: there are none.
        """
        return bytes(self._stored(folder, digest + suffix))

    def keep(self, folder: str, value: Value, encode: Callable[[Value], bytes], *, suffix: str) -> str:  # noqa: ARG002 - nothing is encoded: most of a schedule would be spent on it
        """Store a value and return a hash of its content."""
        return self._store(folder, hashlib.sha256(repr(value).encode()).hexdigest() + suffix, value)

    def kept(self, folder: str, digest: str, decode: Callable[[bytes], Value], *, suffix: str) -> Value:  # noqa: ARG002 - nothing was encoded
        """Return the value of a hash.

        Raises:
            CorruptArtifact: there is none.
        """
        found: Value = self._stored(folder, digest + suffix)
        return found

    def _store(self, folder: str, name: str, content: object) -> str:
        self.hub.stop("artifact<")
        if not self.hub.is_healed and self.draws.chance(self.faults.disk_full):
            raise OSError(errno.ENOSPC, "the disk of the artifacts is full")
        self.files[folder, name] = content
        self.hub.stop("artifact>")
        return name.partition(".")[0]

    def _stored(self, folder: str, name: str) -> Any:
        self.hub.stop("artifact?")
        found = self.files.get((folder, name))
        if found is None:
            raise CorruptArtifact(f"no artifact {name} in {folder}: expected one that was written before")
        return found


@dataclass(slots=True)
class SimulatedSwitch:
    """The port `Interlock`: a flag that outlives every process, and that now and then cannot be read."""

    hub: Hub
    draws: Draws
    faults: Faults
    is_engaged: bool = False

    def engage(self, reason: str, actor: str, at: datetime) -> None:  # noqa: ARG002 - the trace says who and why
        """Let nothing pass from now on."""
        self.hub.stop("engage")
        self.hub.note(f"{actor} presses stop: {reason}")
        self.is_engaged = True

    def refuse_when_engaged(self) -> None:
        """Do nothing while orders may pass.

        Raises:
            Halted: they may not, or nobody can tell.
        """
        # A local read is one instant: what sleeps after it sleeps before the next call.
        self.hub.stop("kill")
        if self.is_engaged:
            raise Halted("somebody pressed stop")
        if not self.hub.is_healed and self.draws.chance(self.faults.silent_read / 10):
            raise Halted("the kill switch cannot be read")
