"""Signing in and out: what a session is good for, how it ends, and that nobody is let in by another way."""

import contextlib
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from execution.domain.errors import SettingsRefused
from pipelines.page.door import Door
from pipelines.page.guard import PageGuard
from pipelines.page.rules import PageRules, own_hosts
from pipelines.page.sessions import Sessions

WORD, OTHER = "correct-horse-battery", "another-horse-battery"
MINUTE, HOUR = 60.0, 3_600.0
BROWSER = {"accept": "text/html"}


async def page(scope, receive, send):
    """Answer as a page would, and repeat what a stream says."""
    if scope["type"] == "http":
        await PlainTextResponse("the page")(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


class House:
    """A page with a door, whose clock and passwords a test may change."""

    def __init__(self, *, scheme="http", name="localhost:3000"):
        self.seconds, self.passwords = 1_000_000.0, {"ops": WORD, "ann": WORD}
        is_encrypted = scheme == "https"
        hosts = own_hosts(3000, ["page.example"], scheme=scheme)
        rules = PageRules(hosts=hosts, is_encrypted=is_encrypted, has_door=True)
        sessions = Sessions(self.read, idle=timedelta(hours=2), longest=timedelta(hours=12), now=lambda: self.seconds)
        self.app = PageGuard(page, rules=rules, door=Door(sessions, rules=rules, port=3000))
        self.origin = f"{scheme}://{name}"

    def read(self):
        if self.passwords is None:
            raise SettingsRefused("the file is gone")
        return self.passwords

    def browser(self):
        return TestClient(self.app, base_url=self.origin, follow_redirects=False)

    def sign_in(self, browser, user="ops", password=WORD, **headers):
        form = {"origin": self.origin, "content-type": "application/x-www-form-urlencoded"} | headers
        return browser.post("/sign-in", content=urlencode({"user": user, "password": password}), headers=form)

    def signed_in(self, user="ops"):
        browser = self.browser()
        assert self.sign_in(browser, user).status_code == 303
        return browser


@pytest.fixture
def house():
    return House()


def is_in(browser):
    return browser.get("/").text == "the page"


def test_a_browser_is_shown_the_form_at_the_address_it_asked_for(house):
    answer = house.browser().get("/runs/1", headers=BROWSER)
    assert (answer.status_code, "<form" in answer.text, "the page" in answer.text) == (401, True, False)


def test_a_program_is_told_where_to_sign_in(house):
    answer = house.browser().post("/graphql", json={"query": "{a}"}, headers={"origin": house.origin})
    assert (answer.status_code, answer.text) == (401, "sign in at /sign-in first\n")


def test_a_name_with_its_password_sees_the_page(house):
    assert is_in(house.signed_in())


@pytest.mark.parametrize(
    ("user", "password"), [("ops", OTHER), ("ops", ""), ("nobody", ""), ("nobody", WORD), ("", ""), ("ops", "ä")]
)
def test_who_is_not_known_by_both_is_not_let_in(house, user, password):
    browser = house.browser()
    answer = house.sign_in(browser, user, password)
    assert (answer.status_code, "set-cookie" in answer.headers, is_in(browser)) == (403, False, False)


@pytest.mark.parametrize(
    "body",
    ["", "user=ops", f"user=ops&user=ann&password={WORD}", "%", "&".join(f"user{n}=1" for n in range(9)), "\udc80"],
)
def test_a_form_that_is_not_filled_in_lets_nobody_in(house, body):
    headers = {"origin": house.origin, "content-type": "application/x-www-form-urlencoded"}
    content = body.encode(errors="surrogateescape")
    answer = house.browser().post("/sign-in", content=content, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_a_form_too_long_is_not_read(house):
    answer = house.sign_in(house.browser(), password="x" * 5_000)
    assert answer.status_code == 413


@pytest.mark.parametrize("given", ["Basic b3BzOntXT1JEfQ==", f"Bearer {WORD}"])
def test_a_password_in_a_header_is_no_way_in(house, given):
    assert house.browser().get("/", headers={"authorization": given}).status_code == 401


# What the cookie is.


def test_the_cookie_is_kept_from_scripts_other_sites_and_the_disk(house):
    cookie = house.sign_in(house.browser()).headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "touchstone-3000"
    assert rest.partition("; ")[2] == "Path=/; HttpOnly; SameSite=Strict"


def test_over_tls_the_cookie_is_for_this_very_host_and_tls_alone():
    house = House(scheme="https", name="page.example")
    cookie = house.sign_in(house.browser()).headers["set-cookie"]
    assert cookie.startswith("__Host-touchstone-3000=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
    assert is_in(house.signed_in())


def test_no_two_sessions_have_one_cookie_and_none_tells_a_name(house):
    cookies = {house.signed_in().cookies["touchstone-3000"] for _ in range(20)}
    assert len(cookies) == 20
    assert all(len(cookie) >= 43 and "ops" not in cookie for cookie in cookies)


@pytest.mark.parametrize(
    "change", [lambda _: "", lambda word: word[:-1], lambda word: word[::-1], lambda word: word + "A"]
)
def test_a_forged_cookie_is_none(house, change):
    browser, stranger = house.signed_in(), house.browser()
    stranger.cookies.set("touchstone-3000", change(browser.cookies["touchstone-3000"]))
    assert not is_in(stranger)
    assert is_in(browser)


def test_a_cookie_of_the_page_at_another_port_is_none(house):
    browser, stranger = house.signed_in(), house.browser()
    stranger.cookies.set("touchstone-3001", browser.cookies["touchstone-3000"])
    assert not is_in(stranger)


# How long it lasts.


def test_a_session_that_is_used_lasts_and_one_that_is_not_ends_after_two_hours(house):
    browser = house.signed_in()
    for _ in range(3):
        house.seconds += 2 * HOUR - 1
        assert is_in(browser)
    house.seconds += 2 * HOUR
    assert not is_in(browser)


def test_no_session_lasts_longer_than_twelve_hours_however_busy(house):
    browser = house.signed_in()
    for _ in range(11):
        house.seconds += HOUR
        assert is_in(browser)
    house.seconds += HOUR - 1
    assert is_in(browser)
    house.seconds += 1
    assert not is_in(browser)


def test_what_ended_does_not_come_back_when_a_clock_is_set_back(house):
    browser = house.signed_in()
    house.seconds += 3 * HOUR
    assert not is_in(browser)
    house.seconds -= 3 * HOUR
    assert not is_in(browser)


def test_a_clock_set_back_before_the_beginning_ends_a_session(house):
    browser = house.signed_in()
    house.seconds -= 1
    assert not is_in(browser)


def test_signing_out_ends_it_for_whoever_copied_the_cookie(house):
    browser, thief = house.signed_in(), house.browser()
    thief.cookies.set("touchstone-3000", browser.cookies["touchstone-3000"])
    assert is_in(thief)
    form = {"origin": house.origin, "content-type": "application/x-www-form-urlencoded"}
    answer = browser.post("/sign-out", headers=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (is_in(thief), is_in(browser)) == (False, False)


def test_signing_in_again_ends_the_session_before(house):
    browser, thief = house.signed_in(), house.browser()
    thief.cookies.set("touchstone-3000", browser.cookies["touchstone-3000"])
    house.sign_in(browser, "ann")
    assert (is_in(thief), is_in(browser)) == (False, True)


def test_a_changed_password_ends_that_persons_sessions_at_once_and_nobody_elses(house):
    ops, ann = house.signed_in("ops"), house.signed_in("ann")
    house.passwords = {"ops": OTHER, "ann": WORD}
    assert (is_in(ops), is_in(ann)) == (False, True)
    assert house.sign_in(ops, "ops", WORD).status_code == 403
    assert house.sign_in(ops, "ops", OTHER).status_code == 303


@pytest.mark.parametrize("passwords", [{"ann": WORD}, None], ids=["the name is gone", "the file is gone"])
def test_a_name_that_is_gone_is_not_signed_in_any_more(house, passwords):
    browser = house.signed_in()
    house.passwords = passwords
    assert not is_in(browser)
    assert house.sign_in(browser).status_code == 403


# Other sites.


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
@pytest.mark.parametrize(
    "origin", [None, "null", "http://elsewhere.example", "http://localhost:3001", "https://localhost:3000"]
)
def test_another_site_signs_nobody_in_or_out(house, path, origin):
    browser = house.signed_in()
    before = browser.cookies["touchstone-3000"]
    headers = {"content-type": "application/x-www-form-urlencoded"} | ({"origin": origin} if origin else {})
    answer = browser.post(path, content=urlencode({"user": "ann", "password": WORD}), headers=headers)
    assert (answer.status_code, browser.cookies["touchstone-3000"], is_in(browser)) == (403, before, True)


def test_a_session_does_not_open_the_door_to_another_site(house):
    browser = house.signed_in()
    headers = {"origin": "http://elsewhere.example", "content-type": "application/json"}
    assert browser.post("/graphql", content=b'{"query": "{a}"}', headers=headers).status_code == 403
    assert browser.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_nobody_signs_in_by_an_address(house):
    answer = house.browser().get(f"/sign-in?user=ops&password={WORD}")
    assert "set-cookie" not in answer.headers
    assert (
        house.browser().post(f"/sign-in?user=ops&password={WORD}", headers={"origin": house.origin}).status_code == 400
    )


def test_a_form_as_json_is_none(house):
    answer = house.browser().post("/sign-in", json={"user": "ops", "password": WORD}, headers={"origin": house.origin})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("referer", "location"),
    [
        ("http://localhost:3000/runs/1?a=b", "http://localhost:3000/runs/1?a=b"),
        ("http://localhost:3000//elsewhere.example/", "http://localhost:3000//elsewhere.example/"),
        ("http://localhost:3000/sign-in", "/"),
        ("http://elsewhere.example/", "/"),
        ("http://localhost:3000@elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_who_signed_in_goes_on_to_where_the_form_stood_and_never_elsewhere(house, referer, location):
    assert house.sign_in(house.browser(), referer=referer).headers["location"] == location


# The sign-in page and the stream.


def test_the_sign_in_page_says_who_is_there_and_until_when(house):
    said = house.signed_in().get("/sign-in").text
    assert "Signed in as ops, until 1970-01-13 01:46 UTC" in said
    assert 'action="/sign-out"' in said


def test_a_name_is_shown_as_text(house):
    house.passwords = {"<b>ops": WORD}
    assert "Signed in as &lt;b&gt;ops" in house.signed_in("<b>ops").get("/sign-in").text


def stream(house, browser):
    return browser.websocket_connect("/graphql", headers={"origin": house.origin})


def test_a_stranger_opens_no_stream(house):
    with pytest.raises(WebSocketDisconnect), stream(house, house.browser()):
        pass


def test_who_is_signed_in_has_a_stream_until_the_session_ends(house):
    browser = house.signed_in()
    with contextlib.suppress(WebSocketDisconnect), stream(house, browser) as opened:
        opened.send_text("a")
        assert opened.receive_text() == "a"
        house.passwords = {"ops": OTHER}
        opened.send_text("b")
        with pytest.raises(WebSocketDisconnect) as ended:
            opened.receive_text()
        assert ended.value.code == 1008


def test_a_page_without_a_door_has_no_sign_in_form(house):
    rules = PageRules(hosts=own_hosts(3000))
    open_house = TestClient(PageGuard(page, rules=rules), base_url=house.origin)
    assert house.sign_in(open_house).status_code == 405
