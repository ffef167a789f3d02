from pathlib import Path
from typing import Any

import pytest

from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape
from execution.domain.errors import DataError, SettingsRefused
from execution.domain.orders import Accepted, OrderRequest, Refused
from tests.builders.venue import (
    CALENDAR,
    CASH,
    MONDAY,
    NO_COSTS,
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


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def refusal(broker: SimulatedBroker, order: OrderRequest) -> str:
    outcome = broker.submit(order)
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


def test_a_new_account_holds_its_cash_and_nothing_else(world: World) -> None:
    account = world.broker.account()
    assert account.cash_usd == CASH
    assert account.positions_shares == {}


def test_a_marketable_buy_after_the_open_fills_at_once_at_the_open(world: World) -> None:
    broker = world.at_open(TUESDAY)
    broker.submit(buy(100))
    [fill] = broker.fills(since=after_open(TUESDAY))
    assert (fill.quantity_shares, fill.price_usd, fill.filled_at) == (100, usd("50.00"), after_open(TUESDAY))


def test_a_fill_moves_cash_and_position(world: World) -> None:
    broker = world.at_open(TUESDAY)
    broker.submit(buy(100))
    assert broker.account().cash_usd == usd("95000.00")
    assert broker.account().positions_shares == {"AAA": 100}


def test_a_filled_order_says_so(world: World) -> None:
    broker = world.at_open(TUESDAY)
    broker.submit(buy(100))
    state = broker.order("buy-1")
    assert state is not None
    assert (state.status, state.filled_shares) == ("filled", 100)
    assert broker.open_orders() == ()


def test_an_order_sent_in_the_evening_waits_for_the_next_open(world: World) -> None:
    world.broker.submit(buy(100))
    assert world.broker.fills(since=CALENDAR.opens_at(MONDAY)) == ()
    [fill] = world.at_open(TUESDAY).fills(since=CALENDAR.opens_at(MONDAY))
    assert fill.filled_at == CALENDAR.opens_at(TUESDAY)


def test_what_the_volume_does_not_give_stays_working(tmp_path: Path) -> None:
    broker = World(tmp_path, [a_bar(volume_shares=1_000)]).at_open(TUESDAY)
    broker.submit(buy(80))
    [working] = broker.open_orders()
    assert (working.status, working.filled_shares, working.quantity_shares) == ("open", 50, 80)


def test_two_orders_share_the_volume_of_a_session(tmp_path: Path) -> None:
    broker = World(tmp_path, [a_bar(volume_shares=1_000)]).at_open(TUESDAY)
    broker.submit(buy(30, client_order_id="first"))
    broker.submit(buy(30, client_order_id="second"))
    assert broker.account().positions_shares == {"AAA": 50}


def test_the_rest_of_a_day_order_expires_at_the_close(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(volume_shares=1_000)])
    world.at_open(TUESDAY).submit(buy(80))
    state = world.at_close(TUESDAY).order("buy-1")
    assert state is not None
    assert (state.status, state.filled_shares) == ("expired", 50)


def test_a_limit_away_from_the_open_rests_and_fills_when_the_day_trades_through_it(world: World) -> None:
    broker = world.at_open(TUESDAY)
    broker.submit(buy(100, limit_usd=usd("48.50")))
    assert broker.account().positions_shares == {}
    [fill] = world.at_close(TUESDAY).fills(since=after_open(TUESDAY))
    assert (fill.price_usd, fill.filled_at) == (usd("48.50"), CALENDAR.closes_at(TUESDAY))


def test_an_order_sent_after_the_close_never_meets_the_day_that_ended(world: World) -> None:
    broker = world.at_close(TUESDAY)
    broker.submit(buy(100, limit_usd=usd("48.50")))
    assert broker.fills(since=CALENDAR.opens_at(MONDAY)) == ()


def test_a_cancelled_order_keeps_what_filled_and_releases_the_rest(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(volume_shares=1_000)])
    broker = world.at_open(TUESDAY)
    broker.submit(buy(80))
    broker.cancel("buy-1")
    state = broker.order("buy-1")
    assert state is not None
    assert (state.status, state.filled_shares) == ("cancelled", 50)
    assert world.at_close(WEDNESDAY).account().positions_shares == {"AAA": 50}


def test_cancelling_the_unknown_and_the_ended_is_harmless(world: World) -> None:
    broker = world.at_open(TUESDAY)
    broker.submit(buy(100))
    broker.cancel("buy-1")
    broker.cancel("never-sent")
    state = broker.order("buy-1")
    assert state is not None
    assert state.status == "filled"
    assert broker.order("never-sent") is None


@pytest.mark.parametrize("changes", [{}, {"quantity_shares": 7}, {"symbol": "BBB"}])
def test_an_id_is_taken_once_for_ever(world: World, changes: dict[str, Any]) -> None:
    assert isinstance(world.at_open(TUESDAY).submit(buy(100)), Accepted)
    broker = world.at_open(THURSDAY)
    assert "duplicate" in refusal(broker, buy(**{"quantity": changes.pop("quantity_shares", 100), **changes}))
    assert broker.account().positions_shares == {"AAA": 100}


def test_a_refused_order_leaves_its_id_free(world: World) -> None:
    broker = world.at_open(TUESDAY)
    refusal(broker, buy(1_000_000))
    assert broker.order("buy-1") is None
    assert isinstance(broker.submit(buy(100)), Accepted)


def test_a_buy_beyond_the_cash_is_refused_with_its_numbers(world: World) -> None:
    reason = refusal(world.at_open(TUESDAY), buy(2_000))
    assert "103000.00 USD needed" in reason
    assert "100000 USD held" in reason


def test_cash_set_aside_for_a_working_buy_cannot_be_spent_twice(world: World) -> None:
    broker = world.broker
    assert isinstance(broker.submit(buy(1_500, client_order_id="first")), Accepted)
    assert "insufficient cash" in refusal(broker, buy(1_000, client_order_id="second"))


def test_a_market_buy_never_overdraws_when_the_open_is_far_above_the_close(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(open_usd="80", high_usd="90", close_usd="85")])
    market = buy(1_800, order_type="market", limit_usd=None)
    assert isinstance(world.broker.submit(market), Accepted)
    account = world.at_open(TUESDAY).account()
    assert account.positions_shares == {"AAA": 1_250}
    assert account.cash_usd == 0


def test_nothing_is_sold_that_is_not_held(world: World) -> None:
    assert "insufficient shares" in refusal(world.at_open(TUESDAY), sell(1))


def test_shares_behind_a_stop_cannot_be_sold_a_second_time(world: World) -> None:
    broker = world.with_position(100).broker
    broker.submit(stop(100))
    assert "100 in working sell orders" in refusal(broker, sell(100))
    broker.cancel("stop-1")
    broker.submit(sell(100))
    assert broker.account().positions_shares == {}


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (buy(0), "above zero"),
        (buy(100, limit_usd=None), "limit price"),
        (buy(100, order_type="market"), "limit price"),
        (buy(100, limit_usd=usd("50.005")), "sub-penny"),
        (buy(100, limit_usd=usd("-1")), "above zero on a tick"),
        (buy(100, is_reduce_only=True), "nothing to reduce"),
        (buy(100, order_type="stop", limit_usd=None, stop_usd=usd("60")), "nothing to reduce"),
        (sell(100, stop_usd=usd("40")), "stop price"),
        (buy(100, client_order_id=""), "client_order_id"),
        (buy(100, symbol="ZZZ"), "unknown symbol ZZZ"),
    ],
)
def test_a_malformed_order_is_refused_with_its_fault(world: World, order: OrderRequest, told: str) -> None:
    assert told in refusal(world.at_open(TUESDAY), order)


def test_nothing_fills_in_a_halt(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(is_halted=True)])
    world.at_open(TUESDAY).submit(buy(100))
    state = world.at_close(TUESDAY).order("buy-1")
    assert state is not None
    assert (state.status, state.filled_shares) == ("expired", 0)


def test_nothing_fills_on_a_session_without_a_bar(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(MONDAY, "BBB"), a_bar(WEDNESDAY, "BBB")])
    world.broker.submit(buy(100, symbol="BBB", time_in_force="gtc", limit_usd=usd("55")))
    assert world.at_close(TUESDAY).account().positions_shares == {}
    assert world.at_open(WEDNESDAY).account().positions_shares == {"BBB": 100}


def test_open_orders_come_by_client_order_id(world: World) -> None:
    for name in ("b", "c", "a"):
        world.broker.submit(buy(10, client_order_id=name))
    assert [state.client_order_id for state in world.broker.open_orders()] == ["a", "b", "c"]


def test_a_missing_tape_is_named_when_the_venue_must_live_through_its_session(world: World) -> None:
    world.with_position(100)
    (world.folder / "tape" / "2024-03-06.parquet").unlink()
    with pytest.raises(DataError, match="no tape for 2024-03-06"):
        world.at_close(THURSDAY).account()


def test_an_idle_account_needs_no_tape(world: World) -> None:
    (world.folder / "tape" / "2024-03-06.parquet").unlink()
    assert world.at_close(THURSDAY).account().cash_usd == CASH


def test_a_clock_that_went_back_is_refused(world: World) -> None:
    world.with_position(100)
    world.at_close(WEDNESDAY).account()
    with pytest.raises(DataError, match="cannot go"):
        world.at_open(TUESDAY).account()


def test_an_account_that_began_with_other_cash_is_refused(world: World) -> None:
    tape = Tape(world.folder / "tape")
    with pytest.raises(SettingsRefused, match="began with 100000 USD"):
        SimulatedBroker(world.folder / "venue.db", tape, world.clock, CALENDAR, NO_COSTS, usd("50000"))


def test_the_last_price_is_the_open_while_the_session_runs_and_then_its_close(world: World) -> None:
    assert world.broker.last_usd("AAA") == usd("51.00")
    assert world.at_open(TUESDAY).last_usd("AAA") == usd("50.00")
    assert world.at_close(TUESDAY).last_usd("AAA") == usd("51.00")


def test_a_symbol_that_does_not_trade_today_keeps_its_last_close(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(MONDAY, "BBB", close_usd="48.50"), a_bar(TUESDAY, is_halted=True)])
    assert world.at_open(TUESDAY).last_usd("BBB") == usd("48.50")
    assert world.at_open(TUESDAY).last_usd("AAA") == usd("51.00")


def test_an_unheard_of_symbol_has_no_price(world: World) -> None:
    assert world.broker.last_usd("ZZZ") is None
    assert world.broker.close_usd("ZZZ", MONDAY) is None


def test_a_close_is_told_only_after_the_session(world: World) -> None:
    broker = world.at_open(TUESDAY)
    assert broker.close_usd("AAA", MONDAY) == usd("51.00")
    with pytest.raises(DataError, match="not known"):
        broker.close_usd("AAA", TUESDAY)
