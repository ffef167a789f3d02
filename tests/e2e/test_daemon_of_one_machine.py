"""The daemon with its two code servers: they live and die together, and nothing is left behind."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipelines.daemon_process import running_daemon
from tests.e2e.conftest import a_place_for_a_daemon, new_home

pytestmark = pytest.mark.daemon
SECONDS_IT_MAY_TAKE = 300.0


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_IT_MAY_TAKE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def servers_of(daemon: psutil.Process) -> list[psutil.Process]:
    return [child for child in daemon.children() if "pipelines.code_server" in child.cmdline()]


def is_alive(process: psutil.Process) -> bool:
    # A process whose parent is gone may wait for ever to be taken note of.
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("death", ["of a server", "of the daemon"])
def test_a_daemon_and_its_code_servers_end_together(death: str, tmp_path: Path) -> None:
    home = new_home(tmp_path / "home").home
    log = home.logs / "daemon.log"
    with a_place_for_a_daemon(), running_daemon(environment=home.process_environment(), log_file=log) as child:
        daemon = psutil.Process(child.pid)
        # Its sensors are looked at, so both locations are loaded.
        wait_until(lambda: "session_clock" in log.read_text() and "signal_batches" in log.read_text())
        family = daemon.children(recursive=True)
        assert len(servers_of(daemon)) == 2
        (servers_of(daemon)[0] if death == "of a server" else daemon).send_signal(signal.SIGKILL)
        wait_until(lambda: child.poll() is not None and not any(is_alive(one) for one in family))
        assert child.returncode == (1 if death == "of a server" else -signal.SIGKILL)
