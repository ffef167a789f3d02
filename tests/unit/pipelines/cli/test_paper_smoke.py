from collections.abc import Iterator
from pathlib import Path

import pytest

from execution.domain.errors import SettingsRefused
from pipelines.alpaca_adapters import AlpacaAccount
from pipelines.cli.finding import Finding
from pipelines.cli.paper_smoke import run_smoke, smoke
from pipelines.home import Home
from pipelines.trading_settings import load_trading_settings
from tests.builders.alpaca_account import AlpacaAccount as ServedAccount
from tests.builders.alpaca_account import alpaca_account
from tests.builders.venue import CALENDAR, buy

SETTINGS = load_trading_settings(
    environ={
        "TOUCHSTONE__MODE": "paper",
        "TOUCHSTONE__BROKER_KEYS__KEY_ID": "PKREHEARSAL",
        "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": "rehearsal-secret",
    }
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedAccount]:
    with alpaca_account(tmp_path) as made:
        yield made


def found(served: ServedAccount, *, sends_order: bool = False) -> dict[str, Finding]:
    side = served.side
    account = AlpacaAccount(broker=side.broker, quotes=side.quotes, time=side.time, trading=side.wire)
    findings = smoke(account, SETTINGS, served.world.clock, CALENDAR, symbol="AAA", sends_order=sends_order)
    return {finding.subject: finding for finding in findings}


def test_a_plain_account_is_fit(served: ServedAccount) -> None:
    findings = found(served)
    assert {finding.verdict for finding in findings.values()} == {"ok"}
    assert findings["prices"].detail == "AAA: last 50.0, close of 2024-03-04 51.0"


def test_without_being_asked_it_sends_nothing(served: ServedAccount) -> None:
    found(served)
    assert [route for route in served.venue.wire if not route.startswith("GET ")] == []


def test_the_order_it_is_asked_for_is_one_far_away_and_gone_afterwards(served: ServedAccount) -> None:
    assert found(served, sends_order=True)["round trip"].verdict == "ok"
    [row] = served.venue.accepted
    assert (row.order.quantity_shares, str(row.order.limit_usd), row.order.status) == (1, "25.00", "cancelled")


def test_an_order_that_is_refused_is_a_failure(served: ServedAccount) -> None:
    served.meets("answer", status=403, body='{"code": 40310000, "message": "account is restricted"}', times=2)
    finding = found(served, sends_order=True)["round trip"]
    assert finding.verdict == "failed"
    assert "account is restricted" in finding.detail


def test_cash_that_is_not_what_the_ledger_would_open_with_is_told(served: ServedAccount) -> None:
    served.venue.faults.account["cash"] = "99000.5"
    assert "it holds 99000.5 USD and initial_cash_usd says 100000" in found(served)["account"].detail


def test_a_blocked_account_is_a_failure(served: ServedAccount) -> None:
    served.venue.faults.account["trading_blocked"] = True
    assert found(served)["account"].verdict == "failed"


def test_somebody_elses_shares_and_orders_are_told(served: ServedAccount) -> None:
    served.engine_submits(buy(3, client_order_id="by-hand"))
    served.engine_submits(buy(3, client_order_id="resting", limit_usd=buy().limit_usd / 2))
    findings = found(served)
    assert findings["holdings"].detail.startswith("AAA 3")
    assert "resting" in findings["orders"].detail


def test_a_clock_that_is_apart_is_a_failure(served: ServedAccount) -> None:
    served.venue.faults.clock_skew_seconds = 120
    assert found(served)["time"].verdict == "failed"


def test_a_failure_of_one_look_does_not_hide_the_next(served: ServedAccount) -> None:
    served.meets("answer", "GET", "/v2/positions", status=400, body='{"message": "no"}')
    findings = found(served)
    assert findings["holdings"].verdict == "failed"
    assert findings["prices"].verdict == "ok"


def test_only_a_paper_account_is_tried(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="found mode simulated"):
        next(run_smoke(load_trading_settings(environ={}), Home(tmp_path), symbol="SPY", sends_order=True))
