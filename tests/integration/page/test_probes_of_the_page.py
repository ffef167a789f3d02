import json
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.page.page_process import served_page, served_page_with_a_door

UNPAUSE = "mutation { setAutoMaterializePaused(paused: false) }"
IS_PAUSED = "{ instance { autoMaterializePaused } }"
STILL_PAUSED = (200, {"data": {"instance": {"autoMaterializePaused": True}}})
IN_ADDRESS = f"/graphql?query={quote(UNPAUSE)}"
AS_JSON = {"Content-Type": "application/json"}
BODY = json.dumps({"query": UNPAUSE})

# What another site, another name for this machine, or a stranger may try: method, path, headers, body.
PROBES = {
    "an address that is followed": ("GET", IN_ADDRESS, {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}, ""),
    "an address without a header": ("GET", IN_ADDRESS, {}, ""),
    "an address of our own origin": ("GET", IN_ADDRESS, {"Sec-Fetch-Site": "same-origin"}, ""),
    "an image's address": ("GET", IN_ADDRESS, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, ""),
    "an address with its path encoded": ("GET", IN_ADDRESS.replace("graphql", "%67raphql"), {}, ""),
    "an address with a slash behind": ("GET", IN_ADDRESS.replace("graphql?", "graphql/?"), {}, ""),
    "another site's question": ("POST", "/graphql", AS_JSON | {"Origin": "http://elsewhere.example"}, BODY),
    "a question from another port": ("POST", "/graphql", AS_JSON | {"Origin": "http://127.0.0.1:1"}, BODY),
    "a question from no origin": ("POST", "/graphql", AS_JSON, BODY),
    "a question from a sandboxed frame": ("POST", "/graphql", AS_JSON | {"Origin": "null"}, BODY),
    "a form's text": ("POST", "/graphql", {"Content-Type": "text/plain", "Origin": "own"}, BODY),
    "a form's address": ("POST", IN_ADDRESS, {"Content-Type": "text/plain", "Origin": "own"}, "x"),
    "a bare GraphQL body": ("POST", "/graphql", {"Content-Type": "application/graphql", "Origin": "own"}, UNPAUSE),
    "a name that resolves here": ("POST", "/graphql", AS_JSON | {"Host": "rebound.example", "Origin": "own"}, BODY),
    "a name that is its own origin": (
        "POST",
        "/graphql",
        AS_JSON | {"Host": "rebound.example", "Origin": "http://rebound.example"},
        BODY,
    ),
    "a look under another name": ("GET", "/", {"Host": "rebound.example"}, ""),
    "a question about the rules": ("OPTIONS", "/graphql", {"Origin": "http://elsewhere.example"}, ""),
    "a materialization that never was": ("POST", "/report_asset_materialization/a", AS_JSON | {"Origin": "own"}, "{}"),
}


@pytest.fixture(scope="module", params=["plain", "with a door, over TLS"])
def page(request, tmp_path_factory):
    """A page of this machine alone; and one that is reachable from elsewhere, to a browser that is signed in."""
    folder = tmp_path_factory.mktemp("operator")
    if request.param == "plain":
        with served_page(folder) as page:
            yield page
    else:
        with served_page_with_a_door(folder) as page:
            page.sign_in()
            yield page


def stream(page, origin, **options):
    cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    scheme = "wss" if page.tls else "ws"
    headers = {"Cookie": cookies} if cookies else {}
    return connect(f"{scheme}://{page.own}/graphql", origin=origin, additional_headers=headers, ssl=page.tls, **options)


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    with served_page(tmp_path_factory.mktemp("viewer"), "--viewer") as page:
        yield page


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_is_refused_and_changes_nothing(page, name):
    method, path, headers, body = PROBES[name]
    told = {key: page.origin if value == "own" else value for key, value in headers.items()}
    status, _ = page.ask(method, path, headers=told, body=body)
    assert 400 <= status < 500
    assert page.graphql(IS_PAUSED) == STILL_PAUSED


def test_the_page_itself_may_change_something(page):
    limits = "{ instance { concurrencyLimits { concurrencyKey } } }"
    status, _ = page.graphql('mutation { setConcurrencyLimit(concurrencyKey: "writer", limit: 2) }')
    assert status == 200
    assert "writer" in json.dumps(page.graphql(limits)[1])


def test_the_page_may_be_looked_at_by_a_link_from_elsewhere(page):
    status, _ = page.ask("GET", "/server_info", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert status == 200


def test_another_site_cannot_open_the_stream(page):
    with pytest.raises(InvalidStatus, match="403"):
        stream(page, "http://elsewhere.example")


def test_the_page_itself_may_open_the_stream(page):
    with stream(page, page.origin, subprotocols=["graphql-ws"]) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        assert json.loads(opened.recv(10)) == {"type": "connection_ack"}


def test_the_stream_executes_no_mutation(page):
    with stream(page, page.origin, subprotocols=["graphql-ws"]) as opened:
        opened.send(json.dumps({"type": "start", "id": "1", "payload": {"query": UNPAUSE}}))
        assert json.loads(opened.recv(10))["type"] == "error"
    assert page.graphql(IS_PAUSED) == STILL_PAUSED


def test_a_viewer_answers_questions(viewer):
    assert viewer.graphql(IS_PAUSED) == STILL_PAUSED


def test_a_viewer_refuses_a_mutation_from_its_own_page(viewer):
    assert viewer.graphql(UNPAUSE)[0] == 403
    assert viewer.graphql(IS_PAUSED) == STILL_PAUSED
