"""The id an order goes out under: the same for ever, or a restart after an update would send every order again."""

from typing import Any

import pytest

from execution.domain.orders import attached_order_id, attachment, client_order_id

NAMED: dict[str, Any] = {
    "account": "main",
    "epoch": 0,
    "cycle_id": "main:cross-section:2024-03-05",
    "strategy": "cross-section",
    "symbol": "AAPL",
    "side": "buy",
    "leg": "entry",
}
OTHERS: dict[str, Any] = {
    "account": "other",
    "epoch": 1,
    "cycle_id": "main:cross-section:2024-03-06",
    "strategy": "other",
    "symbol": "AAP",
    "side": "sell",
    "leg": "exit",
}


def test_an_id_is_the_one_that_was_written_down_long_ago() -> None:
    assert client_order_id(**NAMED) == "t1anqmzruqe7i2bqyztw3furkhkd"


@pytest.mark.parametrize("part", OTHERS)
def test_each_part_of_an_order_changes_its_id(part: str) -> None:
    assert client_order_id(**{**NAMED, part: OTHERS[part]}) != client_order_id(**NAMED)


@pytest.mark.parametrize("symbol", ["A", "BRK.B", "X" * 15])
def test_an_id_fits_where_the_narrowest_venue_takes_it(symbol: str) -> None:
    found = client_order_id(**{**NAMED, "symbol": symbol})
    assert len(found) == 28
    assert found.startswith("t1")
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz1234567")


@pytest.mark.parametrize("leg", ["stop", "take_profit"])
def test_the_id_of_an_attached_order_names_the_one_it_follows(leg: Any) -> None:
    first = client_order_id(**NAMED)
    assert attachment(attached_order_id(first, leg)) == (first, leg)


@pytest.mark.parametrize("alone", ["t1anqmzruqe7i2bqyztw3furkhkd", "first.1", ".stop", "first.entry", "stop", ""])
def test_an_order_that_goes_alone_follows_none(alone: str) -> None:
    assert attachment(alone) is None
