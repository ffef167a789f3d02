"""A code server ends in order and without a word, whether it is interrupted or its starter lets go of it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient

from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home

SECONDS_IT_MAY_TAKE = 60.0


@pytest.mark.parametrize("ending", ["interrupted", "asked to end", "left by its starter", "left in the background"])
def test_a_code_server_ends_in_order(ending: str, tmp_path: Path) -> None:
    home, socket = Home(tmp_path / "home"), tmp_path / "socket"
    prepare_instance(home)
    # A shell has what it starts in the background be deaf to interrupts, and its children are born as deaf.
    wrapped = ["env", "--ignore-signal=INT"] if ending == "left in the background" else []
    command = [*wrapped, sys.executable, "-m", "pipelines.code_server", "trading", str(socket)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=home.process_environment(), stdin=pipe, stderr=pipe) as server:
        try:
            wait_for_answer(server, socket)
            if ending.startswith("left"):
                server.stdin.close()
            else:
                server.send_signal(signal.SIGINT if ending == "interrupted" else signal.SIGTERM)
            code = server.wait(SECONDS_IT_MAY_TAKE)
            assert (code, server.stderr.read().decode()) == (0, "")
        finally:
            server.kill()


def wait_for_answer(server: subprocess.Popen[bytes], socket: Path) -> None:
    deadline = time.monotonic() + SECONDS_IT_MAY_TAKE
    while not answers(socket):
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(socket: Path) -> bool:
    try:
        DagsterGrpcClient(socket=str(socket)).ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True
