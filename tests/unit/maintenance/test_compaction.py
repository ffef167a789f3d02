"""Compaction gives space back where there is some, and changes no row."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assets.maintenance.compaction import compact
from assets.warehouse import Warehouse
from execution.domain.errors import DataError


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


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "venue.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DataError, match=r"venue\.db cannot be compacted"):
        compact(Warehouse(tmp_path / "absent.duckdb"), [tmp_path / "venue.db"])
