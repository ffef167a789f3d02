"""`touchstone halt` of a home that trades at Alpaca: with `halt.json` and two variables it cancels over HTTP."""

from pathlib import Path

import pytest

from pipelines.cli.halt import halt
from pipelines.home import Home
from pipelines.stopping import prepare_stopping
from tests.builders.alpaca_account import AlpacaAccount, alpaca_account
from tests.builders.http_venue import KEY_ID, SECRET_KEY
from tests.builders.venue import bracket, buy, stop


def stopped(account: AlpacaAccount, folder: Path, *, keep_stops: bool = False) -> tuple[int, str]:
    home = Home(folder / "home").create()
    prepare_stopping(home, orders_url=f"{account.venue.url}/v2/orders")
    return halt(home.root, reason="the wire is on fire", actor="ann", keep_stops=keep_stops)


def with_keys(monkeypatch: pytest.MonkeyPatch, secret: str = SECRET_KEY) -> None:
    monkeypatch.setenv("TOUCHSTONE__BROKER_KEYS__KEY_ID", KEY_ID)
    monkeypatch.setenv("TOUCHSTONE__BROKER_KEYS__SECRET_KEY", secret)


@pytest.mark.parametrize(("keep_stops", "left"), [(False, []), (True, ["stop-1"])])
def test_halt_cancels_at_the_venue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep_stops: bool, left: list[str]
) -> None:
    with_keys(monkeypatch)
    with alpaca_account(tmp_path) as account:
        account.accepted(buy(10))
        account.accepted(stop(10, "40.00"))
        account.engine_submits(buy(5, client_order_id="resting", limit_usd=buy().limit_usd / 2))
        code, said = stopped(account, tmp_path, keep_stops=keep_stops)
        assert code == 0, said
        assert [order.client_order_id for order in account.broker.open_orders()] == left


@pytest.mark.parametrize(("keep_stops", "left"), [(False, []), (True, ["buy-1.stop", "buy-1.take_profit"])])
def test_a_halt_that_keeps_stops_leaves_what_would_end_one_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep_stops: bool, left: list[str]
) -> None:
    with_keys(monkeypatch)
    with alpaca_account(tmp_path) as account:
        account.accepted(bracket(10))
        code, said = stopped(account, tmp_path, keep_stops=keep_stops)
        assert code == 0, said
        assert [order.client_order_id for order in account.broker.open_orders()] == left


def test_halt_with_refused_keys_says_that_orders_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_keys(monkeypatch, "canary-of-a-wrong-secret")
    monkeypatch.setattr("pipelines.cli.halt.CANCEL_WITHIN_SECONDS", 1.2)
    with alpaca_account(tmp_path) as account:
        account.accepted(buy(10))
        account.accepted(stop(10, "40.00"))
        code, said = stopped(account, tmp_path)
    assert code == 4
    assert "canary" not in said
