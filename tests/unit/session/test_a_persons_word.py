"""A person's word and the word of the mode, on a ledger in memory: what is written, what it covers, when it is over."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.clock import MovedClock
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact, LedgerError
from execution.domain.events import Event, OrderIntended, PlanApproved
from execution.ledger.memory_ledger import MemoryLedger
from execution.memory_artifacts import MemoryArtifacts
from execution.session.approval import (
    ApprovalReport,
    approval_refusal,
    approve,
    automatic_approval,
    frozen_orders,
    refuse_changed_plan,
    session_of_plan,
)
from execution.session.desk import Desk
from execution.session.send_policy import ApprovalPolicy
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import SESSION
from tests.builders.memory_desk import a_memory_desk
from tests.builders.orders import AT, CYCLE, account_opened, an_order, intended, plan_recorded, sent

CALENDAR = TradingCalendar.shipped()
NOW = CALENDAR.as_of(SESSION) + timedelta(hours=1)
DEADLINE = CALENDAR.submit_window(SESSION)[1]
PLAN = "p" * 64
HOUR = ApprovalPolicy(holds_minutes=60)


def a_desk(*events: Event, at: datetime = NOW, policy: ApprovalPolicy | None = None, **changes: Any) -> Desk:
    ledger = MemoryLedger()
    ledger.append(account_opened(), plan_recorded(), *events)
    return a_memory_desk(
        at,
        ledger=ledger,
        clock=MovedClock(at),
        approval=policy or ApprovalPolicy(),
        artifacts=MemoryArtifacts(),
        **changes,
    )


def a_word(approver: str = "ann", *, at: datetime = NOW) -> PlanApproved:
    return PlanApproved(at=at, cycle_id=CYCLE, plan_hash=PLAN, approver=approver, reason="read it")


def let_go(desk: Desk, *, approver: str = "ann", plan_hash: str = PLAN) -> ApprovalReport:
    return approve(desk, session=SESSION, plan_hash=plan_hash, approver=approver, reason="read it")


def words(desk: Desk) -> list[PlanApproved]:
    return [recorded.event for recorded in desk.ledger.events() if isinstance(recorded.event, PlanApproved)]


def refused(desk: Desk, at: datetime) -> str:
    later = replace(desk, clock=MovedClock(at))
    return approval_refusal(later, later.ledger.book().cycles[CYCLE])


# A person's word.


def test_a_word_is_written_with_who_when_and_why() -> None:
    desk = a_desk()
    assert let_go(desk) == ApprovalReport(session=SESSION, status="approved", plan_hash=PLAN, approver="ann")
    assert words(desk) == [a_word()]


def test_a_second_word_changes_nothing_and_names_the_first() -> None:
    desk = a_desk()
    let_go(desk)
    again = let_go(desk, approver="bob")
    assert (again.status, again.approver, words(desk)) == ("already_approved", "ann", [a_word()])


def test_a_word_that_ran_out_may_be_given_by_somebody_else() -> None:
    desk = a_desk(a_word(), at=NOW + timedelta(hours=1), policy=HOUR)
    report = let_go(desk, approver="bob")
    assert (report.status, report.approver) == ("approved", "bob")
    assert words(desk) == [a_word(), a_word("bob", at=NOW + timedelta(hours=1))]


@pytest.mark.parametrize("approver", ["", "  ", "auto"])
def test_only_a_person_gives_a_word(approver: str) -> None:
    desk = a_desk()
    with pytest.raises(LedgerError) as told:
        let_go(desk, approver=approver)
    assert str(told.value) == f"approver {approver!r}: expected the name of a person"
    assert words(desk) == []


def test_after_the_deadline_no_word_helps_and_just_before_it_does() -> None:
    late = a_desk(at=DEADLINE)
    with pytest.raises(LedgerError) as told:
        let_go(late)
    assert str(told.value) == f"the plan of {SESSION} can no longer be approved: its deadline has passed"
    assert let_go(a_desk(at=DEADLINE - timedelta(microseconds=1))).status == "approved"


def test_a_word_for_another_plan_is_refused_with_both_hashes() -> None:
    desk = a_desk()
    with pytest.raises(LedgerError) as told:
        let_go(desk, plan_hash="q" * 64)
    assert str(told.value) == f"cycle {CYCLE} has {PLAN}, not plan {'q' * 64}: read the plan again"
    assert words(desk) == []


def test_a_word_for_a_session_without_a_plan_is_refused() -> None:
    desk = replace(a_desk(), ledger=MemoryLedger())
    with pytest.raises(LedgerError, match=f"cycle {CYCLE} has no plan, not plan {PLAN}"):
        let_go(desk)


def test_no_word_is_taken_on_a_broken_chain() -> None:
    class Broken(MemoryLedger):
        def verify_chain(self) -> Any:
            raise LedgerError("the chain is broken")

    ledger = Broken()
    ledger.append(account_opened(), plan_recorded())
    desk = replace(a_desk(), ledger=ledger)
    with pytest.raises(LedgerError, match="broken"):
        let_go(desk)
    assert words(desk) == []


# How long it holds.


def test_without_a_word_a_plan_waits() -> None:
    assert refused(a_desk(), NOW) == f"plan {PLAN} waits for approval"


def test_a_word_holds_for_its_minutes_and_not_a_microsecond_longer() -> None:
    desk = a_desk(a_word(), policy=HOUR)
    assert refused(desk, NOW + timedelta(hours=1, microseconds=-1)) == ""
    assert refused(desk, NOW + timedelta(hours=1)) == f"plan {PLAN} waits for approval: that of ann has expired"


def test_a_word_without_minutes_and_the_word_of_the_mode_hold() -> None:
    assert refused(a_desk(a_word()), NOW + timedelta(days=30)) == ""
    assert refused(a_desk(a_word("auto"), policy=HOUR), NOW + timedelta(days=30)) == ""


# The word of the mode.


def an_entry(shares: int = 10, limit: str | None = "50.00", reference: str | None = "48.00") -> OrderIntended:
    order = an_order(quantity_shares=shares, limit_usd=Decimal(limit) if limit else None)
    return intended(order, reference_price_usd=Decimal(reference) if reference else None)


def by_itself(policy: ApprovalPolicy, *orders: OrderIntended, mode: str = "simulated") -> tuple[PlanApproved, ...]:
    return automatic_approval(a_desk(policy=policy, mode=mode), session=SESSION, plan_hash=PLAN, orders=orders)


def test_a_plan_that_needs_nobody_is_let_go_in_the_name_of_the_mode() -> None:
    assert by_itself(ApprovalPolicy(), an_entry()) == (
        PlanApproved(
            at=NOW,
            cycle_id=CYCLE,
            plan_hash=PLAN,
            approver="auto",
            reason="mode simulated trades without a person: orders of 500.00 USD, no threshold is set",
        ),
    )


def test_a_plan_worth_its_threshold_goes_and_a_cent_more_waits() -> None:
    at_limit, above = ApprovalPolicy(threshold_usd=Decimal("980.00")), ApprovalPolicy(threshold_usd=Decimal("979.99"))
    orders = (an_entry(), an_entry(limit=None))  # 500 at the limit, 480 at the reference price.
    [word] = by_itself(at_limit, *orders)
    assert word.reason == "mode simulated trades without a person: orders of 980.00 USD, not above 980.00 USD"
    assert by_itself(above, *orders) == ()


def test_an_order_without_any_price_adds_nothing_to_the_threshold() -> None:
    assert by_itself(ApprovalPolicy(threshold_usd=Decimal(0)), an_entry(limit=None, reference=None)) != ()
    assert by_itself(ApprovalPolicy(threshold_usd=Decimal(0)), an_entry(1, limit="0.01")) == ()


def test_a_plan_without_orders_goes_even_live() -> None:
    [word] = by_itself(ApprovalPolicy(threshold_usd=Decimal(0)), mode="live")
    assert word.reason == "the plan sends no order"


@pytest.mark.parametrize(
    ("mode", "always", "goes"),
    [("live", True, False), ("live", False, True), ("paper", True, True), ("files", True, True)],
)
def test_live_plans_wait_whatever_they_are_worth(mode: str, *, always: bool, goes: bool) -> None:
    assert bool(by_itself(ApprovalPolicy(always_when_live=always), an_entry(), mode=mode)) is goes


# What it covers.


def test_a_plan_is_found_among_several_by_its_hash() -> None:
    earlier = CALENDAR.previous(SESSION)
    desk = a_desk(plan_recorded(cycle_id="paper:momentum:earlier", session=earlier, plan_hash="q" * 64))
    book = desk.ledger.book()
    assert (session_of_plan(book, PLAN), session_of_plan(book, "q" * 64)) == (SESSION, earlier)
    with pytest.raises(LedgerError) as told:
        session_of_plan(book, PLAN[:12])
    assert str(told.value) == (f"no plan has the hash {PLAN[:12]}: give the whole hash, as the plan's report shows it")


def a_frozen_desk(*planned: OrderIntended, orders: tuple[Event, ...]) -> Desk:
    """Return a desk whose artifact holds some orders and whose ledger holds others."""
    artifacts = MemoryArtifacts()
    digest = artifacts.write("plans", canonical_bytes({"orders": frozen_orders(planned)}), suffix=".json")
    ledger = MemoryLedger()
    ledger.append(account_opened(), plan_recorded(plan_hash=digest), *orders)
    return a_memory_desk(NOW, ledger=ledger, artifacts=artifacts)


def compare(desk: Desk) -> None:
    refuse_changed_plan(desk, desk.ledger.book().cycles[CYCLE])


def test_the_orders_of_a_plan_are_what_was_frozen() -> None:
    first, second = an_entry(), intended(an_order("BBB", side="sell", leg="exit"))
    compare(a_frozen_desk(first, second, orders=(second, first)))


def test_an_order_beside_the_plan_stops_everything_and_is_named() -> None:
    alien = intended(an_order("BBB", side="sell", leg="exit", quantity_shares=7))
    desk = a_frozen_desk(an_entry(), orders=(an_entry(), alien))
    with pytest.raises(LedgerError) as told:
        compare(desk)
    cycle = desk.ledger.book().cycles[CYCLE]
    assert str(told.value) == (
        f"order {alien.order.client_order_id} (sell 7 BBB) does not stand so in plan {cycle.plan_hash}, which was "
        "approved: nothing is sent; find out who changed the ledger"
    )


def test_stops_and_what_went_out_already_are_not_compared() -> None:
    # A stop is decided when its entry fills; what was sent follows the venue, which may amend it.
    stop = intended(an_order("BBB", side="sell", leg="stop"))
    gone = an_order("CCC")
    compare(a_frozen_desk(an_entry(), orders=(an_entry(), stop, intended(gone), sent(gone))))


def test_a_plan_without_its_artifact_is_refused() -> None:
    desk = replace(a_frozen_desk(an_entry(), orders=(an_entry(),)), artifacts=MemoryArtifacts())
    with pytest.raises(CorruptArtifact):
        compare(desk)


def test_everything_of_an_order_but_its_instant_is_frozen() -> None:
    entry = an_entry()
    [frozen] = frozen_orders([entry])
    assert frozen == {
        "order": entry.order,
        "leg": "entry",
        "reason": entry.reason,
        "reference_price_usd": Decimal("48.00"),
        "stop_usd": None,
    }
    assert frozen_orders([replace(entry, at=AT + timedelta(days=1))]) == [frozen]
