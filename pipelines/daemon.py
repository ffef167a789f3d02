"""The Dagster daemon of one machine, with both code locations as warm servers of its own.

    python -m pipelines.daemon

Dagster's daemon alone starts the servers of a workspace anew each minute and looks at its sensors every five seconds.
Here servers live as long as the daemon, and while a told clock moves, it looks every second: such a day is as long as
the waits between its acts.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import dagster as dg
import yaml

# Neither the loop's length nor the daemon's start have a public name; `pyproject.toml` pins the version.
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._daemon import sensor
from dagster._daemon.cli import run_command
from dagster._grpc.client import DagsterGrpcClient

from pipelines.code_server import LOCATIONS, running_server
from pipelines.home import Home
from pipelines.starter import WITH_STARTER, end_with_starter

SECONDS_BETWEEN_LOOKS: Final = 5
SECONDS_WHILE_THE_CLOCK_MOVES: Final = 1
SECONDS_A_MOVE_LASTS: Final = 300.0
"""A clock that was moved, or allowed to go further, no longer ago than this has a day under way."""
SECONDS_A_SERVER_MAY_TAKE: Final = 300.0


def main() -> int:
    """Run until interrupted, and return the exit code: 1 when a server did not come up or ended by itself."""
    stopping, ended = threading.Event(), list[str]()

    def end_with(name: str, child: subprocess.Popen[bytes]) -> None:
        # A daemon without a server looks well and starts nothing.
        child.wait()
        if not stopping.is_set():
            ended.append(name)
            _say(f"the code server {name} ended by itself")
            os.kill(os.getpid(), signal.SIGINT)

    if WITH_STARTER in sys.argv:
        end_with_starter()
    with dg.DagsterInstance.get():
        # Its tables are made here: two servers that came upon a new home at once would both try to.
        pass
    try:
        # Not in the home: a socket's name is bounded, a home's is not.
        with tempfile.TemporaryDirectory(prefix="touchstone-") as folder, ExitStack() as servers:
            sockets = {location: Path(folder) / location for location in LOCATIONS}
            children = {name: servers.enter_context(running_server(name, socket)) for name, socket in sockets.items()}
            if not _are_up(sockets, children):
                return 1
            servers.callback(stopping.set)
            for served in children.items():
                threading.Thread(target=end_with, args=served, daemon=True).start()
            threading.Thread(target=_keep_pace, args=(Home.from_environment().clock,), daemon=True).start()
            run_command(["--workspace", str(_workspace(Path(folder), sockets))], standalone_mode=False)
    except KeyboardInterrupt:
        pass
    return 1 if ended else 0


def _are_up(sockets: Mapping[str, Path], children: Mapping[str, subprocess.Popen[bytes]]) -> bool:
    """Wait until every server answers; return whether all do."""
    deadline = time.monotonic() + SECONDS_A_SERVER_MAY_TAKE
    for name, socket in sockets.items():
        client = DagsterGrpcClient(socket=str(socket))
        while True:
            try:
                client.ping("")
                break
            except DagsterUserCodeUnreachableError:
                if children[name].poll() is not None or time.monotonic() > deadline:
                    _say(f"the code server {name} did not come up")
                    return False
            time.sleep(0.1)
    return True


def _keep_pace(clock: Path) -> None:
    """Look often while a told day passes: each look costs some hundredths of a second, and most days nobody tells."""
    while True:
        is_moving = clock.exists() and time.time() - clock.stat().st_mtime < SECONDS_A_MOVE_LASTS
        sensor.MIN_INTERVAL_LOOP_TIME = SECONDS_WHILE_THE_CLOCK_MOVES if is_moving else SECONDS_BETWEEN_LOOKS
        time.sleep(1)


def _workspace(folder: Path, sockets: Mapping[str, Path]) -> Path:
    path = folder / "workspace.yaml"
    entries = [{"grpc_server": {"socket": str(socket), "location_name": name}} for name, socket in sockets.items()]
    path.write_text(yaml.safe_dump({"load_from": entries}), encoding="utf-8")
    return path


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
