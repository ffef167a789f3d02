from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.tape import Tape, write_tape
from execution.domain.errors import CorruptArtifact, DataError
from tests.builders.venue import MONDAY, TUESDAY, a_bar


def test_what_is_written_is_read(tmp_path: Path) -> None:
    bar = a_bar(split_ratio="0.333333", dividend_usd="0.25", is_halted=True, is_last_session=True)
    write_tape(tmp_path, TUESDAY, [bar])
    assert Tape(tmp_path).row(TUESDAY, "AAA") == bar


def test_rows_come_in_order_of_symbols(tmp_path: Path) -> None:
    write_tape(tmp_path, TUESDAY, [a_bar(symbol="BBB"), a_bar(symbol="AAA")])
    assert list(Tape(tmp_path).rows(TUESDAY)) == ["AAA", "BBB"]


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [a_bar(symbol=symbol) for symbol in ("AAA", "BBB", "CCC")]
    one = write_tape(tmp_path / "one", TUESDAY, rows)
    other = write_tape(tmp_path / "other", TUESDAY, reversed(rows))
    assert one.read_bytes() == other.read_bytes()


def test_writing_the_same_rows_again_leaves_the_file_alone(tmp_path: Path) -> None:
    path = write_tape(tmp_path, TUESDAY, [a_bar()])
    before = path.stat()
    write_tape(tmp_path, TUESDAY, [a_bar()])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_corrected_tape_is_seen_by_a_reader_that_knew_the_former(tmp_path: Path) -> None:
    write_tape(tmp_path, TUESDAY, [a_bar(close_usd="51.00")])
    tape = Tape(tmp_path)
    tape.rows(TUESDAY)
    write_tape(tmp_path, TUESDAY, [a_bar(close_usd="50.50", symbol="AAA"), a_bar(symbol="BBB")])
    assert set(tape.rows(TUESDAY)) == {"AAA", "BBB"}


def test_nothing_but_the_tape_is_left_in_the_folder(tmp_path: Path) -> None:
    write_tape(tmp_path, TUESDAY, [a_bar()])
    assert [path.name for path in tmp_path.iterdir()] == ["2024-03-05.parquet"]


def test_a_session_without_a_tape_is_told_apart_from_a_symbol_without_a_bar(tmp_path: Path) -> None:
    write_tape(tmp_path, TUESDAY, [a_bar()])
    tape = Tape(tmp_path)
    assert tape.has(TUESDAY)
    assert tape.row(TUESDAY, "ZZZ") is None
    assert not tape.has(MONDAY)
    with pytest.raises(DataError, match="no tape for 2024-03-04"):
        tape.rows(MONDAY)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"low_usd": "0"}, "not above zero"),
        ({"open_usd": "53"}, "outside low and high"),
        ({"close_usd": "47"}, "outside low and high"),
        ({"volume_shares": -1}, "volume is negative"),
        ({"split_ratio": "0"}, "split ratio"),
        ({"dividend_usd": "-0.1"}, "dividend is negative"),
        ({"symbol": ""}, "symbol is empty"),
        ({"volume_shares": None}, "missing"),
        ({"session": date(2024, 3, 6)}, "another session"),
        ({"open_usd": "50.0000001"}, "does not fit"),
        ({"open_usd": Decimal("NaN")}, "does not fit"),
    ],
)
def test_an_impossible_row_is_refused_and_nothing_is_written(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        write_tape(tmp_path, TUESDAY, [a_bar(symbol="OK"), a_bar(**{"symbol": "BAD", **changes})])
    assert not list(tmp_path.iterdir())


def test_a_symbol_that_comes_twice_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="AAA"):
        write_tape(tmp_path, TUESDAY, [a_bar(), a_bar(symbol="BBB"), a_bar()])


def test_a_truncated_tape_is_named(tmp_path: Path) -> None:
    path = write_tape(tmp_path, TUESDAY, [a_bar()])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptArtifact, match=r"2024-03-05\.parquet"):
        Tape(tmp_path).rows(TUESDAY)


def test_a_tape_under_another_sessions_name_is_refused(tmp_path: Path) -> None:
    write_tape(tmp_path, TUESDAY, [a_bar()]).rename(tmp_path / "2024-03-04.parquet")
    with pytest.raises(CorruptArtifact, match="another session"):
        Tape(tmp_path).rows(MONDAY)


def test_a_session_in_which_nothing_traded_has_an_empty_tape(tmp_path: Path) -> None:
    write_tape(tmp_path, TUESDAY, [])
    assert Tape(tmp_path).rows(TUESDAY) == {}
