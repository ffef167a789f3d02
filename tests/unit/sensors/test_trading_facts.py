from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from execution.domain.events import AuditNoted, BatchSuperseded, PlanMissed, PlanRecorded, SettleFinished
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from sensors.rules import TradingFacts, trading_due
from sensors.trading_facts import settled_sessions, trading_facts
from tests.builders.batches import SESSION, a_batch

CALENDAR = TradingCalendar.shipped()
EVENING = CALENDAR.as_of(SESSION)
CYCLE = f"main:cross-section:{SESSION}"
PLANNED = PlanRecorded(
    at=EVENING,
    cycle_id=CYCLE,
    session=SESSION,
    plan_hash="p",
    batch_hash="a",
    limits_hash="l",
    decision_source="model",
)


def facts_of(book: Book, batches: SignalBatchStore, *, has_exit_rules: bool = False) -> TradingFacts:
    facts = trading_facts(book=book, batches=batches, calendar=CALENDAR, now=EVENING, has_exit_rules=has_exit_rules)
    assert facts is not None
    return facts


def test_nothing_can_be_due_before_analysis_judged_a_session(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    assert trading_facts(book=Book(), batches=store, calendar=CALENDAR, now=EVENING, has_exit_rules=True) is None


def test_a_published_batch_of_the_tradable_session_is_known(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    published = store.publish(a_batch())
    assert facts_of(Book(), store).published == (published,)


def test_planned_superseded_and_refused_batches_are_recorded(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    store.publish(a_batch())
    late = BatchSuperseded(at=EVENING, cycle_id=CYCLE, session=SESSION, batch_hash="b", reason="late")
    refused = AuditNoted(at=EVENING, topic="batch_refused", session=SESSION, subject="c", detail="another strategy")
    facts = facts_of(folded(Book(), [PLANNED, late, refused]), store)
    assert facts.recorded == {"a", "b", "c"}
    assert facts.planned == {SESSION}


def test_history_scored_later_than_the_first_plan_was_never_missed(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    store.publish(a_batch())
    store.publish(replace(a_batch(), session=CALENDAR.offset(SESSION, -2)))
    assert facts_of(Book(), store).first_session == CALENDAR.offset(SESSION, -2)
    facts = facts_of(folded(Book(), [PLANNED]), store)
    assert facts.first_session == SESSION
    assert {work.session for work in trading_due(now=EVENING, calendar=CALENDAR, facts=facts)} == {SESSION}


def test_history_asked_for_a_plan_by_hand_is_not_where_decisions_begin(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    store.publish(a_batch())
    long_ago = CALENDAR.offset(SESSION, -20)
    for back in (20, 10, 1):
        store.publish(replace(a_batch(), session=CALENDAR.offset(SESSION, -back)))
    by_hand = PlanMissed(
        at=EVENING, cycle_id=f"main:cross-section:{long_ago}", session=long_ago, reason="its window is over"
    )
    facts = facts_of(folded(Book(), [PLANNED, by_hand]), store)
    assert facts.first_session == SESSION
    assert {work.session for work in trading_due(now=EVENING, calendar=CALENDAR, facts=facts)} == {SESSION}
    assert facts_of(folded(Book(), [by_hand]), store).first_session == long_ago


def test_a_missed_session_needs_no_settling_and_no_report(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    store.publish(a_batch())
    missed = PlanMissed(at=EVENING + timedelta(days=1), cycle_id=CYCLE, session=SESSION, reason="nobody asked")
    book = folded(Book(), [missed])
    assert facts_of(book, store).settled == {SESSION}
    assert settled_sessions(book) == set[date]()


def test_a_settled_session_is_settled(tmp_path: Path) -> None:
    done = SettleFinished(at=EVENING + timedelta(days=1), cycle_id=CYCLE, session=SESSION)
    assert settled_sessions(folded(Book(cash_usd=Decimal(0)), [PLANNED, done])) == {SESSION}


def test_a_watched_session_is_known_where_there_are_exit_rules(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    store.publish(a_batch())
    over = AuditNoted(at=EVENING, topic="positions_watched", session=SESSION, subject="cross-section", detail="7 looks")
    book = folded(Book(), [PLANNED, over])
    assert facts_of(book, store, has_exit_rules=True).watched == {SESSION}
    assert facts_of(book, store).watched is None
