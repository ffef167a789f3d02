from datetime import UTC, datetime, timedelta
from pathlib import Path

from execution.clock import FileClock

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def test_a_new_clock_was_asked_to_go_nowhere(tmp_path: Path) -> None:
    clock = FileClock(tmp_path / "clock.json")
    clock.initialise(NOON)
    assert clock.until() == NOON


def test_the_limit_survives_a_move(tmp_path: Path) -> None:
    clock = FileClock(tmp_path / "clock.json")
    clock.initialise(NOON)
    clock.live_until(NOON + timedelta(days=1))
    clock.advance_to(NOON + timedelta(hours=1))
    assert clock.until() == NOON + timedelta(days=1)


def test_an_earlier_limit_changes_nothing(tmp_path: Path) -> None:
    clock = FileClock(tmp_path / "clock.json")
    clock.initialise(NOON)
    clock.live_until(NOON + timedelta(days=2))
    assert clock.live_until(NOON) == NOON + timedelta(days=2)
