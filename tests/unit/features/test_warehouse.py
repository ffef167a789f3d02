from datetime import date

import duckdb
import pytest

from assets.warehouse import Warehouse
from execution.domain.errors import DataError


@pytest.fixture
def warehouse(tmp_path):
    store = Warehouse(tmp_path / "warehouse.duckdb")
    with store.connect(read_only=False) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.numbers as select range as n from range(3)")
    return store


def test_read_takes_positional_and_named_parameters(warehouse):
    assert warehouse.read("select n from marts.numbers where n = ?", (1,))["n"].to_pylist() == [1]
    assert warehouse.read("select n from marts.numbers where n = $n", {"n": 2})["n"].to_pylist() == [2]


def test_absent_warehouse_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="materialize the features"):
        Warehouse(tmp_path / "none.duckdb").read("select 1")


def test_read_cannot_write(warehouse):
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        warehouse.read("delete from marts.numbers returning n")


def test_connection_reaches_no_file_outside_its_home(warehouse, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "stolen.parquet"
    with pytest.raises(duckdb.PermissionException):
        warehouse.read(f"copy marts.numbers to '{outside}'")
    assert not outside.exists()


def test_confinement_cannot_be_lifted(warehouse):
    with warehouse.connect(read_only=True) as connection, pytest.raises(duckdb.InvalidInputException, match="locked"):
        connection.execute("set enable_external_access = true")


def test_two_connections_of_one_process_work_side_by_side(warehouse):
    with warehouse.connect(read_only=False) as one, warehouse.connect(read_only=False) as two:
        one.execute("insert into marts.numbers values (7)")
        assert two.execute("select count(*) from marts.numbers").fetchall() == [(4,)]


def test_one_thread_and_utc(warehouse):
    row = warehouse.read("select current_setting('threads') as threads, current_setting('timezone') as zone")
    assert row.to_pylist() == [{"threads": 1, "zone": "UTC"}]


def test_table_is_found_by_schema_and_name(warehouse, tmp_path):
    assert warehouse.has_table("marts", "numbers")
    assert not warehouse.has_table("marts", "letters")
    assert not Warehouse(tmp_path / "none.duckdb").has_table("marts", "numbers")


def test_reads_of_a_kept_open_block_share_one_file_and_see_the_same_rows(warehouse):
    with warehouse.kept_open():
        before = warehouse.read("select count(*) as n from marts.numbers")
        assert warehouse.read("select count(*) as n from marts.numbers").equals(before)
        with pytest.raises(duckdb.ConnectionException), warehouse.connect(read_only=False):
            pass


def test_file_is_free_for_writing_after_a_kept_open_block(warehouse):
    with warehouse.kept_open():
        warehouse.read("select 1")
    with warehouse.connect(read_only=False) as connection:
        connection.execute("insert into marts.numbers values (7)")
    assert warehouse.read("select count(*) as n from marts.numbers")["n"].to_pylist() == [4]


def test_kept_open_block_fails_at_its_first_read_not_before(tmp_path):
    absent = Warehouse(tmp_path / "none.duckdb")
    with absent.kept_open(), pytest.raises(DataError, match="materialize the features"):
        absent.read("select 1")


def test_writing_block_opens_the_file_once_and_its_reads_see_what_it_wrote(warehouse, monkeypatch):
    opened = []
    real = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *given, **named: opened.append(given) or real(*given, **named))
    with warehouse.kept_open(read_only=False):
        with warehouse.connect(read_only=False) as connection:
            connection.execute("insert into marts.numbers values (7)")
        with warehouse.kept_open():
            assert warehouse.read("select count(*) as n from marts.numbers")["n"].to_pylist() == [4]
    assert len(opened) == 1
    assert warehouse.read("select count(*) as n from marts.numbers")["n"].to_pylist() == [4]


def test_transaction_left_open_in_a_writing_block_leaves_nothing(warehouse):
    with warehouse.kept_open(read_only=False):
        with warehouse.connect(read_only=False) as connection:
            connection.execute("begin")
            connection.execute("insert into marts.numbers values (7)")
        assert warehouse.read("select count(*) as n from marts.numbers")["n"].to_pylist() == [3]
    assert warehouse.read("select count(*) as n from marts.numbers")["n"].to_pylist() == [3]


def test_writing_block_makes_no_file_for_a_read(tmp_path):
    absent = Warehouse(tmp_path / "none.duckdb")
    with absent.kept_open(read_only=False), pytest.raises(DataError, match="materialize the features"):
        absent.read("select 1")
    assert not absent.path.exists()


def test_query_larger_than_the_memory_it_may_use_goes_through_files_of_the_home(warehouse, monkeypatch):
    monkeypatch.setattr("assets.warehouse._MEMORY", "16MB")
    rows = warehouse.read("select range as n, hash(range) as place from range(2_000_000) order by place")
    assert rows.num_rows == 2_000_000


@pytest.fixture
def days(warehouse):
    with warehouse.connect(read_only=False) as connection:
        connection.execute(
            "create table marts.days as select date '2024-01-02' + range::integer as session from range(4)"
        )
    return warehouse


def test_a_warehouse_that_ends_with_a_session_has_no_row_of_a_later_one(days):
    ended = days.ending_with(date(2024, 1, 3))
    assert ended.read("select session from marts.days order by 1")["session"].to_pylist() == [
        date(2024, 1, 2),
        date(2024, 1, 3),
    ]
    assert days.read("select 1 from marts.days").num_rows == 4


def test_what_knows_no_session_is_whole_in_a_warehouse_that_ends(days):
    ended = days.ending_with(date(2024, 1, 3))
    assert ended.read("select n from marts.numbers").num_rows == 3
    assert ended.has_table("marts", "numbers")


def test_a_warehouse_that_ends_is_read_beside_the_whole_one_and_never_written(days):
    ended = days.ending_with(date(2024, 1, 3))
    with days.kept_open(), ended.kept_open():
        assert days.read("select 1 from marts.days").num_rows == 4
        assert ended.read("select 1 from marts.days").num_rows == 2
    with pytest.raises(ValueError, match="can be read only"), ended.connect(read_only=False):
        pass


def test_a_warehouse_that_ends_is_confined_like_any_other(days, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "stolen.parquet"
    with pytest.raises(duckdb.PermissionException):
        days.ending_with(date(2024, 1, 3)).read(f"copy marts.days to '{outside}'")
