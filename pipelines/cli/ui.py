"""`touchstone ui`: the web page and the daemon as children of this process, on loopback, until Ctrl-C."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg

from execution.domain.errors import SettingsRefused, TouchstoneError
from pipelines.daemon_process import SECONDS_TO_STOP, WORKSPACE, running_daemon
from pipelines.dagster_instance import is_daemon_alive, prepare_instance
from pipelines.home import Home
from pipelines.page.rules import LOOPBACK
from pipelines.settings import Settings
from pipelines.starter import WITH_STARTER
from pipelines.trading_adapters import clock_of

SECONDS_TO_START: Final = 180.0
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class PageFailed(TouchstoneError):
    """The web page or the daemon ended, or never came up."""


def serve(
    settings: Settings,
    home: Home,
    *,
    port: int,
    settings_path: Path | None = None,
    tell: Callable[[str], None] = print,
) -> int:
    """Serve until interrupted and return the exit code.

    A page that answers proves nothing about the daemon, so both are waited for and both are watched.

    Args:
        settings: the whole tree; in told time the home's clock must have an instant, or each look at due work fails.
        home: its instance is made when missing.
        port: on loopback; refused when something else listens there.
        settings_path: the settings file page and daemon read; None for the usual one.
        tell: takes one line for the person at the terminal.

    Raises:
        SettingsRefused: the port is taken, or the home's clock was never initialised.
        PageFailed: a child ended by itself or did not come up in time.
    """
    _refuse_taken(port)
    clock_of(settings.mode, home).now()
    prepare_instance(home)
    environment = home.process_environment(settings_path)
    logs = {name: home.logs / f"{name}.log" for name in ("daemon", "webserver")}
    with (
        running_daemon(environment=environment, log_file=logs["daemon"]) as daemon,
        running_webserver(environment=environment, log_file=logs["webserver"], port=port) as webserver,
        dg.DagsterInstance.from_config(str(home.dagster)) as instance,
    ):
        children = {"daemon": daemon, "webserver": webserver}
        tell(f"starting the page and the daemon; logs are in {home.logs}")
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while not (_answers(port) and is_daemon_alive(instance)):
                _refuse_dead(children, logs)
                if time.monotonic() > deadline:
                    raise PageFailed(f"not up after {SECONDS_TO_START:.0f} s; see the logs in {home.logs}")
                time.sleep(0.5)
            tell(f"the page is at http://{LOOPBACK}:{port} and the daemon's heart beats; Ctrl-C stops both")
            while True:
                _refuse_dead(children, logs)
                time.sleep(1)
        except KeyboardInterrupt:
            tell("stopping")
            return 0


@contextmanager
def running_webserver(
    *, environment: Mapping[str, str], log_file: Path, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the web page behind its guard on loopback until the block ends.

    Args:
        environment: of the child; names the home and the Dagster instance.
        log_file: where its output goes.
        port: to listen on.

    Yields:
        The child process.
    """
    command = [sys.executable, "-m", "pipelines.page.server", "--workspace", str(WORKSPACE)]
    command += ["--host", LOOPBACK, "--port", str(port), WITH_STARTER]
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 - the command is our own
            command,
            env=dict(environment),
            cwd=WORKSPACE.parent,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        assert child.stdin is not None  # noqa: S101 - asked for above; its type cannot say so
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(timeout=SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdin.close()


def _refuse_taken(port: int) -> None:
    if _answers(port):
        raise SettingsRefused(f"port {port} is taken by another program; choose one with `touchstone ui --port`")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _refuse_dead(children: Mapping[str, subprocess.Popen[bytes]], logs: Mapping[str, Path]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            told = _COLOURS.sub("", logs[name].read_text(encoding="utf-8", errors="replace"))
            tail = told.strip().splitlines()[-1:]
            raise PageFailed(f"the {name} ended by itself: {' '.join(tail) or 'it said nothing'}; see {logs[name]}")
