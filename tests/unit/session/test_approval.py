"""Which plans wait, how long a person's word holds, and that not one field of what was approved may change."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact, LedgerError, NotArmed
from execution.domain.events import PlanApproved
from execution.domain.orders import OrderRequest
from execution.ledger.book import Book
from execution.session import run_session
from execution.session.approval import refuse_changed_plan, session_of_plan
from execution.session.send_policy import ApprovalPolicy
from tests.builders.signers import ANN, BOB, SIGNERS, released
from tests.builders.trading_days import CALENDAR, FIRST, TradingDays

# Three entries of about a tenth of 100,000 USD each.
SMALL, LARGE = Decimal(20_000), Decimal(40_000)


def days_with(folder: Path, mode: str = "simulated", **policy: Any) -> TradingDays:
    return TradingDays(folder, desk_changes={"mode": mode, "approval": ApprovalPolicy(**policy)})


@pytest.mark.parametrize(
    ("threshold", "is_approved"), [(None, True), (LARGE, True), (SMALL, False), (Decimal(0), False)]
)
def test_a_plan_above_the_threshold_waits(tmp_path: Path, threshold: Decimal | None, *, is_approved: bool) -> None:
    assert days_with(tmp_path, threshold_usd=threshold).plan().is_approved is is_approved


@pytest.mark.parametrize(
    ("mode", "always", "is_approved"), [("live", True, False), ("live", False, True), ("paper", True, True)]
)
def test_every_live_plan_waits_unless_settings_say_otherwise(
    tmp_path: Path, mode: str, *, always: bool, is_approved: bool
) -> None:
    days = days_with(tmp_path, mode, always_when_live=always, signers=SIGNERS)
    batch = days.a_batch(mode=mode, is_synthetic=mode == "simulated")
    released(days.desk, model_hash=batch.model_hash)
    assert days.plan(batch=batch).is_approved is is_approved


def test_a_plan_without_an_order_waits_for_nobody(tmp_path: Path) -> None:
    days = days_with(tmp_path, threshold_usd=Decimal(0))
    assert run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None).is_approved


def days_of_two(folder: Path, mode: str = "paper", **policy: Any) -> tuple[TradingDays, str]:
    """Return days whose release one person let trade, and the hash of a plan that waits."""
    days = days_with(folder, mode, threshold_usd=Decimal(0), signers=SIGNERS, needs_two_people=True, **policy)
    batch = days.a_batch(mode=mode, is_synthetic=mode == "simulated")
    released(days.desk, model_hash=batch.model_hash, approver=ANN)
    plan_hash = days.plan(batch=batch).plan_hash
    assert plan_hash is not None
    return days, plan_hash


def test_where_two_people_are_wanted_who_let_the_release_trade_lets_none_of_its_plans_go(tmp_path: Path) -> None:
    days, plan_hash = days_of_two(tmp_path)
    said = {"session": FIRST, "plan_hash": plan_hash, "reason": "read and agreed"}
    with pytest.raises(NotArmed, match=rf"{ANN} let the release trade .* wants another person"):
        run_session.approve(days.desk, approver=ANN, **said)
    assert days.submit().reason.endswith("waits for approval")
    assert run_session.approve(days.desk, approver=BOB, **said).status == "approved"
    assert days.submit().status == "submitted"


def test_a_word_of_one_person_that_somebody_wrote_into_the_ledger_lets_nothing_go_where_two_are_wanted(
    tmp_path: Path,
) -> None:
    days, plan_hash = days_of_two(tmp_path)
    cycle_id = days.desk.cycle_id(FIRST)
    word = PlanApproved(at=days.clock.now(), cycle_id=cycle_id, plan_hash=plan_hash, approver=ANN, reason="forged")
    days.desk.ledger.record(lambda _: (word,))
    assert f"that of {ANN} does not count" in days.submit().reason


def test_where_a_release_let_itself_trade_any_person_may_let_its_plans_go(tmp_path: Path) -> None:
    days = days_with(tmp_path, threshold_usd=Decimal(0), needs_two_people=True)
    approved(days)
    assert days.submit().status == "submitted"


def approved(days: TradingDays) -> str:
    plan_hash = days.plan().plan_hash
    assert plan_hash is not None
    run_session.approve(days.desk, session=FIRST, plan_hash=plan_hash, approver="A. Person", reason="read and agreed")
    return plan_hash


def test_a_word_that_has_run_out_lets_nothing_go_and_may_be_given_again(tmp_path: Path) -> None:
    days = days_with(tmp_path, threshold_usd=Decimal(0), holds_minutes=60)
    plan_hash = approved(days)
    report = days.submit()
    assert (report.status, "of A. Person has expired" in report.reason) == ("refused", True)
    run_session.approve(days.desk, session=FIRST, plan_hash=plan_hash, approver="B. Person", reason="read again")
    assert days.submit().status == "submitted"


def test_a_word_holds_until_its_last_minute(tmp_path: Path) -> None:
    opens = CALENDAR.submit_window(FIRST)[0]
    minutes = int((opens - CALENDAR.as_of(FIRST)) / timedelta(minutes=1))
    days = days_with(tmp_path, threshold_usd=Decimal(0), holds_minutes=minutes + 1)
    approved(days)
    assert days.submit().status == "submitted"
    other = days_with(tmp_path / "other", threshold_usd=Decimal(0), holds_minutes=minutes)
    approved(other)
    assert other.submit().status == "refused"


def test_other_prices_are_another_plan_and_wait_for_a_word_of_their_own(tmp_path: Path) -> None:
    days, other = (days_with(tmp_path / name, threshold_usd=Decimal(0)) for name in ("one", "two"))
    plan_hash = approved(days)
    batch = other.a_batch()
    dearer = replace(batch.signals[0], close_usd=Decimal("40.26"))
    report = other.plan(batch=replace(batch, signals=(dearer, *batch.signals[1:])))
    assert report.plan_hash != plan_hash
    with pytest.raises(LedgerError, match="read the plan again"):
        run_session.approve(other.desk, session=FIRST, plan_hash=plan_hash, approver="A. Person", reason="the old one")
    assert "waits for approval" in other.submit().reason


def test_a_plan_is_found_by_its_whole_hash(tmp_path: Path) -> None:
    days = days_with(tmp_path)
    plan_hash = days.plan().plan_hash or ""
    assert session_of_plan(days.desk.ledger.book(), plan_hash) == FIRST
    with pytest.raises(LedgerError, match="give the whole hash"):
        session_of_plan(days.desk.ledger.book(), plan_hash[:12])


def mutations(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the plan with each of its fields changed, one at a time, at any depth."""
    for path in paths(content):
        changed = orjson.loads(orjson.dumps(content))
        *way, last = path
        place = changed
        for step in way:
            place = place[step]
        place[last] = other_than(place[last])
        yield ".".join(map(str, path)), changed


def paths(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from paths(each, (*way, key)) if isinstance(each, (dict, list)) and each else ((*way, key),)


def other_than(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return f"{value}0" if isinstance(value, str) else "something"


def test_a_plan_with_any_field_changed_on_disk_is_refused(tmp_path: Path) -> None:
    days = days_with(tmp_path, threshold_usd=Decimal(0))
    plan_hash = approved(days)
    path = next(days.folder.rglob(f"{plan_hash}.json"))
    content, tried = orjson.loads(path.read_bytes()), 0
    days.morning(FIRST)
    for name, changed in mutations(content):
        path.write_bytes(canonical_bytes(changed))
        with pytest.raises(CorruptArtifact):
            refuse_changed_plan(days.desk, days.desk.ledger.book().cycles[days.desk.cycle_id(FIRST)])
        assert name
        tried += 1
    assert tried > 60
    with pytest.raises(CorruptArtifact):
        run_session.submit(days.desk, session=FIRST)
    assert days.venue.account().positions_shares == {}


ORDER_FIELDS = [field.name for field in fields(OrderRequest) if field.name not in ("client_order_id", "leg")]


class RewritingLedger:
    """A ledger that shows one order of a plan otherwise than it was recorded."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.changes: dict[str, Any] = {}

    def book(self) -> Book:
        book: Book = self._ledger.book()
        order_id = next(iter(book.orders))
        record = book.orders[order_id]
        order_changes = {key: value for key, value in self.changes.items() if key in ORDER_FIELDS}
        rest = {key: value for key, value in self.changes.items() if key not in ORDER_FIELDS}
        changed = msgspec.structs.replace(record, order=replace(record.order, **order_changes), **rest)
        return msgspec.structs.replace(book, orders={**book.orders, order_id: changed})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ZZZ"},
        {"side": "sell"},
        {"quantity_shares": 1},
        {"order_type": "market"},
        {"time_in_force": "gtc"},
        {"limit_usd": Decimal("99.00")},
        {"stop_usd": Decimal("1.00")},
        {"is_reduce_only": True},
        {"leg": "exit"},
        {"reason": "because"},
        {"reference_price_usd": Decimal("1.00")},
        {"protective_stop_usd": Decimal("1.00")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_order_that_is_not_as_it_was_approved_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    days = days_with(tmp_path)
    days.plan()
    ledger = RewritingLedger(days.desk.ledger)
    desk = replace(days.desk, ledger=ledger)
    cycle = days.desk.ledger.book().cycles[desk.cycle_id(FIRST)]
    refuse_changed_plan(desk, cycle)
    ledger.changes = changes
    with pytest.raises(LedgerError, match="does not stand so in plan"):
        refuse_changed_plan(desk, cycle)
