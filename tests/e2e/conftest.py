"""One small day lived through the real daemon, in two lives of the daemon: the evening, then the trading day.

Lived once however many workers run the tests: who asks first lives it, the others wait and read the same home.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from filelock import FileLock, Timeout

from assets import keys
from execution.clock import FileClock
from execution.ledger.book import Book
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from pipelines.cli.demo import live_day_through_daemon
from pipelines.cli.init import create_home
from pipelines.daemon_process import WORKSPACE, RunWatcher, running_daemon
from pipelines.home import Home
from pipelines.settings import load_settings

CALENDAR = TradingCalendar.shipped()
SESSION = date(2024, 1, 4)
SETTINGS = """\
mode: simulated
first_cycle_session: 2024-01-04
simulated:
  symbols: 40
  first_session: 2022-03-01
  last_session: 2024-06-28
  signal_strength: 4.0
learning:
  num_trees: 20
  # So small a world proves no skill; a model that ranks better than chance decides all the same.
  promotion: {min_deflated_sharpe: 0, max_overfitting_probability: 1, max_superiority_p: 1, min_luck_quantile: 0,
    must_match_rules: false}
sizing:
  # So small a world teaches little; these tests are about what happens to orders, not about whether they pay.
  round_trip_cost_bps: 0
backup:
  # A night's backup and drill have tests of their own; here they would only make each settled day longer.
  is_scheduled: false
"""
# A bound for a hopeless day, not a measure: other workers and other programs share the machine.
SECONDS_A_TEST_DAY_MAY_TAKE = 900.0
SECONDS_OF_QUIET = 15.0
PARTITION = "dagster/partition"
ASK_FOR_BACKFILL = """
mutation ($asked: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $asked) { ... on LaunchBackfillSuccess { backfillId } }
}
"""
DAEMONS_AT_ONCE = 2
"""A daemon starts both code locations anew each minute, so that a third one on two cores makes all of them crawl."""


@contextmanager
def a_place_for_a_daemon() -> Iterator[None]:
    """Wait until fewer than `DAEMONS_AT_ONCE` daemons of this test run live, and keep a place for one."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "alone")
    places = [
        FileLock(Path(tempfile.gettempdir()) / f"touchstone-daemon-{run}-{number}.lock")
        for number in range(DAEMONS_AT_ONCE)
    ]
    while True:
        for place in places:
            try:
                place.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield
            finally:
                place.release()
            return
        time.sleep(0.5)


@dataclass(frozen=True, slots=True)
class LivedDay:
    """A home in which one decision session was planned, traded, settled and reported."""

    home: Path
    dagster_home: Path
    session: date
    environment: dict[str, str]


class DaemonHome:
    """A home with what these tests do to it; the daemon runs only inside `live`."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    def ledger(self) -> SqliteLedger:
        return SqliteLedger(self.home.ledger)

    @property
    def book(self) -> Book:
        return self.ledger.book() if self.home.ledger.exists() else Book()

    @property
    def batches(self) -> SignalBatchStore:
        return SignalBatchStore(self.home.artifacts)

    def copied_to(self, target: Path) -> "DaemonHome":
        shutil.copytree(self.home.root, target)
        return DaemonHome(Home(target))

    def live(self, *, until: datetime, is_over: Callable[[], bool], seconds_of_quiet: float = 0.0) -> None:
        """Run the daemon until the world got where it should and then stayed quiet for a while."""
        FileClock(self.home.clock).live_until(until)
        reached_at: list[float] = []

        def is_quiet() -> bool:
            if not is_over():
                return False
            reached_at.append(time.monotonic())
            return time.monotonic() - reached_at[0] >= seconds_of_quiet

        with a_place_for_a_daemon():
            live_day_through_daemon(
                self.home, is_over=is_quiet, timeout_seconds=SECONDS_A_TEST_DAY_MAY_TAKE, tell=lambda _line: None
            )

    @contextmanager
    def alive(self) -> Iterator["LivingHome"]:
        """Run the daemon until the block ends, which says how far the world goes and what is done to it meanwhile."""
        environment, log = self.home.process_environment(), self.home.logs / "daemon.log"
        with (
            a_place_for_a_daemon(),
            dg.DagsterInstance.from_config(str(self.home.dagster)) as instance,
            running_daemon(environment=environment, log_file=log) as daemon,
        ):
            yield LivingHome(self, instance, RunWatcher(instance), daemon)


@dataclass(frozen=True, slots=True)
class Backfilled:
    """How a backfill ended, and its runs by session."""

    status: str
    runs: tuple[dg.DagsterRun, ...]


@dataclass(frozen=True, slots=True)
class LivingHome:
    """A home whose daemon runs now."""

    lived: DaemonHome
    instance: dg.DagsterInstance
    watcher: RunWatcher
    daemon: subprocess.Popen[bytes]

    def live(self, *, until: datetime, is_over: Callable[[], bool], seconds_of_quiet: float = 0.0) -> None:
        """Let the world go on until it got where it should, no run is under way, and it stayed so for a while."""
        home = self.lived.home
        FileClock(home.clock).live_until(until)
        started, reached_at = time.monotonic(), None
        while True:
            is_there = is_over() and self.watcher.unfinished_runs() == 0
            reached_at = (reached_at or time.monotonic()) if is_there else None
            if reached_at is not None and time.monotonic() - reached_at >= seconds_of_quiet:
                return
            log = (home.logs / "daemon.log").read_text(encoding="utf-8", errors="replace")
            assert self.daemon.poll() is None, log[-2000:]
            assert "Error loading repository location" not in log, log[-2000:]
            assert time.monotonic() - started < SECONDS_A_TEST_DAY_MAY_TAKE, log[-2000:]
            time.sleep(0.5)

    def materialize_again(self, job: str, session: date) -> None:
        """Queue a run by hand, as a person at the page would: no work tag, no run key."""
        tags = f'{{"dagster/partition": "{session.isoformat()}"}}'
        # The daemon's own warm servers: others would import everything once more.
        command = [sys.executable, "-m", "dagster", "job", "launch", "-w", str(self.workspace()), "-l", "analysis"]
        subprocess.run(
            [*command, "-j", job, "--tags", tags],
            env=self.lived.home.process_environment(),
            cwd=WORKSPACE.parent,
            check=True,
            capture_output=True,
        )

    def backfill(self, selected: Iterable[keys.Key], sessions: Sequence[date]) -> Backfilled:
        """Ask for some sessions of some assets as the page's button does, and wait until nothing of it runs."""
        asked = {
            "assetSelection": [{"path": list(key)} for key in selected],
            "partitionNames": [session.isoformat() for session in sessions],
        }
        answer = self.lived.home.logs / "backfill.json"
        command = [
            str(Path(sys.executable).with_name("dagster-graphql")),
            "-w",
            str(self.workspace()),
            "-o",
            str(answer),
        ]
        subprocess.run(
            [*command, "-t", ASK_FOR_BACKFILL, "-v", json.dumps({"asked": asked})],
            env=self.lived.home.process_environment(),
            cwd=WORKSPACE.parent,
            check=True,
            capture_output=True,
        )
        backfill_id = json.loads(answer.read_text(encoding="utf-8"))["data"]["launchPartitionBackfill"]["backfillId"]
        deadline = time.monotonic() + SECONDS_A_TEST_DAY_MAY_TAKE
        while True:
            backfill = self.instance.get_backfill(backfill_id)
            assert backfill is not None
            if backfill.status in BULK_ACTION_TERMINAL_STATUSES and self.watcher.unfinished_runs() == 0:
                runs = self.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill_id}))
                return Backfilled(str(backfill.status.value), tuple(sorted(runs, key=lambda run: run.tags[PARTITION])))
            assert self.daemon.poll() is None
            assert time.monotonic() < deadline, backfill.status
            time.sleep(0.5)

    def workspace(self) -> Path:
        """Return the file in which the daemon names its servers; it is written once they answer."""
        deadline = time.monotonic() + SECONDS_A_TEST_DAY_MAY_TAKE
        while True:
            said = [child.cmdline() for child in psutil.Process(self.daemon.pid).children()]
            for socket in (line[-1] for line in said if "pipelines.code_server" in line):
                if (path := Path(socket).with_name("workspace.yaml")).exists():
                    return path
            assert self.daemon.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.5)


def new_home(root: Path, settings_text: str = SETTINGS) -> DaemonHome:
    """Return a new home with settings of its own, its clock before the first cut-off."""
    home = Home(root).create()
    home.settings.write_text(settings_text, encoding="utf-8")
    create_home(load_settings(home.settings), home)
    return DaemonHome(home)


def lived_once(
    name: str, factory: pytest.TempPathFactory, worker_id: str, live: Callable[[Path], DaemonHome]
) -> DaemonHome:
    """Return a home all workers of a test run share; the first to ask lives it."""
    shared = factory.getbasetemp() if worker_id == "master" else factory.getbasetemp().parent
    note = shared / f"{name}.path"
    with FileLock(f"{note}.lock"):
        if not note.exists():
            lived = live(factory.mktemp(name) / "home")
            note.write_text(str(lived.home.root), encoding="utf-8")
    return DaemonHome(Home(Path(note.read_text(encoding="utf-8"))))


@pytest.fixture(scope="session")
def planned_day(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> DaemonHome:
    """The evening of the decision session: planned, nothing sent. Copy it, never live on in it."""

    def live(root: Path) -> DaemonHome:
        planned = new_home(root)
        planned.live(until=CALENDAR.as_of(SESSION), is_over=lambda: bool(planned.book.cycles))
        return planned

    return lived_once("planned", tmp_path_factory, worker_id, live)


@pytest.fixture(scope="session")
def traded_day(planned_day: DaemonHome, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> DaemonHome:
    """The same home a day later: sent, filled, settled, reported. Copy it, never live on in it."""

    def live(root: Path) -> DaemonHome:
        traded = planned_day.copied_to(root)
        report = traded.home.reports / f"{SESSION.isoformat()}.html"
        traded.live(until=CALENDAR.bars_known_at(CALENDAR.next(SESSION)), is_over=report.exists)
        return traded

    return lived_once("traded", tmp_path_factory, worker_id, live)


@pytest.fixture(scope="session")
def lived_day(traded_day: DaemonHome, tmp_path_factory: pytest.TempPathFactory) -> LivedDay:
    """A copy of the traded day for those who open it in a server, which writes where it reads."""
    home = traded_day.copied_to(tmp_path_factory.mktemp("seen") / "home").home
    return LivedDay(home.root, home.dagster, SESSION, home.process_environment())
