from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reporting.transaction_costs import Execution, SentOrder, cost_totals, order_costs, slippage_bps

PRICES = st.decimals("0.5", "2000", places=2)


def sent(**changes):
    facts = {
        "client_order_id": "t1a", "symbol": "ABC", "side": "buy", "leg": "entry", "quantity_shares": 100,
        "status": "filled", "stop_usd": None,
    }  # fmt: skip
    return SentOrder(**{**facts, **changes})


def filled(shares=100, price="50.10", **changes):
    facts = {
        "client_order_id": "t1a",
        "quantity_shares": shares,
        "price_usd": Decimal(price),
        "fee_usd": Decimal("0.35"),
    }
    return Execution(**{**facts, **changes})


def costs(orders, fills, closes=None, opens=None):
    return order_costs(
        orders=orders,
        fills=fills,
        decision_closes_usd={"ABC": Decimal(50)} if closes is None else closes,
        opens_usd=opens or {},
    )


def test_buying_above_the_close_is_a_cost():
    assert slippage_bps(side="buy", fill_usd=Decimal("50.10"), benchmark_usd=Decimal(50)) == 20


def test_selling_below_the_close_is_a_cost():
    assert slippage_bps(side="sell", fill_usd=Decimal("49.90"), benchmark_usd=Decimal(50)) == 20


def test_benchmark_of_zero_is_refused():
    with pytest.raises(ValueError, match="benchmark price 0 USD"):
        slippage_bps(side="buy", fill_usd=Decimal(1), benchmark_usd=Decimal(0))


@settings(deadline=None, max_examples=60)
@given(fill=PRICES, benchmark=PRICES)
def test_what_a_buyer_loses_a_seller_gains(fill, benchmark):
    bought = slippage_bps(side="buy", fill_usd=fill, benchmark_usd=benchmark)
    assert bought == -slippage_bps(side="sell", fill_usd=fill, benchmark_usd=benchmark)


def test_average_fill_is_weighted_by_shares():
    (cost,) = costs([sent()], [filled(75, "50.00"), filled(25, "52.00")])
    assert cost.average_fill_usd == Decimal("50.5")


def test_order_without_fills_is_listed_with_none():
    (cost,) = costs([sent()], [])
    assert (cost.filled_shares, cost.average_fill_usd, cost.slippage_to_close_bps) == (0, None, None)


def test_fills_of_another_order_are_not_counted():
    (cost,) = costs([sent()], [filled(client_order_id="t1other")])
    assert cost.filled_shares == 0


def test_unknown_close_leaves_slippage_unknown_instead_of_zero():
    (cost,) = costs([sent()], [filled()], closes={})
    assert cost.slippage_to_close_bps is None


def test_slippage_against_the_open_uses_the_open():
    (cost,) = costs([sent()], [filled()], opens={"ABC": Decimal("50.05")})
    assert cost.slippage_to_open_bps == pytest.approx(Decimal("9.99"), abs=Decimal("0.01"))


def test_fill_rate_is_shares_filled_over_shares_ordered():
    totals = cost_totals(costs([sent(quantity_shares=200)], [filled(50)]))
    assert totals.fill_rate == 0.25


def test_an_entry_that_tries_several_limits_asks_for_its_shares_once():
    ladder = [sent(client_order_id=f"t{number}", leg=leg) for number, leg in enumerate(("entry", "entry_2", "entry_3"))]
    others = [sent(client_order_id="o1", symbol="XYZ"), sent(client_order_id="o2", leg="target_1", side="sell")]
    found = cost_totals(costs([*ladder, *others], [filled(30, client_order_id="t0"), filled(70, client_order_id="t1")]))
    assert (found.ordered_shares, found.filled_shares) == (300, 100)


def test_day_without_orders_has_no_fill_rate():
    assert cost_totals([]).fill_rate is None


def test_dollars_lost_are_the_difference_times_shares():
    assert cost_totals(costs([sent()], [filled()])).slippage_to_close_usd == Decimal("10.00")


def test_totals_say_unknown_when_no_open_is_known():
    totals = cost_totals(costs([sent()], [filled()]))
    assert (totals.slippage_to_open_usd, totals.slippage_to_open_bps) == (None, None)


def test_stop_without_fills_only_rests():
    (cost,) = costs([sent(leg="stop", side="sell", stop_usd=Decimal(45), status="open")], [])
    assert cost.is_resting_stop


def test_stop_that_filled_is_an_order_like_any_other():
    (cost,) = costs([sent(leg="stop", side="sell", stop_usd=Decimal(45))], [filled()])
    assert not cost.is_resting_stop
