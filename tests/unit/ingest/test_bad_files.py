"""A bad file gives one error that names file, row and column, and nothing of it is taken in."""

import bz2
import gzip
import lzma
import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from assets.ingest.collect import take_in
from assets.ingest.files_settings import FilesSourceSettings
from assets.ingest.files_source import FilesSource
from assets.ingest.sources import files_sources
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from execution.domain.errors import BadSourceFile
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
END = CALENDAR.as_of(date(2024, 3, 28))
HEADER = "ticker,day,o,h,l,c,v"
GOOD = ("AAA,2024-03-04,10,11,9,10.5,1000", "AAA,2024-03-05,10.5,12,10,11,1200", "BBB,2024-03-04,5,5,5,5,10")
COLUMNS = {
    "symbol": "ticker",
    "session": "day",
    "open_usd": "o",
    "high_usd": "h",
    "low_usd": "l",
    "close_usd": "c",
    "volume_shares": "v",
}


def source(folder: Path, file: str = "bars.csv", **changes: Any) -> FilesSource:
    spec = {"file": file, "columns": COLUMNS, **changes}
    return FilesSource(FilesSourceSettings.model_validate({"folder": folder, "tables": {"daily_bars": [spec]}}))


def write(folder: Path, *lines: str, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def fault(folder: Path, **changes: Any) -> str:
    with pytest.raises(BadSourceFile) as caught:
        source(folder, **changes).check()
    return str(caught.value)


def test_a_good_file_is_taken_in_whole(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD)
    assert source(tmp_path).check() == {"daily_bars": 3, "securities": 2}


@pytest.mark.parametrize(
    ("line", "row", "column", "found"),
    [
        ("AAA,2024-03-06,ten,11,9,10,1000", 4, "o", "'ten'"),
        ("AAA,2024-03-06,10,11,9,,1000", 4, "c", "empty"),
        ("AAA,06/03/2024,10,11,9,10,1000", 4, "day", "'06/03/2024'"),
        ("AAA,2024-02-30,10,11,9,10,1000", 4, "day", "'2024-02-30'"),
        ("AAA,2024-03-06,10,11,9,10,12.5", 4, "v", "fraction"),
        ("AAA,2024-03-06,10,11,9,inf,1000", 4, "c", "not finite"),
        (" ,2024-03-06,10,11,9,10,1000", 4, "ticker", "blank"),
        ("AAA,2024-03-06,10,11,-9,10,1000", 4, "l", "above zero"),
        ("AAA,2024-03-06,0,11,9,10,1000", 4, "o", "above zero"),
        ("AAA,2024-03-06,10,11,9,10,-1", 4, "v", "zero or more"),
        ("AAA,2024-03-06,10,11,10.2,10.1,1000", 4, "l", "no more than the open"),
        ("AAA,2024-03-06,10,10.5,9,11,1000", 4, "c", "no more than the high"),
        ("AAA,2024-03-09,10,11,9,10,1000", 4, "day", "exchange session"),
        ("AAA,2024-03-04,10,11,9,10.5,1000", 4, "ticker", "duplicate key"),
    ],
)
def test_a_bad_row_is_named_by_file_row_and_column(
    tmp_path: Path, line: str, row: int, column: str, found: str
) -> None:
    write(tmp_path, HEADER, *GOOD, line)
    message = fault(tmp_path)
    assert message.startswith(f"bars.csv, row {row}, column {column}: ")
    assert found in message


def test_the_first_of_several_bad_cells_is_named(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD, "AAA,2024-03-06,x,11,9,10,1", "AAA,2024-03-07,y,11,9,10,1")
    assert "row 4, column o: found 'x'" in fault(tmp_path)


def test_a_missing_column_is_named_with_those_found(tmp_path: Path) -> None:
    write(tmp_path, "ticker,day,o,h,l,c", "AAA,2024-03-04,10,11,9,10")
    assert fault(tmp_path).startswith("bars.csv, column v: the column is missing; found ['c', 'day'")


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, f"{HEADER},v", "AAA,2024-03-04,10,11,9,10,1,2")
    assert "column v: the column is named twice" in fault(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").touch()
    assert fault(tmp_path).startswith("bars.csv: it is empty")


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    write(tmp_path, HEADER)
    assert "it has no rows" in fault(tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert fault(tmp_path).startswith("bars.csv: it cannot be opened")


def test_one_endless_line_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_bytes(b"x" * 3_000_000)
    assert "longer than 1048576 bytes" in fault(tmp_path)


def test_an_endless_line_below_good_ones_is_named_by_its_row(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD, "A" * 2_000_000)
    assert fault(tmp_path).startswith("bars.csv, row 4: the line is longer")


def test_a_row_with_too_many_cells_is_refused(tmp_path: Path) -> None:
    write(tmp_path, HEADER, GOOD[0] + ",extra")
    assert "cannot be read as CSV" in fault(tmp_path)


def test_a_row_with_too_few_cells_is_named_with_the_first_column_it_lacks(tmp_path: Path) -> None:
    write(tmp_path, HEADER, GOOD[0], "AAA,2024-03-05,10", GOOD[2])
    assert fault(tmp_path).startswith("bars.csv, row 2, column h: it cannot be read as CSV: found 3 cells, expected 7")


def test_blank_lines_and_broken_cells_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    header, broken = HEADER + ",note", GOOD[0] + ',"two\n\nlines"'
    good = [header, broken, "", GOOD[2] + ",", ""]
    write(tmp_path, *good, "AAA,2024-03-06,ten,11,9,10,1000,")
    assert fault(tmp_path).startswith("bars.csv, row 5, column o: found 'ten'")
    write(tmp_path, *good, "AAA,2024-03-06")
    assert fault(tmp_path).startswith("bars.csv, row 5, column o: it cannot be read as CSV")
    write(tmp_path, *good, "A" * 2_000_000)
    assert fault(tmp_path).startswith("bars.csv, row 5: the line is longer")
    (tmp_path / "bars.csv").write_bytes("\n".join(good).encode() + b"\nAA\xff,2024-03-05,1,1,1,1,1,\n")
    assert fault(tmp_path).startswith("bars.csv, row 5: the text is no UTF-8")


def test_blank_lines_at_the_end_are_no_fault(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD, "", "")
    assert source(tmp_path).check()["daily_bars"] == 3


def test_text_that_is_no_utf8_is_named_by_its_row(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_bytes(HEADER.encode() + b"\n" + GOOD[0].encode() + b"\nAA\xff,2024-03-05,1,1,1,1,1\n")
    assert fault(tmp_path).startswith("bars.csv, row 2: the text is no UTF-8")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.csv", tmp_path / "folder"
    folder.mkdir()
    outside.write_text(f"{HEADER}\n{GOOD[0]}\n")
    (folder / "bars.csv").symlink_to(outside)
    assert "leads out of the folder" in fault(folder)


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write(tmp_path, HEADER, *GOOD)
    assert "leads out of the folder" in fault(folder, file="../bars.csv")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bars.csv")
    assert "no regular file" in fault(tmp_path)


def test_a_file_larger_than_allowed_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "bars.csv").open("wb") as stream:
        stream.truncate(1_000_001)
    spec = {"file": "bars.csv", "columns": COLUMNS}
    settings = {"folder": tmp_path, "tables": {"daily_bars": [spec]}, "max_file_mb": 1}
    with pytest.raises(BadSourceFile, match="the most allowed are 1000000"):
        FilesSource(FilesSourceSettings.model_validate(settings)).check()


def parquet_of_good_rows(folder: Path, **changes: Any) -> Path:
    columns: dict[str, Any] = {
        "ticker": ["AAA", "AAA"],
        "day": [date(2024, 3, 4), date(2024, 3, 5)],
        "o": [10.0, 10.5],
        "h": [11.0, 12.0],
        "l": [9.0, 10.0],
        "c": [10.5, 11.0],
        "v": [1000.0, 1200.0],
        **changes,
    }
    path = folder / "bars.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_a_good_parquet_file_is_taken_in(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path)
    assert source(tmp_path, "bars.parquet").check()["daily_bars"] == 2


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = parquet_of_good_rows(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    assert "cannot be read as Parquet" in fault(tmp_path, file="bars.parquet")


def test_a_parquet_file_damaged_inside_is_refused(tmp_path: Path) -> None:
    path = parquet_of_good_rows(tmp_path)
    body = bytearray(path.read_bytes())
    body[4:60] = b"\xff" * 56
    path.write_bytes(bytes(body))
    assert "bars.parquet" in fault(tmp_path, file="bars.parquet")


def test_a_parquet_column_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, c=[[1.0], [2.0]])
    assert "row 1, column c: found '[1.0]', expected a number" in fault(tmp_path, file="bars.parquet")


def test_not_a_number_is_an_empty_cell(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, c=[10.5, float("nan")])
    assert "row 2, column c: the cell is empty" in fault(tmp_path, file="bars.parquet")


def test_instants_without_a_zone_are_refused_by_column(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, seen=[datetime(2024, 3, 5), datetime(2024, 3, 6)])  # noqa: DTZ001 - the fault itself
    message = fault(tmp_path, file="bars.parquet", columns={**COLUMNS, "known_at": "seen"})
    assert "column seen: its instants name no time zone" in message


@pytest.mark.parametrize("zone", ["America/NewYork", "", "Mars/Phobos"])
def test_a_zone_that_does_not_exist_is_refused_before_any_file_is_opened(tmp_path: Path, zone: str) -> None:
    with pytest.raises(ValidationError, match=r"timezone[\s\S]*is no time zone; name one such as America/New_York"):
        source(tmp_path, timezone=zone)


@pytest.mark.parametrize("marks", [[1], [1.0], ["1"], ["1.0"], [1, "x"], ["x", 1.0], [2, 1]])
def test_a_number_marks_a_row_to_skip_however_it_is_written(tmp_path: Path, marks: list[Any]) -> None:
    parquet_of_good_rows(tmp_path, ratio=[1.5, 1.0])
    skipping = source(tmp_path, "bars.parquet", skip_where={"ratio": marks})
    assert skipping.bars(after=None, upto=END).column("session").to_pylist() == [date(2024, 3, 4)]


def test_a_number_marks_a_row_of_text_to_skip_and_text_only_itself(tmp_path: Path) -> None:
    write(tmp_path, HEADER + ",ratio", GOOD[0] + ",1.0", GOOD[1] + ",1.5", GOOD[2] + ",")
    assert source(tmp_path, skip_where={"ratio": [1]}).check()["daily_bars"] == 2
    assert source(tmp_path, skip_where={"ratio": ["1"]}).check()["daily_bars"] == 3
    assert source(tmp_path, skip_where={"ratio": ["1.0", 1.5]}).check()["daily_bars"] == 1


@pytest.mark.parametrize(("cells", "mark"), [([True, False], True), (["true", "no"], True), ([True, False], "true")])
def test_true_marks_a_row_to_skip(tmp_path: Path, cells: list[Any], mark: object) -> None:
    parquet_of_good_rows(tmp_path, old=cells)
    assert source(tmp_path, "bars.parquet", skip_where={"old": [mark]}).check()["daily_bars"] == 1


@pytest.mark.parametrize(
    ("cells", "mark"), [([0, 1], True), ([1.0, 0.0], False), ([False, True], 1), (["0", "1"], True)]
)
def test_true_and_one_mark_each_other_to_skip(tmp_path: Path, cells: list[Any], mark: object) -> None:
    parquet_of_good_rows(tmp_path, old=cells)
    assert source(tmp_path, "bars.parquet", skip_where={"old": [mark]}).check()["daily_bars"] == 1


def test_a_day_marks_a_row_to_skip(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path)
    assert source(tmp_path, "bars.parquet", skip_where={"day": ["2024-03-05"]}).check()["daily_bars"] == 1


def test_views_of_text_are_text(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, ticker=pa.array(["AAA", "BBB"], pa.string_view()))
    assert source(tmp_path, "bars.parquet", skip_where={"ticker": ["BBB"]}).check()["daily_bars"] == 1


def test_no_mark_skips_no_row(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path)
    assert source(tmp_path, "bars.parquet", skip_where={"o": []}).check()["daily_bars"] == 2


def test_a_column_that_cannot_be_compared_with_marks_is_named(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, tags=[["a"], ["b"]])
    message = fault(tmp_path, file="bars.parquet", skip_where={"tags": ["a"]})
    assert message.startswith("bars.parquet, column tags: its cells cannot be compared with skip_where")


EVENINGS = [datetime(2024, 3, 5, 0, 30, tzinfo=UTC), datetime(2024, 3, 6, 0, 30, tzinfo=UTC)]


def sessions_of(folder: Path, **changes: Any) -> list[date]:
    rows = source(folder, "bars.parquet", **changes).bars(after=None, upto=END)
    sessions: list[date] = rows.column("session").to_pylist()
    return sessions


def test_an_instant_names_the_day_it_has_in_the_zone_of_the_mapping(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, day=EVENINGS)
    assert sessions_of(tmp_path, timezone="America/New_York") == [date(2024, 3, 4), date(2024, 3, 5)]


def test_a_column_of_midnights_holds_days_whatever_the_zone_of_the_mapping(tmp_path: Path) -> None:
    days = [datetime(2024, 3, day, tzinfo=UTC) for day in (4, 5)]
    parquet_of_good_rows(tmp_path, day=days, told=days)
    columns = {**COLUMNS, "known_date": "told"}
    rows = source(tmp_path, "bars.parquet", columns=columns, timezone="America/New_York").bars(after=None, upto=END)
    assert rows.column("session").to_pylist() == [date(2024, 3, 4), date(2024, 3, 5)]
    opens = [CALENDAR.opens_at(date(2024, 3, day)) for day in (5, 6)]
    assert rows.column("known_at").to_pylist() == opens, "no row is known before the day it was told on is over"


def test_a_midnight_among_other_times_of_day_is_an_instant_like_them(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, day=[datetime(2024, 3, 5, tzinfo=UTC), EVENINGS[1]])
    assert sessions_of(tmp_path, timezone="America/New_York") == [date(2024, 3, 4), date(2024, 3, 5)]


def test_a_stray_time_of_day_among_midnights_moves_no_day(tmp_path: Path) -> None:
    days = [datetime(2024, 3, day, tzinfo=UTC) for day in (4, 5, 6)]
    parquet_of_good_rows(tmp_path)
    told = pa.table({"s": ["AAA", "BBB", "CCC"], "a": [*days[:2], datetime(2024, 3, 6, 14, 30, tzinfo=UTC)]})
    pq.write_table(told, tmp_path / "names.parquet")
    columns = {"symbol": "s", "listed_session": "a"}
    securities = {"file": "names.parquet", "columns": columns, "timezone": "America/New_York"}
    tables = {"daily_bars": [{"file": "bars.parquet", "columns": COLUMNS}], "securities": [securities]}
    files = FilesSource(FilesSourceSettings.model_validate({"folder": tmp_path, "tables": tables}))
    expected = "names.parquet, row 3, column a: the instant is no midnight, and most of the column are"
    with pytest.raises(BadSourceFile, match=re.escape(expected)):
        files.check()


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_an_empty_cell_among_midnights_leaves_them_days(tmp_path: Path, zone: str | None) -> None:
    parquet_of_good_rows(tmp_path)
    ends = pa.array([None, datetime(2024, 3, 5, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"s": ["AAA", "BBB"], "a": [date(2024, 3, 4)] * 2, "b": ends}), tmp_path / "names.parquet")
    columns = {"symbol": "s", "listed_session": "a", "delisted_session": "b"}
    securities = {"file": "names.parquet", "columns": columns, "timezone": zone}
    tables = {"daily_bars": [{"file": "bars.parquet", "columns": COLUMNS}], "securities": [securities]}
    files = FilesSource(FilesSourceSettings.model_validate({"folder": tmp_path, "tables": tables}))
    told = files.securities(after=None, upto=END).column("delisted_session")
    assert told.drop_null().to_pylist() == [date(2024, 3, 5)]


def test_a_day_named_by_an_instant_of_unknown_zone_is_refused(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, day=[datetime(2024, 3, 4, tzinfo=UTC), EVENINGS[1]])
    message = fault(tmp_path, file="bars.parquet")
    assert message.startswith("bars.parquet, row 2, column day: the instant is no midnight, expected a day")
    assert "set timezone" in message


def test_a_time_of_day_without_a_zone_names_a_day_only_where_the_mapping_names_the_zone(tmp_path: Path) -> None:
    closes = [datetime(2024, 3, day, 16) for day in (4, 5)]  # noqa: DTZ001 - the fault itself
    parquet_of_good_rows(tmp_path, day=closes)
    message = fault(tmp_path, file="bars.parquet")
    assert message.startswith("bars.parquet, row 1, column day: the instant is no midnight, expected a day")
    assert sessions_of(tmp_path, timezone="America/New_York") == [date(2024, 3, 4), date(2024, 3, 5)]


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_midnights_without_a_zone_are_days(tmp_path: Path, zone: str | None) -> None:
    parquet_of_good_rows(tmp_path, day=[datetime(2024, 3, day) for day in (4, 5)])  # noqa: DTZ001 - as files have them
    assert sessions_of(tmp_path, timezone=zone) == [date(2024, 3, 4), date(2024, 3, 5)]


YEAR_10000_DAY = 2_932_897
FAR_DAYS: list[tuple[Any, str]] = [
    (pa.array([19_786, YEAR_10000_DAY], pa.date32()), "2932897 stored as date32[day]"),
    (pa.array([19_786, -800_000], pa.date32()), "-800000 stored as date32[day]"),
    (["2024-03-04", "0000-03-05"], "'0000-03-05'"),
]
FAR_INSTANTS: list[tuple[Any, str]] = [
    (pa.array([0, YEAR_10000_DAY * 86_400_000], pa.timestamp("ms")), "253402300800000 stored as timestamp[ms]"),
    (pa.array([0, 10**18], pa.timestamp("ms", "UTC")), "1000000000000000000 stored as timestamp[ms, tz=UTC]"),
    (pa.array([0, 10**18], pa.timestamp("us", "UTC")), "1000000000000000000 stored as timestamp[us, tz=UTC]"),
]
FAR = [
    *((told, *cell) for told in ("session", "known_date") for cell in (*FAR_DAYS, *FAR_INSTANTS)),
    *(("known_at", *cell) for cell in FAR_INSTANTS),
    ("known_at", ["2024-03-04T00:00:00Z", "0000-03-05T00:00:00Z"], "'0000-03-05T00:00:00Z'"),
    ("known_at", ["2024-03-04 00:00:00", "0000-03-05 00:00:00"], "'0000-03-05 00:00:00'"),
]


@pytest.mark.parametrize(("told", "cells", "found"), FAR)
def test_a_time_outside_the_years_1_to_9999_is_named_by_its_cell(
    tmp_path: Path, told: str, cells: Any, found: str
) -> None:
    parquet_of_good_rows(tmp_path, when=cells)
    message = fault(tmp_path, file="bars.parquet", columns={**COLUMNS, told: "when"}, timezone="UTC")
    expected = f"bars.parquet, row 2, column when: found {found}, expected a time of the years 1 to 9999"
    assert message.startswith(expected)


def test_a_day_that_another_zone_moves_out_of_the_years_is_refused(tmp_path: Path) -> None:
    late = [datetime(9999, 12, 31, 22, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]
    parquet_of_good_rows(tmp_path, when=late)
    message = fault(tmp_path, file="bars.parquet", columns={**COLUMNS, "known_date": "when"}, timezone="Asia/Tokyo")
    assert message.startswith("bars.parquet, row 1, column when: found ")


def test_the_last_day_of_the_year_9999_is_an_end_that_never_comes(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path)
    write(tmp_path, "s,a,b", "AAA,2024-03-04,9999-12-31", name="names.csv")
    columns = {"symbol": "s", "listed_session": "a", "delisted_session": "b"}
    tables = {
        "daily_bars": [{"file": "bars.parquet", "columns": COLUMNS}],
        "securities": [{"file": "names.csv", "columns": columns}],
    }
    files = FilesSource(FilesSourceSettings.model_validate({"folder": tmp_path, "tables": tables}))
    assert files.securities(after=None, upto=END).num_rows == 1


def test_marks_are_compared_with_times_outside_the_years_1_to_9999_or_the_column_is_named(tmp_path: Path) -> None:
    parquet_of_good_rows(tmp_path, when=FAR_DAYS[0][0])
    message = fault(tmp_path, file="bars.parquet", skip_where={"when": ["2024-03-04"]})
    assert message.startswith("bars.parquet, column when: its cells cannot be compared with skip_where")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_midnight_in_the_columns_own_zone_is_a_day(tmp_path: Path, zone: str) -> None:
    days = [datetime(2024, 3, day, tzinfo=ZoneInfo(zone)) for day in (4, 5)]
    parquet_of_good_rows(tmp_path, day=pa.array(days, pa.timestamp("us", zone)))
    assert sessions_of(tmp_path) == [date(2024, 3, 4), date(2024, 3, 5)]


@pytest.mark.parametrize(
    ("of_file", "of_source", "settings"),
    [
        ({"skip_where": {"ticker": ["AAA", "BBB"]}}, {}, "skip_where"),
        ({}, {"first_session": date(2024, 6, 3)}, "first_session 2024-06-03"),
        ({}, {"last_session": date(2024, 3, 1)}, "last_session 2024-03-01"),
        (
            {},
            {"first_session": date(2024, 3, 6), "last_session": date(2024, 3, 4)},
            "first_session 2024-03-06, last_session 2024-03-04",
        ),
        ({"quarantine": True, "scale": {"low_usd": 9.0}}, {}, "quarantine"),
    ],
)
def test_bars_of_which_no_row_is_left_are_refused_with_the_settings_that_left_them_out(
    tmp_path: Path, of_file: dict[str, Any], of_source: dict[str, Any], settings: str
) -> None:
    write(tmp_path, HEADER, *GOOD)
    tables = {"daily_bars": [{"file": "bars.csv", "columns": COLUMNS, **of_file}]}
    files = FilesSource(FilesSourceSettings.model_validate({"folder": tmp_path, "tables": tables, **of_source}))
    expected = f"bars.csv: none of its rows is left, expected at least one bar; correct {settings}."
    with pytest.raises(BadSourceFile, match=re.escape(expected)):
        files.check()
    if "first_session" not in of_source:
        with pytest.raises(BadSourceFile, match=re.escape(expected)):
            assert files.first_session
    if "last_session" not in of_source:
        with pytest.raises(BadSourceFile, match=re.escape(expected)):
            assert files.last_session


def test_one_of_two_files_of_bars_may_be_left_without_a_row(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD)
    write(tmp_path, HEADER, "CCC,2024-03-04,5,5,5,5,10", name="more.csv")
    skipped = {"file": "more.csv", "columns": COLUMNS, "skip_where": {"ticker": ["CCC"]}}
    tables = {"daily_bars": [{"file": "bars.csv", "columns": COLUMNS}, skipped]}
    assert FilesSource(FilesSourceSettings.model_validate({"folder": tmp_path, "tables": tables})).check()


@pytest.mark.parametrize(
    ("packed", "kind"),
    [
        (gzip.compress, "gzip"),
        (bz2.compress, "bzip2"),
        (lambda body: bz2.compress(body, compresslevel=1), "bzip2"),
        (lzma.compress, "xz"),
        (lambda body: pa.Codec("zstd").compress(body, asbytes=True), "Zstandard"),
        (lambda body: b"PK\x03\x04" + body, "ZIP"),
    ],
)
def test_a_compressed_file_is_named_as_one(tmp_path: Path, packed: Callable[[bytes], bytes], kind: str) -> None:
    (tmp_path / "bars.csv.gz").write_bytes(packed("\n".join([HEADER, *GOOD]).encode()))
    message = fault(tmp_path, file="bars.csv.gz")
    assert message.startswith(f"bars.csv.gz: it is compressed ({kind}), expected plain text; unpack it")


def test_nothing_of_a_bad_file_is_stored(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD)
    sources, store = files_sources(source(tmp_path)), RawStore(tmp_path / "raw")
    write(tmp_path, HEADER, *GOOD, "AAA,2024-03-06,10,11,-9,10,1000")
    with pytest.raises(BadSourceFile):
        take_in(
            sources,
            store,
            DAILY_BARS,
            session=date(2024, 3, 6),
            recorded_at=CALENDAR.as_of(date(2024, 3, 6)),
            calendar=CALENDAR,
        )
    assert store.parts(DAILY_BARS) == ()


def test_quarantine_keeps_the_good_rows_and_reports_the_bad(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD, "AAA,2024-03-06,10,11,-9,10,1000", "BBB,2024-03-05,5,5,5,5,10")
    quarantining = source(tmp_path, quarantine=True)
    assert quarantining.check()["daily_bars"] == 4
    (refusal,) = quarantining.quarantined("daily_bars")
    assert (refusal.file, refusal.row, refusal.column, refusal.found) == ("bars.csv", 4, "l", "-9.000000")


def test_quarantine_does_not_forgive_an_unreadable_cell(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD, "AAA,2024-03-06,ten,11,9,10,1000")
    assert "row 4, column o" in fault(tmp_path, quarantine=True)


def test_two_files_of_one_table_may_not_tell_the_same_fact(tmp_path: Path) -> None:
    write(tmp_path, HEADER, *GOOD)
    write(tmp_path, HEADER, "CCC,2024-03-04,5,5,5,5,10", GOOD[1], name="more.csv")
    specs = [{"file": name, "columns": COLUMNS} for name in ("bars.csv", "more.csv")]
    settings = FilesSourceSettings.model_validate({"folder": tmp_path, "tables": {"daily_bars": specs}})
    with pytest.raises(BadSourceFile, match=r"more\.csv, row 2: another file"):
        FilesSource(settings).check()
