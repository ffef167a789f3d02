"""A person signs in at the page with a real browser, over TLS, works, and signs out."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import page_tour
from tests.e2e.browser.page_tour import PATIENCE_MILLISECONDS, browser
from tests.integration.page.page_process import PASSWORD, served_page_with_a_door

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(page_tour.CHROMIUM is None, reason=page_tour.NO_BROWSER),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with served_page_with_a_door(tmp_path_factory.mktemp("page")) as page:
        yield page


@pytest.fixture
def opened(served):
    with browser() as chromium:
        # Its certificate is signed by itself: a person would say so once, too.
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        yield page


def test_a_person_signs_in_where_they_wanted_to_go_sees_the_page_and_signs_out(served, opened):
    faults, asked, streams = [], [], []
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    opened.on("response", lambda answer: asked.append(answer.status) if "/graphql" in answer.url else None)
    opened.on("websocket", lambda stream: streams.append(stream.url))
    opened.goto(f"{served.origin}/runs")
    faults.clear()  # The form itself is told as a 401.
    opened.get_by_label("Name").fill("ann")
    opened.get_by_label("Password").fill(PASSWORD)
    opened.get_by_role("button", name="Sign in").click()
    expect(opened).to_have_url(f"{served.origin}/runs")
    expect(opened.get_by_text("No runs found")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    # Every question of the page is answered, and by nobody but the page.
    assert set(asked) == {200}
    assert streams == [f"{served.origin.replace('https', 'wss')}/graphql"]
    [cookie] = opened.context.cookies()
    assert cookie["name"] == f"__Host-touchstone-{served.port}"
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["expires"]) == (True, True, "Strict", -1)
    assert opened.evaluate("document.cookie") == ""
    assert faults == []

    opened.goto(f"{served.origin}/sign-in")
    expect(opened.get_by_text("Signed in as ann")).to_be_visible()
    opened.get_by_role("button", name="Sign out").click()
    expect(opened.get_by_role("button", name="Sign in")).to_be_visible()
    opened.goto(f"{served.origin}/runs")
    expect(opened.get_by_role("button", name="Sign in")).to_be_visible()
    assert opened.context.cookies() == []
