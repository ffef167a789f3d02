"""Schemas up and down, on both databases; a ledger as the first release wrote it loses nothing."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from execution.domain.errors import LedgerError
from execution.domain.events import Event, FillBooked
from execution.ledger.event_codec import encoded
from execution.ledger.hash_chain import GENESIS, ChainHead, linked
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.migrating import SCHEMA_VERSION, known_migrations, migrate
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import APPLICATION_ID, SqliteDriver, SqliteLedger
from tests.builders.orders import AT, a_fill, accepted, account_opened, an_order, intended, plan_recorded, sent

SCHEMA_1 = Path(__file__).parents[2] / "data" / "ledger" / "schema_1.sql"
TABLES_OF_SCHEMA_1 = ("event", "cycle", "intent", "submission", "fill", "corporate_action")
ORDER = an_order()
STORY: tuple[Event, ...] = (
    account_opened(),
    plan_recorded(),
    intended(ORDER),
    sent(ORDER),
    accepted(ORDER),
    FillBooked(at=AT, fill=a_fill()),
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a ledger file as the program of schema 1 wrote it, by that schema's own text."""
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path)
    for statement in SCHEMA_1.read_text(encoding="utf-8").split(";"):
        connection.execute(statement)
    for table in TABLES_OF_SCHEMA_1:
        for action in ("update", "delete"):
            connection.execute(
                f"create trigger {table}_refuses_{action} before {action} on {table} "
                "begin select raise(abort, 'the ledger is append-only'); end"
            )
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute("pragma user_version = 1")
    head = ChainHead(0, GENESIS)
    for event in STORY:
        row = linked(head, encoded(head.sequence + 1, event))
        head = ChainHead(row.sequence, row.hash.decode())
        values = (row.sequence, row.previous_hash.decode(), row.hash.decode(), row.body.decode())
        connection.execute("insert into event values (?, ?, ?, ?)", values)
    order_id = ORDER.client_order_id
    connection.execute("insert into cycle values (?, 2)", (plan_recorded().cycle_id,))
    fact = (order_id, plan_recorded().cycle_id, ORDER.symbol, ORDER.side, ORDER.leg)
    connection.execute("insert into intent values (?, ?, ?, ?, ?, 3)", fact)
    connection.execute("insert into submission values (?, 4)", (order_id,))
    connection.execute("insert into fill values ('x1', 6)")
    connection.commit()
    connection.close()
    return path


def rows(path: Path, tables: tuple[str, ...] = TABLES_OF_SCHEMA_1) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    found = {table: connection.execute(f"select * from {table} order by 1").fetchall() for table in tables}  # noqa: S608 - names
    connection.close()
    return found


def test_migrations_are_numbered_without_a_gap_up_to_the_schema_of_the_program() -> None:
    assert [step.number for step in known_migrations()] == list(range(1, SCHEMA_VERSION + 1))


def test_an_old_ledger_is_refused_until_it_is_migrated(old: Path) -> None:
    with pytest.raises(LedgerError, match="touchstone ledger migrate"):
        SqliteLedger(old)
    assert migrate(SqliteDriver(old)) == (1, SCHEMA_VERSION)
    assert SqliteLedger(old).book().fills.keys() == {"x1"}


def test_an_old_ledger_keeps_its_chain_and_gets_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    memory, young = MemoryLedger(), SqliteLedger(tmp_path / "young.db")
    for ledger in (memory, young):
        ledger.append(*STORY)
    migrate(SqliteDriver(old))
    migrated = SqliteLedger(old)
    migrated.verify_projections()
    assert migrated.verify_chain() == memory.verify_chain()
    tables = ("event", "head", "cycle", "gate", "intent", "submission", "fill", "posting", "risk_day")
    assert rows(old, tables) == rows(tmp_path / "young.db", tables)


def test_a_migrated_ledger_can_be_written(old: Path) -> None:
    migrate(SqliteDriver(old))
    SqliteLedger(old).append(FillBooked(at=AT, fill=a_fill("x2", client_order_id="foreign")))
    assert SqliteLedger(old).verify_chain().sequence == len(STORY) + 1


def test_down_and_up_again_loses_nothing(old: Path) -> None:
    before = rows(old)
    migrate(SqliteDriver(old))
    assert migrate(SqliteDriver(old), to=1) == (SCHEMA_VERSION, 1)
    assert rows(old) == before


def test_append_only_tables_refuse_changes_at_every_schema(old: Path) -> None:
    driver = SqliteDriver(old)
    for version in (SCHEMA_VERSION, 1, SCHEMA_VERSION):
        migrate(driver, to=version)
        connection = sqlite3.connect(old)
        for table in known_migrations()[version - 1].append_only:
            if connection.execute(f"select count(*) from {table}").fetchone()[0]:  # noqa: S608 - a migration's own names
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    connection.execute(f"delete from {table}")  # noqa: S608 - as above
        connection.close()


def test_a_new_ledger_can_go_down_to_the_first_schema_and_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteLedger(path).append(*STORY)
    head = SqliteLedger(path).verify_chain()
    migrate(SqliteDriver(path), to=1)
    migrate(SqliteDriver(path))
    again: SqlLedger = SqliteLedger(path)
    again.verify_projections()
    assert again.verify_chain() == head


@pytest.mark.parametrize("to", [0, SCHEMA_VERSION + 1])
def test_there_is_no_way_to_a_schema_nobody_knows(old: Path, to: int) -> None:
    with pytest.raises(LedgerError, match="cannot be taken"):
        migrate(SqliteDriver(old), to=to)


def test_a_migration_that_fails_leaves_the_old_schema(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Iterator[None]:
        raise RuntimeError("power cut")

    monkeypatch.setattr("execution.ledger.migrating.rebuild", fail)
    before = rows(old)
    with pytest.raises(RuntimeError, match="power cut"):
        migrate(SqliteDriver(old))
    assert rows(old) == before
    monkeypatch.undo()
    assert migrate(SqliteDriver(old)) == (1, SCHEMA_VERSION)
