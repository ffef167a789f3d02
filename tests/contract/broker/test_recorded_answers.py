"""Bodies that Alpaca really sent, read by the adapter's parsers; they are beside the checkout, never in it."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.alpaca_mapping import account_block, number, order_state, positions_shares

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "json"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not RECORDED.exists(), reason="the recorded exchanges are not beside the checkout"),
]


def exchanges(ending: str) -> Iterator[Any]:
    with gzip.open(RECORDED / "alpaca_recorded_share.jsonl.gz", "rt") as lines:
        for told in map(json.loads, lines):
            if told["url"].split("?")[0].endswith(ending) and told["status"] == 200:
                yield told["body"]


def sdk_bodies(file: str) -> Iterator[Any]:
    with (RECORDED / "alpaca_sdk_test_responses.jsonl").open() as lines:
        for told in map(json.loads, lines):
            if told["file"].endswith(file):
                yield told["body"]


def orders(body: Any) -> Iterator[dict[str, Any]]:
    for each in body if isinstance(body, list) else [body]:
        if isinstance(each, dict) and "filled_qty" in each:
            yield each


def test_every_recorded_order_is_read() -> None:
    told = [order for body in exchanges("/v2/orders") for order in orders(body)]
    assert len(told) > 3
    for raw in told:
        state = order_state(raw)
        assert (state.broker_order_id, state.client_order_id) == (raw["id"], raw["client_order_id"])
        assert state.quantity_shares == (Decimal(raw["qty"]) if raw["qty"] else max(1, state.filled_shares))


def test_every_order_of_the_client_librarys_tests_is_read() -> None:
    told = [order for body in sdk_bodies("test_order_routes.py") for order in orders(body)]
    assert told
    assert all(order_state(raw).symbol == raw["symbol"] for raw in told)


def test_recorded_positions_with_parts_of_shares_are_all_seen() -> None:
    [body] = exchanges("/v2/positions")
    assert set(positions_shares(body)) == {raw["symbol"] for raw in body}


def test_the_recorded_account_may_trade_and_its_cash_is_exact() -> None:
    for body in exchanges("/v2/account"):
        assert account_block(body) == ""
        assert number(body, "cash", of="account") == Decimal(body["cash"])
