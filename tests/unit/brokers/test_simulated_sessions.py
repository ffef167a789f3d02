from decimal import Decimal
from pathlib import Path

from execution.domain.orders import CorporateActionEntry
from execution.portfolio.cost_model import CostModel
from tests.builders.venue import (
    CALENDAR,
    FRIDAY,
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    World,
    a_bar,
    buy,
    sell,
    stop,
    usd,
)

FROM_THE_START = CALENDAR.opens_at(MONDAY)


def only_action(world: World) -> CorporateActionEntry:
    [entry] = world.broker.corporate_actions(since=FROM_THE_START)
    return entry


def test_a_stop_survives_sessions_that_do_not_reach_it(tmp_path: Path) -> None:
    world = World(tmp_path).with_position(100)
    world.broker.submit(stop(100, "47.99"))
    [working] = world.at_close(FRIDAY).open_orders()
    assert working.client_order_id == "stop-1"


def test_a_stop_closes_the_position_on_the_day_that_reaches_it(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, low_usd="46.00")]).with_position(100)
    world.broker.submit(stop(100, "47.00"))
    account = world.at_close(WEDNESDAY).account()
    assert account.positions_shares == {}
    assert account.cash_usd == usd("99700.00")


def test_a_stop_fill_is_not_visible_before_the_close(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, low_usd="46.00")]).with_position(100)
    world.broker.submit(stop(100, "47.00"))
    assert world.at_open(WEDNESDAY).account().positions_shares == {"AAA": 100}


def test_a_gap_through_the_stop_fills_at_the_open(tmp_path: Path) -> None:
    gap = a_bar(WEDNESDAY, open_usd="45.00", low_usd="44.00")
    world = World(tmp_path, [gap]).with_position(100)
    world.broker.submit(stop(100, "47.00"))
    assert world.at_close(WEDNESDAY).fills(since=CALENDAR.closes_at(WEDNESDAY))[0].price_usd == usd("45.00")


def test_a_stop_fills_before_a_target_on_the_same_bar(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, low_usd="46.00", high_usd="60.00", volume_shares=1_000)])
    world.with_position(100)
    world.broker.submit(sell(50, client_order_id="a-target", time_in_force="gtc", limit_usd=usd("58")))
    world.broker.submit(stop(50, "47.00"))
    fills = world.at_close(WEDNESDAY).fills(since=CALENDAR.closes_at(WEDNESDAY))
    # A twentieth of the volume is 50 shares: the stop takes them all, though the target came first.
    assert [fill.client_order_id for fill in fills] == ["stop-1"]


def test_what_a_thin_day_leaves_of_a_stop_is_sold_at_the_next_open(tmp_path: Path) -> None:
    thin = a_bar(WEDNESDAY, low_usd="46.00", volume_shares=1_000)
    world = World(tmp_path, [thin, a_bar(THURSDAY, open_usd="49.50")]).with_position(100)
    world.broker.submit(stop(100, "47.00"))
    assert world.at_close(WEDNESDAY).account().positions_shares == {"AAA": 50}
    assert world.at_open(THURSDAY).account().positions_shares == {}
    assert world.broker.fills(since=CALENDAR.opens_at(THURSDAY))[0].price_usd == usd("49.50")


def test_a_halted_session_does_not_trigger_a_stop(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, low_usd="40.00", is_halted=True)]).with_position(100)
    world.broker.submit(stop(100, "47.00"))
    assert world.at_close(WEDNESDAY).account().positions_shares == {"AAA": 100}


def test_a_dividend_is_paid_on_what_was_held_before_the_ex_sessions_open(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, dividend_usd="0.505")]).with_position(101)
    assert world.at_open(WEDNESDAY).account().cash_usd == usd("94950.00") + usd("51.00")
    assert only_action(world).cash_usd == usd("51.00")
    assert only_action(world).booked_at == CALENDAR.opens_at(WEDNESDAY)


def test_what_is_bought_at_the_ex_sessions_open_earns_no_dividend(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(TUESDAY, dividend_usd="0.50")])
    world.broker.submit(buy(100))
    world.at_close(TUESDAY).account()
    assert world.broker.corporate_actions(since=FROM_THE_START) == ()


def test_a_split_multiplies_the_position_and_pays_the_fraction(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, split_ratio="1.5")]).with_position(101)
    account = world.at_open(WEDNESDAY).account()
    assert account.positions_shares == {"AAA": 151}
    entry = only_action(world)
    assert (entry.kind, entry.quantity_delta_shares, entry.cash_usd, entry.ratio) == (
        "split",
        50,
        usd("25.00"),
        usd("1.500000"),
    )


def test_a_reverse_split_stored_with_six_digits_loses_no_share(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, split_ratio="0.333333")]).with_position(300)
    assert world.at_open(WEDNESDAY).account().positions_shares == {"AAA": 100}


def test_a_reverse_split_of_too_few_shares_pays_them_out(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, split_ratio="0.1")]).with_position(5)
    world.broker.submit(stop(5, "40.00"))
    account = world.at_open(WEDNESDAY).account()
    assert account.positions_shares == {}
    assert account.cash_usd == usd("99775.00")
    assert world.broker.open_orders() == ()


def test_a_dividend_counts_the_shares_before_the_split_of_the_same_day(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, split_ratio="2", dividend_usd="1")]).with_position(100)
    world.at_open(WEDNESDAY).account()
    entries = world.broker.corporate_actions(since=FROM_THE_START)
    assert [(entry.kind, entry.cash_usd) for entry in entries] == [("dividend", usd("100")), ("split", usd("0"))]


def test_a_split_adjusts_the_working_stop_and_does_not_trigger_it(tmp_path: Path) -> None:
    halved = a_bar(WEDNESDAY, split_ratio="2", open_usd="25", high_usd="26", low_usd="24", close_usd="25")
    world = World(tmp_path, [halved]).with_position(100)
    world.broker.submit(stop(100, "47.01"))
    [working] = world.at_close(WEDNESDAY).open_orders()
    assert (working.quantity_shares, working.stop_usd) == (200, usd("23.50"))


def test_a_split_that_leaves_a_stop_less_than_one_share_ends_it_as_it_was_asked_for(tmp_path: Path) -> None:
    merged = {"open_usd": "50000", "high_usd": "52000", "low_usd": "48000", "close_usd": "50000"}
    world = World(tmp_path, [a_bar(WEDNESDAY, split_ratio="0.001", **merged)]).with_position(244)
    world.broker.submit(stop(244, "47.01"))
    broker = world.at_open(WEDNESDAY)
    state = broker.order("stop-1")
    assert state is not None
    assert (state.status, state.quantity_shares, state.stop_usd) == ("cancelled", 244, usd("47.01"))
    assert (broker.open_orders(), broker.account().positions_shares) == ((), {})


def test_a_delisting_closes_the_position_for_the_last_close_less_the_haircut(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(WEDNESDAY, is_last_session=True, close_usd="50.00")]).with_position(100)
    world.broker.submit(stop(100, "40.00"))
    assert world.at_open(WEDNESDAY).account().positions_shares == {"AAA": 100}
    account = world.at_close(WEDNESDAY).account()
    assert account.positions_shares == {}
    assert account.cash_usd == usd("98500.00")
    assert (only_action(world).kind, only_action(world).quantity_delta_shares) == ("delisting", -100)
    assert world.broker.open_orders() == ()


def test_the_haircut_of_a_delisting_is_a_setting(tmp_path: Path) -> None:
    whole = CostModel(slippage_bps=Decimal(0), delisting_haircut_fraction=Decimal(1))
    world = World(tmp_path, [a_bar(WEDNESDAY, is_last_session=True)], costs=whole).with_position(100)
    assert world.at_close(WEDNESDAY).account().cash_usd == usd("95000.00")


def test_a_delisted_symbol_has_no_price_and_cannot_be_bought(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(TUESDAY, "BBB", is_last_session=True)])
    broker = world.at_close(TUESDAY)
    assert broker.last_usd("BBB") is None
    assert "unknown symbol BBB" in str(broker.submit(buy(10, symbol="BBB")))


def test_fees_are_taken_from_the_account_and_told_with_the_fill(tmp_path: Path) -> None:
    costs = CostModel(slippage_bps=Decimal(0), commission_usd_per_share=Decimal("0.005"), sell_fee_bps=Decimal(1))
    world = World(tmp_path, costs=costs).with_position(101)
    world.broker.submit(sell(101))
    bought, sold = world.broker.fills(since=FROM_THE_START)
    assert (bought.fee_usd, sold.fee_usd) == (usd("0.50"), usd("1.01"))
    assert world.broker.account().cash_usd == usd("100000") - usd("1.51")


def test_a_jump_over_sessions_ends_where_small_steps_end(tmp_path: Path) -> None:
    bars = [a_bar(WEDNESDAY, split_ratio="2", dividend_usd="0.3"), a_bar(THURSDAY, low_usd="20.00")]

    def lived(folder: Path, *, in_steps: bool) -> object:
        world = World(folder, bars).with_position(100)
        world.broker.submit(stop(100, "47.00"))
        for day in (TUESDAY, WEDNESDAY, THURSDAY, FRIDAY):
            if in_steps:
                world.at_open(day).account()
                world.at_close(day).account()
        broker = world.at_close(FRIDAY)
        return broker.account(), broker.fills(since=FROM_THE_START), broker.corporate_actions(since=FROM_THE_START)

    assert lived(tmp_path / "jump", in_steps=False) == lived(tmp_path / "steps", in_steps=True)
