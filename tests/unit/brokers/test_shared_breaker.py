import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from execution.domain.errors import AccessDenied, VenueUnavailable
from execution.shared_breaker import SharedBreaker


def breaker(folder: Path, *, provider: str = "venue") -> SharedBreaker:
    return SharedBreaker(folder / "operations.db", provider=provider, failures=3, reset_seconds=30)


def silent() -> None:
    raise VenueUnavailable("no answer")


def fail(found: SharedBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(VenueUnavailable, match="no answer"):
            found.call(silent)


def let_time_pass(folder: Path, seconds: float) -> None:
    """Let the breaker have opened so much earlier."""
    opened_at = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    with closing(sqlite3.connect(folder / "operations.db", isolation_level=None)) as connection:
        connection.execute("update breakers set opened_at = ?", (opened_at,))


def test_after_failures_in_a_row_nothing_is_asked(tmp_path: Path) -> None:
    found = breaker(tmp_path)
    fail(found, 3)
    asked: list[int] = []
    with pytest.raises(VenueUnavailable, match="nothing is asked for a while"):
        found.call(lambda: asked.append(1))
    assert asked == []


def test_every_process_knows_of_the_outage(tmp_path: Path) -> None:
    fail(breaker(tmp_path), 2)
    fail(breaker(tmp_path), 1)
    assert breaker(tmp_path).is_open


def test_an_answer_in_between_starts_the_count_anew(tmp_path: Path) -> None:
    found = breaker(tmp_path)
    fail(found, 2)
    assert found.call(lambda: "here") == "here"
    fail(found, 2)
    assert not found.is_open


def test_after_a_while_one_answer_closes_it_for_all(tmp_path: Path) -> None:
    fail(breaker(tmp_path), 3)
    let_time_pass(tmp_path, 31)
    assert breaker(tmp_path).call(lambda: "back") == "back"
    assert not breaker(tmp_path).is_open


def test_after_a_while_one_more_silence_opens_it_again(tmp_path: Path) -> None:
    fail(breaker(tmp_path), 3)
    let_time_pass(tmp_path, 31)
    fail(breaker(tmp_path), 1)
    assert breaker(tmp_path).is_open


@pytest.mark.parametrize("clear", [AccessDenied("wrong key"), VenueUnavailable("slower please", wait_seconds=3.0)])
def test_what_was_said_clearly_is_no_outage(tmp_path: Path, clear: Exception) -> None:
    found = breaker(tmp_path)

    def ask() -> None:
        raise clear

    for _ in range(5):
        with pytest.raises(type(clear)):
            found.call(ask)
    assert not found.is_open


def test_providers_have_breakers_of_their_own(tmp_path: Path) -> None:
    fail(breaker(tmp_path), 3)
    assert not breaker(tmp_path, provider="data").is_open
