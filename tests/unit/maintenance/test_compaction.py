"""Compaction gives space back where there is some, and changes no row."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2
import pytest

from assets.maintenance.compaction import compact
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from tests.builders.postgres import postgres_dsn


def a_database(path: Path, *, kept_rows: int) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table fill (id integer primary key, body text)")
        database.executemany("insert into fill (body) values (?)", [("x" * 500,)] * 1_000)
        database.execute("delete from fill where id > ?", (kept_rows,))
        database.commit()
    return path


def test_an_emptied_database_gives_its_space_back_and_keeps_its_rows(tmp_path: Path) -> None:
    path = a_database(tmp_path / "venue.db", kept_rows=10)
    sizes = compact(Warehouse(tmp_path / "absent.duckdb"), [path])
    assert sizes["venue.db_after_bytes"] < sizes["venue.db_before_bytes"] / 10
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*), sum(length(body)) from fill").fetchone() == (10, 5_000)


def test_a_full_database_is_not_written_again(tmp_path: Path) -> None:
    path = a_database(tmp_path / "venue.db", kept_rows=1_000)
    before = path.read_bytes()
    compact(Warehouse(tmp_path / "absent.duckdb"), [path])
    assert path.read_bytes() == before


def test_what_is_absent_is_left_absent(tmp_path: Path) -> None:
    assert compact(Warehouse(tmp_path / "absent.duckdb"), [tmp_path / "absent.db"]) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_warehouse_is_checkpointed_with_its_rows(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create table mart as select 7 as shares")
    assert set(compact(warehouse, [])) == {"warehouse.duckdb_before_bytes", "warehouse.duckdb_after_bytes"}
    assert warehouse.read("select shares from mart").to_pylist() == [{"shares": 7}]


def loose_warehouse(path: Path) -> Warehouse:
    """Return a warehouse of which most was deleted, with a view, a schema and a key."""
    warehouse = Warehouse(path)
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.kept (symbol varchar primary key, shares integer)")
        connection.execute("insert into marts.kept select 'S' || range, range from range(100)")
        connection.execute("create view marts.seen as select sum(shares) as told from marts.kept")
        connection.execute("create table gone as select range, random()::varchar as noise from range(400000)")
        connection.execute("checkpoint")
        connection.execute("drop table gone")
    return warehouse


def test_a_loose_warehouse_is_rewritten_with_its_rows_views_and_keys(tmp_path: Path) -> None:
    warehouse = loose_warehouse(tmp_path / "warehouse.duckdb")
    sizes = compact(warehouse, [])
    assert sizes["warehouse.duckdb_after_bytes"] < sizes["warehouse.duckdb_before_bytes"] / 2
    assert warehouse.read("select told from marts.seen").to_pylist() == [{"told": 4950}]
    with warehouse.connect(read_only=False) as connection, pytest.raises(duckdb.ConstraintException):
        connection.execute("insert into marts.kept values ('S1', 1)")
    assert [path.name for path in tmp_path.iterdir()] == ["warehouse.duckdb"]


def test_what_a_killed_rewriting_left_is_no_hindrance(tmp_path: Path) -> None:
    warehouse = loose_warehouse(tmp_path / "warehouse.duckdb")
    (tmp_path / ".warehouse.duckdb.rewritten").write_bytes(b"half a file")
    compact(warehouse, [])
    assert warehouse.read("select told from marts.seen").to_pylist() == [{"told": 4950}]


def test_a_postgres_database_is_vacuumed_and_analysed(tmp_path: Path) -> None:
    dsn = postgres_dsn()
    with closing(psycopg2.connect(dsn)) as database, database.cursor() as cursor:
        cursor.execute("create table emptied as select generate_series(1, 1000) as n")
        cursor.execute("delete from emptied")
        database.commit()
        sizes = compact(Warehouse(tmp_path / "absent.duckdb"), [], {"postgres_ledger": dsn})
        cursor.execute("select last_vacuum, last_analyze from pg_stat_user_tables where relname = 'emptied'")
        vacuumed, analysed = cursor.fetchone()
        cursor.execute("drop table emptied")
        database.commit()
    assert sizes.keys() == {"postgres_ledger_before_bytes", "postgres_ledger_after_bytes"}
    assert (vacuumed is not None, analysed is not None) == (True, True)


def test_a_postgres_nobody_reaches_is_named_without_its_address(tmp_path: Path) -> None:
    address = "postgresql://ann:a-secret@127.0.0.1:1/ledger"
    with pytest.raises(DataError, match=r"postgres_ledger cannot be compacted \(OperationalError\)") as told:
        compact(Warehouse(tmp_path / "absent.duckdb"), [], {"postgres_ledger": address})
    assert "a-secret" not in str(told.value)


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "venue.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DataError, match=r"venue\.db cannot be compacted"):
        compact(Warehouse(tmp_path / "absent.duckdb"), [tmp_path / "venue.db"])
