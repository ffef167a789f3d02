"""What a file alone can be: exchanged, somebody else's, damaged, of another schema, edited by hand."""

import sqlite3
from pathlib import Path

import pytest

from execution.domain.errors import LedgerError
from execution.domain.events import Event
from execution.ledger.migrating import SCHEMA_VERSION
from execution.ledger.sqlite_ledger import SqliteLedger
from tests.builders.orders import accepted, account_opened, an_order, intended, plan_recorded, sent

ORDER = an_order()
STORY: tuple[Event, ...] = (account_opened(), plan_recorded(), intended(ORDER), sent(ORDER), accepted(ORDER))


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    told = SqliteLedger(tmp_path / "ledger.db")
    told.append(*STORY)
    return told


def test_an_exchanged_file_is_read_from_the_start(ledger: SqliteLedger, tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "other.db").append(account_opened())
    (tmp_path / "other.db").replace(tmp_path / "ledger.db")
    assert not ledger.book().orders


@pytest.mark.parametrize("statement", ["update event set body = 'x'", "delete from event", "delete from submission"])
def test_rows_can_be_neither_changed_nor_deleted(ledger: SqliteLedger, tmp_path: Path, statement: str) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert ledger.verify_chain().sequence == len(STORY)


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
    connection.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(LedgerError, match=f"schema {SCHEMA_VERSION + 1}"):
        SqliteLedger(tmp_path / "ledger.db")


@pytest.mark.parametrize(
    "damage",
    [
        "delete from head",
        "update head set sequence = 0, hash = hash",
        "insert into event values (7, 'x', 'y', 'z')",
        "delete from event where sequence = 2",
    ],
)
def test_a_damaged_ledger_is_a_named_refusal_for_every_reader(
    ledger: SqliteLedger, tmp_path: Path, damage: str
) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("drop trigger event_refuses_delete")
    connection.execute("drop trigger event_refuses_update")
    connection.execute(damage)
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError):
        SqliteLedger(tmp_path / "ledger.db").verify_chain()


def test_reading_past_a_missing_row_is_a_named_refusal(ledger: SqliteLedger, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("drop trigger event_refuses_delete")
    connection.execute("delete from event where sequence > 3")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="row 4 is missing"):
        list(ledger.events())
