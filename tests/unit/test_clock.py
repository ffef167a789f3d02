import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from execution.clock import FileClock, SystemClock
from execution.domain.errors import DataError, SettingsRefused

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "clock.json"


def a_clock(path: Path) -> FileClock:
    clock = FileClock(path)
    clock.initialise(NOON)
    return clock


def test_a_clock_without_an_instant_says_what_to_run(path: Path) -> None:
    with pytest.raises(SettingsRefused, match="touchstone init"):
        FileClock(path).now()


def test_a_clock_without_an_instant_cannot_be_advanced(path: Path) -> None:
    with pytest.raises(SettingsRefused, match="touchstone init"):
        FileClock(path).advance_to(NOON)


def test_a_new_clock_stands_at_its_first_instant(path: Path) -> None:
    assert a_clock(path).now() == NOON


def test_every_process_that_names_the_file_reads_the_same_instant(path: Path) -> None:
    a_clock(path).advance_to(NOON + timedelta(hours=1))
    assert FileClock(path).now() == NOON + timedelta(hours=1)


def test_initialising_again_leaves_a_running_clock_alone(path: Path) -> None:
    a_clock(path).advance_to(NOON + timedelta(days=9))
    assert FileClock(path).initialise(NOON) == NOON + timedelta(days=9)


def test_the_clock_never_goes_back(path: Path) -> None:
    clock = a_clock(path)
    with pytest.raises(DataError, match="cannot go back"):
        clock.advance_to(NOON - timedelta(seconds=1))
    assert clock.now() == NOON


def test_advancing_to_where_the_clock_stands_changes_nothing(path: Path) -> None:
    clock = a_clock(path)
    before = path.read_bytes()
    clock.advance_to(NOON)
    assert path.read_bytes() == before


def test_an_instant_of_another_timezone_is_kept_in_utc(path: Path) -> None:
    clock = a_clock(path)
    clock.advance_to(datetime(2024, 1, 2, 15, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2024, 1, 2, 13, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def test_a_naive_instant_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="naive"):
        a_clock(path).advance_to(datetime(2024, 1, 3))  # noqa: DTZ001 - the fault under test


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"now": 5, "until": 6}', b'{"now": "2024-01-02"}'])
def test_a_file_without_an_instant_is_named(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"clock\.json"):
        FileClock(path).now()


def test_the_newest_of_many_simultaneous_moves_wins(path: Path) -> None:
    a_clock(path)

    def advance(hours: int) -> None:
        # A move that comes after a later one is refused, which is the point.
        try:
            FileClock(path).advance_to(NOON + timedelta(hours=hours))
        except DataError:
            return

    threads = [threading.Thread(target=advance, args=(hours,)) for hours in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert FileClock(path).now() == NOON + timedelta(hours=8)


def test_the_system_clock_is_aware_of_its_timezone() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_monotonic_reading_never_goes_back(path: Path) -> None:
    for clock in (SystemClock(), a_clock(path)):
        first = clock.monotonic_seconds()
        assert clock.monotonic_seconds() >= first


def test_waiting_lets_time_go_by_only_where_the_clock_runs_by_itself(path: Path) -> None:
    assert SystemClock().wait_seconds(0.001)
    told = a_clock(path)
    assert not told.wait_seconds(3600)
    assert told.now() == NOON
