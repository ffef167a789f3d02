import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from execution.signal_batch_store import SignalBatchStore
from tests.e2e.browser import page_tour
from tests.e2e.browser.page_tour import PATIENCE_MILLISECONDS, browser, keep, new_page, webserver

pytestmark = [
    pytest.mark.browser,
    pytest.mark.daemon,
    pytest.mark.skipif(page_tour.CHROMIUM is None, reason=page_tour.NO_BROWSER),
]
STAGE_ASSETS = {"raw": "raw/snapshot", "features": "features/gate_certificate"}


@pytest.fixture(scope="module")
def ui(lived_day, tmp_path_factory):
    log = tmp_path_factory.mktemp("webserver") / "webserver.log"
    with webserver(workspace=page_tour.WORKSPACE, environment=lived_day.environment, log=log) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture
def page(chromium):
    opened = new_page(chromium)
    yield opened
    opened.context.close()


def shown(locator):
    expect(locator.first).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    return locator.first


def test_lineage_from_daily_bars_reaches_the_fills(ui, page):
    page.goto(f"{ui}/assets/raw/daily_bars?view=lineage&lineageScope=downstream&lineageDepth=30")
    nodes = page.locator("foreignObject")
    for name in ("daily_bars", "snapshot", "gate_certificate", "signal_batch", "order_plan", "orders", "fills"):
        shown(nodes.get_by_text(name, exact=True))
    keep(page, "lineage_of_daily_bars")


def test_fills_name_the_daily_bars_among_their_ancestors(ui, page):
    page.goto(f"{ui}/assets/trading/fills?view=lineage&lineageScope=upstream&lineageDepth=30")
    shown(page.locator("foreignObject").get_by_text("daily_bars", exact=True))
    keep(page, "lineage_of_fills")


def test_whole_graph_shows_both_code_locations(ui, page):
    # The dbt models stay folded: opened, they leave no room on one screen, and what is off the screen is not drawn.
    opened = ",".join(f"global@global:{group}" for group in ("ingest", "quality", "ml", "trading", "reports"))
    page.goto(f"{ui}/asset-groups?{urlencode({'expanded': opened})}")
    for name in ("features", "daily_bars", "gate_certificate", "signal_batch", "fills", "daily_report"):
        shown(page.locator("foreignObject").get_by_text(name, exact=True))
    keep(page, "whole_graph")


def test_every_check_of_the_certificate_is_shown_as_passed(ui, page, lived_day):
    (certificate, *_) = reversed(SignalBatchStore(lived_day.home / "artifacts").certificates(lived_day.session))
    page.goto(f"{ui}/assets/{STAGE_ASSETS[certificate.stage]}?view=checks")
    shown(page.get_by_text(re.compile(r"^Checks \(\d+\)$")))
    shown(page.get_by_text("Succeeded", exact=True))
    keep(page, "checks")
    assert certificate.is_green
    assert page.get_by_text("Failed", exact=True).count() == 0


def test_check_shows_the_session_it_judged_and_its_evidence(ui, page, lived_day):
    page.goto(f"{ui}/assets/features/gate_certificate?view=checks")
    shown(page.get_by_text("Execution history", exact=True)).click()
    shown(page.locator("tr", has_text=str(lived_day.session)).filter(has_text="Passed"))
    keep(page, "check_history")


def test_chart_of_the_day_is_drawn_in_place_and_whole(ui, page, lived_day):
    page.goto(f"{ui}/assets/reports/daily_report?view=partitions&partition={lived_day.session}")
    small = shown(page.locator('img[src^="data:image/svg+xml"]'))
    assert small.evaluate("image => image.naturalWidth") > 0
    keep(page, "daily_report_asset")
    shown(page.get_by_text("[Show Markdown]", exact=True)).click()
    chart = shown(page.locator('img[src^="data:image/png"][alt^="equity to"]'))
    assert chart.evaluate("image => image.naturalWidth") > 200
    keep(page, "equity_chart")


def test_day_fits_one_screen_and_asks_nobody_for_anything(chromium, lived_day):
    page = new_page(chromium, width=1280, height=900)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    address = (lived_day.home / "reports" / f"{lived_day.session}.html").as_uri()
    page.goto(address)
    keep(page, "daily_report")
    assert asked == [address]
    assert not said
    assert page.locator(".low").evaluate("grid => grid.getBoundingClientRect().bottom") <= 900
    assert page.locator("body").evaluate("body => body.scrollWidth") <= 1280
    page.context.close()


def test_page_of_a_simulated_day_is_stamped(chromium, lived_day):
    page = new_page(chromium)
    page.goto((lived_day.home / "reports" / f"{lived_day.session}.html").as_uri())
    shown(page.get_by_text("Synthetic", exact=True))
    assert page.title().startswith("SYNTHETIC")
    page.context.close()
