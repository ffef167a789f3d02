"""Stop-limit orders on one bar, by hand: 50 open, 52 high, 48 low, 51 close unless said otherwise."""

from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.fill_model import (
    Fill,
    WorkingOrder,
    fill_at_open,
    fill_of_resting_limit,
    fill_of_stop,
    is_stop_reached,
)
from execution.domain.orders import Side
from execution.portfolio.cost_model import CostModel
from tests.builders.venue import NO_COSTS, a_bar, usd

TEN_BPS = CostModel()


def a_stop_limit(side: Side, stop: str, limit: str, **changes: Any) -> WorkingOrder:
    fields: dict[str, Any] = {
        "side": side,
        "order_type": "stop_limit",
        "remaining_shares": 100,
        "limit_usd": usd(limit),
        "stop_usd": usd(stop),
        "is_triggered": False,
    }
    return WorkingOrder(**{**fields, **changes})


def reached(order: WorkingOrder, costs: CostModel = NO_COSTS, **bar: Any) -> Fill | None:
    row = a_bar(**bar)
    assert is_stop_reached(order, row)
    return fill_of_stop(order, row, available=1_000, costs=costs)


@pytest.mark.parametrize(("stop", "low", "is_reached"), [("48.00", "48.00", True), ("48.00", "48.01", False)])
def test_a_sale_triggers_at_the_low(stop: str, low: str, is_reached: object) -> None:
    assert is_stop_reached(a_stop_limit("sell", stop, "47.00"), a_bar(low_usd=low)) is is_reached


@pytest.mark.parametrize(("stop", "high", "is_reached"), [("52.00", "52.00", True), ("52.00", "51.99", False)])
def test_a_buy_triggers_at_the_high(stop: str, high: str, is_reached: object) -> None:
    assert is_stop_reached(a_stop_limit("buy", stop, "53.00"), a_bar(high_usd=high)) is is_reached


def test_a_sale_within_its_limit_fills_at_its_stop() -> None:
    assert reached(a_stop_limit("sell", "49.00", "48.50")) == Fill(100, usd("49.00"))
    assert reached(a_stop_limit("sell", "49.00", "48.50"), TEN_BPS) == Fill(100, usd("48.95"))


def test_a_buy_within_its_limit_fills_at_its_stop() -> None:
    assert reached(a_stop_limit("buy", "51.00", "51.50"), TEN_BPS) == Fill(100, usd("51.06"))


def test_a_gap_beyond_the_stop_fills_at_the_open_while_that_is_within_the_limit() -> None:
    assert reached(a_stop_limit("sell", "50.50", "49.50")) == Fill(100, usd("50.00"))
    assert reached(a_stop_limit("buy", "49.00", "50.50")) == Fill(100, usd("50.00"))


def test_after_a_gap_beyond_the_limit_the_rest_of_the_bar_may_trade_through_it() -> None:
    assert reached(a_stop_limit("sell", "51.50", "51.00")) == Fill(100, usd("51.00"))
    assert reached(a_stop_limit("sell", "53.00", "52.00")) is None
    assert reached(a_stop_limit("buy", "48.50", "49.00")) == Fill(100, usd("49.00"))
    assert reached(a_stop_limit("buy", "47.00", "48.00")) is None


def test_after_a_trigger_inside_the_bar_only_the_close_is_known_to_follow() -> None:
    # Costs put the trigger's price beyond the limit, so it rests. The bar's high of 52 may have come before the low.
    assert reached(a_stop_limit("sell", "49.00", "49.00"), TEN_BPS, close_usd="49.00") is None
    assert reached(a_stop_limit("sell", "49.00", "49.00"), TEN_BPS, close_usd="49.01") == Fill(100, usd("49.00"))
    assert reached(a_stop_limit("buy", "51.00", "51.00"), TEN_BPS, close_usd="51.00") is None
    assert reached(a_stop_limit("buy", "51.00", "51.00"), TEN_BPS, close_usd="50.99") == Fill(100, usd("51.00"))


def test_before_its_trigger_it_neither_meets_the_open_nor_rests() -> None:
    order, row = a_stop_limit("sell", "40.00", "39.00"), a_bar()
    assert fill_at_open(order, row, available=1_000, costs=NO_COSTS) is None
    assert fill_of_resting_limit(order, row, available=1_000) is None


def test_once_triggered_it_is_a_limit_order() -> None:
    order = a_stop_limit("sell", "53.00", "51.00", is_triggered=True)
    assert fill_at_open(order, a_bar(), available=1_000, costs=NO_COSTS) is None
    assert fill_at_open(order, a_bar(open_usd="51.50"), available=1_000, costs=NO_COSTS) == Fill(100, Decimal("51.50"))
    assert fill_of_resting_limit(order, a_bar(), available=1_000) == Fill(100, Decimal("51.00"))
