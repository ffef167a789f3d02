"""The store: append-only, all or nothing, once for ever."""

import sqlite3
from pathlib import Path

import pytest

from execution.domain.errors import IllegalTransition, LedgerError, SameIdOtherOrder
from execution.domain.events import AuditNoted, BatchSuperseded, Event, FillBooked
from execution.ledger.book import Book
from execution.ledger.sqlite_ledger import SqliteLedger
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    accepted,
    account_opened,
    an_order,
    intended,
    plan_recorded,
    sent,
)

ORDER = an_order()
STORY: tuple[Event, ...] = (account_opened(), plan_recorded(), intended(ORDER), sent(ORDER), accepted(ORDER))


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    told = SqliteLedger(tmp_path / "ledger.db")
    told.append(*STORY)
    return told


def test_events_are_read_back_as_they_were_written(ledger: SqliteLedger) -> None:
    assert tuple(recorded.event for recorded in ledger.events()) == STORY


def test_a_second_opening_of_the_file_sees_the_same_book(ledger: SqliteLedger, tmp_path: Path) -> None:
    assert SqliteLedger(tmp_path / "ledger.db").book() == ledger.book()


def test_a_ledger_in_memory_tells_the_same_story(ledger: SqliteLedger) -> None:
    memory = SqliteLedger(":memory:")
    memory.append(*STORY)
    assert memory.verify_chain() == ledger.verify_chain()


def test_what_another_writer_appended_is_seen_before_deciding(ledger: SqliteLedger, tmp_path: Path) -> None:
    ledger.book()
    SqliteLedger(tmp_path / "ledger.db").append(FillBooked(at=AT, fill=a_fill()))
    seen: list[Book] = []

    def look(book: Book) -> tuple[Event, ...]:
        seen.append(book)
        return ()

    ledger.record(look)
    assert "x1" in seen[0].fills


def test_an_exchanged_file_is_read_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    ledger.append(*STORY)
    other = SqliteLedger(tmp_path / "other.db")
    other.append(account_opened())
    (tmp_path / "other.db").replace(path)
    assert not ledger.book().orders


@pytest.mark.parametrize("statement", ["update event set body = 'x'", "delete from event", "delete from submission"])
def test_rows_can_be_neither_changed_nor_deleted(ledger: SqliteLedger, tmp_path: Path, statement: str) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert ledger.verify_chain().sequence == len(STORY)


def test_a_transaction_that_fails_leaves_nothing(ledger: SqliteLedger) -> None:
    before = ledger.verify_chain()
    with pytest.raises(IllegalTransition):
        ledger.append(FillBooked(at=AT, fill=a_fill()), FillBooked(at=AT, fill=a_fill()))
    assert ledger.verify_chain() == before
    assert ledger.book().fills == {}


def test_a_fill_is_booked_once_for_ever(ledger: SqliteLedger) -> None:
    ledger.append(FillBooked(at=AT, fill=a_fill()))
    with pytest.raises(LedgerError, match="x1"):
        ledger.append(FillBooked(at=AT, fill=a_fill()))


def test_an_order_id_is_intended_once_for_ever(ledger: SqliteLedger) -> None:
    with pytest.raises(SameIdOtherOrder):
        ledger.append(intended(an_order(quantity_shares=11)))


def test_a_leg_exists_once_per_cycle_symbol_and_side(ledger: SqliteLedger) -> None:
    with pytest.raises(LedgerError, match="exists already"):
        ledger.append(intended(an_order(client_order_id="t1other")))


def test_a_cycle_is_planned_once_for_ever(ledger: SqliteLedger) -> None:
    with pytest.raises(IllegalTransition, match="has a plan already"):
        ledger.append(plan_recorded(plan_hash="q" * 64))


def test_a_submission_starts_once_for_ever(ledger: SqliteLedger) -> None:
    with pytest.raises(IllegalTransition, match="SubmissionStarted"):
        ledger.append(sent(ORDER))


def test_notes_do_not_change_the_trading_hash(ledger: SqliteLedger) -> None:
    before = ledger.trading_hash()
    ledger.append(
        BatchSuperseded(at=AT, cycle_id=CYCLE, session=SESSION, batch_hash="c" * 64, reason="late"),
        AuditNoted(at=AT, topic="not_tradable", session=SESSION, subject="c", detail="late", run_id="run-1"),
    )
    assert ledger.trading_hash() == before


def test_a_trading_event_changes_the_trading_hash(ledger: SqliteLedger) -> None:
    before = ledger.trading_hash()
    ledger.append(FillBooked(at=AT, fill=a_fill()))
    assert ledger.trading_hash() != before


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("create table notes (text)")
    connection.close()
    with pytest.raises(LedgerError, match="is no ledger"):
        SqliteLedger(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"symbol,shares\n" * 100)
    with pytest.raises(LedgerError, match="cannot be used"):
        SqliteLedger(path)


def test_a_newer_schema_is_refused(ledger: SqliteLedger, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("pragma user_version = 3")
    connection.close()
    with pytest.raises(LedgerError, match="schema 3"):
        SqliteLedger(tmp_path / "ledger.db")
