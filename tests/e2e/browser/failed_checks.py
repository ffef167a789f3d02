"""What a person reads of a red gate: the page of each failed check, opened while the home's daemon is alive."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.browser.page_tour import PATIENCE_MILLISECONDS, browser, keep, new_page, webserver


def words_of_failed_checks(
    failed: Mapping[str, tuple[str, str, date]], *, workspace: Path, environment: Mapping[str, str], log: Path
) -> dict[str, str]:
    """Return by name the words in sight on the page of a failed check, in its line of the session that is red.

    Args:
        failed: by name, the path of the asset that was judged, the check and the session.
        workspace: names the code servers; those of a living daemon need not be started again.
        environment: of the home's processes.
        log: where the webserver writes.
    """
    words = {}
    with webserver(workspace=workspace, environment=environment, log=log) as address, browser() as chromium:
        page = new_page(chromium)
        for name, (asset, check, session) in failed.items():
            page.goto(f"{address}/assets/{asset}?view=checks&checkDetail={check}")
            # The page begins with the newest execution, which may have been of another session.
            history = page.get_by_text("Execution history", exact=True)
            expect(history).to_be_visible(timeout=PATIENCE_MILLISECONDS)
            history.click()
            line = page.locator("tr", has_text=session.isoformat()).filter(has_text="Failed").first
            expect(line).to_be_visible(timeout=PATIENCE_MILLISECONDS)
            keep(page, f"red_{name}_gate")
            words[name] = line.inner_text()
    return words
