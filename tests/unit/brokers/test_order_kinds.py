"""Trailing stops, immediate orders and linked orders at the venue, each reckoned by hand on plain bars."""

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import TapeRow
from execution.domain.orders import Accepted, OrderRequest, OrderState, Refused
from pipelines.cli.halt import SimulatedVenue
from tests.builders.venue import (
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    World,
    a_bar,
    after_open,
    buy,
    sell,
    stop,
    usd,
)


def trailing(quantity: int = 100, **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {"client_order_id": "stop-1", "leg": "stop", "order_type": "trailing_stop"}
    fields |= {"time_in_force": "gtc", "limit_usd": None, "trail_usd": usd("3.00")}
    return sell(quantity, **{**fields, **changes})


def target(quantity: int = 100, limit_usd: str = "51.50", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {"client_order_id": "target-1", "time_in_force": "gtc", "limit_usd": usd(limit_usd)}
    return sell(quantity, **{**fields, **changes})


def an_oco(quantity: int = 100, limit_usd: str = "51.50", stop_usd: str = "49.00") -> OrderRequest:
    return target(quantity, limit_usd, attached=(stop(quantity, stop_usd),))


def a_bracket(
    quantity: int = 100, entry_usd: str = "50.50", limit_usd: str = "51.50", stop_usd: str = "49.00"
) -> OrderRequest:
    exits = (target(quantity, limit_usd), stop(quantity, stop_usd))
    return buy(quantity, time_in_force="gtc", limit_usd=usd(entry_usd), attached=exits)


def sent(broker: SimulatedBroker, order: OrderRequest) -> None:
    outcome = broker.submit(order)
    assert isinstance(outcome, Accepted), outcome


def seen(broker: SimulatedBroker, client_order_id: str) -> OrderState:
    state = broker.order(client_order_id)
    assert state is not None
    return state


def told(broker: SimulatedBroker, *names: str) -> list[tuple[str, int, int]]:
    states = [seen(broker, name) for name in names]
    return [(state.status, state.filled_shares, state.quantity_shares) for state in states]


def fills(broker: SimulatedBroker) -> list[tuple[str, int, Decimal]]:
    return [(f.client_order_id, f.quantity_shares, f.price_usd) for f in broker.fills(since=after_open(MONDAY))]


def test_a_trailing_stop_begins_below_the_price_it_is_sent_at(tmp_path: Path) -> None:
    broker = World(tmp_path).with_position().broker
    sent(broker, trailing())
    assert seen(broker, "stop-1").stop_usd == usd("47.00")


def test_the_high_of_a_bar_raises_the_trail_only_after_that_bars_low(tmp_path: Path) -> None:
    # 52 less 3 is 49, above the low of 48 on the very same bar.
    world = World(tmp_path).with_position()
    sent(world.broker, trailing())
    broker = world.at_close(TUESDAY)
    assert (told(broker, "stop-1"), seen(broker, "stop-1").stop_usd) == ([("open", 0, 100)], usd("49.00"))


def test_a_trail_from_former_highs_is_reached_by_a_later_low(tmp_path: Path) -> None:
    world = World(tmp_path).with_position()
    sent(world.broker, trailing())
    broker = world.at_close(WEDNESDAY)
    assert fills(broker)[1:] == [("stop-1", 100, usd("49.00"))]


def test_an_open_above_all_former_highs_raises_the_trail_before_the_bar(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, open_usd="55.00", high_usd="55.00")]).with_position()
    sent(world.broker, trailing())
    assert seen(world.at_open(WEDNESDAY), "stop-1").stop_usd == usd("52.00")
    assert fills(world.at_close(WEDNESDAY))[1:] == [("stop-1", 100, usd("52.00"))]


def test_a_gap_below_the_trail_sells_at_the_open(tmp_path: Path) -> None:
    bar = a_bar(WEDNESDAY, open_usd="45.00", high_usd="46.00", low_usd="44.00", close_usd="45.00")
    world = World(tmp_path, [bar]).with_position()
    sent(world.broker, trailing())
    assert fills(world.at_close(WEDNESDAY))[1:] == [("stop-1", 100, usd("45.00"))]


def test_a_trail_in_basis_points_is_a_part_of_the_high_rounded_down(tmp_path: Path) -> None:
    world = World(tmp_path).with_position()
    sent(world.broker, trailing(trail_usd=None, trail_bps=Decimal(777)))
    assert seen(world.broker, "stop-1").stop_usd == usd("46.11")
    assert seen(world.at_close(TUESDAY), "stop-1").stop_usd == usd("47.95")


def test_the_trail_survives_a_restart(tmp_path: Path) -> None:
    world = World(tmp_path).with_position()
    sent(world.broker, trailing())
    world.at_close(TUESDAY).account()
    world.broker.close()
    world.broker = world.reopened()
    assert fills(world.at_close(WEDNESDAY))[1:] == [("stop-1", 100, usd("49.00"))]


def test_a_split_divides_the_high_and_the_trail(tmp_path: Path) -> None:
    split = a_bar(
        WEDNESDAY, open_usd="25.00", high_usd="27.00", low_usd="24.60", close_usd="26.50", split_ratio=Decimal(2)
    )
    quiet = a_bar(THURSDAY, open_usd="26.50", high_usd="26.80", low_usd="25.40", close_usd="26.00")
    world = World(tmp_path, [split, quiet]).with_position()
    sent(world.broker, trailing())
    # Tuesday's high of 52 is 26 now, the trail 1.50; Wednesday's high of 27 then makes the stop 25.50.
    assert seen(world.at_open(WEDNESDAY), "stop-1").stop_usd == usd("24.50")
    assert seen(world.at_close(WEDNESDAY), "stop-1").stop_usd == usd("25.50")
    assert fills(world.at_close(THURSDAY))[1:] == [("stop-1", 200, usd("25.50"))]


def test_a_trail_wider_than_the_price_is_refused(tmp_path: Path) -> None:
    outcome = World(tmp_path).with_position().broker.submit(trailing(trail_usd=usd("50.00")))
    assert isinstance(outcome, Refused)
    assert "no stop above zero" in outcome.reason


def test_a_stop_limit_buy_enters_when_the_high_reaches_its_stop(tmp_path: Path) -> None:
    world = World(tmp_path)
    sent(world.at_open(TUESDAY), buy(100, order_type="stop_limit", stop_usd=usd("51.00"), limit_usd=usd("51.50")))
    assert fills(world.broker) == []
    assert fills(world.at_close(TUESDAY)) == [("buy-1", 100, usd("51.00"))]


def test_a_stop_limit_whose_limit_was_jumped_rests_until_the_price_is_back(tmp_path: Path) -> None:
    fallen = a_bar(WEDNESDAY, open_usd="46.00", high_usd="46.50", low_usd="45.00", close_usd="46.00")
    world = World(tmp_path, [fallen]).with_position()
    sent(world.broker, stop(100, "47.50", order_type="stop_limit", limit_usd=usd("47.00")))
    assert told(world.at_close(WEDNESDAY), "stop-1") == [("open", 0, 100)]
    assert fills(world.at_open(THURSDAY))[1:] == [("stop-1", 100, usd("50.00"))]


@pytest.mark.parametrize(("time", "filled"), [("ioc", 50), ("fok", 0), ("day", 50)])
def test_what_may_not_wait_ends_at_the_open_with_what_it_got(tmp_path: Path, time: str, filled: int) -> None:
    broker = World(tmp_path, [a_bar(volume_shares=1_000)]).at_open(TUESDAY)
    sent(broker, buy(80, time_in_force=time))
    assert told(broker, "buy-1") == [("open" if time == "day" else "cancelled", filled, 80)]


def test_all_or_nothing_fills_when_all_is_there(tmp_path: Path) -> None:
    broker = World(tmp_path).at_open(TUESDAY)
    sent(broker, buy(80, time_in_force="fok"))
    assert told(broker, "buy-1") == [("filled", 80, 80)]


def test_an_immediate_order_sent_in_the_evening_has_the_next_open_and_no_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    sent(world.broker, buy(80, time_in_force="ioc", limit_usd=usd("49.00")))
    assert told(world.broker, "buy-1") == [("open", 0, 80)]
    assert told(world.at_open(TUESDAY), "buy-1") == [("cancelled", 0, 80)]


def test_an_immediate_order_in_a_halt_gets_nothing(tmp_path: Path) -> None:
    broker = World(tmp_path, [a_bar(is_halted=True)]).at_open(TUESDAY)
    sent(broker, buy(80, time_in_force="ioc"))
    assert told(broker, "buy-1") == [("cancelled", 0, 80)]


def test_of_a_target_and_a_stop_on_one_bar_the_stop_fills(tmp_path: Path) -> None:
    world = World(tmp_path).with_position()
    sent(world.broker, an_oco())
    broker = world.at_close(TUESDAY)
    assert fills(broker)[1:] == [("stop-1", 100, usd("49.00"))]
    assert told(broker, "target-1", "stop-1") == [("cancelled", 0, 100), ("filled", 100, 100)]


def test_a_target_that_is_reached_ends_its_stop(tmp_path: Path) -> None:
    world = World(tmp_path).with_position()
    sent(world.broker, an_oco(stop_usd="47.00"))
    broker = world.at_close(TUESDAY)
    assert fills(broker)[1:] == [("target-1", 100, usd("51.50"))]
    assert told(broker, "target-1", "stop-1") == [("filled", 100, 100), ("cancelled", 0, 100)]


def test_what_a_thin_market_sold_for_the_target_the_stop_gives_up(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, volume_shares=1_000)]).with_position()
    world.at_open(WEDNESDAY)
    sent(world.broker, an_oco(stop_usd="47.00"))
    assert told(world.at_close(WEDNESDAY), "target-1", "stop-1") == [("open", 50, 100), ("open", 0, 50)]


def test_linked_exits_count_once_against_the_position(tmp_path: Path) -> None:
    broker = World(tmp_path).with_position().broker
    sent(broker, an_oco(60))
    sent(broker, sell(40, limit_usd=usd("51.00")))
    outcome = broker.submit(sell(1, client_order_id="more", limit_usd=usd("51.00")))
    assert isinstance(outcome, Refused)
    assert "100 in working sell orders" in outcome.reason


def test_cancelling_one_exit_ends_the_other(tmp_path: Path) -> None:
    broker = World(tmp_path).with_position().broker
    sent(broker, an_oco())
    broker.cancel("stop-1")
    assert told(broker, "target-1", "stop-1") == [("cancelled", 0, 100), ("cancelled", 0, 100)]


def test_the_exits_of_a_bracket_work_once_its_entry_has_filled(tmp_path: Path) -> None:
    world = World(tmp_path)
    sent(world.broker, a_bracket(stop_usd="47.00"))
    broker = world.at_close(TUESDAY)
    assert fills(broker) == [("buy-1", 100, usd("50.00")), ("target-1", 100, usd("51.50"))]
    assert told(broker, "buy-1", "target-1", "stop-1")[2] == ("cancelled", 0, 100)


def test_exits_of_an_entry_that_rests_do_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    sent(world.broker, a_bracket(entry_usd="47.50", limit_usd="51.00", stop_usd="47.00"))
    broker = world.at_close(TUESDAY)
    assert fills(broker) == []
    assert told(broker, "buy-1", "target-1", "stop-1") == [("open", 0, 100)] * 3


def test_exits_follow_a_partial_entry_and_give_up_what_it_never_buys(tmp_path: Path) -> None:
    thin = [
        a_bar(session, volume_shares=1_000, low_usd="49.50", high_usd="50.20", close_usd="50.00")
        for session in (TUESDAY, WEDNESDAY)
    ]
    world = World(tmp_path, thin)
    sent(world.broker, a_bracket(80))
    assert told(world.at_close(TUESDAY), "buy-1", "target-1", "stop-1") == [
        ("open", 50, 80),
        ("open", 0, 80),
        ("open", 0, 80),
    ]
    world.broker.cancel("buy-1")
    assert told(world.broker, "buy-1", "target-1", "stop-1") == [
        ("cancelled", 50, 80),
        ("open", 0, 50),
        ("open", 0, 50),
    ]


def test_where_exits_wait_for_the_whole_entry_a_part_of_it_sets_none_to_work(tmp_path: Path) -> None:
    # The first day goes through both exits while half of the entry has filled.
    world = World(tmp_path, [a_bar(TUESDAY, volume_shares=1_000)], links_wait_for_whole=True)
    sent(world.broker, a_bracket(80, stop_usd="47.00"))
    assert told(world.at_close(TUESDAY), "buy-1", "target-1", "stop-1") == [
        ("open", 50, 80),
        ("open", 0, 80),
        ("open", 0, 80),
    ]
    assert told(world.at_close(WEDNESDAY), "buy-1", "target-1", "stop-1") == [
        ("filled", 80, 80),
        ("filled", 80, 80),
        ("cancelled", 0, 80),
    ]


def test_where_exits_wait_for_the_whole_entry_they_end_with_one_that_filled_in_part(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(TUESDAY, volume_shares=1_000)], links_wait_for_whole=True)
    sent(world.at_open(TUESDAY), a_bracket(80))
    world.broker.cancel("buy-1")
    assert told(world.broker, "buy-1", "target-1", "stop-1") == [
        ("cancelled", 50, 80),
        ("cancelled", 0, 80),
        ("cancelled", 0, 80),
    ]


def test_an_entry_that_never_fills_takes_its_exits_with_it(tmp_path: Path) -> None:
    broker = World(tmp_path).broker
    sent(broker, a_bracket(entry_usd="47.50", limit_usd="51.00", stop_usd="47.00"))
    broker.cancel("buy-1")
    assert told(broker, "buy-1", "target-1", "stop-1") == [("cancelled", 0, 100)] * 3
    assert broker.open_orders() == ()


def test_an_entry_bought_inside_the_bar_may_fall_to_its_stop_but_not_rise_to_its_target(tmp_path: Path) -> None:
    # It buys at 49.50 on the way down; the high of 52 may have come before, the low of 48 cannot.
    world = World(tmp_path)
    sent(world.at_open(TUESDAY), a_bracket(entry_usd="49.50", stop_usd="47.00"))
    assert fills(world.at_close(TUESDAY)) == [("buy-1", 100, usd("49.50"))]
    other = World(tmp_path / "other")
    sent(other.at_open(TUESDAY), a_bracket(entry_usd="49.50", stop_usd="48.50"))
    assert fills(other.at_close(TUESDAY)) == [("buy-1", 100, usd("49.50")), ("stop-1", 100, usd("48.50"))]


def test_a_split_adjusts_every_linked_order(tmp_path: Path) -> None:
    split = a_bar(
        WEDNESDAY, open_usd="25.00", high_usd="25.50", low_usd="24.60", close_usd="25.00", split_ratio=Decimal(2)
    )
    calm = a_bar(high_usd="51.00", low_usd="49.50")
    world = World(tmp_path, [calm, split]).with_position()
    sent(world.broker, an_oco())
    broker = world.at_open(WEDNESDAY)
    assert [
        (seen(broker, n).quantity_shares, seen(broker, n).limit_usd, seen(broker, n).stop_usd)
        for n in ("target-1", "stop-1")
    ] == [
        (200, usd("25.75"), None),
        (200, None, usd("24.50")),
    ]


def merged() -> TapeRow:
    """Return Wednesday's bar with one new share for a thousand."""
    prices = {"open_usd": "50000", "high_usd": "50900", "low_usd": "49600", "close_usd": "50000"}
    return a_bar(WEDNESDAY, **prices, split_ratio=Decimal("0.001"))


def test_a_split_that_leaves_nothing_of_linked_orders_ends_them_as_they_were_asked_for(tmp_path: Path) -> None:
    calm = a_bar(high_usd="51.00", low_usd="49.50")
    world = World(tmp_path, [calm, merged()]).with_position()
    sent(world.broker, an_oco())
    broker = world.at_open(WEDNESDAY)
    assert told(broker, "target-1", "stop-1") == [("cancelled", 0, 100)] * 2
    assert seen(broker, "stop-1").reason.startswith("linked to target-1: a split of 0.001")
    assert broker.open_orders() == ()


def test_a_split_that_leaves_nothing_of_a_bracket_filled_in_part_ends_all_of_it(tmp_path: Path) -> None:
    thin = a_bar(volume_shares=1_000, low_usd="49.50", high_usd="50.20", close_usd="50.00")
    world = World(tmp_path, [thin, merged()])
    sent(world.at_open(TUESDAY), a_bracket(80))
    broker = world.at_open(WEDNESDAY)
    # The exits first gave up the 30 shares that were never bought, and then had nothing left to sell of the other 50.
    assert told(broker, "buy-1", "target-1", "stop-1") == [
        ("cancelled", 50, 80),
        ("cancelled", 0, 50),
        ("cancelled", 0, 50),
    ]


def test_a_group_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    broker = World(tmp_path).with_position().broker
    sent(broker, stop(10, "45.00"))
    outcome = broker.submit(an_oco(50))
    assert isinstance(outcome, Refused)
    assert "duplicate client_order_id stop-1" in outcome.reason
    assert broker.order("target-1") is None


def test_a_halt_that_keeps_stops_leaves_a_stop_for_what_a_bracket_bought(tmp_path: Path) -> None:
    thin = a_bar(volume_shares=1_000, low_usd="49.50", high_usd="50.20", close_usd="50.00")
    world = World(tmp_path, [thin])
    sent(world.at_open(TUESDAY), a_bracket(80))
    SimulatedVenue(tmp_path / "venue.db", keep_stops=True).cancel_all()
    broker = world.at_open(WEDNESDAY)
    assert told(broker, "buy-1", "target-1", "stop-1") == [("cancelled", 50, 80), ("cancelled", 0, 80), ("open", 0, 50)]


def test_extended_hours_are_not_to_be_had_here(tmp_path: Path) -> None:
    outcome = World(tmp_path).broker.submit(buy(10, is_extended_hours=True))
    assert isinstance(outcome, Refused)
    assert "extended hours" in outcome.reason


def test_a_venue_file_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    world = World(tmp_path).with_position()
    sent(world.broker, stop(100, "45.00"))
    before = (world.broker.open_orders(), fills(world.broker), world.broker.account())
    world.broker.close()
    _as_first_version(tmp_path / "venue.db")
    reopened = world.reopened()
    assert (reopened.open_orders(), fills(reopened), reopened.account()) == before
    with sqlite3.connect(tmp_path / "venue.db") as connection:
        assert connection.execute("pragma user_version").fetchone() == (3,)
    connection.close()


def test_the_stop_can_end_orders_of_either_version(tmp_path: Path) -> None:
    world = World(tmp_path).with_position()
    sent(world.broker, stop(100, "45.00"))
    world.broker.close()
    _as_first_version(tmp_path / "venue.db")
    halted = SimulatedVenue(tmp_path / "venue.db")
    halted.cancel_all()
    assert halted.open_orders() == []


def _as_first_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("drop index linked")
        for column in ("trail_usd", "trail_bps", "high_usd", "waiting_shares", "group_id"):
            connection.execute(f"alter table orders drop column {column}")
        connection.execute("pragma user_version = 1")
    connection.close()
