"""Dagster's web page behind the guard in a real process, over a workspace that is one empty module."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

_SECONDS_TO_START = 120


@dataclass(frozen=True)
class ServedPage:
    port: int

    @property
    def own(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> tuple[int, str]:
        """Send one request with exactly these headers; the Host is the page's own unless they name one."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        told = {"Host": self.own} | dict(headers or {})
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Content-Length": str(len(body.encode()))} | told if body else told).items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() if body else None)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def graphql(self, query: str, **headers: str) -> tuple[int, Any]:
        """Ask as the page itself does from a browser."""
        own = {"Origin": f"http://{self.own}", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        status, text = self.ask("POST", "/graphql", headers=own | headers, body=json.dumps({"query": query}))
        return status, json.loads(text) if text.startswith("{") else text


@contextmanager
def served_page(folder: Path, *options: str) -> Iterator[ServedPage]:
    (folder / "empty.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
    (folder / "workspace.yaml").write_text(f"load_from:\n  - python_file: {folder / 'empty.py'}\n")
    (folder / "instance").mkdir()
    (folder / "instance" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pipelines.page.server", "--workspace", str(folder / "workspace.yaml")]
    with (folder / "page.log").open("wb") as log:
        child = subprocess.Popen(
            [*command, "--port", str(port), *options],
            env=os.environ | {"DAGSTER_HOME": str(folder / "instance")},
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + _SECONDS_TO_START
            while not _answers(port):
                assert child.poll() is None, (folder / "page.log").read_text()
                assert time.monotonic() < deadline, (folder / "page.log").read_text()
                time.sleep(0.1)
            yield ServedPage(port)
        finally:
            child.terminate()
            child.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
