"""Is the ledger what was written? The verdict of a day, with its evidence, for the check on `trading/fills`."""

from dataclasses import dataclass

from execution.domain.errors import ChainBroken
from execution.ledger.anchors import verify_ledger
from execution.ledger.sql_ledger import SqlLedger
from execution.session.run_session import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerVerdict:
    """What a thorough look at the ledger found.

    Attributes:
        reason: what is broken; empty when nothing is.
        rows: rows of the chain; 0 when it is broken.
        head: hash of the last row.
        anchors_matched: signed heads found in the chain, over all sinks.
        anchored_rows: up to which row the newest one reaches.
        sinks_behind: places that cannot be read or lack the newest one.
    """

    passed: bool
    reason: str
    rows: int = 0
    head: str = ""
    anchors_matched: int = 0
    anchored_rows: int = 0
    sinks_behind: int = 0


def ledger_verdict(desk: Desk) -> LedgerVerdict:
    """Hash every row, find every anchored head, compare every table with the events, and return the verdict."""
    try:
        found = verify_ledger(desk.ledger, desk.anchoring.anchors if desk.anchoring else None, is_thorough=True)
        if isinstance(desk.ledger, SqlLedger):
            desk.ledger.verify_projections()
    except ChainBroken as broken:
        return LedgerVerdict(passed=False, reason=str(broken))
    return LedgerVerdict(
        passed=True,
        reason="",
        rows=found.head.sequence,
        head=found.head.hash,
        anchors_matched=found.matched,
        anchored_rows=found.newest.sequence if found.newest else 0,
        sinks_behind=len(found.behind),
    )
