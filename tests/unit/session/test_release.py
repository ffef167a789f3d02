"""What trades is what was approved: program, settings, ledger schema and model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import LedgerError, ReleaseRefused
from execution.session import release, run_session
from execution.session.release import approve_release
from execution.session.send_policy import ApprovalPolicy
from tests.builders.signers import ANN, BOB, SIGNERS, a_word, released
from tests.builders.trading_days import FIRST, TradingDays

LIVE = {"mode": "live", "approval": ApprovalPolicy(signers=SIGNERS)}


def live_days(folder: Path) -> tuple[TradingDays, str]:
    days = TradingDays(folder, desk_changes=LIVE)
    batch = days.a_batch(mode="live", is_synthetic=False)
    assert batch.model_hash is not None
    days.publish(batch)
    return days, batch.model_hash


def plan(days: TradingDays, desk: run_session.Desk | None = None) -> run_session.PlanReport:
    digest = days.desk.batches.published(FIRST)[-1]
    days.evening(FIRST)
    return run_session.plan(desk or days.desk, session=FIRST, batch_hash=digest)


@pytest.mark.parametrize("mode", ["simulated", "files", "paper"])
def test_outside_of_live_mode_a_release_approves_itself_by_name(tmp_path: Path, mode: str) -> None:
    days = TradingDays(tmp_path, desk_changes={"mode": mode})
    batch = days.a_batch(mode=mode)
    days.plan(batch=batch)
    approved = days.desk.ledger.book().release
    assert approved is not None
    assert (approved.approver, approved.model_hash, approved.code_hash) == ("auto", batch.model_hash, "c" * 64)


def test_live_money_never_approves_itself(tmp_path: Path) -> None:
    days, _ = live_days(tmp_path)
    with pytest.raises(ReleaseRefused, match="none was ever approved"):
        plan(days)
    assert days.desk.ledger.book().release is None


def test_live_money_trades_the_release_a_person_approved(tmp_path: Path) -> None:
    days, model_hash = live_days(tmp_path)
    released(days.desk, model_hash=model_hash)
    assert plan(days).status == "planned"


@pytest.mark.parametrize("part", ["code_hash", "settings_hash", "schema_version", "model_hash"])
def test_a_plan_is_refused_where_one_part_is_not_the_approved_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    days, model_hash = live_days(tmp_path)
    other: dict[str, Any] = {"model_hash": model_hash}
    if part == "model_hash":
        other["model_hash"] = "0" * 64
    released(days.desk, **other)
    desk = replace(days.desk, **{part: "9" * 64}) if part in ("code_hash", "settings_hash") else days.desk
    if part == "schema_version":
        monkeypatch.setattr(release, "SCHEMA_VERSION", 99)
    with pytest.raises(ReleaseRefused, match=f"{part} is .*, approved is .*touchstone release approve"):
        plan(days, desk)
    assert days.desk.ledger.book().cycles == {}


@pytest.mark.parametrize("part", ["code_hash", "settings_hash"])
def test_nothing_is_sent_by_another_program_than_the_one_approved(tmp_path: Path, part: str) -> None:
    days, model_hash = live_days(tmp_path)
    released(days.desk, model_hash=model_hash)
    plan_hash = plan(days).plan_hash
    assert plan_hash is not None
    word = a_word(plan_hash, at=days.clock.now())
    run_session.approve(days.desk, session=FIRST, plan_hash=plan_hash, approver=ANN, reason="read", word=word)
    days.morning(FIRST)
    with pytest.raises(ReleaseRefused, match=part):
        run_session.submit(replace(days.desk, **{part: "9" * 64}), session=FIRST)
    assert days.venue.account().positions_shares == {}
    assert run_session.submit(days.desk, session=FIRST).status == "submitted"


@pytest.mark.parametrize("name", ["", " ", "auto"])
def test_a_release_is_approved_by_a_person(tmp_path: Path, name: str) -> None:
    days, model_hash = live_days(tmp_path)
    with pytest.raises(LedgerError, match="name of a person"):
        approve_release(days.desk, model_hash=model_hash, approver=name)


def test_approving_the_same_release_again_changes_nothing(tmp_path: Path) -> None:
    days, model_hash = live_days(tmp_path)
    first = released(days.desk, model_hash=model_hash)
    assert released(days.desk, model_hash=model_hash, approver=BOB) == first
