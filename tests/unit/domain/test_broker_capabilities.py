"""What a venue's table says of each kind of order."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

import pytest

from execution.domain.broker_capabilities import BrokerCapabilities, FractionalSizes
from execution.domain.orders import OrderRequest, OrderType, TimeInForce

EVERYTHING = BrokerCapabilities(
    id_uniqueness="forever",
    lookup_by_client_id=True,
    answer_seconds=1.0,
    visibility_lag_seconds=1.0,
    order_types=frozenset(get_args(OrderType)),
    times_in_force=frozenset(get_args(TimeInForce)),
    has_extended_hours=True,
    order_classes=frozenset({"simple", "bracket", "oco"}),
)


def only(**changes: Any) -> BrokerCapabilities:
    fields = {name: getattr(EVERYTHING, name) for name in EVERYTHING.__dataclass_fields__}
    return BrokerCapabilities(**{**fields, **changes})


def an_order(kind: OrderType = "limit", time: TimeInForce = "day", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": "o1",
        "symbol": "AAA",
        "side": "sell",
        "leg": "exit",
        "quantity_shares": 1,
        "order_type": kind,
        "time_in_force": time,
    }
    return OrderRequest(**{**fields, **changes})


@pytest.mark.parametrize("time", get_args(TimeInForce))
@pytest.mark.parametrize("kind", get_args(OrderType))
def test_a_venue_takes_the_kinds_and_times_of_its_table_and_no_other(kind: OrderType, time: TimeInForce) -> None:
    order = an_order(kind, time)
    assert EVERYTHING.fault_of(order) == ""
    without_kind = only(order_types=EVERYTHING.order_types - {kind})
    assert without_kind.fault_of(order).startswith(f"{kind} orders; it takes ")
    without_time = only(times_in_force=EVERYTHING.times_in_force - {time})
    assert without_time.fault_of(order).startswith(f"time in force {time}; it takes ")


def test_extended_hours_are_asked_only_of_a_venue_that_has_them() -> None:
    order = an_order(is_extended_hours=True)
    assert (EVERYTHING.fault_of(order), only(has_extended_hours=False).fault_of(order)) == (
        "",
        "orders in extended hours; it trades in the regular session",
    )


def test_a_venue_without_linked_orders_takes_none() -> None:
    order = an_order(limit_usd=Decimal(50), attached=(an_order("stop"),))
    assert EVERYTHING.fault_of(order) == ""
    assert only(order_classes=frozenset({"simple"})).fault_of(order) == "oco orders; it takes simple"


def test_each_linked_order_is_looked_up_too() -> None:
    order = an_order(attached=(an_order("trailing_stop"),))
    venue = only(order_types=frozenset({"limit", "stop"}))
    assert venue.fault_of(order).startswith("trailing_stop orders")


PARTS = FractionalSizes(decimals=3, order_types=frozenset({"limit"}), times_in_force=frozenset({"day"}))


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        ({"quantity_shares": Decimal("0.125")}, ""),
        ({"quantity_shares": Decimal("0.1255")}, "size 0.1255; it takes 3 digits after the point"),
        ({"quantity_shares": Decimal("0.5"), "kind": "market"}, "part of a share in market orders; it takes limit"),
        ({"quantity_shares": Decimal("0.5"), "time": "gtc"}, "part of a share for gtc; it takes day"),
        (
            {"quantity_shares": Decimal("0.5"), "attached": (an_order("stop"),)},
            "part of a share in oco orders; it takes simple ones",
        ),
        ({"quantity_shares": 5, "kind": "market", "time": "gtc"}, ""),
    ],
)
def test_a_part_of_a_share_is_taken_as_its_own_table_says(order: dict[str, Any], fault: str) -> None:
    assert only(fractional_sizes=PARTS).fault_of(an_order(**order)) == fault


def test_a_venue_of_whole_shares_takes_no_part_of_one() -> None:
    assert EVERYTHING.fault_of(an_order(quantity_shares=Decimal("0.5"))) == "part of a share; it takes whole shares"


def test_entries_are_as_fine_as_limits_of_the_day_may_be() -> None:
    market_only = replace(PARTS, order_types=frozenset({"market"}))
    tables = (only(fractional_sizes=PARTS), only(fractional_sizes=market_only), EVERYTHING)
    assert [table.entry_decimals for table in tables] == [3, 0, 0]
