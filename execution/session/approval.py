"""Does a plan need a person, the person's word, and whether the plan is still what was approved.

An approval is bound to the plan's hash and to nothing else. A plan is never priced again in place: other prices are
another plan with another hash, and it waits for a word of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import orjson

from execution.domain.canonical import canonical_bytes
from execution.domain.errors import LedgerError
from execution.domain.events import OrderIntended, PlanApproved
from execution.ledger.book import Book, CycleRecord
from execution.ledger.order_record import OrderRecord
from execution.session.desk import Desk
from execution.session.send import DAY_LEGS

AUTOMATIC: Final = "auto"
PLANS_FOLDER: Final = "plans"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalReport:
    """What came of an approval: `approved` now, or `already_approved` before."""

    session: date
    status: Literal["approved", "already_approved"]
    plan_hash: str
    approver: str


def automatic_approval(
    desk: Desk, *, session: date, plan_hash: str, orders: Sequence[OrderIntended]
) -> tuple[PlanApproved, ...]:
    """Return the approval of a plan that needs no person, or nothing for one that waits."""
    reason = _needs_nobody(desk, orders)
    if not reason:
        return ()
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
    """Let a plan's orders go out, in a person's name; approving it again changes nothing while the word holds.

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
    recorded = desk.ledger.record(lambda book: _unless_approved(desk, book, event))
    approval = desk.ledger.book().cycles[event.cycle_id].approval
    return ApprovalReport(
        session=session,
        status="approved" if recorded else "already_approved",
        plan_hash=plan_hash,
        approver=approval.approver if approval else approver,
    )


def session_of_plan(book: Book, plan_hash: str) -> date:
    """Return the decision session of a plan.

    Raises:
        LedgerError: no plan of the ledger has this hash.
    """
    for cycle in book.cycles.values():
        if cycle.plan_hash == plan_hash:
            return cycle.session
    raise LedgerError(f"no plan has the hash {plan_hash}: give the whole hash, as the plan's report shows it")


def approval_refusal(desk: Desk, cycle: CycleRecord) -> str:
    """Return why a plan's orders may not go out yet; empty when they may."""
    if cycle.approval is None:
        return f"plan {cycle.plan_hash} waits for approval"
    if _has_expired(desk, cycle.approval):
        return f"plan {cycle.plan_hash} waits for approval: that of {cycle.approval.approver} has expired"
    return ""


def frozen_orders(orders: Sequence[OrderIntended]) -> list[dict[str, Any]]:
    """Return the orders of a plan as its artifact keeps them: everything about them but the instant."""
    return [_frozen(intent) for intent in orders]


def refuse_changed_plan(desk: Desk, cycle: CycleRecord) -> None:
    """Do nothing when every order that waits to be sent is the one that was frozen under the approved hash.

    Raises:
        CorruptArtifact: the plan's artifact is missing, or does not have the approved hash.
        LedgerError: an order is not in the plan, or not as it stands there.
    """
    content = orjson.loads(desk.artifacts.read(PLANS_FOLDER, cycle.plan_hash or "", suffix=".json"))
    planned = {canonical_bytes(order) for order in content["orders"]}
    for record in desk.ledger.book().orders_of(cycle.cycle_id):
        is_waiting = record.order.leg in DAY_LEGS and record.state == "intended"
        if is_waiting and canonical_bytes(_frozen(record)) not in planned:
            raise LedgerError(
                f"order {record.order.client_order_id} ({record.order.side} {record.order.quantity_shares} "
                f"{record.order.symbol}) does not stand so in plan {cycle.plan_hash}, which was approved: nothing is "
                "sent; find out who changed the ledger"
            )


def _frozen(intent: OrderIntended | OrderRecord) -> dict[str, Any]:
    return {
        "order": intent.order,
        "leg": intent.leg,
        "reason": intent.reason,
        "reference_price_usd": intent.reference_price_usd,
        "stop_usd": intent.protective_stop_usd,
    }


def _needs_nobody(desk: Desk, orders: Sequence[OrderIntended]) -> str:
    if not orders:
        return "the plan sends no order"
    policy = desk.approval
    if desk.mode == "live" and policy.always_when_live:
        return ""
    value = sum((_worst_usd(intent) for intent in orders), Decimal(0))
    if policy.threshold_usd is not None and value > policy.threshold_usd:
        return ""
    threshold = "no threshold is set" if policy.threshold_usd is None else f"not above {policy.threshold_usd} USD"
    return f"mode {desk.mode} trades without a person: orders of {value:.2f} USD, {threshold}"


def _worst_usd(intent: OrderIntended) -> Decimal:
    price = intent.order.limit_usd or intent.reference_price_usd or Decimal(0)
    return intent.order.quantity_shares * price


def _has_expired(desk: Desk, approval: PlanApproved) -> bool:
    minutes = desk.approval.holds_minutes
    if approval.approver == AUTOMATIC or minutes is None:
        return False
    return desk.clock.now() >= approval.at + timedelta(minutes=minutes)


def _unless_approved(desk: Desk, book: Book, event: PlanApproved) -> tuple[PlanApproved, ...]:
    cycle = book.cycles.get(event.cycle_id)
    if cycle is None or cycle.plan_hash != event.plan_hash:
        found = cycle.plan_hash if cycle else "no plan"
        raise LedgerError(f"cycle {event.cycle_id} has {found}, not plan {event.plan_hash}: read the plan again")
    holds = cycle.approval is not None and not _has_expired(desk, cycle.approval)
    return () if holds else (event,)
