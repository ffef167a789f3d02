"""Orders go out over a slow and lossy wire when somebody presses stop: how long until nothing works any more?"""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.home import Home
from pipelines.stopping import prepare_stopping
from tests.fakes.slow_broker import SlowBroker

ROOT = Path(__file__).parents[3]
HALT = (
    sys.executable,
    "-I",
    "-S",
    str(ROOT / "pipelines" / "cli" / "halt.py"),
    "--reason",
    "campaign",
    "--by",
    "ada",
)
SENDER = (sys.executable, str(ROOT / "tests" / "fakes" / "order_sender.py"))
FATES = ("lives", "is stopped", "is killed")


@dataclass(frozen=True)
class Trial:
    """What became of one stop; seconds count from the start of the halt process, or from the kill file's making."""

    fate: str
    exit_code: int
    seconds: float
    accepted: int
    last_accepted_seconds_after_switch: float
    still_working: int
    said: str


def one_trial(broker: SlowBroker, root: Path, number: int) -> Trial:
    name, dice = f"account-{number}", random.Random(number)  # noqa: S311 - a test's dice
    home, fate = Home(root / name), FATES[number % len(FATES)]
    prepare_stopping(home)
    home.halt.write_text(
        json.dumps({"venue": {"kind": "http", "orders_url": broker.orders_url(name), "headers": {}}, "version": 1})
    )
    sender = subprocess.Popen(
        [*SENDER, str(home.kill), broker.orders_url(name)], stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    try:
        assert sender.stdout is not None
        sender.stdout.readline()
        time.sleep(0.4 + dice.random() * 0.6)
        if fate != "lives":
            sender.send_signal(signal.SIGSTOP if fate == "is stopped" else signal.SIGKILL)
        began = time.monotonic()
        done = subprocess.run(
            [*HALT, "--home", str(home.root)], capture_output=True, text=True, check=False, timeout=60
        )
        seconds = time.monotonic() - began
        # An order that is late by more than a round trip and a time-out would arrive now.
        time.sleep(0.5)
    finally:
        sender.kill()
        sender.communicate()
    account, switched_at_ns = broker.accounts[name], home.kill.stat().st_mtime_ns
    return Trial(
        fate=fate,
        exit_code=done.returncode,
        seconds=seconds,
        accepted=len(account.accepted_at_ns),
        last_accepted_seconds_after_switch=max(
            ((at - switched_at_ns) / 1e9 for at in account.accepted_at_ns.values()), default=-1.0
        ),
        still_working=len(account.working),
        said=done.stdout + done.stderr,
    )


def trials(root: Path, count: int, *, at_once: int) -> list[Trial]:
    with SlowBroker(seed=7) as broker, ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda number: one_trial(broker, root, number), range(count)))


def assert_all_stopped(done: list[Trial]) -> None:
    for trial in done:
        assert trial.exit_code == 0, trial
        assert trial.still_working == 0, trial
        assert trial.last_accepted_seconds_after_switch <= 1.0, trial
    assert sum(trial.accepted for trial in done) >= len(done)


def test_whatever_became_of_the_executor_nothing_works_after_a_stop(tmp_path: Path) -> None:
    assert_all_stopped(trials(tmp_path, 3, at_once=3))


@pytest.mark.campaign
def test_200_stops_at_300_ms_and_20_percent_errors(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done = trials(tmp_path, 200, at_once=4)
    seconds = sorted(trial.seconds for trial in done)
    record_property("trials", len(done))
    record_property("orders_accepted", sum(trial.accepted for trial in done))
    record_property("seconds_p50", round(seconds[len(seconds) // 2], 2))
    record_property("seconds_p99", round(seconds[int(0.99 * len(seconds)) - 1], 2))
    record_property("seconds_max", round(seconds[-1], 2))
    latest = max(trial.last_accepted_seconds_after_switch for trial in done)
    record_property("last_accepted_seconds_after_switch", round(latest, 3))
    assert_all_stopped(done)
    assert seconds[int(0.99 * len(seconds)) - 1] <= 5.0
