"""What ZAP's passive scan asks of every kind of answer: headers, cookies, banners, and pages about faults."""

import pytest
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from pipelines.page.guard import PageGuard
from pipelines.page.rules import PageRules, own_hosts


async def html(_request):
    return HTMLResponse("<p>page", headers={"content-security-policy": "object-src 'none'", "cache-control": "public"})


async def json(_request):
    return JSONResponse({"a": 1})


async def file(_request):
    return FileResponse(__file__)


async def fault(_request):
    raise RuntimeError("a secret of the inside")


ROUTES = [
    Route("/", html),
    Route("/graphql", json, methods=["POST"]),
    Route("/_next/a.js", file),
    Route("/fault", fault),
]
NAMES = {"http": "localhost:3000", "https": "page.example"}
ANSWERS = {
    "a page": ("GET", "/", {}),
    "an answer to a question": ("POST", "/graphql", {}),
    "a part of the program": ("GET", "/_next/a.js", {}),
    "what is not there": ("GET", "/none", {}),
    "a fault": ("GET", "/fault", {}),
    "a foreign question": ("POST", "/graphql", {"origin": "http://elsewhere.example"}),
    "a way that is not used": ("DELETE", "/", {}),
    "another name": ("GET", "/", {"host": "elsewhere.example"}),
}


def answered(name, scheme="http"):
    rules = PageRules(hosts=own_hosts(3000, ["page.example"], scheme=scheme), is_encrypted=scheme == "https")
    app = PageGuard(Starlette(routes=ROUTES), rules=rules)
    origin = f"{scheme}://{NAMES[scheme]}"
    client = TestClient(app, base_url=origin, raise_server_exceptions=False)
    method, path, headers = ANSWERS[name]
    content = b'{"query": "{a}"}' if method == "POST" else None
    given = {"origin": origin, "content-type": "application/json"} | headers
    return client.request(method, path, content=content, headers=given)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_says_how_it_may_be_used(name):
    headers = answered(name).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(headers["permissions-policy"].split(", "))
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert not {"server", "x-powered-by"} & set(headers)


@pytest.mark.parametrize("name", ANSWERS)
def test_nothing_but_the_program_is_kept_by_a_browser(name):
    kept = answered(name).headers["cache-control"]
    assert kept == ("private, no-cache" if name == "a part of the program" else "no-store")


def test_the_pages_own_policy_stands_beside_ours():
    assert "object-src 'none'" in answered("a page").headers["content-security-policy"]


@pytest.mark.parametrize("name", ["a fault", "what is not there", "a foreign question"])
def test_a_page_about_a_fault_tells_nothing_of_the_inside(name):
    answer = answered(name)
    assert answer.status_code >= 400
    for word in ("Traceback", "File ", "secret", ".py", "Error:"):
        assert word not in answer.text


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "another name"])
def test_over_tls_a_name_of_its_own_is_for_tls_alone(name):
    assert answered(name, "https").headers["strict-transport-security"] == "max-age=31536000"


def test_without_tls_nobody_is_bound_to_it():
    assert "strict-transport-security" not in answered("a page").headers


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1:3000", "[::1]:3000"])
def test_this_machines_own_name_is_not_bound_to_tls_since_other_programs_share_it(host):
    rules = PageRules(hosts=own_hosts(3000, scheme="https"), is_encrypted=True)
    client = TestClient(PageGuard(Starlette(routes=ROUTES), rules=rules), base_url="https://localhost:3000")
    answer = client.get("/", headers={"host": host})
    assert (answer.status_code, "strict-transport-security" in answer.headers) == (200, False)
