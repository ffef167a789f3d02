"""Hash links over the ledger's rows: each row's hash covers its content and the hash of the row before it.

Verification finds every edit, deletion and swap, and a row whose own hash was made to fit again, because the next
row's link breaks. It cannot find a tail cut off, or a chain hashed again from some row to its end: whoever owns the
file can do both, and only an anchor of the head kept somewhere else tells; there is none yet.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from execution.domain.errors import ChainBroken

GENESIS: Final = "0" * 64
"""The hash before the first row."""
_LEAF: Final = b"\x00"  # Keeps a row's hash apart from any inner node a later tree over the rows would have.


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One stored row: its number from 1 on, the hash before it, its own hash, its canonical body."""

    sequence: int
    previous_hash: str
    hash: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where a chain ends: the number of its last row and that row's hash; 0 and GENESIS when it is empty."""

    sequence: int
    hash: str


def link_hash(previous_hash: str, body: bytes) -> str:
    """Return the hash of a row: SHA-256 of a zero byte, the previous hash and the body."""
    return hashlib.sha256(_LEAF + bytes.fromhex(previous_hash) + body).hexdigest()


def verified_head(rows: Iterable[ChainRow]) -> ChainHead:
    """Return the head of a chain after hashing every row again, first to last.

    Raises:
        ChainBroken: a row is missing, out of place, or does not have the content it had when it was written.
    """
    head = ChainHead(0, GENESIS)
    for row in rows:
        if row.sequence != head.sequence + 1:
            raise ChainBroken(_broken(f"row {head.sequence + 1} is missing: found row {row.sequence} in its place"))
        if row.previous_hash != head.hash:
            raise ChainBroken(_broken(f"row {row.sequence} does not follow the row before it"))
        if row.hash != _hash_or_nothing(row):
            raise ChainBroken(_broken(f"row {row.sequence} was changed after it was written"))
        if _sequence_in(row.body) != row.sequence:
            raise ChainBroken(_broken(f"row {row.sequence} holds the body of another row"))
        head = ChainHead(row.sequence, row.hash)
    return head


def _hash_or_nothing(row: ChainRow) -> str:
    try:
        return link_hash(row.previous_hash, row.body)
    except ValueError:
        return ""


def _sequence_in(body: bytes) -> int | None:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    sequence = content.get("seq") if isinstance(content, dict) else None
    return sequence if isinstance(sequence, int) else None


def _broken(found: str) -> str:
    return f"ledger chain: {found}. Nothing is sent on a broken chain; restore the ledger from a verified backup"
