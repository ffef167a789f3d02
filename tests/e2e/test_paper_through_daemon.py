"""A paper home lived by the real daemon: prices, headlines and orders come over HTTP, one request of twenty fails."""

from collections.abc import Iterator

import pytest

from execution.venue.faults import FaultPlan
from pipelines.cli.demo import live_day_through_daemon
from tests.builders.rehearsal import CALENDAR, FIRST, Rehearsal, allowed_until, rehearsal
from tests.e2e.conftest import SECONDS_A_TEST_DAY_MAY_TAKE

# Six minutes of one core; the same cycle without the daemon is in tests/integration/rehearsal.
pytestmark = [pytest.mark.daemon, pytest.mark.campaign]
RATE = 0.05
SESSIONS = 3


def live(told: Rehearsal, sessions: int) -> None:
    """Let the daemon live until so many decided sessions have settled and have their page."""
    allowed_until(told, sessions)
    last = told.home.reports / f"{CALENDAR.offset(FIRST, sessions - 1).isoformat()}.html"
    with pytest.MonkeyPatch.context() as environment:
        for name, value in told.environment.items():
            environment.setenv(name, value)
        live_day_through_daemon(
            told.home,
            is_over=last.exists,
            timeout_seconds=sessions * SECONDS_A_TEST_DAY_MAY_TAKE,
            tell=lambda _line: None,
        )


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with rehearsal(tmp_path_factory.mktemp("rehearsal"), faults=FaultPlan(seed=7, rate=RATE)) as told:
        live(told, SESSIONS)
        told.faults.clear()
        yield told


def test_three_sessions_settle_although_the_wire_fails(lived: Rehearsal) -> None:
    settled = [cycle for cycle in lived.book.cycles.values() if cycle.settled is not None]
    assert len(settled) == SESSIONS
    assert lived.book.fills
    assert lived.faults.met()


def test_the_ledger_ends_equal_to_the_venue(lived: Rehearsal) -> None:
    lived.assert_ledger_is_venue()


def test_the_venue_took_nothing_twice(lived: Rehearsal) -> None:
    lived.assert_nothing_twice()


def test_no_key_is_in_anything_the_home_wrote_its_logs_included(lived: Rehearsal) -> None:
    lived.assert_no_key_in("ledger.db", "operations.db", "dagster", "artifacts", "logs", "daemon.log")
