"""Schemas up and down, on both databases; a ledger as the first release wrote it loses nothing."""

import sqlite3
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from execution.domain.errors import FactExists, LedgerError
from execution.domain.events import Event, FillBooked
from execution.ledger.event_codec import encoded
from execution.ledger.hash_chain import GENESIS, ChainHead, linked
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.migrating import SCHEMA_VERSION, append_only, known_migrations, migrate
from execution.ledger.postgres_ledger import PostgresDriver
from execution.ledger.projections import KEYS
from execution.ledger.sql_driver import SqlDriver, Value
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from tests.builders.orders import (
    AT,
    a_check,
    a_fill,
    accepted,
    account_opened,
    an_order,
    gate_judged,
    intended,
    plan_recorded,
    sent,
)
from tests.builders.postgres import a_schema, postgres_dsn

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


class Place:
    """One database of either kind, empty at first."""

    def __init__(self, make: Callable[[], SqlDriver]) -> None:
        self._make = make

    @property
    def driver(self) -> SqlDriver:
        return self._make()

    @property
    def ledger(self) -> SqlLedger:
        return SqlLedger(self.driver)

    def rows(self, tables: Iterable[str] = TABLES_OF_SCHEMA_1) -> dict[str, list[tuple[Value, ...]]]:
        with self.driver.reading() as connection:
            return {table: connection.fetch(f"select * from {table} order by 1") for table in tables}  # noqa: S608 - names


def a_place(kind: str, folder: Path) -> Place:
    if kind == "sqlite":
        return Place(lambda: SqliteDriver(folder / "ledger.db"))
    dsn, schema = postgres_dsn(), a_schema()
    return Place(lambda: PostgresDriver(dsn, schema=schema))


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return a_place(request.param, tmp_path)


@pytest.fixture
def old(place: Place) -> Place:
    """Return a ledger as the program of schema 1 wrote it, by that schema's own text."""
    with place.driver.writing() as connection:
        connection.run_script(SCHEMA_1.read_text(encoding="utf-8"))
        head = ChainHead(0, GENESIS)
        for event in STORY:
            row = linked(head, encoded(head.sequence + 1, event))
            head = ChainHead(row.sequence, row.hash.decode())
            values = (row.sequence, row.previous_hash.decode(), row.hash.decode(), row.body.decode())
            connection.execute("insert into event values (?, ?, ?, ?)", values)
        order_id = ORDER.client_order_id
        fact = (order_id, plan_recorded().cycle_id, ORDER.symbol, ORDER.side, ORDER.leg)
        connection.execute("insert into cycle values (?, 2)", (plan_recorded().cycle_id,))
        connection.execute("insert into intent values (?, ?, ?, ?, ?, 3)", fact)
        connection.execute("insert into submission values (?, 4)", (order_id,))
        connection.execute("insert into fill values ('x1', 6)")
        for table in TABLES_OF_SCHEMA_1:
            connection.guard(table)
        connection.set_schema_version(1)
    return place


def test_migrations_are_numbered_without_a_gap_up_to_the_schema_of_the_program() -> None:
    assert [step.number for step in known_migrations()] == list(range(1, SCHEMA_VERSION + 1))


def test_an_old_ledger_is_refused_until_it_is_migrated(old: Place) -> None:
    with pytest.raises(LedgerError, match="touchstone ledger migrate"):
        _ = old.ledger
    assert migrate(old.driver) == (1, SCHEMA_VERSION)
    assert old.ledger.book().fills.keys() == {"x1"}


def test_a_file_of_the_first_release_is_known_by_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA_1.read_text(encoding="utf-8"))
    connection.executescript("pragma application_id = 1414485315; pragma user_version = 1")
    connection.close()
    assert migrate(SqliteDriver(path)) == (1, SCHEMA_VERSION)
    assert SqliteLedger(path).verify_chain() == ChainHead(0, GENESIS)


@pytest.mark.parametrize("young_kind", ["sqlite", "postgres"])
def test_an_old_ledger_keeps_its_chain_and_gets_the_tables_of_a_new_one(
    old: Place, tmp_path: Path, young_kind: str
) -> None:
    memory, young = MemoryLedger(), a_place(young_kind, tmp_path / "young")
    memory.append(*STORY)
    young.ledger.append(*STORY)
    migrate(old.driver)
    old.ledger.verify_projections()
    assert old.ledger.verify_chain() == memory.verify_chain()
    tables = ("event", "head", *KEYS)
    assert old.rows(tables) == young.rows(tables)


def test_a_migrated_ledger_can_be_written(old: Place) -> None:
    migrate(old.driver)
    old.ledger.append(FillBooked(at=AT, fill=a_fill("x2", client_order_id="foreign")))
    assert old.ledger.verify_chain().sequence == len(STORY) + 1


def test_down_again_leaves_what_the_old_release_wrote(old: Place) -> None:
    before = old.rows()
    migrate(old.driver)
    assert migrate(old.driver, to=1) == (SCHEMA_VERSION, 1)
    assert old.rows() == before


def test_append_only_tables_refuse_changes_at_every_schema(old: Place) -> None:
    for version in (SCHEMA_VERSION, 1, SCHEMA_VERSION):
        migrate(old.driver, to=version)
        filled = [table for table, rows in old.rows(append_only(version)).items() if rows]
        assert {"event", "submission", "fill"} <= set(filled)
        for table in filled:
            for statement in (f"delete from {table}", f"update {table} set sequence = 7"):  # noqa: S608 - names of the schema
                with pytest.raises(FactExists, match="append-only"), old.driver.writing() as connection:
                    connection.execute(statement)


def test_a_new_ledger_can_go_down_to_the_first_schema_and_back(place: Place) -> None:
    place.ledger.append(*STORY)
    head, tables = place.ledger.verify_chain(), place.rows(KEYS)
    migrate(place.driver, to=1)
    migrate(place.driver)
    assert place.ledger.verify_chain() == head
    assert place.rows(KEYS) == tables


@pytest.mark.parametrize("to", [0, SCHEMA_VERSION + 1])
def test_there_is_no_way_to_a_schema_nobody_knows(old: Place, to: int) -> None:
    with pytest.raises(LedgerError, match="cannot be taken"):
        migrate(old.driver, to=to)


def test_an_empty_database_is_no_ledger_to_migrate(place: Place) -> None:
    with pytest.raises(LedgerError, match="0 means that there is no ledger"):
        migrate(place.driver)


def test_a_migration_that_fails_leaves_the_old_schema(old: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    before = old.rows()
    monkeypatch.setattr("execution.ledger.migrating.rebuild", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        migrate(old.driver)
    assert old.rows() == before
    monkeypatch.undo()
    assert migrate(old.driver) == (1, SCHEMA_VERSION)


def test_an_account_that_traded_a_part_of_a_share_does_not_go_back_to_whole_ones(place: Place) -> None:
    ledger = place.ledger
    ledger.append(*STORY[:-1], FillBooked(at=AT, fill=a_fill(quantity_shares=Decimal("0.5"))))
    ledger.verify_projections()
    with pytest.raises((FactExists, LedgerError)):
        migrate(place.driver, to=2)
    assert place.ledger.book().held_shares == {"AAA": Decimal("0.5")}


def test_whole_shares_go_down_and_up_again_without_loss(place: Place) -> None:
    place.ledger.append(*STORY)
    before = place.rows(KEYS)
    migrate(place.driver, to=2)
    with place.driver.reading() as connection:
        assert connection.fetch("select quantity_shares, filled_shares from intent") == [(10, 10)]
    migrate(place.driver)
    assert place.rows(KEYS) == before


def test_a_gate_goes_down_to_its_batch_and_comes_up_with_its_checks(place: Place) -> None:
    gate = gate_judged(checks=(a_check(), a_check("bars_late", passed=False)))
    place.ledger.append(*STORY[:2], gate, *STORY[2:])
    before = place.rows(KEYS)
    assert [row[4] for row in before["gate"]] == ["passed", "failed"]
    migrate(place.driver, to=3)
    assert place.rows(["gate"]) == {"gate": [(plan_recorded().cycle_id, "b" * 64, 2)]}
    migrate(place.driver)
    assert place.rows(KEYS) == before
