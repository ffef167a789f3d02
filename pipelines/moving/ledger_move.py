"""Move a ledger into another database: proven before, copied row by row as it was hashed, proven after.

The home notes where its ledger is, in one file whose replacement is the moment of the move: a process that is told
another place by its settings is refused, so two databases never take turns as one ledger.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from execution.domain.errors import ChainBroken, LedgerError
from execution.ledger.anchors import Anchors, verify_ledger
from execution.ledger.hash_chain import ChainHead
from execution.ledger.sql_driver import SqlDriver
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.transplanting import transplant
from execution.session.lease_of_act import ACT_LEASE, BUSY

_LEASE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMoved:
    """What both sides agreed on.

    Attributes:
        head: last row and its hash, equal in both databases.
        trading_hash: one hash over all trading events, equal in both.
        anchors_matched: signed heads that were found in the new database.
    """

    head: ChainHead
    trading_hash: str
    anchors_matched: int


def move_ledger(
    source: SqlDriver,
    target: SqlDriver,
    *,
    anchors: Anchors,
    set_aside: Callable[[SqlDriver, ChainHead], None],
    note: Callable[[ChainHead], None],
) -> LedgerMoved:
    """Move a ledger and return what both sides agreed on; a move that was killed is begun again from the source.

    Args:
        source: where the ledger is; no act can write it meanwhile.
        target: a database without a ledger, or with what a killed move left of this one.
        anchors: signed heads that must be found on both sides.
        set_aside: takes a database that is no ledger any more out of the way, without losing a row.
        note: tells the home that the target is its ledger from here on.

    Raises:
        ChainBroken: one of the two does not hold what was written; the source stays the ledger.
        LedgerError: an act is under way, or the target holds another ledger.
    """
    before = SqlLedger(source)
    lease = before.take_lease(
        ACT_LEASE, holder=f"move:{socket.gethostname()}:{os.getpid()}", ttl_seconds=_LEASE_SECONDS
    )
    if lease is None:
        raise LedgerError(BUSY)
    try:
        moved = _copied(before, source, target, anchors, set_aside)
    except BaseException:
        before.release_lease(lease)
        raise
    # The lease is never given back: whoever still knows the old place must not write there.
    note(moved.head)
    set_aside(source, moved.head)
    return moved


def _copied(
    before: SqlLedger,
    source: SqlDriver,
    target: SqlDriver,
    anchors: Anchors,
    set_aside: Callable[[SqlDriver, ChainHead], None],
) -> LedgerMoved:
    head = verify_ledger(before, anchors, is_thorough=True).head
    before.verify_projections()
    _clear(before, SqlLedger(target), set_aside)
    transplant(source, target)
    after = SqlLedger(target)
    matched = verify_ledger(after, anchors, is_thorough=True).matched
    after.verify_projections()
    told = before.trading_hash()
    if (after.head(), after.trading_hash()) != (head, told):
        raise ChainBroken(f"{target.name} differs from {source.name}, which stays the ledger: look at both")
    return LedgerMoved(head=head, trading_hash=told, anchors_matched=matched)


def _clear(source: SqlLedger, target: SqlLedger, set_aside: Callable[[SqlDriver, ChainHead], None]) -> None:
    """Take what a killed move left out of the way; another ledger is never touched."""
    head = target.head()
    if head.sequence == 0:
        return
    if source.hash_at(head.sequence) != head.hash:
        raise LedgerError(f"{target.driver.name} holds another ledger: name an empty place")
    set_aside(target.driver, head)
