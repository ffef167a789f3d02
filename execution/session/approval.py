"""Does a plan need a person, and the person's word. An approval is bound to the plan's hash and to nothing else."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from execution.domain.errors import LedgerError
from execution.domain.events import PlanApproved
from execution.ledger.book import Book
from execution.session.desk import Desk

AUTOMATIC: Final = "auto"
_ALONE: Final = ("simulated", "files")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalReport:
    """What came of an approval: `approved` now, or `already_approved` before."""

    session: date
    status: Literal["approved", "already_approved"]
    plan_hash: str
    approver: str


def automatic_approval(desk: Desk, *, session: date, plan_hash: str, has_orders: bool) -> tuple[PlanApproved, ...]:
    """Return the approval of a plan that needs no person: of play money, or without an order; else nothing."""
    if desk.mode not in _ALONE and has_orders:
        return ()
    reason = f"mode {desk.mode} trades without a person" if desk.mode in _ALONE else "the plan sends no order"
    return (
        PlanApproved(
            at=desk.clock.now(),
            cycle_id=desk.cycle_id(session),
            plan_hash=plan_hash,
            approver=AUTOMATIC,
            reason=reason,
        ),
    )


def approve(desk: Desk, *, session: date, plan_hash: str, approver: str, reason: str) -> ApprovalReport:
    """Let a plan's orders go out, in a person's name; approving it again changes nothing.

    Args:
        desk: the desk whose plan it is.
        session: the decision session.
        plan_hash: the plan the person read; any other plan of the session is refused.
        approver: the person's name, not empty and not `auto`.
        reason: why, in the person's words.

    Raises:
        LedgerError: there is no such plan, its deadline has passed, or nobody is named.
    """
    desk.ledger.verify_chain()
    if not approver.strip() or approver == AUTOMATIC:
        raise LedgerError(f"approver {approver!r}: expected the name of a person")
    if desk.submit_has_ended(session):
        raise LedgerError(f"the plan of {session} can no longer be approved: its deadline has passed")
    event = PlanApproved(
        at=desk.clock.now(),
        cycle_id=desk.cycle_id(session),
        plan_hash=plan_hash,
        approver=approver,
        reason=reason,
    )
    recorded = desk.ledger.record(lambda book: _unless_approved(book, event))
    approval = desk.ledger.book().cycles[event.cycle_id].approval
    return ApprovalReport(
        session=session,
        status="approved" if recorded else "already_approved",
        plan_hash=plan_hash,
        approver=approval.approver if approval else approver,
    )


def _unless_approved(book: Book, event: PlanApproved) -> tuple[PlanApproved, ...]:
    cycle = book.cycles.get(event.cycle_id)
    if cycle is None or cycle.plan_hash != event.plan_hash:
        found = cycle.plan_hash if cycle else "no plan"
        raise LedgerError(f"cycle {event.cycle_id} has {found}, not plan {event.plan_hash}: read the plan again")
    return () if cycle.approval else (event,)
