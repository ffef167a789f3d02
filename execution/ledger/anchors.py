"""Heads of the chain, signed and kept outside the database: what a chain alone cannot prove, an anchor does.

Whoever owns the ledger's file can cut its tail off or hash it again from any row on. Then the head that was signed is
missing from the ledger. An anchor is one line in the manner of a C2SP signed note (github.com/C2SP/C2SP,
signed-note.md): text, a dash, the key's name, and Base64 of key id and Ed25519 signature. It is appended to several
files, best on devices that the ledger's owner cannot write to twice.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from execution.domain.canonical import canonical_text
from execution.domain.errors import ChainBroken, LedgerError
from execution.domain.events import AuditNoted
from execution.durable_files import DurableFiles
from execution.ledger.book import Book
from execution.ledger.hash_chain import GENESIS, ChainHead
from execution.ledger.store import LedgerStore

TOPIC: Final = "anchoring"
"""The note in which the ledger itself says that its heads are anchored from here on, and by which key."""
ORIGIN: Final = "touchstone-ledger"
FILE_NAME: Final = "anchors.txt"
_ED25519: Final = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A signed statement that the chain once ended here.

    Attributes:
        sequence: number of the last row.
        hash: that row's hash.
        at: when it was signed, UTC.
        signature: Ed25519 over the line's text.
        key_id: first four bytes of a hash of the public key, in hex.
    """

    sequence: int
    hash: str
    at: datetime
    signature: bytes
    key_id: str

    @property
    def text(self) -> bytes:
        """What is signed: origin, number of rows, hash, instant."""
        return f"{ORIGIN} {self.sequence} {self.hash} {canonical_text(self.at)}".encode()

    @property
    def line(self) -> str:
        """The anchor as one line, without its end."""
        signed = base64.b64encode(bytes.fromhex(self.key_id) + self.signature).decode()
        return f"{self.text.decode()} — {ORIGIN}+{self.key_id} {signed}"


class AnchorFile:
    """One place for anchors: a file to which lines are only ever appended."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self._path = folder / FILE_NAME

    def append(self, anchor: Anchor) -> None:
        """Write a line and wait until it is on the device.

        Raises:
            OSError: the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        files, is_new = DurableFiles(), not self._path.exists()
        files.append_line(self._path, anchor.line.encode())
        if is_new:
            files.sync_folder(self.folder)

    def lines(self) -> list[str]:
        """Return every whole line; none when there is no file yet.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        return content.decode(errors="replace").split("\n")[:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Where the heads of a ledger are kept and by which key they are believed.

    Attributes:
        key: the public half.
        sinks: at least two, best on different devices.
    """

    key: Ed25519PublicKey
    sinks: Sequence[AnchorFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchoring:
    """What an account needs to sign the heads of its ledger and to believe them later.

    Attributes:
        signer: the private key; never shown.
        sinks: at least two, best on different devices.
    """

    signer: Ed25519PrivateKey = field(repr=False)
    sinks: Sequence[AnchorFile]

    @property
    def anchors(self) -> Anchors:
        """What verification needs."""
        return Anchors(key=self.signer.public_key(), sinks=self.sinks)

    def anchor(self, ledger: LedgerStore, at: datetime) -> Anchor | None:
        """Sign where the chain ends and append it to every sink; `anchor_head` says the rest."""
        return anchor_head(ledger, signer=self.signer, sinks=self.sinks, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a verification found in order.

    Attributes:
        head: where the chain ends.
        newest: the newest anchor of any sink; None before the first.
        matched: lines whose row is in the ledger, over all sinks.
        unreadable: lines that are torn, damaged or of another key, over all sinks.
        behind: sinks that cannot be read or lack the newest anchor.
    """

    head: ChainHead
    newest: Anchor | None = None
    matched: int = 0
    unreadable: int = 0
    behind: tuple[str, ...] = ()


def key_id(key: Ed25519PublicKey) -> str:
    """Return the short name of a public key, as C2SP's signed notes reckon it."""
    return hashlib.sha256(ORIGIN.encode() + b"\n" + _ED25519 + key.public_bytes_raw()).hexdigest()[:8]


def anchor_head(
    ledger: LedgerStore, *, signer: Ed25519PrivateKey, sinks: Sequence[AnchorFile], at: datetime
) -> Anchor | None:
    """Sign where the chain ends and append it to every sink that does not have it yet.

    The first time a key is used, the ledger notes it, so that a ledger whose sinks were all emptied is found out.

    Args:
        ledger: the account's ledger, whose chain was verified by the act that ends now.
        signer: the private key.
        sinks: where the line goes.
        at: the clock's instant.

    Returns:
        The anchor; None when the ledger is empty.

    Raises:
        LedgerError: no sink could be written.
    """
    name = key_id(signer.public_key())
    if ledger.head() == ChainHead(0, GENESIS):
        return None
    ledger.record(lambda book: () if name in _announced(book) else (_announcement(name, at),))
    head = ledger.head()
    unsigned = Anchor(sequence=head.sequence, hash=head.hash, at=at, signature=b"", key_id=name)
    anchor = Anchor(sequence=head.sequence, hash=head.hash, at=at, signature=signer.sign(unsigned.text), key_id=name)
    failed = [fault for fault in (_appended(sink, anchor) for sink in sinks) if fault]
    if failed and len(failed) == len(sinks):
        raise LedgerError(f"no anchor sink could be written ({'; '.join(failed)}): make one writable")
    return anchor


def verify_ledger(ledger: LedgerStore, anchors: Anchors | None, *, is_thorough: bool = False) -> Verified:
    """Hash every row again and find every anchored head among them.

    The newest anchor of each sink binds every row before it; being thorough also checks each older line.

    Args:
        ledger: the account's ledger.
        anchors: None for a ledger that is not anchored, as in simulations.
        is_thorough: whether older lines are checked too.

    Raises:
        ChainBroken: a row was changed, deleted or moved, or a head that was anchored is not in the ledger.
    """
    head = ledger.verify_chain()
    if anchors is None:
        return Verified(head=head)
    name = key_id(anchors.key)
    kept = {sink: _kept(sink, name) for sink in anchors.sinks}
    tops = [max(own, key=_sequence) for own, _ in kept.values() if own]
    for anchor in {anchor for own, _ in kept.values() for anchor in own} if is_thorough else tops:
        _refuse_missing(anchor, anchors.key, ledger.hash_at)
    if not tops and (any(others for _, others in kept.values()) or _announced(ledger.book())):
        raise ChainBroken(
            f"ledger: its heads were anchored, and no sink holds one of key {name}: anchors or the key were taken away "
            "or exchanged; bring both back, or find out who did it"
        )
    newest = max(tops, key=_sequence, default=None)
    return Verified(
        head=head,
        newest=newest,
        matched=sum(len(own) for own, _ in kept.values()) if is_thorough else len(tops),
        unreadable=sum(others for _, others in kept.values()),
        behind=tuple(str(sink.folder) for sink, (own, _) in kept.items() if newest is not None and newest not in own),
    )


def _kept(sink: AnchorFile, name: str) -> tuple[list[Anchor], int]:
    """Return the anchors of a key in a sink, and how many lines are something else; nothing when it cannot be read."""
    try:
        lines = sink.lines()
    except OSError:
        return [], 0
    own = [anchor for line in lines if (anchor := parsed(line)) is not None and anchor.key_id == name]
    return own, len(lines) - len(own)


def _sequence(anchor: Anchor) -> int:
    return anchor.sequence


def parsed(line: str) -> Anchor | None:
    """Return the anchor of a line; None when the line is torn, damaged or something else."""
    text, dash, signed = line.partition(" — ")
    words, names = text.split(" "), signed.split(" ")
    if not dash or len(words) != 4 or len(names) != 2 or words[0] != ORIGIN:
        return None
    try:
        packed = base64.b64decode(names[1], validate=True)
        at = datetime.fromisoformat(words[3])
        anchor = Anchor(sequence=int(words[1]), hash=words[2], at=at, signature=packed[4:], key_id=packed[:4].hex())
        # A line that we would write otherwise was not written by us.
        is_ours = anchor.line == line
    except ValueError:
        return None
    return anchor if is_ours else None


def _refuse_missing(anchor: Anchor, key: Ed25519PublicKey, hash_at: Callable[[int], str | None]) -> None:
    try:
        key.verify(anchor.signature, anchor.text)
    except InvalidSignature:
        raise ChainBroken(
            f"anchor of row {anchor.sequence}: the signature is not of key {anchor.key_id}; somebody wrote into the "
            "anchor file, compare it with the other sinks"
        ) from None
    found = hash_at(anchor.sequence)
    if found != anchor.hash:
        raise ChainBroken(
            f"ledger: row {anchor.sequence} was anchored at {anchor.at.isoformat()} with hash {anchor.hash[:12]}, the "
            f"ledger has {found[:12] if found else 'no such row'}: its tail was cut off or hashed again, or an old "
            "copy was put back. Nothing is sent; restore the newest verified backup"
        )


def _appended(sink: AnchorFile, anchor: Anchor) -> str:
    """Append an anchor to a sink unless its last one says the same head; return why not, or nothing."""
    try:
        own, _ = _kept(sink, anchor.key_id)
        if not own or (own[-1].sequence, own[-1].hash) != (anchor.sequence, anchor.hash):
            sink.append(anchor)
    except OSError as error:
        return f"{sink.folder}: {error.strerror or type(error).__name__}"
    return ""


def _announced(book: Book) -> frozenset[str]:
    return frozenset(subject for topic, _, subject in book.notes if topic == TOPIC)


def _announcement(name: str, at: datetime) -> AuditNoted:
    detail = "from here on the chain's head is signed at the end of each act and kept elsewhere"
    return AuditNoted(at=at, topic=TOPIC, session=None, subject=name, detail=detail)
