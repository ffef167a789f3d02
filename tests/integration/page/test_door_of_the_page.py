"""Dagster's page behind TLS and a door, as a stranger, a browser and a scanner find it; the server is the real one."""

import json
import re
import ssl
from dataclasses import replace
from http.client import BadStatusLine, HTTPConnection

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.page.page_process import served_page_with_a_door

IS_PAUSED = "{ instance { autoMaterializePaused } }"
# What a browser asks for while it shows the page.
ADDRESSES = ["/", "/runs", "/asset-groups", "/server_info", "/graphql", "/favicon.ico", "/none/at/all.js", "/sign-in"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with served_page_with_a_door(tmp_path_factory.mktemp("door")) as page:
        yield page


@pytest.fixture
def stranger(page):
    return replace(page, cookies={})


@pytest.fixture
def browser(page):
    browser = replace(page, cookies={})
    browser.sign_in()
    return browser


def test_a_stranger_sees_a_form_and_reads_nothing(stranger):
    status, text = stranger.ask("GET", "/runs", headers={"Accept": "text/html"})
    assert (status, "Sign in" in text, "dagster" in text.lower()) == (401, True, False)
    assert stranger.graphql(IS_PAUSED)[0] == 401
    assert stranger.ask("GET", "/server_info")[0] == 401


def test_a_stranger_opens_no_stream(stranger):
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"wss://{stranger.own}/graphql", origin=stranger.origin, ssl=stranger.tls)


def test_who_signed_in_reads_until_signing_out_and_so_does_a_thief(browser):
    thief = replace(browser, cookies=dict(browser.cookies))
    assert browser.graphql(IS_PAUSED)[0] == thief.graphql(IS_PAUSED)[0] == 200
    form = {"Origin": browser.origin, "Content-Type": "application/x-www-form-urlencoded"}
    assert browser.ask("POST", "/sign-out", headers=form)[0] == 303
    assert browser.graphql(IS_PAUSED)[0] == thief.graphql(IS_PAUSED)[0] == 401


def test_who_does_not_know_the_certificate_is_not_connected(stranger):
    with pytest.raises(ssl.SSLCertVerificationError):
        replace(stranger, tls=ssl.create_default_context()).ask("GET", "/")


def test_nothing_is_said_in_the_clear(stranger):
    connection = HTTPConnection("127.0.0.1", stranger.port, timeout=60)
    connection.request("GET", "/")
    with pytest.raises((ConnectionError, BadStatusLine)):
        connection.getresponse()
    connection.close()


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("is_known", [False, True], ids=["to a stranger", "to who signed in"])
def test_every_answer_passes_what_a_passive_scan_asks(page, path, is_known):
    asking = replace(page, cookies={})
    if is_known:
        asking.sign_in()
    answer, text = asking.answered("GET", path, headers={"Accept": "text/html"})
    head = {name.lower(): value for name, value in answer.getheaders()}
    policies = " ".join(answer.headers.get_all("Content-Security-Policy") or [])
    assert "frame-ancestors 'none'" in policies
    if "text/html" in head.get("content-type", "") and path != "/graphql":
        assert "base-uri 'none'" in policies
    assert head["x-content-type-options"] == "nosniff"
    assert head["x-frame-options"] == "DENY"
    assert head["referrer-policy"] == "same-origin"
    assert "camera=()" in head["permissions-policy"]
    assert head["cross-origin-opener-policy"] == head["cross-origin-resource-policy"] == "same-origin"
    assert head["cache-control"] == "no-store"
    assert not {"server", "x-powered-by", "access-control-allow-origin"} & head.keys()
    assert "Traceback" not in text
    assert re.findall(r"""(?:src|href|action)=["']http://""", text) == []
    assert "set-cookie" not in head


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("{", {}),
        (json.dumps({"query": "{ none }"}), {}),
        (json.dumps({"query": IS_PAUSED, "variables": 1}), {}),
        ("{}", {"Content-Type": "text/plain"}),
    ],
)
def test_a_broken_question_shows_nothing_of_the_inside(browser, body, headers):
    given = {"Origin": browser.origin, "Content-Type": "application/json"} | headers
    answer, text = browser.answered("POST", "/graphql", headers=given, body=body)
    assert answer.status >= 400
    assert "Traceback" not in text
    assert "site-packages" not in text
    assert answer.headers["Cache-Control"] == "no-store"
