"""Dagster's web page behind the guard in a real process, over a workspace that is one empty module."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.builders.certificates_for_tls import write_certificate

_SECONDS_TO_START = 120


PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class ServedPage:
    """A page that listens on loopback.

    Attributes:
        pid: of its process.
        tls: believes its certificate; None where it speaks none.
        cookies: what a browser would send along.
    """

    port: int
    pid: int
    tls: ssl.SSLContext | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def own(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.own}"

    def sign_in(self) -> None:
        """Sign in as a browser would and keep the cookie."""
        form = {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
        fields = urlencode({"user": "ann", "password": PASSWORD})
        answer, _ = self.answered("POST", "/sign-in", headers=form, body=fields)
        assert answer.status == 303
        name, _, rest = (answer.headers["Set-Cookie"] or "").partition("=")
        self.cookies[name] = rest.partition(";")[0]

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> tuple[int, str]:
        """Send one request with exactly these headers; the Host is the page's own unless they name one."""
        answer, text = self.answered(method, path, headers=headers, body=body)
        return answer.status, text

    def answered(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> tuple[HTTPResponse, str]:
        """Send one request and return the answer with its head."""
        connection: HTTPConnection
        if self.tls is None:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        else:
            connection = HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.tls)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        told = {"Host": self.own} | ({"Cookie": cookies} if cookies else {}) | dict(headers or {})
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Content-Length": str(len(body.encode()))} | told if body else told).items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() if body else None)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer, text

    def graphql(self, query: str, **headers: str) -> tuple[int, Any]:
        """Ask as the page itself does from a browser."""
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        status, text = self.ask("POST", "/graphql", headers=own | headers, body=json.dumps({"query": query}))
        return status, json.loads(text) if text.startswith("{") else text


@contextmanager
def served_page(folder: Path, *options: str, tls: ssl.SSLContext | None = None) -> Iterator[ServedPage]:
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
            yield ServedPage(port, child.pid, tls)
        finally:
            child.terminate()
            child.wait(30)


@contextmanager
def served_page_with_a_door(folder: Path, *options: str) -> Iterator[ServedPage]:
    """Serve a page that speaks TLS by a certificate of its own and asks people to sign in."""
    passwords = folder / "page.passwords"
    passwords.write_text(f"ann:{PASSWORD}\n")
    passwords.chmod(0o600)
    certificate, key = write_certificate(folder)
    named = ["--passwords", str(passwords), "--certificate", str(certificate), "--key", str(key)]
    context = ssl.create_default_context(cafile=str(certificate))
    with served_page(folder, *named, *options, tls=context) as page:
        yield page


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
