"""Live money goes by a signed word alone, whoever could write into the ledger; play money as it always did."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import NotArmed, ReleaseRefused
from execution.domain.events import ControlChanged, Event, PlanApproved, ReleaseApproved, WordSigned
from execution.risk.kill_switch import KillSwitch
from execution.session import run_session
from execution.session.approval import approval_refusal
from execution.session.release import _release, approve_release
from execution.session.resume import look_before_resuming, resume
from execution.session.send_policy import ApprovalPolicy
from tests.builders.signers import ANN, BOB, SIGNERS, a_word, released
from tests.builders.trading_days import FIRST, TradingDays


def live_days(folder: Path, *, mode: str = "live", **policy: Any) -> TradingDays:
    approval = ApprovalPolicy(**{"signers": SIGNERS, **policy})
    days = TradingDays(folder, desk_changes={"mode": mode, "approval": approval})
    released(days.desk, model_hash=days.a_batch().model_hash)
    return days


def planned(days: TradingDays) -> str:
    mode = days.desk.mode
    plan_hash = days.plan(batch=days.a_batch(mode=mode, is_synthetic=mode == "simulated")).plan_hash
    assert plan_hash is not None
    return plan_hash


def approve(days: TradingDays, plan_hash: str, word: str = "", *, approver: str = ANN) -> run_session.ApprovalReport:
    return run_session.approve(
        days.desk, session=FIRST, plan_hash=plan_hash, approver=approver, reason="read and agreed", word=word
    )


def write(days: TradingDays, *events: Event) -> None:
    """Write into the ledger as somebody who has its database and no key."""
    days.desk.ledger.record(lambda _: events)


def forged_approval(days: TradingDays, plan_hash: str, approver: str = ANN) -> PlanApproved:
    cycle_id = days.desk.cycle_id(FIRST)
    return PlanApproved(at=days.clock.now(), cycle_id=cycle_id, plan_hash=plan_hash, approver=approver, reason="forged")


# A plan.


def test_a_live_plan_goes_by_a_signed_word(tmp_path: Path) -> None:
    days = live_days(tmp_path)
    plan_hash = planned(days)
    assert approve(days, plan_hash, a_word(plan_hash, at=days.clock.now())).status == "approved"
    assert days.submit().status == "submitted"


def test_the_ledger_keeps_the_word_beside_the_approval(tmp_path: Path) -> None:
    days = live_days(tmp_path)
    plan_hash = planned(days)
    word = a_word(plan_hash, at=days.clock.now())
    approve(days, plan_hash, word)
    *_, proof, approval = [recorded.event for recorded in days.desk.ledger.events()]
    assert isinstance(proof, WordSigned)
    assert (proof.matter, proof.subject, proof.signer, proof.word) == ("plan", plan_hash, ANN, word)
    assert isinstance(approval, PlanApproved)


def test_a_live_plan_without_a_signed_word_is_not_approved_and_the_refusal_says_how_to_sign(tmp_path: Path) -> None:
    days = live_days(tmp_path)
    plan_hash = planned(days)
    with pytest.raises(NotArmed, match=f"touchstone sign plan {plan_hash} --account paper-1"):
        approve(days, plan_hash)
    assert f"plan {plan_hash} waits for approval" == days.submit().reason


def test_where_nobody_may_sign_the_refusal_says_so(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, desk_changes={"mode": "live"})
    with pytest.raises(NotArmed, match=r"approval\.signers names nobody yet"):
        approve_release(days.desk, model_hash=None, approver=ANN)


@pytest.mark.parametrize(
    ("word", "refusal"),
    [
        (lambda _, at: a_word("0" * 64, at=at), "for another subject"),
        (lambda plan, at: a_word(plan, at=at, account="other"), "for another account"),
        (lambda plan, at: a_word(plan, at=at, matter="release"), "for another matter"),
        (lambda plan, at: a_word(plan, at=at - timedelta(hours=2), hours=1), "has expired"),
        (lambda plan, at: a_word(plan, at=at, signer=BOB), "of Bob Person, not of Ann Person"),
        (lambda plan, at: a_word(plan, at=at)[:-8] + "AAAAAAAA", "forged"),
    ],
    ids=["of another plan", "of another account", "of another matter", "expired", "of somebody else", "forged"],
)
def test_a_word_that_is_not_this_persons_for_this_plan_lets_nothing_go(tmp_path: Path, word: Any, refusal: str) -> None:
    days = live_days(tmp_path)
    plan_hash = planned(days)
    with pytest.raises(NotArmed, match=refusal):
        approve(days, plan_hash, word(plan_hash, days.clock.now()))
    assert days.submit().status == "refused"
    assert days.venue.account().positions_shares == {}


@pytest.mark.parametrize("approver", [ANN, "auto"])
def test_an_approval_written_into_the_ledger_without_the_key_lets_nothing_go(tmp_path: Path, approver: str) -> None:
    days = live_days(tmp_path)
    write(days, forged_approval(days, planned(days), approver))
    report = days.submit()
    assert (report.status, "does not count" in report.reason) == ("refused", True)
    assert days.venue.account().positions_shares == {}


def test_a_word_for_yesterdays_plan_written_beside_todays_lets_nothing_go(tmp_path: Path) -> None:
    days = live_days(tmp_path)
    plan_hash, at = planned(days), days.clock.now()
    replayed = WordSigned(at=at, matter="plan", subject=plan_hash, signer=ANN, word=a_word("0" * 64, at=at))
    write(days, replayed, forged_approval(days, plan_hash))
    assert "for another subject" in days.submit().reason


def test_a_word_that_ran_out_before_the_open_lets_nothing_go_and_is_given_again(tmp_path: Path) -> None:
    days = live_days(tmp_path)
    plan_hash = planned(days)
    approve(days, plan_hash, a_word(plan_hash, at=days.clock.now(), hours=1))
    report = days.submit()
    assert (report.status, "the word has expired" in report.reason) == ("refused", True)
    assert (
        approve(days, plan_hash, a_word(plan_hash, at=days.clock.now(), signer=BOB), approver=BOB).status == "approved"
    )
    assert days.submit().status == "submitted"


def test_a_key_taken_out_of_the_settings_takes_its_words_along(tmp_path: Path) -> None:
    days = live_days(tmp_path)
    plan_hash = planned(days)
    approve(days, plan_hash, a_word(plan_hash, at=days.clock.now()))
    days.desk_changes = {"mode": "live", "approval": ApprovalPolicy(signers={BOB: SIGNERS[BOB]})}
    cycle = days.restarted().ledger.book().cycles[days.desk.cycle_id(FIRST)]
    assert "of a stranger" in approval_refusal(days.desk, cycle)


def test_a_live_plan_that_settings_let_go_by_itself_needs_no_key(tmp_path: Path) -> None:
    days = live_days(tmp_path, always_when_live=False)
    planned(days)
    assert days.submit().status == "submitted"


def test_a_live_ladder_that_settings_let_go_by_itself_counts_once_when_its_word_is_judged_again(tmp_path: Path) -> None:
    plain = live_days(tmp_path / "plain", always_when_live=False)
    planned(plain)
    worst = sum(
        (
            record.order.quantity_shares * (record.order.limit_usd or 0)
            for record in plain.desk.ledger.book().orders.values()
        ),
        Decimal(0),
    )
    days = live_days(tmp_path / "ladder", always_when_live=False, threshold_usd=worst)
    days.desk_changes |= {"sizing": days.desk.sizing.model_copy(update={"entry_rungs": 3})}
    days.restarted()
    released(days.desk, model_hash=days.a_batch().model_hash)
    planned(days)
    assert len(days.desk.ledger.book().orders) > len(plain.desk.ledger.book().orders)
    assert days.submit().status == "submitted"


@pytest.mark.parametrize("mode", ["simulated", "files", "paper"])
def test_elsewhere_a_word_needs_no_signature_unless_settings_ask_for_it(tmp_path: Path, mode: str) -> None:
    free = live_days(tmp_path / "free", mode=mode, threshold_usd=Decimal(0))
    assert approve(free, planned(free)).status == "approved"
    strict = live_days(tmp_path / "strict", mode=mode, threshold_usd=Decimal(0), always_signed=True)
    plan_hash = planned(strict)
    with pytest.raises(NotArmed, match="must be signed"):
        approve(strict, plan_hash)
    approve(strict, plan_hash, a_word(plan_hash, at=strict.clock.now()))
    assert strict.submit().status == "submitted"


def test_a_wrong_word_is_refused_even_where_none_is_wanted(tmp_path: Path) -> None:
    days = live_days(tmp_path, mode="simulated", threshold_usd=Decimal(0))
    plan_hash = planned(days)
    with pytest.raises(NotArmed, match="for another subject"):
        approve(days, plan_hash, a_word("0" * 64, at=days.clock.now()))


# A release.


def test_a_live_release_without_a_signed_word_is_not_approved(tmp_path: Path) -> None:
    approval = ApprovalPolicy(signers=SIGNERS)
    days = TradingDays(tmp_path, desk_changes={"mode": "live", "approval": approval})
    with pytest.raises(NotArmed, match=r"touchstone sign release [0-9a-f]{64} --account paper-1"):
        approve_release(days.desk, model_hash=None, approver=ANN)
    assert days.desk.ledger.book().release is None


@pytest.mark.parametrize("approver", [ANN, "auto"])
def test_a_release_written_into_the_ledger_without_the_key_trades_nothing(tmp_path: Path, approver: str) -> None:
    approval = ApprovalPolicy(signers=SIGNERS)
    days = TradingDays(tmp_path, desk_changes={"mode": "live", "approval": approval})
    batch = days.a_batch(mode="live", is_synthetic=False)
    forged = _release(days.desk, model_hash=batch.model_hash, approver=approver)
    assert isinstance(forged, ReleaseApproved)
    write(days, forged)
    with pytest.raises(ReleaseRefused, match=f"approval of release {forged.release_id} does not count"):
        days.plan(batch=batch)
    released(days.desk, model_hash=batch.model_hash)
    assert days.plan(batch=batch).status == "planned"


def test_a_release_once_given_outlives_its_word(tmp_path: Path) -> None:
    approval = ApprovalPolicy(signers=SIGNERS)
    days = TradingDays(tmp_path, desk_changes={"mode": "live", "approval": approval})
    released(days.desk, model_hash=days.a_batch().model_hash, hours=0.5)
    plan_hash = planned(days)
    days.clock.move_to(days.clock.now() + timedelta(hours=1))
    approve(days, plan_hash, a_word(plan_hash, at=days.clock.now()))
    assert days.submit().status == "submitted"


# The way back after a stop.


def stopped_days(folder: Path) -> TradingDays:
    days = live_days(folder)
    write(days, ControlChanged(at=days.clock.now(), state="halted", actor="ada", reason="prices look wrong"))
    return days


def go_on(days: TradingDays, word: str, token: str, **changes: Any) -> ControlChanged:
    switch, requests = KillSwitch(days.folder / "KILL"), days.folder / "stop_requests"
    given: dict[str, Any] = {"actor": ANN, "reason": "looked into it", **changes}
    return resume(days.desk, kill_switch=switch, stop_requests=requests, token=token, word=word, **given)


def look(days: TradingDays) -> str:
    switch, requests = KillSwitch(days.folder / "KILL"), days.folder / "stop_requests"
    return look_before_resuming(days.desk, kill_switch=switch, stop_requests=requests).token


def test_live_trading_is_resumed_by_a_signed_word_for_what_was_seen(tmp_path: Path) -> None:
    days = stopped_days(tmp_path)
    token = look(days)
    go_on(days, a_word(f"active:{token}", at=days.clock.now(), matter="resume"), token)
    control = days.desk.ledger.book().control
    assert control is not None
    assert (control.state, control.actor) == ("active", ANN)


def test_live_trading_is_not_resumed_without_one(tmp_path: Path) -> None:
    days = stopped_days(tmp_path)
    token = look(days)
    (days.folder / "KILL").touch()
    token = look(days)
    with pytest.raises(NotArmed, match=f"touchstone sign resume active:{token} --account paper-1"):
        go_on(days, "", token)
    control = days.desk.ledger.book().control
    assert control is not None
    assert (control.state, (days.folder / "KILL").exists()) == ("halted", True)


def test_a_word_to_reduce_is_no_word_to_buy(tmp_path: Path) -> None:
    days = stopped_days(tmp_path)
    token = look(days)
    word = a_word(f"reducing:{token}", at=days.clock.now(), matter="resume")
    with pytest.raises(NotArmed, match="for another subject"):
        go_on(days, word, token)
    assert go_on(days, word, token, to="reducing").state == "reducing"
