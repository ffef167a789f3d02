from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.fill_model import (
    Fill,
    WorkingOrder,
    available_shares,
    fill_at_open,
    fill_of_resting_limit,
    fill_of_stop,
    is_stop_reached,
)
from execution.portfolio.cost_model import CostModel
from tests.builders.venue import NO_COSTS, a_bar, usd

TEN_BPS = CostModel()


def working(side: Any = "buy", **changes: Any) -> WorkingOrder:
    fields: dict[str, Any] = {
        "side": side,
        "order_type": "limit",
        "remaining_shares": 100,
        "limit_usd": usd("51.00") if side == "buy" else usd("49.00"),
        "stop_usd": None,
        "is_triggered": False,
    }
    return WorkingOrder(**{**fields, **changes})


def a_stop(stop_usd: str = "49.00", **changes: Any) -> WorkingOrder:
    return working("sell", order_type="stop", limit_usd=None, stop_usd=usd(stop_usd), **changes)


def at_open(order: WorkingOrder, available: int = 1_000, costs: CostModel = TEN_BPS, **bar: Any) -> Fill | None:
    return fill_at_open(order, a_bar(**bar), available=available, costs=costs)


def test_a_marketable_buy_pays_the_open_and_the_slippage() -> None:
    assert at_open(working("buy")) == Fill(100, usd("50.05"))


def test_a_marketable_sale_gets_the_open_less_the_slippage() -> None:
    assert at_open(working("sell")) == Fill(100, usd("49.95"))


def test_slippage_is_rounded_against_us_to_the_tick() -> None:
    assert at_open(working("buy"), open_usd="50.01") == Fill(100, usd("50.07"))
    assert at_open(working("sell"), open_usd="50.01") == Fill(100, usd("49.95"))


def test_a_buy_whose_limit_the_costs_exceed_does_not_fill_at_the_open() -> None:
    assert at_open(working("buy", limit_usd=usd("50.05"))) == Fill(100, usd("50.05"))
    assert at_open(working("buy", limit_usd=usd("50.04"))) is None


def test_a_sale_whose_limit_the_costs_exceed_does_not_fill_at_the_open() -> None:
    assert at_open(working("sell", limit_usd=usd("49.95"))) == Fill(100, usd("49.95"))
    assert at_open(working("sell", limit_usd=usd("49.96"))) is None


def test_a_market_order_fills_at_any_open() -> None:
    assert at_open(working("buy", order_type="market", limit_usd=None)) == Fill(100, usd("50.05"))


def test_an_untouched_stop_ignores_the_open() -> None:
    assert at_open(a_stop("60.00")) is None


def test_the_rest_of_a_triggered_stop_is_sold_at_the_open() -> None:
    assert at_open(a_stop(is_triggered=True)) == Fill(100, usd("49.95"))


def test_no_more_fills_than_the_volume_leaves() -> None:
    assert at_open(working("buy"), available=30) == Fill(30, usd("50.05"))
    assert at_open(working("buy"), available=0) is None


def test_a_sale_below_its_own_costs_gives_no_fill() -> None:
    everything = CostModel(slippage_bps=Decimal(1000))
    order = working("sell", order_type="market", limit_usd=None)
    assert at_open(order, costs=everything, open_usd="0.0001", low_usd="0.0001") is None


@pytest.mark.parametrize(
    ("volume", "filled", "available"),
    [(1_000, 0, 50), (1_019, 0, 50), (1_000, 20, 30), (1_000, 50, 0), (1_000, 80, 0), (19, 0, 0), (0, 0, 0)],
)
def test_at_most_a_twentieth_of_the_sessions_volume_is_ours(volume: int, filled: int, available: int) -> None:
    assert available_shares(a_bar(volume_shares=volume), filled_shares=filled, costs=NO_COSTS) == available


def test_nothing_is_available_in_a_halt_or_without_a_bar() -> None:
    assert available_shares(a_bar(is_halted=True), filled_shares=0, costs=NO_COSTS) == 0
    assert available_shares(None, filled_shares=0, costs=NO_COSTS) == 0


def test_what_parts_of_shares_left_of_the_volume_is_whole_for_an_order_of_whole_shares() -> None:
    used = {"filled_shares": Decimal("44.798"), "costs": NO_COSTS}
    bar = a_bar(volume_shares=980)
    assert available_shares(bar, **used) == 4
    assert available_shares(bar, **used, decimals=3) == Decimal("4.202")
    assert available_shares(a_bar(volume_shares=880), **used, decimals=3) == 0


def test_a_stop_is_reached_when_the_low_touches_it() -> None:
    assert is_stop_reached(a_stop("48.00"), a_bar(low_usd="48.00"))
    assert not is_stop_reached(a_stop("47.99"), a_bar(low_usd="48.00"))


def test_a_stop_is_never_reached_in_a_halt_or_without_a_bar() -> None:
    assert not is_stop_reached(a_stop("49.00"), a_bar(is_halted=True))
    assert not is_stop_reached(a_stop("49.00"), None)


def test_a_reached_stop_fills_at_the_stop_less_slippage() -> None:
    assert fill_of_stop(a_stop("49.00"), a_bar(), available=1_000, costs=TEN_BPS) == Fill(100, usd("48.95"))


def test_a_gap_below_the_stop_fills_at_the_open_less_slippage() -> None:
    bar = a_bar(open_usd="48.50")
    assert fill_of_stop(a_stop("49.00"), bar, available=1_000, costs=TEN_BPS) == Fill(100, usd("48.45"))


def test_a_resting_buy_fills_at_its_limit_once_the_price_trades_through() -> None:
    order = working("buy", limit_usd=usd("48.50"))
    assert fill_of_resting_limit(order, a_bar(low_usd="48.49"), available=1_000) == Fill(100, usd("48.50"))
    assert fill_of_resting_limit(order, a_bar(low_usd="48.50"), available=1_000) is None


def test_a_resting_sale_fills_at_its_limit_once_the_price_trades_through() -> None:
    order = working("sell", limit_usd=usd("51.90"))
    assert fill_of_resting_limit(order, a_bar(high_usd="51.91"), available=1_000) == Fill(100, usd("51.90"))
    assert fill_of_resting_limit(order, a_bar(high_usd="51.90", close_usd="51"), available=1_000) is None


def test_only_limits_rest() -> None:
    market = working("buy", order_type="market", limit_usd=None)
    assert fill_of_resting_limit(market, a_bar(), available=1_000) is None
    assert fill_of_resting_limit(a_stop("60.00"), a_bar(), available=1_000) is None
