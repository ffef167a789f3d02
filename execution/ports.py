"""What trading needs of the world, as small protocols. Adapters live in `brokers/`, `ledger/` and `clock.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from execution.domain.broker_capabilities import BrokerCapabilities
from execution.domain.orders import (
    AccountSnapshot,
    BrokerFill,
    CorporateActionEntry,
    OrderRequest,
    OrderState,
    SubmitOutcome,
)
from execution.domain.provenance import GateCertificate
from execution.domain.signals import SignalBatch

Value = TypeVar("Value")


class Clock(Protocol):
    """Where the time comes from: the system, or a file that moves when told."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware, in UTC."""
        ...

    def monotonic_seconds(self) -> float:
        """Return a reading that never goes back; only differences mean anything."""
        ...

    def wait_seconds(self, seconds: float) -> bool:
        """Let time go by and return True; return False at once where the clock moves only when told."""
        ...


class Quotes(Protocol):
    """Prices of the venue, raw dollars per share."""

    def last_usd(self, symbol: str) -> Decimal | None:
        """Return the last traded price at the clock's instant, or None when there is none."""
        ...

    def close_usd(self, symbol: str, session: date) -> Decimal | None:
        """Return the official close of a session that has ended, or None when the symbol did not trade."""
        ...


class SignalBatches(Protocol):
    """What analysis published, as trading reads it."""

    def load(self, batch_hash: str) -> SignalBatch:
        """Return the batch of a hash.

        Raises:
            CorruptArtifact: there is none, or its bytes have another hash.
            BatchRefused: the bytes are no signal batch of this version.
        """
        ...

    def published(self, session: date) -> tuple[str, ...]:
        """Return the hashes of a session's batches in publication order; the newest is the last."""
        ...

    def sessions(self) -> tuple[date, ...]:
        """Return every session something was published for, oldest first."""
        ...

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return a session's certificates in publication order; the newest is the last.

        Raises:
            CorruptArtifact: one is missing, or its bytes have another hash.
            CertificateRefused: the bytes are no certificate of this version.
        """
        ...

    def held(self, session: date) -> str:
        """Return why analysis published no batch of a session whose data passed; empty when it said nothing.

        Raises:
            CorruptArtifact: what it said is missing, or its bytes have another hash.
        """
        ...


class Artifacts(Protocol):
    """Content named by its hash: written once, never changed, verified on every read."""

    def write(self, folder: str, data: bytes, *, suffix: str) -> str:
        """Store bytes in a folder and return their hash; storing the same bytes again changes nothing."""
        ...

    def read(self, folder: str, digest: str, *, suffix: str) -> bytes:
        """Return the bytes stored under a hash.

        Raises:
            CorruptArtifact: there are none, or they have another hash.
        """
        ...

    def keep(self, folder: str, value: Value, encode: Callable[[Value], bytes], *, suffix: str) -> str:
        """Store a frozen value, as the bytes `encode` makes of it where bytes are stored, and return its hash."""
        ...

    def kept(self, folder: str, digest: str, decode: Callable[[bytes], Value], *, suffix: str) -> Value:
        """Return the value kept under a hash; `decode` undoes what `encode` did.

        Raises:
            CorruptArtifact: there is none, or its bytes have another hash.
        """
        ...


class Interlock(Protocol):
    """What must let an order pass, at once before the wire."""

    def refuse_when_engaged(self) -> None:
        """Do nothing while orders may pass; raise Halted when they may not, or when nobody can tell."""
        ...

    def engage(self, reason: str, actor: str, at: datetime) -> None:
        """Let nothing pass from now on, until a named person says otherwise; harmless to repeat.

        Raises:
            OSError: it could not be engaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class SessionHours:
    """One session, its opening and its closing instant in UTC."""

    session: date
    opens_at: datetime
    closes_at: datetime


class VenueTime(Protocol):
    """What a venue says of the time, to be compared with ours."""

    def now(self) -> datetime:
        """Return the venue's instant in UTC."""
        ...

    def sessions(self, first: date, last: date) -> tuple[SessionHours, ...]:
        """Return the venue's sessions from one day to another, both included, oldest first."""
        ...


class Broker(Protocol):
    """One account at one venue. An unknown outcome is never a refusal."""

    @property
    def capabilities(self) -> BrokerCapabilities:
        """Return what the venue promises and can do."""
        ...

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        """Send one order once; never retry inside."""
        ...

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel; harmless when the order is unknown or already done. The truth comes from `order`."""
        ...

    def order(self, client_order_id: str) -> OrderState | None:
        """Look an order up by its client order id; None when the venue does not know it."""
        ...

    def open_orders(self) -> tuple[OrderState, ...]:
        """Return every working order of the account, ours or not, sorted by client order id."""
        ...

    def fills(self, *, since: datetime) -> tuple[BrokerFill, ...]:
        """Return fills at or after an instant, oldest first; asking twice returns the same fills with the same ids."""
        ...

    def corporate_actions(self, *, since: datetime) -> tuple[CorporateActionEntry, ...]:
        """Return splits, dividends and delistings booked to the account at or after an instant, oldest first."""
        ...

    def account(self) -> AccountSnapshot:
        """Return cash and positions now, foreign positions included."""
        ...
