"""Does a plan need a person, the person's word, and whether the plan is still what was approved.

An approval is bound to the plan's hash and to nothing else. A plan is never priced again in place: other prices are
another plan with another hash, and it waits for a word of its own. For live money the word is signed, and the signature
is verified each time the approval is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import orjson

from execution.domain.canonical import canonical_bytes
from execution.domain.errors import LedgerError, NotArmed
from execution.domain.events import Event, OrderIntended, PlanApproved, WordSigned
from execution.ledger.book import Book, CycleRecord
from execution.ledger.order_record import OrderRecord
from execution.session.consent import AUTOMATIC, must_be_signed, signed_word, unsigned
from execution.session.desk import Desk
from execution.session.ladder import once_each
from execution.session.send import DAY_LEGS

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


def approve(desk: Desk, *, session: date, plan_hash: str, approver: str, reason: str, word: str = "") -> ApprovalReport:
    """Let a plan's orders go out, in a person's name; approving it again changes nothing while the word holds.

    Args:
        desk: the desk whose plan it is.
        session: the decision session.
        plan_hash: the plan the person read; any other plan of the session is refused.
        approver: the person's name, not empty and not `auto`.
        reason: why, in the person's words.
        word: the person's signed word, where one is wanted.

    Raises:
        LedgerError: there is no such plan, its deadline has passed, or nobody is named.
        NotArmed: the word is missing where it must be signed, or is not believed, or another person's is wanted.
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
    if refusal := _lets_both_go(desk, desk.ledger.book(), approver):
        raise NotArmed(refusal)
    proof = signed_word(desk, matter="plan", subject=plan_hash, person=approver, text=word)
    recorded = desk.ledger.record(lambda book: _unless_approved(desk, book, event, proof))
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
    return _refusal(desk, desk.ledger.book(), cycle)


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


def _refusal(desk: Desk, book: Book, cycle: CycleRecord) -> str:
    approval = cycle.approval
    if approval is None:
        return f"plan {cycle.plan_hash} waits for approval"
    if _has_expired(desk, approval):
        return f"plan {cycle.plan_hash} waits for approval: that of {approval.approver} has expired"
    if unproven := _unproven(desk, book, approval):
        return f"plan {cycle.plan_hash} waits for approval: that of {approval.approver} does not count, {unproven}"
    return ""


def _unproven(desk: Desk, book: Book, approval: PlanApproved) -> str:
    if refusal := _lets_both_go(desk, book, approval.approver):
        return refusal
    if not must_be_signed(desk):
        return ""
    if approval.approver == AUTOMATIC:
        # No key signs the word of the mode: what it may let go is found again from the plan's own orders.
        planned = [record for record in book.orders_of(approval.cycle_id) if record.order.leg in DAY_LEGS]
        return "" if _needs_nobody(desk, planned) else "this plan needs a person"
    return unsigned(
        desk, book, matter="plan", subject=approval.plan_hash, person=approval.approver, now=desk.clock.now()
    )


def _lets_both_go(desk: Desk, book: Book, person: str) -> str:
    """Return why a person's word is not enough where four eyes are wanted; empty when it is."""
    is_one_person = book.release is not None and person == book.release.approver != AUTOMATIC
    if not (desk.approval.needs_two_people and is_one_person):
        return ""
    return f"{person} let the release trade that made this plan, and approval.needs_two_people wants another person"


def _needs_nobody(desk: Desk, orders: Sequence[OrderIntended | OrderRecord]) -> str:
    if not orders:
        return "the plan sends no order"
    policy = desk.approval
    if desk.mode == "live" and policy.always_when_live:
        return ""
    value = sum((_worst_usd(intent) for intent in once_each(orders)), Decimal(0))
    if policy.threshold_usd is not None and value > policy.threshold_usd:
        return ""
    threshold = "no threshold is set" if policy.threshold_usd is None else f"not above {policy.threshold_usd} USD"
    return f"mode {desk.mode} trades without a person: orders of {value:.2f} USD, {threshold}"


def _worst_usd(intent: OrderIntended | OrderRecord) -> Decimal:
    price = intent.order.limit_usd or intent.reference_price_usd or Decimal(0)
    return intent.order.quantity_shares * price


def _has_expired(desk: Desk, approval: PlanApproved) -> bool:
    minutes = desk.approval.holds_minutes
    if approval.approver == AUTOMATIC or minutes is None:
        return False
    return desk.clock.now() >= approval.at + timedelta(minutes=minutes)


def _unless_approved(desk: Desk, book: Book, event: PlanApproved, proof: tuple[WordSigned, ...]) -> tuple[Event, ...]:
    cycle = book.cycles.get(event.cycle_id)
    if cycle is None or cycle.plan_hash != event.plan_hash:
        found = cycle.plan_hash if cycle else "no plan"
        raise LedgerError(f"cycle {event.cycle_id} has {found}, not plan {event.plan_hash}: read the plan again")
    return (*proof, event) if _refusal(desk, book, cycle) else ()
