"""Sessions nobody attends, one life of the real daemon, all sensors on: no session missed, one green drill a day."""

import time
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from assets.maintenance.nights import night_of, upkept_sessions
from execution.clock import FileClock
from execution.ledger.book import Book
from pipelines.daemon_process import running_daemon
from pipelines.home import Home
from pipelines.settings import load_settings
from pipelines.upkeep.health import health_of
from tests.e2e.conftest import CALENDAR, SESSION, DaemonHome, a_place_for_a_daemon

pytestmark = [pytest.mark.daemon, pytest.mark.campaign]

SESSIONS = (3, 30)
# Bounds for a hopeless day, not measures: other workers and other programs share the machine.
SECONDS_A_SESSION_MAY_TAKE = 400
BYTES_A_SESSION_MAY_ADD = 12_000_000


def size_of(home: Home) -> int:
    """Return the bytes of a home without its backups and logs."""
    left_out = (home.root / "backups", home.logs)
    files = [path for path in home.root.rglob("*") if not any(path.is_relative_to(folder) for folder in left_out)]
    total = 0
    for path in files:
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # a journal that ended meanwhile
    return total


def lived(unattended: DaemonHome, last: date, sessions: int) -> list[int]:
    """Run the daemon until the night after a session is over, and return the home's size after each night."""
    home, sizes = unattended.home, []
    FileClock(home.clock).live_until(CALENDAR.as_of(CALENDAR.next(last)))
    with (
        a_place_for_a_daemon(),
        running_daemon(environment=home.process_environment(), log_file=home.logs / "daemon.log") as daemon,
    ):
        deadline = time.monotonic() + sessions * SECONDS_A_SESSION_MAY_TAKE
        seen = len(upkept_sessions(home.upkeep))
        while last not in upkept_sessions(home.upkeep):
            if (nights := len(upkept_sessions(home.upkeep))) > seen:
                seen = nights
                sizes.append(size_of(home))
            assert daemon.poll() is None, (home.logs / "daemon.log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"{seen} nights are over"
            time.sleep(1)
    return [*sizes, size_of(home)]


def settled(book: Book) -> set[date]:
    return {cycle.session for cycle in book.cycles.values() if cycle.settled is not None}


@pytest.mark.parametrize("sessions", SESSIONS)
def test_sessions_nobody_attends_miss_nothing(
    traded_day: DaemonHome, tmp_path: Path, sessions: int, record_property: Callable[[str, object], None]
) -> None:
    unattended = traded_day.copied_to(tmp_path / "home")
    settings_file = unattended.home.settings
    settings_file.write_text(settings_file.read_text().replace("is_scheduled: false", "is_scheduled: true"))
    last = CALENDAR.offset(SESSION, sessions)
    days = CALENDAR.between(CALENDAR.next(SESSION), last)
    started = time.monotonic()

    sizes = lived(unattended, last, sessions)

    home, settings = unattended.home, load_settings(settings_file, {})
    assert settled(unattended.book) >= set(days)
    assert {night: night_of(home.upkeep, night)["refusal"] for night in days} == dict.fromkeys(days, "")
    report = health_of(settings, home)
    assert (report.missed, report.data_age_sessions, report.halts) == ((), 0, 0)
    assert unattended.ledger.verify_chain().sequence > 0
    unattended.ledger.verify_projections()
    growth = [after - before for before, after in pairwise(sizes)]
    assert max(growth, default=0) < BYTES_A_SESSION_MAY_ADD
    record_property("sessions", sessions)
    record_property("seconds", round(time.monotonic() - started))
    record_property("largest_growth_bytes", max(growth, default=0))
    record_property("mean_growth_bytes", round(sum(growth) / max(1, len(growth))))
    record_property("slowest_restore_seconds", report.restore_seconds_max)
