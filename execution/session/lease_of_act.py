"""One act at a time on one account: a lease with a rising token, held for as long as an act writes.

Who loses it can write nothing more, so two processes never take turns within an act. Reads need none. It is the second
line: unique order ids and at-most-once sending are the first, since a venue cannot check tokens.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from typing import Final

from execution.domain.errors import ChainBroken, LedgerError
from execution.ledger.anchors import verify_ledger
from execution.risk.circuit_breakers import ACTOR as BREAKER
from execution.session.desk import Desk

ACT_LEASE: Final = "act"
LEASE_SECONDS: Final = 60.0
"""How long a dead holder keeps others waiting; a living one renews it far more often."""
BUSY: Final = "another process acts on this account now: ask again"


@contextmanager
def leased(desk: Desk) -> Iterator[Desk | None]:
    """Give a desk that writes only while its lease holds; None while another process holds it.

    A desk that is leased already is given as it is: acts may be made of acts. Where heads are anchored, every anchored
    head must be in the ledger before the act, and the head it leaves is anchored after it. An act that failed leaves
    its rows to the anchor of the next. A ledger that cannot be believed engages the kill switch: mending the file alone
    lets no order out again, a named person must.

    Raises:
        ChainBroken: the ledger was changed by hand, cut off, or hashed again.
    """
    if desk.lease is not None:
        yield desk
        return
    lease = desk.ledger.take_lease(ACT_LEASE, holder=holder_of(desk), ttl_seconds=LEASE_SECONDS)
    if lease is None:
        yield None
        return
    try:
        acting = replace(desk, ledger=desk.ledger.fenced(lease), lease=lease)
        if desk.anchoring is not None:
            verify_ledger(acting.ledger, desk.anchoring.anchors)
        yield acting
        if desk.anchoring is not None:
            desk.anchoring.anchor(acting.ledger, desk.clock.now())
    except ChainBroken as broken:
        _stop(desk, broken)
        raise
    finally:
        # A lease that cannot be given back runs out by itself, and must not hide why the act ended.
        with suppress(LedgerError):
            desk.ledger.release_lease(lease)


def keep_lease(desk: Desk) -> None:
    """Hold the lease of an act for longer; does nothing outside of one.

    Raises:
        Fenced: another process took it; this one must stop.
    """
    if desk.lease is not None:
        desk.ledger.renew_lease(desk.lease, ttl_seconds=LEASE_SECONDS)


def _stop(desk: Desk, broken: ChainBroken) -> None:
    """Engage the kill switch for a broken chain; the ledger it breaks can take no change of control."""
    # Where even a file cannot be made, the next act finds the chain broken again and sends as little.
    with suppress(OSError):
        desk.kill_switch.engage(f"the ledger's chain is broken: {broken}", BREAKER, desk.clock.now())


def holder_of(desk: Desk) -> str:
    """Return who acts: the run, or this thread of this process on this machine."""
    return desk.run_id or f"{_machine()}:{os.getpid()}:{threading.get_ident()}"


@cache
def _machine() -> str:
    return socket.gethostname()
