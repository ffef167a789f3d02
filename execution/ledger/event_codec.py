"""Events to canonical bytes and back; also the bytes by which two homes compare their trading."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, get_args

import msgspec

from execution.domain.canonical import canonical_bytes
from execution.domain.errors import LedgerError
from execution.domain.events import EVENT_TYPES, Event, Note

_NOTES: Final = get_args(Note)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as it stands in the ledger: its number from 1 on, and the hash of its row."""

    sequence: int
    hash: str
    event: Event


class _Row(msgspec.Struct, gc=False):
    """A row's body, whose event is read once its kind is known."""

    seq: int
    kind: str
    event: msgspec.Raw


_ROWS: Final = msgspec.json.Decoder(_Row)
# Not strict: canonical JSON writes decimals as text.
_EVENTS: Final[Mapping[str, msgspec.json.Decoder[Event]]] = {
    name: msgspec.json.Decoder(kind, strict=False) for name, kind in EVENT_TYPES.items()
}


def encoded(sequence: int, event: Event) -> bytes:
    """Return the canonical body of a row.

    Raises:
        LedgerError: the event could not be read back as it is; a row nobody can read would end the ledger.
        ValueError: an amount is not finite, or an instant has no timezone.
    """
    body = canonical_bytes({"seq": sequence, "kind": type(event).__name__, "event": event})
    if decoded(body) != event:
        raise LedgerError(f"{type(event).__name__} would be read back as another event: nothing was written: {event}")
    return body


def decoded(body: bytes) -> Event:
    """Return the event of a row's body.

    Raises:
        LedgerError: the kind is unknown or its fields do not fit, as after a newer program wrote it.
    """
    row = _ROWS.decode(body)
    events = _EVENTS.get(row.kind)
    if events is None:
        raise LedgerError(
            f"row {row.seq} is a {row.kind}, which this program does not know: "
            "a newer version wrote it, use that version"
        )
    try:
        return events.decode(row.event)
    except msgspec.ValidationError as error:
        raise LedgerError(f"row {row.seq} is no {row.kind} of this version: {error}") from error


def trading_hash(events: Iterable[Event]) -> str:
    """Return one hash over all trading events; notes of attempts, people and runs are left out.

    The order in which events were written does not count: a run that was killed and started again books the same facts
    in another order, and each carries its own instant.
    """
    digests = sorted(
        hashlib.sha256(canonical_bytes({"kind": type(event).__name__, "event": event})).digest()
        for event in events
        if not isinstance(event, _NOTES)
    )
    return hashlib.sha256(b"".join(digests)).hexdigest()
