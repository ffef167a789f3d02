"""The evening act: one plan per cycle, made of proof or of none."""

import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from execution.domain.decisions import WhyRow
from execution.domain.errors import BatchRefused, ChainBroken, Fenced, LedgerError
from execution.domain.events import CorporateActionBooked, Event, PlanMissed, PlanRecorded
from execution.domain.orders import CorporateActionEntry, OrderRequest
from execution.domain.signals import SignalBatch
from execution.ledger.why_rows import read_why_rows
from execution.portfolio.capital_ramp import CapitalRamp
from execution.portfolio.exit_rules import ExitRules
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.limits import RiskLimits
from execution.session import run_session
from execution.session.lease_of_act import BUSY, leased
from execution.session.send_policy import ApprovalPolicy
from execution.signal_batch_store import SignalBatchStore
from tests.builders.batches import a_certificate, a_red_certificate
from tests.builders.trading_days import CALENDAR, CASH, FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of
from tests.fakes.overtaken_ledger import OvertakenLedger
from tests.fakes.scripted_broker import ScriptedBroker


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path)


def rows_of(days: TradingDays, report: run_session.PlanReport) -> dict[str, WhyRow]:
    assert report.why_rows_hash is not None
    return {row.symbol: row for row in read_why_rows(days.desk.artifacts, report.why_rows_hash)}


def test_a_gated_batch_becomes_the_plan(days: TradingDays) -> None:
    report = days.plan()
    assert (report.status, report.entries, report.exits, report.is_approved) == ("planned", 3, 0, True)


def test_the_gate_is_written_check_by_check_with_the_plan_it_let_through(days: TradingDays) -> None:
    batch = days.a_batch()
    days.plan(batch=batch)
    gate = days.desk.ledger.book().cycles[days.desk.cycle_id(FIRST)].gate
    assert gate is not None
    assert (gate.session, gate.certificate_hash) == (FIRST, batch.certificate.hash)
    assert gate.checks == batch.certificate.checks
    kinds = [type(recorded.event).__name__ for recorded in days.desk.ledger.events()]
    assert kinds.index("PlanRecorded") < kinds.index("GateJudged") < kinds.index("OrderIntended")


def test_planning_sends_nothing(days: TradingDays) -> None:
    days.plan()
    assert days.venue.open_orders() == ()


def test_every_symbol_of_the_batch_gets_one_row(days: TradingDays) -> None:
    rows = rows_of(days, days.plan(batch=days.a_batch(best=("AAA", "BBB", "CCC", "DDD"))))
    assert {symbol: (row.outcome, row.stage) for symbol, row in rows.items()} == {
        "AAA": ("buy", "order"),
        "BBB": ("buy", "order"),
        "CCC": ("none", "score"),
        "DDD": ("none", "score"),
        "EEE": ("none", "no_data"),
        "FFF": ("none", "no_data"),
    }


def test_a_blocked_symbol_names_its_guard_and_numbers(days: TradingDays) -> None:
    batch = days.a_batch()
    signals = tuple(replace(s, sector=None) if s.symbol == "BBB" else s for s in batch.signals)
    row = rows_of(days, days.plan(batch=replace(batch, signals=signals)))["BBB"]
    assert row.stage == "guard:sector_weight"
    assert "at most 30.00 %" in row.reason


def test_rows_keep_what_the_decision_saw(days: TradingDays) -> None:
    batch = days.a_batch()
    row = rows_of(days, days.plan(batch=batch))["AAA"]
    signal = batch.signals[0]
    kept = ("score", "expected_return_bps", "probability_up", "contributions", "features", "features_hash", "close_usd")
    assert [getattr(row, name) for name in kept] == [getattr(signal, name) for name in kept]
    assert (row.batch_hash, row.certificate_hash) == (batch.hash, batch.certificate.hash)


def test_the_same_batch_again_changes_nothing(days: TradingDays) -> None:
    days.plan()
    before = days.desk.ledger.verify_chain()
    assert days.plan().status == "already_planned"
    assert days.desk.ledger.verify_chain() == before


def test_another_batch_of_the_session_is_superseded_once(days: TradingDays) -> None:
    first = days.plan()
    late = days.a_batch(vix=15.5)
    assert days.plan(batch=late).status == "superseded"
    before = days.desk.ledger.verify_chain()
    report = days.plan(batch=late)
    assert (report.status, report.plan_hash) == ("superseded", first.plan_hash)
    assert days.desk.ledger.verify_chain() == before
    assert days.facts.recorded == {first.batch_hash, late.hash}


def test_a_session_still_to_come_is_not_planned(days: TradingDays) -> None:
    digest = days.publish(days.a_batch(SESSIONS[1]))
    report = run_session.plan(days.evening(FIRST), session=SESSIONS[1], batch_hash=digest)
    assert (report.status, report.plan_hash) == ("not_tradable", None)
    assert SESSIONS[1] not in days.facts.planned


def test_the_batch_of_a_past_session_is_recorded_as_missed(days: TradingDays) -> None:
    digest = days.publish(days.a_batch(FIRST))
    report = run_session.plan(days.evening(SESSIONS[1]), session=FIRST, batch_hash=digest)
    assert (report.status, report.entries) == ("missed", 0)
    assert run_session.submit(days.desk, session=FIRST).status == "refused"
    assert days.venue.open_orders() == ()
    assert {row.stage for row in rows_of(days, report).values()} == {"missed"}


def test_a_batch_handed_over_for_another_session_is_refused(days: TradingDays) -> None:
    digest = days.publish(days.a_batch(FIRST))
    with pytest.raises(BatchRefused, match="session"):
        run_session.plan(days.evening(SESSIONS[1]), session=SESSIONS[1], batch_hash=digest)
    assert SESSIONS[1] not in days.facts.planned


def test_the_batch_of_another_strategy_is_refused(days: TradingDays) -> None:
    with pytest.raises(BatchRefused, match="strategy"):
        days.plan(batch=days.a_batch(strategy="reversal"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mode": "paper"}, "mode"),
        ({"as_of": CALENDAR.as_of(FIRST) + timedelta(minutes=1)}, "cut-off"),
        ({"snapshot_hash": "0" * 64}, "snapshot"),
        ({"features_hash": "0" * 64}, "features"),
        ({"certificate": a_certificate(session=SESSIONS[1])}, "session"),
        ({"certificate": a_certificate(as_of=CALENDAR.as_of(FIRST) - timedelta(minutes=1))}, "certificate's cut-off"),
        ({"certificate": a_red_certificate()}, "completeness"),
        ({"certificate": a_certificate(checks=())}, "no check ran"),
    ],
)
def test_a_batch_without_proof_is_held_with_its_reason(
    days: TradingDays, changes: dict[str, object], told: str
) -> None:
    report = days.plan(batch=replace(days.a_batch(), **changes))
    assert (report.status, report.entries) == ("held", 0)
    assert told in report.reason
    assert {row.stage for row in rows_of(days, report).values()} == {"batch"}


def test_a_corrupt_batch_is_held(days: TradingDays) -> None:
    digest = days.publish(days.a_batch())
    path = next(days.folder.rglob(f"{digest}.json"))
    path.write_bytes(path.read_bytes() + b" ")
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=digest)
    assert (report.status, report.entries) == ("held", 0)


def test_a_red_gate_is_held_with_its_failing_checks_for_every_symbol(days: TradingDays) -> None:
    days.desk.batches.publish_certificate(a_red_certificate(symbols=SYMBOLS))
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    rows = rows_of(days, report)
    assert report.status == "held"
    assert sorted(rows) == list(SYMBOLS)
    assert all("59 of 100 symbols have no bar" in row.reason for row in rows.values())
    gate = days.desk.ledger.book().cycles[days.desk.cycle_id(FIRST)].gate
    assert gate is not None
    assert [check.passed for check in gate.checks] == [check.passed for check in a_red_certificate().checks]


def test_a_session_without_batch_and_certificate_says_so(days: TradingDays) -> None:
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    assert "no batch arrived" in report.reason


def test_a_green_gate_without_a_batch_is_held_and_says_so(days: TradingDays) -> None:
    days.desk.batches.publish_certificate(a_certificate(session=FIRST))
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    assert (report.status, report.reason) == ("held", "no batch arrived, though the gate was green")


def test_a_session_nobody_was_fit_to_score_is_held_and_every_row_says_why(days: TradingDays) -> None:
    days.desk.batches.publish_certificate(a_certificate(session=FIRST, symbols=SYMBOLS))
    days.desk.batches.publish_hold(FIRST, "there is no champion; paper mode holds")
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    rows = rows_of(days, report)
    assert (report.status, report.entries) == ("held", 0)
    assert sorted(rows) == list(SYMBOLS)
    assert {row.stage for row in rows.values()} == {"model"}
    assert {row.reason for row in rows.values()} == {"analysis holds: there is no champion; paper mode holds"}


def test_a_red_gate_speaks_before_a_hold(days: TradingDays) -> None:
    days.desk.batches.publish_hold(FIRST, "there is no champion")
    days.desk.batches.publish_certificate(a_red_certificate(symbols=SYMBOLS))
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    assert "the gate is red" in report.reason


def test_a_hold_whose_bytes_changed_is_held_and_says_so(days: TradingDays) -> None:
    days.desk.batches.publish_certificate(a_certificate(session=FIRST))
    digest = days.desk.batches.publish_hold(FIRST, "there is no champion")
    [path] = days.artifacts_root.rglob(f"{digest}.json")
    path.write_bytes(b"{}")
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    assert report.status == "held"
    assert "cannot be read" in report.reason


def test_a_certificate_that_cannot_be_read_is_held_and_says_so(days: TradingDays) -> None:
    digest = days.desk.batches.publish_certificate(a_certificate(session=FIRST))
    [path] = days.artifacts_root.rglob(f"{digest}.json")
    path.chmod(0o644)
    path.write_bytes(b"{}")
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    assert report.status == "held"
    assert "no batch arrived, and what analysis said of it cannot be read" in report.reason


def test_a_green_certificate_of_an_older_session_opens_no_gate(days: TradingDays) -> None:
    days.desk.batches.publish_certificate(a_red_certificate(session=SESSIONS[1], symbols=SYMBOLS))
    days.desk.batches.publish_certificate(a_certificate(session=FIRST))
    report = run_session.plan(days.evening(SESSIONS[1]), session=SESSIONS[1], batch_hash=None)
    assert (report.status, report.entries) == ("held", 0)
    assert "the gate is red" in report.reason


def test_a_symbol_the_certificate_leaves_out_is_not_bought(days: TradingDays) -> None:
    batch = days.a_batch()
    certificate = replace(batch.certificate, excluded=(("AAA", "its volume is negative"),))
    rows = rows_of(days, days.plan(batch=replace(batch, certificate=certificate)))
    assert "its volume is negative" in rows["AAA"].reason
    assert rows["AAA"].outcome == "none"


def test_a_symbol_the_certificate_never_judged_is_not_bought(days: TradingDays) -> None:
    batch = days.a_batch()
    certificate = replace(batch.certificate, symbols=SYMBOLS[1:])
    rows = rows_of(days, days.plan(batch=replace(batch, certificate=certificate)))
    assert "did not judge" in rows["AAA"].reason


EVERY_PLAN_WAITS = {"approval": ApprovalPolicy(threshold_usd=Decimal(0))}


def test_a_plan_over_the_threshold_waits_for_a_person(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, desk_changes=EVERY_PLAN_WAITS)
    report = days.plan()
    assert (report.status, report.is_approved) == ("planned", False)
    assert days.submit().reason.endswith("waits for approval")
    days.evening(FIRST)
    assert report.plan_hash is not None
    approval = run_session.approve(
        days.desk, session=FIRST, plan_hash=report.plan_hash, approver="A. Person", reason="read and agreed"
    )
    assert approval.status == "approved"
    assert days.submit().status == "submitted"


def a_waiting_plan(folder: Path) -> tuple[TradingDays, str]:
    days = TradingDays(folder, desk_changes=EVERY_PLAN_WAITS)
    plan_hash = days.plan().plan_hash
    assert plan_hash is not None
    return days, plan_hash


def test_an_approval_is_bound_to_its_plan(tmp_path: Path) -> None:
    days, _ = a_waiting_plan(tmp_path)
    with pytest.raises(LedgerError, match="read the plan again"):
        run_session.approve(days.desk, session=FIRST, plan_hash="0" * 64, approver="A. Person", reason="agreed")
    assert "waits for approval" in days.submit().reason


@pytest.mark.parametrize("name", ["", "  ", "auto"])
def test_an_approval_names_a_person(tmp_path: Path, name: str) -> None:
    days, plan_hash = a_waiting_plan(tmp_path)
    with pytest.raises(LedgerError, match="name of a person"):
        run_session.approve(days.desk, session=FIRST, plan_hash=plan_hash, approver=name, reason="agreed")


def test_an_approval_after_the_deadline_is_refused(tmp_path: Path) -> None:
    days, plan_hash = a_waiting_plan(tmp_path)
    days.deadline(FIRST)
    with pytest.raises(LedgerError, match="deadline has passed"):
        run_session.approve(days.desk, session=FIRST, plan_hash=plan_hash, approver="A. Person", reason="agreed")


def test_a_second_approval_changes_nothing(tmp_path: Path) -> None:
    days, plan_hash = a_waiting_plan(tmp_path)
    for name, status in (("A. Person", "approved"), ("B. Person", "already_approved")):
        report = run_session.approve(days.desk, session=FIRST, plan_hash=plan_hash, approver=name, reason="agreed")
        assert (report.status, report.approver) == (status, "A. Person")


def test_an_account_that_differs_from_the_ledger_is_held(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, desk_changes={"initial_cash_usd": Decimal(90_000)})
    report = days.plan()
    assert (report.status, report.entries) == ("held", 0)
    assert "ledger and venue differ" in report.reason


def test_of_two_processes_that_plan_at_once_the_second_is_told_to_ask_again(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_ledger=OvertakenLedger)
    first, second = days.publish(days.a_batch()), days.publish(days.a_batch(vix=15.5))
    rival, desk = replace(days.restarted(), run_id="rival"), days.restarted()
    told = []
    desk.ledger.overtake(
        PlanRecorded, lambda: told.append(run_session.plan(rival, session=FIRST, batch_hash=second).status)
    )
    assert run_session.plan(desk, session=FIRST, batch_hash=first).status == "planned"
    assert told == ["busy"]
    assert run_session.plan(rival, session=FIRST, batch_hash=second).status == "superseded"


def test_a_process_whose_lease_was_taken_over_plans_nothing(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_ledger=OvertakenLedger, desk_changes={"run_id": "the same run, started again"})
    first, second = days.publish(days.a_batch()), days.publish(days.a_batch(vix=15.5))
    rival, desk = days.restarted(), days.restarted()
    desk.ledger.overtake(PlanRecorded, lambda: run_session.plan(rival, session=FIRST, batch_hash=second))
    with pytest.raises(Fenced):
        run_session.plan(desk, session=FIRST, batch_hash=first)
    assert desk.ledger.book().cycles[desk.cycle_id(FIRST)].batch_hash == second


def test_the_loss_of_the_day_is_counted_from_the_close_before_it(tmp_path: Path) -> None:
    fallen = a_day_of("AAA", SESSIONS[1], low_usd="39.00", close_usd="39.25")
    days = TradingDays(tmp_path, bars=[fallen], desk_changes={"limits": RiskLimits(daily_loss_max_usd=Decimal(100))})
    assert days.live().equity_usd < CASH - 100
    rows = rows_of(days, days.plan(SESSIONS[1], days.a_batch(SESSIONS[1], best=("DDD", *SYMBOLS[:3], *SYMBOLS[4:]))))
    assert rows["DDD"].stage == "guard:daily_loss"


def test_a_position_of_somebody_else_is_never_sold(days: TradingDays) -> None:
    by_hand = OrderRequest(
        client_order_id="by-hand",
        symbol="FFF",
        side="buy",
        leg="entry",
        quantity_shares=5,
        order_type="market",
        time_in_force="day",
    )
    days.plan()
    days.morning(FIRST)
    days.venue.submit(by_hand)
    days.live(FIRST)
    report = days.plan(SESSIONS[1], days.a_batch(SESSIONS[1], best=SYMBOLS))
    row = rows_of(days, report)["FFF"]
    assert (report.exits, row.outcome, row.shares) == (0, "hold", 0)


def test_nothing_is_planned_on_a_broken_chain(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, is_on_files=True)
    days.live()
    connection = sqlite3.connect(days.folder / "ledger.db", isolation_level=None)
    connection.execute("drop trigger event_refuses_update")
    connection.execute("update event set body = replace(body, '\"AAA\"', '\"BBB\"') where body like '%\"AAA\"%'")
    connection.close()
    with pytest.raises(ChainBroken):
        days.plan(SESSIONS[1])


def test_equal_days_give_equal_plans_in_two_homes(tmp_path: Path) -> None:
    first, second = TradingDays(tmp_path / "one"), TradingDays(tmp_path / "two")
    assert first.plan() == second.plan()


def test_a_batch_and_the_batch_read_back_from_its_file_make_one_plan(tmp_path: Path) -> None:
    days = TradingDays(tmp_path)
    made = days.a_batch()
    digest = days.publish(made)

    class InMemory(SignalBatchStore):
        def load(self, batch_hash: str) -> SignalBatch:
            return made

    by_file = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=digest)
    other = TradingDays(tmp_path / "other", desk_changes={"batches": InMemory(tmp_path / "artifacts")})
    by_memory = run_session.plan(other.evening(FIRST), session=FIRST, batch_hash=digest)
    assert by_file.entries > 0
    assert by_memory.plan_hash == by_file.plan_hash


SECOND = SESSIONS[1]
SOLD_AT_A_GAIN = {"name": "gain", "when": [{"fact": "gain_fraction", "at_least": "0.05"}]}
SOLD_IN_ALARM = {"name": "alarm", "when": [{"fact": "vix_points", "at_least": "30"}]}
RISEN = a_day_of("AAA", SECOND, high_usd="60.00", close_usd="59.00")


def ruled(folder: Path, rule: dict[str, object], **changes: Any) -> TradingDays:
    """Return a desk that lived its first day by an exit rule."""
    exits = TypeAdapter(ExitRules).validate_python([rule])
    days = TradingDays(folder, desk_changes={"exits": exits}, **changes)
    days.live()
    return days


def planned_without_batch(days: TradingDays, session: date = SECOND) -> run_session.PlanReport:
    return run_session.plan(days.evening(session), session=session, batch_hash=None)


def nothing_planned(session: date, status: Any, reason: str) -> run_session.PlanReport:
    return run_session.PlanReport(
        session=session,
        status=status,
        reason=reason,
        plan_hash=None,
        batch_hash=None,
        why_rows_hash=None,
        entries=0,
        exits=0,
        is_approved=False,
    )


def test_the_report_names_its_session_and_counts_what_is_sold(tmp_path: Path) -> None:
    days = ruled(tmp_path, SOLD_AT_A_GAIN, bars=[RISEN])
    report = days.plan(SECOND, days.a_batch(SECOND, best=SYMBOLS))
    assert (report.session, report.status, report.exits) == (SECOND, "planned", 1)
    assert rows_of(days, report)["AAA"].outcome == "sell"


def test_an_exit_rule_is_asked_with_what_the_batch_says_of_the_market(tmp_path: Path) -> None:
    days = ruled(tmp_path, SOLD_IN_ALARM)
    assert days.plan(SECOND, days.a_batch(SECOND, best=SYMBOLS, vix=30.0)).exits == 3


def test_without_a_batch_what_is_held_is_held_on_and_says_for_how_long(days: TradingDays) -> None:
    days.live()
    row = rows_of(days, planned_without_batch(days))["AAA"]
    assert (row.outcome, row.stage) == ("hold", "gate")
    assert row.reason == "held for 1 of 5 sessions; no batch arrived, and no gate certificate"


def test_without_a_batch_what_is_due_is_sold_but_not_while_ledger_and_venue_differ(tmp_path: Path) -> None:
    days = ruled(tmp_path, SOLD_AT_A_GAIN, bars=[RISEN], wrap_broker=ScriptedBroker)
    assert isinstance(days.desk.broker, ScriptedBroker)
    days.desk.broker.cash_apart_usd = Decimal(5_000)
    report = planned_without_batch(days)
    row = rows_of(days, report)["AAA"]
    assert (report.exits, row.outcome) == (0, "hold")
    assert row.reason.startswith("held and left alone; ")


def test_without_a_batch_what_is_due_is_sold(tmp_path: Path) -> None:
    assert planned_without_batch(ruled(tmp_path, SOLD_AT_A_GAIN, bars=[RISEN])).exits == 1


def test_an_alarmed_market_halves_what_is_bought(tmp_path: Path) -> None:
    calm, alarmed = TradingDays(tmp_path / "calm"), TradingDays(tmp_path / "alarmed")
    whole = rows_of(calm, calm.plan())["AAA"].shares
    half = rows_of(alarmed, alarmed.plan(batch=alarmed.a_batch(vix=40.0)))["AAA"].shares
    assert 0 < half <= whole // 2


def test_entries_of_a_ramps_first_stage_say_so(tmp_path: Path) -> None:
    ramp = CapitalRamp(stages=(Decimal("0.1"), Decimal(1)))
    sizing = SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7"), capital_ramp=ramp)
    days = TradingDays(tmp_path, desk_changes={"sizing": sizing})
    assert "stage 1 of 2 of the capital ramp" in rows_of(days, days.plan())["AAA"].reason


def test_nothing_is_bought_ahead_of_a_macro_release_the_batch_knows_of(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, desk_changes={"limits": RiskLimits(macro_blackout_sessions=1)})
    release = CALENDAR.opens_at(SECOND) + timedelta(hours=1)
    report = days.plan(batch=days.a_batch(is_macro_calendar_known=True, next_macro_at=release))
    row = rows_of(days, report)["AAA"]
    assert (report.entries, row.stage) == (0, "guard:macro_blackout")
    assert row.reason.startswith("a macro release is too near: ")


def test_the_model_of_a_plan_is_the_model_that_is_released(days: TradingDays) -> None:
    batch = days.a_batch()
    days.plan(batch=batch)
    release = days.desk.ledger.book().release
    assert release is not None
    assert release.model_hash == batch.model_hash


def test_a_second_asking_says_that_the_plan_stands(days: TradingDays) -> None:
    first = days.plan()
    assert days.plan() == replace(first, status="already_planned", reason="the cycle has its plan already")


def test_a_superseded_batch_is_told_what_the_cycle_was_planned_of(days: TradingDays) -> None:
    first = days.plan()
    report = days.plan(batch=days.a_batch(vix=15.5))
    assert report.reason == f"not traded: the cycle already has a plan, of {first.batch_hash}"


def test_a_batch_that_comes_after_a_hold_is_told_that_the_cycle_has_none(days: TradingDays) -> None:
    planned_without_batch(days, FIRST)
    report = days.plan()
    assert (report.status, report.reason) == ("superseded", "not traded: the cycle already has a plan, of no batch")


def test_a_session_that_may_not_be_planned_yet_says_which_one_may_and_notes_it(days: TradingDays) -> None:
    digest = days.publish(days.a_batch(SECOND))
    report = run_session.plan(days.evening(FIRST), session=SECOND, batch_hash=digest)
    reason = f"session {SECOND} may not be traded now: the tradable session is {FIRST}"
    assert report == nothing_planned(SECOND, "not_tradable", reason)
    assert days.desk.ledger.book().notes["not_tradable", SECOND, digest].detail == reason


def test_between_two_sessions_none_may_be_planned(days: TradingDays) -> None:
    report = run_session.plan(days.deadline(FIRST), session=SECOND, batch_hash=None)
    reason = f"session {SECOND} may not be traded now: no session may be traded at this instant"
    assert report == nothing_planned(SECOND, "not_tradable", reason)
    assert days.desk.ledger.book().notes["not_tradable", SECOND, SECOND.isoformat()].detail == reason


def test_a_missed_session_says_why(days: TradingDays) -> None:
    days.publish(days.a_batch())
    report = run_session.plan(days.evening(SECOND), session=FIRST, batch_hash=None)
    reason = f"session {FIRST} may not be traded now: the tradable session is {SECOND}"
    assert (report.status, report.reason) == ("missed", reason)


def test_a_session_before_the_books_first_plan_is_history_and_writes_nothing(days: TradingDays) -> None:
    days.plan(SECOND)
    digest = days.publish(days.a_batch(FIRST))
    before = days.desk.ledger.head()
    for batch_hash in (digest, None):
        report = run_session.plan(days.desk, session=FIRST, batch_hash=batch_hash)
        reason = f"session {FIRST} is before {SECOND}, where decisions begin: it is neither planned nor missed"
        assert report == nothing_planned(FIRST, "not_tradable", reason)
    assert days.desk.ledger.head() == before


def test_without_a_plan_decisions_begin_with_the_first_session_that_was_judged(days: TradingDays) -> None:
    days.publish(days.a_batch(SECOND))
    before = days.desk.ledger.head()
    report = run_session.plan(days.evening(SECOND), session=FIRST, batch_hash=None)
    reason = f"session {FIRST} is before {SECOND}, where decisions begin: it is neither planned nor missed"
    assert report == nothing_planned(FIRST, "not_tradable", reason)
    assert days.desk.ledger.head() == before


def test_where_nothing_was_ever_judged_no_session_was_missed(days: TradingDays) -> None:
    report = run_session.plan(days.evening(SECOND), session=FIRST, batch_hash=None)
    reason = f"session {FIRST} is history: no session was judged yet, so none was missed"
    assert report == nothing_planned(FIRST, "not_tradable", reason)
    assert not days.desk.ledger.book().notes


def test_sessions_an_outage_took_are_missed_before_the_first_plan_and_after_it(days: TradingDays) -> None:
    days.publish(days.a_batch(FIRST))
    days.evening(SESSIONS[2])
    assert [run_session.plan(days.desk, session=one, batch_hash=None).status for one in SESSIONS[:2]] == ["missed"] * 2
    days.plan(SESSIONS[2])
    days.evening(SESSIONS[4])
    assert run_session.plan(days.desk, session=SESSIONS[3], batch_hash=None).status == "missed"


def test_while_another_process_acts_nothing_is_planned(days: TradingDays) -> None:
    with leased(replace(days.desk, run_id="rival")):
        assert days.plan() == nothing_planned(FIRST, "busy", BUSY)


def overtaken(folder: Path, kind: type[Event], rival: TradingDays) -> TradingDays:
    """Return a desk at which a rival's rows about the same cycle come just before its own."""
    days = TradingDays(folder, wrap_ledger=OvertakenLedger)
    rows = [recorded.event for recorded in rival.desk.ledger.events()]
    rows = rows[[type(row) for row in rows].index(kind) :]
    # Past the lease, as a process would write that lost it and does not know yet.
    days.desk.ledger.overtake(kind, lambda: days.desk.ledger.record(lambda _: rows))
    return days


def test_a_plan_that_comes_second_is_not_written_beside_the_first(tmp_path: Path) -> None:
    rival = TradingDays(tmp_path / "rival")
    first = rival.plan(batch=rival.a_batch(vix=15.5))
    days = overtaken(tmp_path, PlanRecorded, rival)
    report = days.plan()
    assert (report.status, report.plan_hash, report.batch_hash) == ("superseded", first.plan_hash, first.batch_hash)
    kinds = [type(recorded.event) for recorded in days.desk.ledger.events()]
    assert kinds.count(PlanRecorded) == 1


def test_a_session_two_processes_find_missed_is_closed_once(tmp_path: Path) -> None:
    rival = TradingDays(tmp_path / "rival")
    rival.publish(rival.a_batch())
    run_session.plan(rival.evening(SECOND), session=FIRST, batch_hash=None)
    days = overtaken(tmp_path, PlanMissed, rival)
    days.publish(days.a_batch())
    assert run_session.plan(days.evening(SECOND), session=FIRST, batch_hash=None).status == "missed"
    kinds = [type(recorded.event) for recorded in days.desk.ledger.events()]
    assert kinds.count(PlanMissed) == 1


def test_a_plan_made_of_cash_that_changed_meanwhile_is_made_again(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_ledger=OvertakenLedger)
    paid = CorporateActionEntry(
        entry_id="dividend of AAA",
        kind="dividend",
        symbol="AAA",
        session=FIRST,
        quantity_delta_shares=0,
        cash_usd=Decimal(12),
        ratio=None,
        booked_at=CALENDAR.as_of(FIRST),
    )
    booked = CorporateActionBooked(at=CALENDAR.as_of(FIRST), entry=paid)
    days.desk.ledger.overtake(PlanRecorded, lambda: days.desk.ledger.record(lambda _: [booked]))
    with pytest.raises(LedgerError, match=r"^cash or positions changed while the plan was made: plan again$"):
        days.plan()
    assert days.desk.ledger.book().cycles == {}
