"""Which prices, times and links an order may carry, one pair at a time."""

from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any, get_args

import pytest

from execution.domain.order_fault import order_fault
from execution.domain.orders import OrderRequest, OrderType, TimeInForce

PRICES: dict[str, Decimal] = {
    "limit_usd": Decimal("48.00"),
    "stop_usd": Decimal("49.00"),
    "trail_usd": Decimal("1.50"),
    "trail_bps": Decimal(250),
}
NEEDED: dict[OrderType, tuple[str, ...]] = {
    "market": (),
    "limit": ("limit_usd",),
    "stop": ("stop_usd",),
    "stop_limit": ("limit_usd", "stop_usd"),
    "trailing_stop": ("trail_usd",),
}
PAIRS = list(product(NEEDED, PRICES))


def an_order(kind: OrderType = "limit", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": "o1",
        "symbol": "AAA",
        "side": "sell",
        "leg": "exit",
        "quantity_shares": 100,
        "order_type": kind,
        "time_in_force": "day",
        "is_reduce_only": True,
        **{name: PRICES[name] for name in NEEDED[kind]},
    }
    return OrderRequest(**{**fields, **changes})


def a_target(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {"client_order_id": "target", "time_in_force": "gtc", "limit_usd": Decimal("55.00")}
    return an_order("limit", **{**fields, **changes})


def a_stop(**changes: Any) -> OrderRequest:
    return an_order("stop", **{"client_order_id": "stop", "time_in_force": "gtc", **changes})


def a_bracket(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "side": "buy",
        "time_in_force": "gtc",
        "limit_usd": Decimal("51.00"),
        "is_reduce_only": False,
        "attached": (a_target(), a_stop()),
    }
    return an_order("limit", **{**fields, **changes})


def an_oco(**changes: Any) -> OrderRequest:
    return a_target(attached=(a_stop(),), **changes)


@pytest.mark.parametrize("kind", NEEDED)
def test_an_order_with_the_prices_of_its_kind_is_sound(kind: OrderType) -> None:
    assert order_fault(an_order(kind)) == ""


@pytest.mark.parametrize(("kind", "price"), [(kind, price) for kind, price in PAIRS if price in NEEDED[kind]])
def test_a_price_its_kind_needs_may_not_be_missing(kind: OrderType, price: str) -> None:
    assert price.partition("_")[0] in order_fault(an_order(kind, **{price: None}))


@pytest.mark.parametrize(("kind", "price"), [(kind, price) for kind, price in PAIRS if price not in NEEDED[kind]])
def test_a_price_of_another_kind_is_refused(kind: OrderType, price: str) -> None:
    assert price.partition("_")[0] in order_fault(an_order(kind, **{price: PRICES[price]}))


@pytest.mark.parametrize("bad", ["0", "-1", "48.005"])
@pytest.mark.parametrize(("kind", "price"), [(kind, price) for kind, price in PAIRS if price in NEEDED[kind]])
def test_a_price_is_above_zero_and_on_a_tick(kind: OrderType, price: str, bad: str) -> None:
    assert "above zero on a tick" in order_fault(an_order(kind, **{price: Decimal(bad)}))


@pytest.mark.parametrize(
    ("trail_bps", "fault"),
    [("0", "trail 0 bps"), ("0.5", ""), ("9999", ""), ("10000", "trail 10000 bps")],
)
def test_a_trail_in_basis_points_is_a_part_of_the_price(trail_bps: str, fault: str) -> None:
    order = an_order("trailing_stop", trail_usd=None, trail_bps=Decimal(trail_bps))
    assert order_fault(order).partition(" is not")[0] == fault


@pytest.mark.parametrize(
    ("side", "limit", "fault"),
    [
        ("sell", "49.00", ""),
        ("sell", "49.01", "limit 49.01 lies above stop 49.00"),
        ("buy", "49.00", ""),
        ("buy", "48.99", "limit 48.99 lies below stop 49.00"),
    ],
)
def test_a_stop_limit_can_fill_where_it_triggers(side: str, limit: str, fault: str) -> None:
    order = an_order("stop_limit", side=side, limit_usd=Decimal(limit))
    assert order_fault(order).partition(":")[0] == fault


@pytest.mark.parametrize("time", get_args(TimeInForce))
@pytest.mark.parametrize("kind", NEEDED)
def test_what_waits_for_a_trigger_needs_a_time_in_which_to_wait(kind: OrderType, time: TimeInForce) -> None:
    waits = kind in ("stop", "stop_limit", "trailing_stop")
    is_refused = waits and time not in ("day", "gtc")
    assert ("waits for its trigger" in order_fault(an_order(kind, time_in_force=time))) is is_refused


@pytest.mark.parametrize("time", get_args(TimeInForce))
@pytest.mark.parametrize("kind", NEEDED)
def test_only_a_day_limit_trades_in_extended_hours(kind: OrderType, time: TimeInForce) -> None:
    fault = order_fault(an_order(kind, time_in_force=time, is_extended_hours=True))
    assert (fault == "") is ((kind, time) == ("limit", "day"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_order_id": ""}, "client_order_id"),
        ({"symbol": ""}, "symbol"),
        ({"quantity_shares": 0}, "above zero"),
        ({"quantity_shares": -5}, "above zero"),
    ],
)
def test_an_order_says_what_it_is_and_how_much(changes: dict[str, Any], told: str) -> None:
    assert told in order_fault(an_order(**changes))


def test_a_bracket_and_an_oco_are_sound() -> None:
    assert [order_fault(order) for order in (a_bracket(), an_oco())] == ["", ""]


def test_what_is_attached_makes_the_class_of_an_order() -> None:
    assert [o.order_class for o in (an_order(), a_bracket(), an_oco())] == ["simple", "bracket", "oco"]


@pytest.mark.parametrize("kind", ["stop_limit", "trailing_stop"])
def test_a_bracket_takes_any_kind_of_stop(kind: OrderType) -> None:
    stop = an_order(kind, client_order_id="stop", time_in_force="gtc")
    assert order_fault(a_bracket(attached=(a_target(), stop))) == ""


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (a_bracket(attached=(a_stop(),)), "take-profit limit and its stop"),
        (a_bracket(attached=(a_stop(), a_target())), "take-profit limit and its stop"),
        (a_bracket(attached=(a_target(), a_target(client_order_id="two"))), "take-profit limit and its stop"),
        (an_order("market", attached=(a_stop(),)), "to a take-profit limit its stop"),
        (an_oco(quantity_shares=99), "share their quantity_shares"),
        (an_oco(symbol="BBB"), "share their symbol"),
        (an_oco(time_in_force="day"), "share their time_in_force"),
        (an_oco(client_order_id="stop"), "a client_order_id each"),
        (a_target(attached=(a_stop(is_reduce_only=False),)), "reduce-only"),
        (a_target(attached=(a_stop(side="buy"),)), "reduce-only"),
        (a_target(attached=(a_stop(stop_usd=None),)), "stop price"),
        (a_target(attached=(a_stop(stop_usd=Decimal("55.00")),)), "must rise"),
        (a_bracket(limit_usd=Decimal("55.00")), "must rise"),
        (a_bracket(limit_usd=Decimal("49.00")), "must rise"),
        (a_bracket(attached=(an_oco(), a_stop(client_order_id="other"))), "one step"),
    ],
)
def test_links_that_do_not_fit_are_refused(order: OrderRequest, told: str) -> None:
    assert told in order_fault(order)


def test_linked_orders_stay_until_they_are_done() -> None:
    legs = tuple(replace(leg, time_in_force="ioc") for leg in a_bracket().attached)
    assert order_fault(a_bracket(time_in_force="ioc", attached=legs)) != ""


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (an_order("limit", limit_usd=None), "a limit order has a limit price, found None"),
        (an_order("market", stop_usd=Decimal("49.00")), "a market order has no stop price, found 49.00"),
        (
            an_order("trailing_stop", trail_usd=None),
            "a trailing_stop order has exactly one of trail_usd and trail_bps, found None and None",
        ),
        (an_order("limit", trail_bps=Decimal(250)), "a limit order has no trail, found None and 250"),
        (a_bracket(limit_usd=Decimal("49.00")), "stop, entry and take-profit must rise, found 49.00, 49.00, 55.00"),
    ],
)
def test_a_fault_says_what_was_found_and_what_was_expected(order: OrderRequest, told: str) -> None:
    assert order_fault(order) == told


@pytest.mark.parametrize(
    "order",
    [
        an_order(quantity_shares=1),
        an_order("limit", limit_usd=Decimal("0.5001")),
        an_order("stop", stop_usd=Decimal("1.00")),
        an_order("trailing_stop", trail_usd=Decimal("0.50")),
    ],
)
def test_the_smallest_orders_are_sound(order: OrderRequest) -> None:
    assert order_fault(order) == ""


def test_linked_orders_trade_in_the_regular_session_only() -> None:
    # Each alone is a day limit, which may; linked they may not.
    target = a_target(time_in_force="day", is_extended_hours=True, attached=(a_stop(time_in_force="day"),))
    assert order_fault(target) == "linked orders are day or gtc, in the regular session"
