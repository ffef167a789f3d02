"""What `touchstone demo` and `touchstone ui` start ends with them, however they end; a small child stands in."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

SECONDS_IT_MAY_TAKE = 30.0
# Deaf to a hang-up, as the daemon is in a session of its own; alive for minutes unless somebody ends it.
CHILD = """
import sys, time
from pipelines.starter import end_with_starter
if "--with-starter" in sys.argv:
    end_with_starter()
print("child is up", flush=True)
time.sleep(600)
"""
# Whoever runs the tests may have been started deaf to a hang-up, and children are born as deaf as their parents.
STARTER = """
import os, signal, sys
from pathlib import Path
import pipelines.daemon_process as process
from pipelines.daemon_process import running_daemon
folder, child = Path(sys.argv[1]), (sys.executable, str(Path(sys.argv[1]) / "child.py"))
if sys.argv[2] == "hears":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
process.DAEMON = (*child, *process.DAEMON[3:])
with running_daemon(environment=os.environ, log_file=folder / "daemon.log") as daemon:
    (folder / "pid.part").write_text(str(daemon.pid))
    (folder / "pid.part").rename(folder / "pid")
    daemon.wait()
"""


class Pair:
    """A starter and the child it started, both up."""

    def __init__(self, folder: Path, *, is_deaf: bool = False) -> None:
        (folder / "child.py").write_text(CHILD)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        wrapped, ears = (["nohup"], "deaf") if is_deaf else ([], "hears")
        self.starter = subprocess.Popen(
            [*wrapped, sys.executable, "-c", STARTER, str(folder), ears], env=environment, start_new_session=True
        )
        wait_until((folder / "pid").exists)
        self.child = psutil.Process(int((folder / "pid").read_text()))
        wait_until(lambda: "child is up" in (folder / "daemon.log").read_text())


def wait_until(is_so) -> None:
    deadline = time.monotonic() + SECONDS_IT_MAY_TAKE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_over(process: psutil.Process) -> bool:
    # One whose parent is gone may wait for ever to be taken note of.
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    made: list[Pair] = []
    yield made
    for pair in made:
        for process in (pair.starter, pair.child):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        pair.starter.wait()


@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_daemon_ends_with_its_starter_however_that_ends(word: signal.Signals, tmp_path: Path, pairs) -> None:
    pairs.append(pair := Pair(tmp_path))
    pair.starter.send_signal(word)
    pair.starter.wait(SECONDS_IT_MAY_TAKE)
    if word == signal.SIGKILL:
        wait_until(lambda: is_over(pair.child))
    # Who can still say something waits for what it started.
    assert is_over(pair.child)


def test_a_terminal_that_closes_says_so_twice_and_the_daemon_ends_all_the_same(tmp_path: Path, pairs) -> None:
    pairs.append(pair := Pair(tmp_path))
    for _ in range(5):
        pair.starter.send_signal(signal.SIGHUP)
    pair.starter.wait(SECONDS_IT_MAY_TAKE)
    wait_until(lambda: is_over(pair.child))


def test_a_starter_under_nohup_outlives_its_terminal(tmp_path: Path, pairs) -> None:
    pairs.append(pair := Pair(tmp_path, is_deaf=True))
    pair.starter.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert pair.starter.poll() is None
    assert not is_over(pair.child)
