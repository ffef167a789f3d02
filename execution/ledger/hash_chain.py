"""Hash links over the ledger's rows: each row's hash covers its content and the hash of the row before it.

Verification finds every edit, deletion and swap, and a row whose own hash was made to fit again, because the next
row's link breaks. It cannot find a tail cut off, or a chain hashed again from some row to its end: whoever owns the
file can do both, and only an anchor of the head kept somewhere else tells (`anchors.py`).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from execution.domain.errors import ChainBroken

GENESIS: Final = "0" * 64
"""The hash before the first row."""
_LEAF: Final = b"\x00"  # Keeps a row's hash apart from any inner node a later tree over the rows would have.


class ChainRow(NamedTuple):
    """One stored row: its number from 1 on, the hash before it, its own hash, its canonical body. Hashes in hex."""

    sequence: int
    previous_hash: bytes
    hash: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where a chain ends: the number of its last row and that row's hash; 0 and GENESIS when it is empty."""

    sequence: int
    hash: str


EMPTY: Final = ChainHead(0, GENESIS)
"""Where a chain without rows ends."""


def linked(head: ChainHead, body: bytes) -> ChainRow:
    """Return the row that follows a head."""
    return ChainRow(head.sequence + 1, head.hash.encode(), link_hash(head.hash, body).encode(), body)


def link_hash(previous_hash: str, body: bytes) -> str:
    """Return the hash of a row: SHA-256 of a zero byte, the previous hash and the body."""
    return hashlib.sha256(_LEAF + bytes.fromhex(previous_hash) + body).hexdigest()


def verified_head(rows: Iterable[tuple[int, bytes, bytes, bytes]], *, after: ChainHead = EMPTY) -> ChainHead:
    """Return the head of a chain after hashing every row again, first to last.

    Nothing is decoded: a body is compared as bytes, and a canonical body ends with its own sequence. So a million rows
    take seconds.

    Args:
        rows: sequence, previous hash, hash and body of each row, in order of their sequence.
        after: the head of the rows before these, which somebody else vouches for.

    Raises:
        ChainBroken: a row is missing, out of place, or does not have the content it had when it was written.
    """
    sha256 = hashlib.sha256
    expected, digest, told = after.sequence + 1, bytes.fromhex(after.hash), after.hash.encode()
    for row in rows:
        sequence, previous_hash, own, body = row
        digest = sha256(_LEAF + digest + body).digest()
        is_linked = sequence == expected and previous_hash == told
        told = digest.hex().encode()
        if not is_linked or own != told or not body.endswith(b'"seq":%d}' % sequence):
            raise ChainBroken(_broken(_fault(row, expected, is_linked=is_linked, is_whole=own == told)))
        expected += 1
    return ChainHead(expected - 1, told.decode())


def _fault(row: tuple[int, bytes, bytes, bytes], expected: int, *, is_linked: bool, is_whole: bool) -> str:
    if row[0] != expected:
        return f"row {expected} is missing: found row {row[0]} in its place"
    if not is_linked:
        return f"row {expected} does not follow the row before it"
    return f"row {expected} {'holds the body of another row' if is_whole else 'was changed after it was written'}"


def _broken(found: str) -> str:
    return f"ledger chain: {found}. Nothing is sent on a broken chain; restore the ledger from a verified backup"
