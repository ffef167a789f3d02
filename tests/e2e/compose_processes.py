"""The processes `deploy/compose.yaml` names, started by hand with its commands and its environment."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.builders.certificates_for_tls import write_certificate

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
PASSWORDS = {"POSTGRES_PASSWORD": "of-postgres", "LEDGER_PASSWORD": "of-the-ledger", "DAGSTER_PASSWORD": "of-dagster"}
PAGE_PASSWORD = "a-password-of-a-page"
SECONDS_TO_BECOME_SO = 600.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ComposeProcesses:
    """One machine on which every host of the file is loopback.

    Attributes:
        folder: settings, passwords and logs.
        home: stands for the volume.
        database: socket folder of the server that stands for the service `postgres`.
        ports: by port in the file, the one here.
    """

    folder: Path
    home: Path
    database: Path
    ports: dict[str, str] = field(default_factory=dict)
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = {port: str(free_port()) for port in ("3000", "3001", "4000", "4001", "9187")}
        for name in ("viewer", "operator"):
            file = self.folder / f"{name}_passwords"
            file.write_text(f"ann:{PAGE_PASSWORD}\n")
            file.chmod(0o600)
        write_certificate(self.folder)
        workspace = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text())
        for entry in workspace["load_from"]:
            entry["grpc_server"]["host"] = "127.0.0.1"
            entry["grpc_server"]["port"] = int(self.ports[str(entry["grpc_server"]["port"])])
        (self.folder / "workspace.yaml").write_text(yaml.safe_dump(workspace))

    def command(self, words: list[str]) -> list[str]:
        here = {
            "deploy/workspace.yaml": str(self.folder / "workspace.yaml"),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what a container listens on, and what takes its place
            "/run/secrets/viewer_passwords": str(self.folder / "viewer_passwords"),
            "/run/secrets/operator_passwords": str(self.folder / "operator_passwords"),
            "/run/secrets/page_certificate": str(self.folder / "page.crt"),
            "/run/secrets/page_key": str(self.folder / "page.key"),
        }
        placed = [here.get(word, self.ports.get(word, word)) for word in words]
        return [str(BIN / placed[0]), *placed[1:]]

    def environment(self, service: str) -> dict[str, str]:
        told = {name: self._value(text) for name, text in COMPOSE["services"][service]["environment"].items()}
        told["TOUCHSTONE_SETTINGS"] = str(self.folder / "settings.yaml")
        image = {"TOUCHSTONE_HOME": str(self.home), "DAGSTER_HOME": str(self.home / "dagster")}
        quiet = {"DAGSTER_DISABLE_TELEMETRY": "yes", "DO_NOT_TRACK": "1", "PATH": f"{BIN}:{os.environ['PATH']}"}
        return image | quiet | told

    def dsn(self, name: str) -> str:
        return self._value(f"postgresql://{name}:${{{name.upper()}_PASSWORD:?}}@postgres:5432/{name}")

    def run(self, service: str) -> None:
        subprocess.run(
            self.command(COMPOSE["services"][service]["command"]), env=self.environment(service), cwd=ROOT, check=True
        )

    def is_healthy(self, service: str) -> bool:
        words = self.command(COMPOSE["services"][service]["healthcheck"]["test"][1:])
        done = subprocess.run(words, env=self.environment(service), cwd=ROOT, check=False, capture_output=True)
        return done.returncode == 0

    @contextmanager
    def running(self, service: str) -> Iterator[None]:
        with (self.folder / f"{service}.log").open("wb") as log:
            child = subprocess.Popen(
                self.command(COMPOSE["services"][service]["command"]),
                env=self.environment(service),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self.children[service] = child
            try:
                yield
            finally:
                child.terminate()
                try:
                    child.wait(60)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def wait(self, said: str, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS_TO_BECOME_SO
        while not is_so():
            for name, child in self.children.items():
                assert child.poll() is None, f"{name} ended: {(self.folder / f'{name}.log').read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"not so in time: {said}"
            time.sleep(0.5)

    def create_databases(self, psql: Path) -> None:
        """Run the script that the database's container runs once."""
        environment = (
            os.environ | PASSWORDS | {"PGHOST": str(self.database), "PATH": f"{psql.parent}:{os.environ['PATH']}"}
        )
        script = ROOT / "deploy" / "postgres" / "10-databases.sh"
        subprocess.run(["bash", script], env=environment, check=True, capture_output=True)

    def _value(self, text: str) -> str:
        filled = re.sub(r"\$\{([A-Z_]+)[^}]*\}", lambda found: PASSWORDS.get(found[1], ""), text)
        if not filled.startswith("postgresql://"):
            return filled
        parts = urlsplit(filled)
        assert parts.hostname == "postgres"
        return f"postgresql://{parts.username}:{parts.password}@{parts.path}?host={self.database}"


@contextmanager
def all_running(processes: ComposeProcesses, services: Mapping[str, bool]) -> Iterator[None]:
    """Start services in order; where asked, wait until one is healthy before the next starts."""
    with ExitStack() as stack:
        for service, is_waited_for in services.items():
            stack.enter_context(processes.running(service))
            if is_waited_for:
                processes.wait(f"{service} is healthy", lambda service=service: processes.is_healthy(service))  # type: ignore[misc]  # the default binds the name now
        yield
