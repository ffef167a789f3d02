from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from execution.clock import SystemClock
from execution.domain.errors import VenueUnavailable
from execution.ports import Clock
from execution.request_budget import RequestBudget
from tests.fakes.manual_clock import ManualClock

NOON = datetime(2024, 3, 5, 17, 0, tzinfo=UTC)


class PassingClock(ManualClock):
    """A clock whose time goes by when somebody waits."""

    def wait_seconds(self, seconds: float) -> bool:
        self.move_to(self.now() + timedelta(seconds=seconds))
        return True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def budget(folder: Path, clock: Clock, *, provider: str = "venue") -> RequestBudget:
    return RequestBudget(
        folder / "operations.db", provider=provider, clock=clock, per_minute=10, kept_for_orders=3, kept_for_cancels=2
    )


def taken(found: RequestBudget, urgency: str, times: int) -> list[float]:
    return [found.take(urgency) for _ in range(times)]  # type: ignore[arg-type]  # one of the three


def test_reads_leave_room_for_orders_and_orders_for_cancels(tmp_path: Path, clock: ManualClock) -> None:
    found = budget(tmp_path, clock)
    assert taken(found, "read", 6) == [0, 0, 0, 0, 0, 60]
    assert taken(found, "order", 4) == [0, 0, 0, 60]
    assert taken(found, "cancel", 5) == [0, 0, 0, 0, 0]


def test_a_request_counts_for_a_minute(tmp_path: Path, clock: ManualClock) -> None:
    found = budget(tmp_path, clock)
    taken(found, "read", 5)
    clock.move_to(NOON + timedelta(seconds=59))
    assert found.take("read") == pytest.approx(1)
    clock.move_to(NOON + timedelta(seconds=60))
    assert found.take("read") == 0


def test_every_process_of_a_home_draws_from_one_quota(tmp_path: Path, clock: ManualClock) -> None:
    assert sum(wait == 0 for _ in range(3) for wait in taken(budget(tmp_path, clock), "read", 3)) == 5


def test_providers_have_quotas_of_their_own(tmp_path: Path, clock: ManualClock) -> None:
    taken(budget(tmp_path, clock), "read", 5)
    assert budget(tmp_path, clock, provider="data").take("read") == 0


def test_a_pause_that_one_process_was_asked_for_holds_for_all_but_cancels(tmp_path: Path, clock: ManualClock) -> None:
    budget(tmp_path, clock).pause(7)
    other = budget(tmp_path, clock)
    assert (other.take("read"), other.take("order"), other.take("cancel")) == (7, 7, 0)


def test_a_shorter_pause_does_not_end_a_longer_one(tmp_path: Path, clock: ManualClock) -> None:
    found = budget(tmp_path, clock)
    found.pause(30)
    found.pause(1)
    assert found.take("read") == 30


def test_a_read_waits_for_its_turn(tmp_path: Path) -> None:
    clock = PassingClock(NOON)
    found = budget(tmp_path, clock)
    for _ in range(6):
        found.wait(longest_seconds=60)
    assert clock.now() == NOON + timedelta(seconds=60)


def test_a_read_that_would_wait_too_long_is_not_asked(tmp_path: Path) -> None:
    found = budget(tmp_path, PassingClock(NOON))
    taken(found, "read", 5)
    with pytest.raises(VenueUnavailable, match=r"used up for 60\.0 s more, allowed to wait are 30 s"):
        found.wait(longest_seconds=30)


def test_where_time_stands_still_nobody_waits(tmp_path: Path, clock: ManualClock) -> None:
    found = budget(tmp_path, clock)
    taken(found, "read", 5)
    with pytest.raises(VenueUnavailable):
        found.wait(longest_seconds=3600)


def test_a_clock_that_was_set_back_does_not_lock_everybody_out(tmp_path: Path, clock: ManualClock) -> None:
    found = budget(tmp_path, clock)
    taken(found, "read", 5)
    clock.move_to(NOON - timedelta(hours=1))
    assert found.take("read") == 0


def test_many_at_once_never_take_more_than_there_is(tmp_path: Path) -> None:
    found = [budget(tmp_path, SystemClock()) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        waits = list(pool.map(lambda number: found[number % 4].take("read"), range(24)))
    assert sum(wait == 0 for wait in waits) == 5
