"""The evening act: one plan per cycle, made of proof or of none."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.decisions import WhyRow
from execution.domain.errors import BatchRefused, ChainBroken
from execution.domain.events import Event, PlanRecorded
from execution.ledger.book import Book
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.ledger.why_rows import read_why_rows
from execution.session import run_session
from tests.builders.batches import a_certificate, a_red_certificate
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, SYMBOLS, TradingDays


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path)


def rows_of(days: TradingDays, report: run_session.PlanReport) -> dict[str, WhyRow]:
    assert report.why_rows_hash is not None
    return {row.symbol: row for row in read_why_rows(days.desk.artifacts_root, report.why_rows_hash)}


def test_a_gated_batch_becomes_the_plan(days: TradingDays) -> None:
    report = days.plan()
    assert (report.status, report.entries, report.exits, report.is_approved) == ("planned", 3, 0, True)


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
    assert run_session.recorded_batches(days.desk, FIRST) == {first.batch_hash, late.hash}


def test_a_session_still_to_come_is_not_planned(days: TradingDays) -> None:
    digest = days.publish(days.a_batch(SESSIONS[1]))
    report = run_session.plan(days.evening(FIRST), session=SESSIONS[1], batch_hash=digest)
    assert (report.status, report.plan_hash) == ("not_tradable", None)
    assert not run_session.is_planned(days.desk, SESSIONS[1])


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
    assert not run_session.is_planned(days.desk, SESSIONS[1])


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


def test_a_session_without_batch_and_certificate_says_so(days: TradingDays) -> None:
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    assert "no batch arrived" in report.reason


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


def test_a_real_account_waits_for_a_person(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, desk_changes={"mode": "paper"})
    report = days.plan(batch=days.a_batch(mode="paper"))
    assert (report.status, report.is_approved) == ("planned", False)
    assert days.submit().reason.endswith("waits for approval")
    days.evening(FIRST)
    assert report.plan_hash is not None
    approval = run_session.approve(
        days.desk, session=FIRST, plan_hash=report.plan_hash, approver="A. Person", reason="read and agreed"
    )
    assert approval.status == "approved"
    assert days.submit().status == "submitted"


def test_an_account_that_differs_from_the_ledger_is_held(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, desk_changes={"initial_cash_usd": Decimal(90_000)})
    report = days.plan()
    assert (report.status, report.entries) == ("held", 0)
    assert "ledger and venue differ" in report.reason


def test_of_two_processes_that_plan_at_once_the_first_wins(tmp_path: Path) -> None:
    class OvertakenLedger:
        """Another process plans just before this one's plan is written."""

        def __init__(self, ledger: SqliteLedger) -> None:
            self._ledger = ledger

        def record(self, decide: Callable[[Book], Sequence[Event]]) -> tuple[Event, ...]:
            other = days.rival
            if other is not None and any(isinstance(event, PlanRecorded) for event in decide(self._ledger.book())):
                days.rival = None
                run_session.plan(other, session=FIRST, batch_hash=first_hash)
            return self._ledger.record(decide)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._ledger, name)

    days = TradingDays(tmp_path, wrap_ledger=OvertakenLedger)
    first_hash = days.publish(days.a_batch())
    days.rival = None
    second_hash = days.publish(days.a_batch(vix=15.5))
    rival = days.restarted()
    days.restarted()
    days.rival = rival
    report = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=second_hash)
    assert (report.status, report.batch_hash) == ("superseded", first_hash)


def test_nothing_is_planned_on_a_broken_chain(days: TradingDays) -> None:
    days.live()
    connection = sqlite3.connect(days.folder / "ledger.db", isolation_level=None)
    connection.execute("drop trigger event_refuses_update")
    connection.execute("update event set body = replace(body, '\"AAA\"', '\"BBB\"') where sequence = 3")
    connection.close()
    with pytest.raises(ChainBroken):
        days.plan(SESSIONS[1])


def test_equal_days_give_equal_plans_in_two_homes(tmp_path: Path) -> None:
    first, second = TradingDays(tmp_path / "one"), TradingDays(tmp_path / "two")
    assert first.plan() == second.plan()
