"""Watchlists as YAML: rows with from and to, and one named fault when a row is none."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from assets.ingest.watchlist_file import WatchlistFile
from execution.domain.errors import BadSourceFile
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
END = datetime(2025, 1, 1, tzinfo=UTC)


def told(folder: Path, text: str, upto: datetime = END) -> list[dict[str, object]]:
    path = folder / "lists.yaml"
    path.write_text(text)
    return WatchlistFile(path, first_session=date(2024, 1, 2)).watchlists(after=None, upto=upto).to_pylist()


def test_a_row_is_known_from_the_open_of_its_first_session(tmp_path: Path) -> None:
    (row,) = told(tmp_path, "- {watchlist: core, symbol: AAA, from: 2024-03-04}")
    assert row["known_at"] == CALENDAR.opens_at(date(2024, 3, 4))
    assert row["to_session"] is None


def test_a_row_from_before_the_market_is_known_from_its_start(tmp_path: Path) -> None:
    (row,) = told(tmp_path, "- {watchlist: core, symbol: AAA, from: 2010-01-04}")
    assert row["known_at"] == CALENDAR.opens_at(date(2024, 1, 2))


def test_the_end_of_a_row_is_told_when_it_ends(tmp_path: Path) -> None:
    text = "- {watchlist: core, symbol: AAA, from: 2024-03-04, to: 2024-06-03}"
    assert len(told(tmp_path, text, upto=CALENDAR.as_of(date(2024, 5, 31)))) == 1
    assert [row["to_session"] for row in told(tmp_path, text)] == [None, date(2024, 6, 3)]


def test_the_shipped_example_is_valid() -> None:
    path = Path(__file__).parents[3] / "examples" / "watchlists.yaml"
    rows = WatchlistFile(path, first_session=date(2009, 1, 2)).watchlists(after=None, upto=END)
    assert set(rows.column("watchlist").to_pylist()) == {"core"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("watchlist: core", "expected a list of rows"),
        ("- AAA", "row 1: found AAA"),
        ("- {watchlist: core, symbol: AAA, from: 2024-03-04, until: 2024-03-05}", "row 1"),
        ("- {watchlist: core, symbol: on, from: 2024-03-04}", "row 1, column symbol: found True"),
        ("- {watchlist: core, symbol: AAA, from: 2015-02-31}", r"lists\.yaml: it is no YAML \(day is out of range"),
        ("- {watchlist: core, symbol: AAA, from: soon}", "row 1, column from: found 'soon'"),
        ("- {watchlist: core, symbol: AAA, from: 2024-03-04, to: 2024-03-04}", "row 1, column to_session"),
        (
            "- {watchlist: core, symbol: AAA, from: 2024-03-04}\n- {watchlist: core, symbol: AAA, from: 2024-03-04}",
            "row 2, column watchlist",
        ),
        ("- {", "no YAML"),
        ("- !!python/object/apply:os.system ['true']", "no YAML"),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(BadSourceFile, match=fault):
        told(tmp_path, text)
