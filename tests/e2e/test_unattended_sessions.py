"""Sessions nobody attends, all sensors of the real daemon on: no session missed, one green drill a day.

The first of them is the traded day other tests look at too; its night and all that follows is one life of the daemon.
"""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from assets.maintenance.nights import night_of, upkept_sessions
from execution.clock import FileClock
from execution.ledger.book import Book
from pipelines.daemon_process import running_daemon
from pipelines.settings import load_settings
from pipelines.upkeep.health import health_of
from tests.e2e.conftest import CALENDAR, SESSION, DaemonHome, a_place_for_a_daemon

pytestmark = pytest.mark.daemon

SESSIONS = (2, pytest.param(30, marks=pytest.mark.campaign))
# Bounds for a hopeless day, not measures: other workers and other programs share the machine.
SECONDS_A_SESSION_MAY_TAKE = 600
BYTES_A_SESSION_MAY_ADD = 12_000_000


def live_alone(unattended: DaemonHome, last: date, sessions: int) -> None:
    """Run the daemon until the night after a session is over."""
    home = unattended.home
    FileClock(home.clock).live_until(CALENDAR.as_of(CALENDAR.next(last)))
    with (
        a_place_for_a_daemon(),
        running_daemon(environment=home.process_environment(), log_file=home.logs / "daemon.log") as daemon,
    ):
        deadline = time.monotonic() + sessions * SECONDS_A_SESSION_MAY_TAKE
        while last not in (nights := upkept_sessions(home.upkeep)):
            assert daemon.poll() is None, (home.logs / "daemon.log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"{len(nights)} nights are over"
            time.sleep(1)


def settled(book: Book) -> set[date]:
    return {cycle.session for cycle in book.cycles.values() if cycle.settled is not None}


@pytest.mark.parametrize("sessions", SESSIONS)
def test_sessions_nobody_attends_miss_nothing(
    traded_day: DaemonHome, tmp_path: Path, sessions: int, record_property: Callable[[str, object], None]
) -> None:
    unattended = traded_day.copied_to(tmp_path / "home")
    settings_file = unattended.home.settings
    settings_file.write_text(settings_file.read_text().replace("is_scheduled: false", "is_scheduled: true"))
    last = CALENDAR.offset(SESSION, sessions - 1)
    days = CALENDAR.between(SESSION, last)
    started = time.monotonic()

    live_alone(unattended, last, sessions)

    home, settings = unattended.home, load_settings(settings_file, {})
    assert settled(unattended.book) >= set(days)
    assert {night: night_of(home.upkeep, night)["refusal"] for night in days} == dict.fromkeys(days, "")
    report = health_of(settings, home)
    assert (report.missed, [age.table for age in report.data_ages if age.is_late], report.halts) == ((), [], 0)
    assert unattended.ledger.verify_chain().sequence > 0
    unattended.ledger.verify_projections()
    sizes = [int(str(night_of(home.upkeep, night)["home_bytes"])) for night in days]
    assert report.growth_bytes_max is not None
    assert report.growth_bytes_max < BYTES_A_SESSION_MAY_ADD
    record_property("sessions", sessions)
    record_property("seconds", round(time.monotonic() - started))
    record_property("largest_growth_bytes", report.growth_bytes_max)
    record_property("mean_growth_bytes", round((sizes[-1] - sizes[0]) / (len(sizes) - 1)))
    record_property("slowest_restore_seconds", report.restore_seconds_max)
