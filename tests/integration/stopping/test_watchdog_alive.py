"""The watchdog as the process it is: the switch, and an executor that was killed or stopped dead in session."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from execution.clock import FileClock
from execution.domain.orders import OrderRequest
from execution.ledger.sqlite_ledger import SqliteLedger
from pipelines.home import Home
from tests.builders.trading_days import FIRST, TradingDays

ROOT = Path(__file__).parents[3]
BEATING = "import sys, time, pathlib\nwhile True: pathlib.Path(sys.argv[1]).touch(); time.sleep(0.1)"
SILENCE_SECONDS = 4


class Watched:
    """A home in session with three stops and a resting entry, a watchdog and an executor that beats."""

    def __init__(self, folder: Path, silence_seconds: int = SILENCE_SECONDS) -> None:
        self.home = Home(folder)
        self.days = TradingDays(folder, is_on_files=True)
        self.days.plan()
        self.days.submit()
        FileClock(self.home.clock).initialise(self.days.clock.now())
        self.rest("far")
        self.executor = subprocess.Popen([sys.executable, "-c", BEATING, str(self.home.heartbeat)])
        self.dog = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli.main", "watchdog"],
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "TOUCHSTONE_HOME": str(folder),
                "TOUCHSTONE__WATCHDOG__HEARTBEAT_DEADLINE_SECONDS": str(silence_seconds),
                "PYTHONPATH": str(ROOT),
            },
        )

    def rest(self, client_order_id: str) -> None:
        order = OrderRequest(
            client_order_id=client_order_id,
            symbol="DDD",
            side="buy",
            leg="entry",
            quantity_shares=1,
            order_type="limit",
            time_in_force="day",
            limit_usd=self.days.world[FIRST, "DDD"].low_usd / 2 // 1,
        )
        self.days.venue.submit(order)

    def wait_until_it_watches(self) -> None:
        assert self.dog.stderr is not None
        for line in self.dog.stderr:
            if "watchdog_started" in line:
                return
        raise AssertionError("the watchdog ended before it watched")

    def types_working(self) -> set[str]:
        return {order.order_type for order in self.days.venue.open_orders()}

    def state(self) -> str:
        control = SqliteLedger(self.home.ledger).book().control
        return control.state if control else "active"

    def end(self) -> str:
        """End the watchdog as an operator would and return its log."""
        self.dog.send_signal(signal.SIGTERM)
        assert self.dog.stderr is not None
        said = self.dog.stderr.read()
        assert self.dog.wait(timeout=30) == 0
        return said

    def kill_all(self) -> None:
        for process in (self.executor, self.dog):
            process.kill()
            process.communicate()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    try:
        watched.wait_until_it_watches()
        yield watched
    finally:
        watched.kill_all()


def seconds_until(is_so: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() < began + 30, "it never became so"
        time.sleep(0.01)
    return time.monotonic() - began


def test_the_switch_cancels_entries_in_a_moment(
    watched: Watched, record_property: Callable[[str, object], None]
) -> None:
    watched.home.kill.touch()
    record_property("seconds", round(seconds_until(lambda: watched.types_working() == {"stop"}), 3))
    seconds_until(lambda: watched.state() == "halted")
    assert "watchdog_alarm" in watched.end()


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP])
def test_an_executor_that_is_dead_or_stopped_in_session_leaves_no_entry_working(
    watched: Watched, fate: signal.Signals, record_property: Callable[[str, object], None]
) -> None:
    watched.executor.send_signal(fate)
    seconds = seconds_until(lambda: watched.types_working() == {"stop"})
    record_property("seconds_beyond_deadline", round(seconds - SILENCE_SECONDS, 3))
    seconds_until(lambda: watched.state() == "reducing")
    assert "silence" in watched.end()


def test_nothing_is_cancelled_while_somebody_is_alive(watched: Watched) -> None:
    deadline = time.monotonic() + 1.5 * SILENCE_SECONDS
    while time.monotonic() < deadline:
        assert watched.types_working() == {"stop", "limit"}
        time.sleep(0.1)
    assert "watchdog_alarm" not in watched.end()


@pytest.mark.campaign
def test_100_executors_stopped_dead_leave_no_entry_working_five_seconds_after_the_deadline(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    watched, beyond = Watched(tmp_path, silence_seconds=1), []
    try:
        watched.wait_until_it_watches()
        for number in range(100):
            watched.rest(f"far-{number}")
            watched.executor.send_signal(signal.SIGSTOP)
            beyond.append(seconds_until(lambda: watched.types_working() == {"stop"}) - 1)
            watched.executor.send_signal(signal.SIGCONT)
            # The next one begins with a sign of life.
            beat = watched.home.heartbeat.stat().st_mtime_ns
            seconds_until(lambda beat=beat: watched.home.heartbeat.stat().st_mtime_ns != beat)
    finally:
        watched.kill_all()
    record_property("trials", len(beyond))
    record_property("seconds_beyond_deadline_p50", round(sorted(beyond)[50], 3))
    record_property("seconds_beyond_deadline_max", round(max(beyond), 3))
    assert max(beyond) <= 5.0
