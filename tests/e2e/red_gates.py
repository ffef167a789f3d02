"""What a red gate leaves in a home: no new position, and a reason in every row."""

from execution.artifact_files import FileArtifacts
from execution.domain.events import PlanHeld
from execution.ledger.why_rows import read_why_rows
from tests.e2e.conftest import CALENDAR, SESSION, DaemonHome

NEXT = CALENDAR.next(SESSION)


def assert_held_for_a_red_gate(lived: DaemonHome, *, stage: str) -> None:
    cycle = next(cycle for cycle in lived.book.cycles.values() if cycle.session == NEXT)
    (certificate, *_) = reversed(lived.batches.certificates(NEXT))
    rows = read_why_rows(FileArtifacts(lived.home.artifacts), cycle.why_rows[0].artifact_hash)
    assert (certificate.is_green, certificate.stage) == (False, stage)
    assert isinstance(cycle.plan, PlanHeld)
    assert certificate.failures[0].name in cycle.plan.reason
    assert not [r for r in lived.book.orders.values() if r.session == NEXT and r.order.leg == "entry"]
    assert all(row.stage == "gate" for row in rows if not row.held_shares)
