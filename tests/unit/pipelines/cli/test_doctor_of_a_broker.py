from pathlib import Path

from pipelines.cli.doctor import examine
from pipelines.cli.finding import Finding
from pipelines.home import Home
from tests.builders.alpaca_account import alpaca_account
from tests.builders.http_venue import KEY_ID, SECRET_KEY


def broker_finding(folder: Path, environ: dict[str, str]) -> Finding:
    home = Home(folder / "home").create()
    return next(finding for finding in examine(home, None, environ) if finding.subject == "broker")


def paper(url: str, secret: str = SECRET_KEY) -> dict[str, str]:
    return {
        "TOUCHSTONE__MODE": "paper",
        "TOUCHSTONE__BROKER_KEYS__KEY_ID": KEY_ID,
        "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": secret,
        "TOUCHSTONE__ALPACA__TRADING_URL": url,
        "TOUCHSTONE__ALPACA__DATA_URL": url,
    }


def test_in_simulated_mode_no_broker_is_asked(tmp_path: Path) -> None:
    assert broker_finding(tmp_path, {}) == Finding("broker", "ok", "the simulated venue in the home")


def test_a_paper_account_is_asked_and_a_wrong_clock_told(tmp_path: Path) -> None:
    with alpaca_account(tmp_path) as account:
        found = broker_finding(tmp_path, paper(account.venue.url))
    # The world of the test lives in its own year.
    assert found.verdict == "failed"
    assert found.detail.startswith("time: the venue's clock says 2024-03-05")


def test_refused_keys_are_told_without_them(tmp_path: Path) -> None:
    with alpaca_account(tmp_path) as account:
        found = broker_finding(tmp_path, paper(account.venue.url, "canary-of-a-wrong-secret"))
    assert found.verdict == "failed"
    assert "refuses access" in found.detail
    assert "canary" not in found.detail
