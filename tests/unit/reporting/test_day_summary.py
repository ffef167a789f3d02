import io
from dataclasses import replace

import pytest
from rich.console import Console

from assets.ledger_frames import load_export
from assets.reporting.day_summary import day_summary, rich_tables
from tests.unit.reporting.sample_days import SESSION, lived_day, red_day


def summary(sample):
    return day_summary(
        batches=sample.store,
        export_frames=load_export(sample.export),
        raw_counts={"daily_bars": 75_600, "news": 2_140},
        session=SESSION,
    )


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    return {table.title: table for table in summary(lived_day(tmp_path_factory.mktemp("lived")))}


def test_summary_answers_in_reading_order(lived):
    assert [title.split()[0] for title in lived] == ["Ingested", "Checks", "Best", "Orders", "Every", "Account"]


def test_rows_taken_in_are_told_per_table(lived):
    assert lived["Ingested up to Thursday 18 April 2024"].rows[0] == ("daily_bars", "75,600")


def test_simulated_rows_are_stamped(lived):
    assert lived["Ingested up to Thursday 18 April 2024"].note.startswith("SYNTHETIC")


def test_best_score_comes_first_and_worst_last(lived):
    ranks = [row[0] for row in lived["Best and worst scores"].rows]
    assert ranks == ["1", "2", "3", "90", "91", "92"]


def test_each_order_says_why(lived):
    assert all(row[-1] for row in lived["Orders and fills"].rows)


def test_account_adds_up(lived):
    assert lived["Account at the close of 2024-04-19"].note == "Cash and positions are equity, to the cent."


def test_red_gate_is_told_with_its_reasons(tmp_path):
    tables = {table.title: table for table in summary(red_day(tmp_path))}
    assert "red" in tables["Checks"].note
    assert any("39 of 100 listed symbols" in row[2] for row in tables["Checks"].rows)
    assert tables["Orders and fills"].note == "No order was sent."


def test_text_from_data_is_never_read_as_markup(tmp_path):
    tables = summary(red_day(tmp_path))
    hostile = replace(tables[1], rows=(("[bold red]x[/]", "", ""),))
    screen = Console(file=io.StringIO(), width=100)
    for drawn in rich_tables((hostile,)):
        screen.print(drawn)
    assert "[bold red]x[/]" in screen.file.getvalue()
