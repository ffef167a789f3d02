"""What only a person may say, on the command line or in the UI, bound to one plan, release, symbol or order."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.trading.defs import DEFINITIONS, adjust_account, approve_plan
from execution.clock import FileClock
from execution.domain.errors import LedgerError, SettingsRefused
from execution.domain.events import SymbolQuarantined
from execution.session.send_policy import ApprovalPolicy
from pipelines.cli import consent
from pipelines.home import Home
from pipelines.trading_adapters import open_desk
from pipelines.trading_settings import TradingSettings, load_trading_settings
from tests.builders.signers import ANN, SIGNERS, a_word
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

WAITS = {"approval": ApprovalPolicy(threshold_usd=0)}


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    days = TradingDays(tmp_path, desk_changes=WAITS, wrap_broker=ScriptedBroker, is_on_files=True)
    FileClock(Home(tmp_path).clock).initialise(days.clock.now())
    return days


@pytest.fixture
def home(days: TradingDays) -> Home:
    return Home(days.folder)


@pytest.fixture
def tree() -> TradingSettings:
    return load_trading_settings(environ={"TOUCHSTONE__ACCOUNT": "paper-1", "TOUCHSTONE__STRATEGY": "momentum"})


def plan_hash_of(days: TradingDays) -> str:
    plan_hash = days.plan().plan_hash
    assert plan_hash is not None
    return plan_hash


def test_a_plan_is_approved_by_its_hash_and_a_name(days: TradingDays, home: Home, tree: TradingSettings) -> None:
    plan_hash = plan_hash_of(days)
    assert "waits for approval" in days.submit().reason
    said = consent.approve_plan(tree, home, plan_hash=plan_hash, by="A. Person", reason="read and agreed")
    assert said == f"plan {plan_hash} of {FIRST}: approved, by A. Person"
    assert days.submit().status == "submitted"


def test_a_plan_nobody_made_is_not_approved(home: Home, tree: TradingSettings) -> None:
    with pytest.raises(LedgerError, match="no plan has the hash"):
        consent.approve_plan(tree, home, plan_hash="0" * 64, by="A. Person", reason="read and agreed")


def test_a_job_in_the_ui_approves_exactly_one_plan(days: TradingDays) -> None:
    plan_hash = plan_hash_of(days)
    config = {"plan_hash": plan_hash, "approver": "A. Person", "reason": "read and agreed"}
    run_config = {"ops": {"record_approval": {"config": config}}}
    bound = dg.Definitions.merge(
        DEFINITIONS, dg.Definitions(resources={"desk": days.desk, "artifacts_root": days.folder})
    )
    result = bound.resolve_job_def("approve_plan").execute_in_process(run_config=run_config)
    assert result.success
    approval = days.desk.ledger.book().cycles[days.desk.cycle_id(FIRST)].approval
    assert approval is not None
    assert (approval.plan_hash, approval.approver) == (plan_hash, "A. Person")


def test_a_job_with_another_hash_fails_and_approves_nothing(days: TradingDays) -> None:
    plan_hash_of(days)
    config = {"plan_hash": "0" * 64, "approver": "A. Person", "reason": "read and agreed"}
    result = approve_plan.execute_in_process(
        run_config={"ops": {"record_approval": {"config": config}}},
        resources={"desk": days.desk},
        raise_on_error=False,
    )
    assert not result.success
    assert "waits for approval" in days.submit().reason


def test_a_job_hands_the_signed_word_on(days: TradingDays) -> None:
    days.desk_changes = {"mode": "simulated", "approval": ApprovalPolicy(threshold_usd=0, signers=SIGNERS)}
    days.restarted()
    plan_hash = plan_hash_of(days)
    for subject, is_approved in (("0" * 64, False), (plan_hash, True)):
        word = a_word(subject, at=days.clock.now())
        config = {"plan_hash": plan_hash, "approver": ANN, "reason": "read and agreed", "word": word}
        result = approve_plan.execute_in_process(
            run_config={"ops": {"record_approval": {"config": config}}},
            resources={"desk": days.desk},
            raise_on_error=False,
        )
        assert result.success is is_approved
    assert days.desk.ledger.book().words["plan", plan_hash].signer == ANN


def test_a_release_is_approved_with_its_model(days: TradingDays, home: Home, tree: TradingSettings) -> None:
    said = consent.approve_this_release(tree, home, model_hash="a" * 64, by="A. Person")
    release = days.desk.ledger.book().release
    assert release is not None
    assert (release.model_hash, release.approver) == ("a" * 64, "A. Person")
    assert said.startswith(f"release {release.release_id[:12]} is approved by A. Person: code ")


def test_a_symbol_is_lifted_from_quarantine_by_name(days: TradingDays, home: Home, tree: TradingSettings) -> None:
    days.desk.ledger.record(lambda _: (SymbolQuarantined(at=days.clock.now(), symbol="FFF", reason="bought by hand"),))
    said = consent.lift(tree, home, symbol="FFF", by="A. Person", reason="it was me")
    assert said == "FFF is traded again, by A. Person: it was me"
    assert days.desk.ledger.book().quarantined == {}


def test_an_unknown_order_is_written_off_a_day_later(days: TradingDays, home: Home, tree: TradingSettings) -> None:
    consent.approve_plan(tree, home, plan_hash=plan_hash_of(days), by="A. Person", reason="read")
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    broker.faults["AAA", "entry"] = "lose_request"
    days.submit()
    FileClock(home.clock).advance_to(CALENDAR.closes_at(SESSIONS[2]))
    order_id = days.desk.order_id(FIRST, symbol="AAA", side="buy", leg="entry")
    said = consent.close_unknown(tree, home, client_order_id=order_id, by="A. Person", reason="not in the statement")
    assert said.startswith(f"order {order_id} is written off")


def test_sending_again_is_refused_where_the_venue_does_not_carry_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"TOUCHSTONE__SENDING__UNKNOWN_OUTCOME_POLICY": "same_id"}
    assert open_desk(load_trading_settings(environ=environ), home).sending.unknown_outcome_policy == "same_id"
    monkeypatch.setattr("execution.domain.broker_capabilities.BrokerCapabilities.may_repeat", False)
    with pytest.raises(SettingsRefused, match="set it to never"):
        open_desk(load_trading_settings(environ=environ), home)


def test_cash_and_shares_that_moved_are_booked_only_where_the_venue_shows_them(
    days: TradingDays, home: Home, tree: TradingSettings
) -> None:
    days.plan()
    with pytest.raises(LedgerError, match="nothing was booked"):
        consent.book_cash(tree, home, cash_usd=Decimal(500), by="A. Person", reason="a deposit")
    told: dict[str, Any] = {
        "symbol": "FFF",
        "shares": Decimal("30.0"),
        "cost_usd": Decimal(900),
        "by": "A. Person",
        "reason": "moved",
    }
    with pytest.raises(LedgerError, match=r"expected FFF \+30"):
        consent.book_shares(tree, home, **told)


def test_a_job_in_the_ui_books_what_a_person_answers_for(days: TradingDays) -> None:
    days.plan()
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    broker.cash_apart_usd = Decimal(500)
    config = {"cash_usd": "500", "actor": "A. Person", "reason": "a deposit"}
    run_config = {"ops": {"record_adjustment": {"config": config}}}
    assert adjust_account.execute_in_process(run_config=run_config, resources={"desk": days.desk}).success
    [adjusted] = days.desk.ledger.book().adjustments
    assert (adjusted.cash_usd, adjusted.actor) == (Decimal(500), "A. Person")
