"""Statements dbt has sent once are sent again; whatever is not plainly good is left to dbt."""

import pytest

from assets.features.dbt_increments import NotedIncrement
from assets.warehouse import Warehouse

MODEL, TEST = "model.touchstone.marks", "test.touchstone.marks_are_positive"
STATEMENTS = {
    MODEL: ["BEGIN", "delete from marks where day = 2", "insert into marks values (2, 5.0)", "COMMIT"],
    TEST: ["BEGIN", "select count(*) as failures, false as should_warn, count(*) <> 0 from marks where value <= 0"],
}


@pytest.fixture
def warehouse(tmp_path):
    held = Warehouse(tmp_path / "home" / "warehouse.duckdb")
    with held.connect(read_only=False) as connection:
        connection.execute("create table marks as select 1 as day, 4.0::double as value")
    return held


@pytest.fixture
def increment(warehouse):
    return NotedIncrement(warehouse.path.parent / "dbt" / "marts.increment.json", "the text of today")


def marks(warehouse):
    return warehouse.read("select day, value from marks order by day").to_pylist()


def test_noted_statements_are_sent_again_and_each_node_gets_a_good_result(warehouse, increment):
    increment.note(STATEMENTS)
    for _ in range(2):
        results = increment.repeat(warehouse, (MODEL, TEST))
        assert [(result.unique_id, result.status, result.failures) for result in results] == [
            (MODEL, "success", 0),
            (TEST, "pass", 0),
        ]
    assert marks(warehouse) == [{"day": 1, "value": 4.0}, {"day": 2, "value": 5.0}]


def test_dbt_is_asked_where_nothing_is_noted(warehouse, increment):
    assert increment.repeat(warehouse, (MODEL, TEST)) is None


def test_dbt_is_asked_once_the_text_is_another(warehouse, increment):
    increment.note(STATEMENTS)
    later = NotedIncrement(increment.path, "the text of tomorrow")
    assert later.repeat(warehouse, (MODEL, TEST)) is None
    assert marks(warehouse) == [{"day": 1, "value": 4.0}]


def test_dbt_is_asked_for_nodes_that_were_not_noted(warehouse, increment):
    increment.note(STATEMENTS)
    assert increment.repeat(warehouse, (MODEL, TEST, "test.touchstone.marks_are_new")) is None
    assert marks(warehouse) == [{"day": 1, "value": 4.0}]


@pytest.mark.parametrize("damaged", [b"", b'{"text": "the text', b"[]"])
def test_note_that_cannot_be_read_is_none(increment, damaged):
    increment.note(STATEMENTS)
    increment.path.write_bytes(damaged)
    assert increment.noted() is None


def test_dbt_is_asked_when_a_test_finds_a_row(warehouse, increment):
    with warehouse.connect(read_only=False) as connection:
        connection.execute("insert into marks values (0, -1.0)")
    increment.note(STATEMENTS)
    assert increment.repeat(warehouse, (MODEL, TEST)) is None


def test_node_that_fails_half_way_is_undone_and_dbt_is_asked(warehouse, increment):
    increment.note({MODEL: ["insert into marks values (3, 6.0)", "insert into marks values ('three', 6.0)"]})
    assert increment.repeat(warehouse, (MODEL,)) is None
    assert marks(warehouse) == [{"day": 1, "value": 4.0}]


def test_statements_reach_no_file_outside_the_home(warehouse, increment, tmp_path):
    elsewhere = tmp_path / "elsewhere.csv"
    increment.note({MODEL: [f"copy marks to '{elsewhere}'"]})
    assert increment.repeat(warehouse, (MODEL,)) is None
    assert not elsewhere.exists()


def test_text_follows_the_project_and_the_library(tmp_path):
    project = tmp_path / "project"
    (project / "tests").mkdir(parents=True)
    (project / "tests" / "one.sql").write_text("select 1")

    def text(library="none"):
        return NotedIncrement.of(project_dir=project, library=library, work=tmp_path, step="marts").text

    before = text()
    assert text() == before
    assert text("alpha158") != before
    (project / "tests" / "one.sql").write_text("select 2")
    assert text() != before
