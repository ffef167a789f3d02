"""Conformance cases 1 to 6, 8, 9 and 27 to 38: orders that do what they should, and rules of the account.

Cases marked S in the list run at the simulated venue and over HTTP alike; `test_broker_contract.py` holds more of them.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers import alpaca
from execution.domain.orders import Accepted, OrderRequest, OrderState, Refused
from execution.domain.quantities import Shares
from tests.builders.alpaca_account import AlpacaAccount
from tests.builders.venue import TUESDAY, WEDNESDAY, a_bar, buy, sell, stop
from tests.contract.broker.rigs import RIGS, BrokerRig, MakeRig

LONG = timedelta(days=5)
FAR = Decimal("30.00")


@pytest.fixture(params=RIGS, ids=lambda make: make.__name__)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerRig]:
    with request.param(tmp_path) as made:
        yield made


def sent(rig: BrokerRig, order: OrderRequest) -> OrderState:
    outcome = rig.broker.submit(order)
    assert isinstance(outcome, Accepted), outcome
    return told(rig, order)


def told(rig: BrokerRig, order: OrderRequest) -> OrderState:
    state = rig.broker.order(order.client_order_id)
    assert state is not None
    return state


def market_buy(quantity: Shares, **changes: Any) -> OrderRequest:
    return buy(quantity, order_type="market", limit_usd=None, **changes)


def test_case_1_what_is_held_after_trading_is_told_to_the_cent(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(7))
    [fill] = rig.broker.fills(since=rig.now() - LONG)
    account = rig.broker.account()
    assert account.cash_usd == rig.initial_cash_usd - 7 * fill.price_usd
    assert dict(account.positions_shares) == {"AAA": 7}


def test_case_2_a_market_order_of_the_day_fills_and_moves_cash_and_position(rig: BrokerRig) -> None:
    rig.open_session()
    state = sent(rig, market_buy(10))
    assert (state.status, state.order_type, state.filled_shares) == ("filled", "market", 10)
    assert dict(rig.broker.account().positions_shares) == {"AAA": 10}
    assert rig.broker.account().cash_usd < rig.initial_cash_usd


def test_case_3_a_limit_rests_and_fills_when_the_market_comes(rig: BrokerRig) -> None:
    rig.open_session()
    waiting = buy(10, limit_usd=Decimal("49.00"))
    assert sent(rig, waiting).status == "open"
    rig.end_session()
    assert told(rig, waiting).status == "filled"
    assert all(fill.price_usd <= Decimal("49.00") for fill in rig.broker.fills(since=rig.now() - LONG))


def test_case_4_a_resting_order_is_cancelled(rig: BrokerRig) -> None:
    rig.open_session()
    resting = buy(10, limit_usd=FAR)
    sent(rig, resting)
    rig.broker.cancel("buy-1")
    assert told(rig, resting).status == "cancelled"
    assert rig.broker.account().cash_usd == rig.initial_cash_usd


def test_case_6_a_position_is_sold_to_flat(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10))
    assert sent(rig, sell(10)).status == "filled"
    assert dict(rig.broker.account().positions_shares) == {}


def test_case_7_a_part_of_a_share_is_bought_and_sold_to_the_ninth_digit(rig: BrokerRig) -> None:
    part = Decimal("3.123456789")
    rig.open_session()
    assert sent(rig, market_buy(part)).filled_shares == part
    assert dict(rig.broker.account().positions_shares) == {"AAA": part}
    sent(rig, sell(part, order_type="market", limit_usd=None))
    bought, sold = rig.broker.fills(since=rig.now() - LONG)
    assert (bought.quantity_shares, sold.quantity_shares) == (part, part)
    account = rig.broker.account()
    assert account.cash_usd == rig.initial_cash_usd - part * bought.price_usd + part * sold.price_usd
    assert account.positions_shares == {}


@pytest.mark.parametrize("make", RIGS, ids=lambda make: make.__name__)
def test_case_5_a_partial_fill_is_kept_and_its_rest_released(make: MakeRig, tmp_path: Path) -> None:
    with make(tmp_path, (a_bar(TUESDAY, volume_shares=1_000),)) as rig:
        rig.open_session()
        state = sent(rig, buy(100))
        assert (state.status, state.filled_shares) == ("open", 50)
        rig.broker.cancel("buy-1")
        state = told(rig, buy(100))
        assert (state.status, state.filled_shares) == ("cancelled", 50)
        assert dict(rig.broker.account().positions_shares) == {"AAA": 50}


def test_case_52_shares_that_somebody_else_bought_are_seen(rig: BrokerRig) -> None:
    rig.open_session()
    # To the venue's own engine, as from the venue's web page.
    assert isinstance(rig.world.broker.submit(buy(3, client_order_id="by-hand")), Accepted)
    assert dict(rig.broker.account().positions_shares) == {"AAA": 3}
    [fill] = rig.broker.fills(since=rig.now() - LONG)
    assert fill.client_order_id == "by-hand"


def test_case_8_more_orders_of_one_instant_than_fit_a_page_are_all_told(
    account: AlpacaAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca, "_ORDERS_PER_PAGE", 10)
    names = [f"resting-{number:03d}" for number in range(25)]
    for name in names:
        account.engine_submits(buy(1, client_order_id=name, limit_usd=FAR))
    assert [order.client_order_id for order in account.broker.open_orders()] == names
    assert account.venue.wire["GET /v2/orders"] == 3


def test_case_9_more_fills_than_fit_a_page_are_each_told_once(
    account: AlpacaAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca, "_ACTIVITIES_PER_PAGE", 10)
    names = [f"bought-{number:03d}" for number in range(25)]
    for name in names:
        account.engine_submits(buy(1, client_order_id=name))
    fills = account.broker.fills(since=account.world.clock.now() - LONG)
    assert sorted(fill.client_order_id for fill in fills) == names
    assert len({fill.execution_id for fill in fills}) == 25
    assert account.venue.wire["GET /v2/account/activities"] == 3


def test_case_8_9_pages_are_as_large_as_the_venue_makes_them() -> None:
    assert (alpaca._ORDERS_PER_PAGE, alpaca._ACTIVITIES_PER_PAGE) == (500, 100)


def test_case_9_names_of_many_fills_cost_one_list_and_no_lookup_each(account: AlpacaAccount) -> None:
    for number in range(20):
        account.engine_submits(buy(1, client_order_id=f"bought-{number:03d}"))
    account.broker.fills(since=account.world.clock.now() - LONG)
    assert account.venue.wire["GET /v2/orders"] == 1
    assert "GET /v2/orders/{id}" not in account.venue.wire


def test_case_27_an_order_beyond_the_buying_power_is_refused(rig: BrokerRig) -> None:
    rig.open_session()
    outcome = rig.broker.submit(buy(10_000))
    assert isinstance(outcome, Refused)
    assert "insufficient" in outcome.reason
    assert rig.broker.order("buy-1") is None


def test_case_28_of_two_orders_that_fit_alone_one_is_accepted(account: AlpacaAccount) -> None:
    orders = [buy(1_500, client_order_id=name, limit_usd=Decimal("40.00")) for name in ("one", "two")]
    clients = [account.broker, account.other_client().broker]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda pair: pair[0].submit(pair[1]), zip(clients, orders, strict=True)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Accepted", "Refused"]
    assert len(account.venue.accepted) == 1


def test_case_29_shares_that_an_open_order_holds_cannot_be_sold_again(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    account.accepted(stop(10, "40.00"))
    assert "insufficient qty" in account.refused(sell(10))


def test_case_30_an_order_that_could_meet_our_own_is_refused(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    account.accepted(sell(5, client_order_id="resting", limit_usd=Decimal("60.00")))
    assert "wash trade" in account.refused(market_buy(5, client_order_id="crossing"))


def test_case_31_a_price_between_ticks_never_leaves(account: AlpacaAccount) -> None:
    assert "sub-penny" in account.refused(buy(10, limit_usd=Decimal("50.001")))
    assert account.orders_sent == 0


@pytest.mark.parametrize(
    ("case", "status", "body"),
    [
        ("31", 422, '{"code": 42210000, "message": "sub-penny increment does not fulfill minimum pricing criteria"}'),
        ("32", 403, '{"code": 40310000, "message": "asset \\"AAA\\" cannot be sold short"}'),
        ("32", 422, '{"code": 42210000, "message": "asset is hard to borrow"}'),
        ("33", 403, '{"code": 40310000, "message": "fractional orders must be DAY orders"}'),
        ("34", 422, '{"code": 42210000, "message": "opg orders are accepted until 9:28"}'),
        ("38", 404, '{"code": 40410000, "message": "asset not found for AAA"}'),
    ],
)
def test_case_31_to_38_a_clear_refusal_is_told_with_its_words(
    account: AlpacaAccount, case: str, status: int, body: str
) -> None:
    account.meets("answer", status=status, body=body)
    reason = account.refused(buy(10))
    assert reason.startswith(f"{status} ")
    assert body.split('"message": "')[1][:5] in reason
    assert account.orders_sent == 1


def test_case_32_what_is_not_held_is_not_sold(account: AlpacaAccount) -> None:
    assert "not allowed to short" in account.refused(sell(10))


def test_case_33_a_part_of_a_share_is_for_the_day_and_alone(account: AlpacaAccount) -> None:
    assert "part of a share for gtc" in account.refused(buy(Decimal("0.5"), time_in_force="gtc"))
    assert account.orders_sent == 0


def test_case_33_a_part_of_an_asset_without_parts_is_refused_by_the_venue(account: AlpacaAccount) -> None:
    account.venue.faults.assets["AAA"] = {"fractionable": False}
    assert "not fractionable" in account.refused(buy(Decimal("0.5")))
    assert account.orders_sent == 1


def test_case_33_extended_hours_need_a_day_limit(account: AlpacaAccount) -> None:
    assert "extended hours" in account.refused(buy(10, time_in_force="gtc", is_extended_hours=True))
    assert account.orders_sent == 0


def test_case_34_an_order_of_the_day_sent_while_closed_waits_for_the_open(rig: BrokerRig) -> None:
    assert sent(rig, buy(10)).status == "open"
    rig.open_session()
    assert told(rig, buy(10)).status == "filled"


def test_case_34_a_stop_cannot_be_sent_into_an_auction(account: AlpacaAccount) -> None:
    assert "gives it no time" in account.refused(stop(1, time_in_force="opg"))
    assert account.orders_sent == 0


def test_case_35_a_halted_symbol_does_not_fill_and_the_order_ends_with_the_day(account: AlpacaAccount) -> None:
    account.venue.faults.halted.add("AAA")
    assert account.accepted(buy(10)).status == "open"
    account.world.at_close(TUESDAY)
    state = account.state(buy(10))
    assert (state.status, state.filled_shares) == ("expired", 0)


def test_case_36_an_order_rejected_after_it_was_accepted_ends_as_rejected(account: AlpacaAccount) -> None:
    account.meets("reject_after_accept")
    state = account.accepted(buy(10))
    assert (state.status, state.filled_shares) == ("rejected", 0)
    assert account.broker.open_orders() == ()


@pytest.mark.parametrize(
    "flag", [{"trading_blocked": True}, {"account_blocked": True}, {"trade_suspended_by_user": True}, {"status": "X"}]
)
def test_case_37_nothing_is_sent_for_an_account_that_is_blocked(account: AlpacaAccount, flag: dict[str, Any]) -> None:
    account.venue.faults.account.update(flag)
    account.broker.account()
    assert next(iter(flag)) in account.refused(buy(10)).replace("'s status", "status")
    assert account.orders_sent == 0


def test_case_37_a_block_that_ends_lets_orders_out_again(account: AlpacaAccount) -> None:
    account.venue.faults.account["trading_blocked"] = True
    account.broker.account()
    account.venue.faults.account.clear()
    account.broker.account()
    account.accepted(buy(10))


def test_case_38_an_asset_that_became_inactive_is_refused(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    account.venue.faults.assets["AAA"] = {"status": "inactive"}
    assert "not active" in account.refused(buy(10, client_order_id="later"))


def test_case_45_an_order_good_till_cancelled_works_on_the_next_day(rig: BrokerRig) -> None:
    rig.open_session()
    standing = buy(10, time_in_force="gtc", limit_usd=FAR)
    sent(rig, standing)
    rig.end_session()
    rig.world.at_open(WEDNESDAY)
    assert told(rig, standing).status == "open"
    assert [order.client_order_id for order in rig.broker.open_orders()] == ["buy-1"]


def test_kinds_that_are_not_declared_are_not_sent(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    kind: dict[str, Any] = {"leg": "stop", "order_type": "trailing_stop", "limit_usd": None, "trail_usd": Decimal(2)}
    trail = sell(10, client_order_id="target.stop", time_in_force="gtc", **kind)
    target = sell(10, client_order_id="target", time_in_force="gtc", limit_usd=Decimal("60.00"))
    assert "found trailing_stop" in account.refused(replace(target, attached=(trail,)))
    assert len(account.venue.accepted) == 1


def test_many_look_ups_in_a_row_cost_one_list(account: AlpacaAccount) -> None:
    orders = [buy(1, client_order_id=f"bought-{number}") for number in range(12)]
    for order in orders:
        account.engine_submits(order)
    assert {account.state(order).status for order in orders} == {"filled"}
    assert account.venue.wire["GET /v2/orders:by_client_order_id"] == 2
    assert account.venue.wire["GET /v2/orders"] == 1


def test_that_an_order_is_not_there_is_asked_for_by_its_own_name(account: AlpacaAccount) -> None:
    for number in range(3):
        account.engine_submits(buy(1, client_order_id=f"bought-{number}"))
        account.state(buy(1, client_order_id=f"bought-{number}"))
    account.engine_submits(buy(1, client_order_id="newer-than-the-list"))
    assert account.broker.order("newer-than-the-list") is not None
    assert account.broker.order("never-sent") is None


def test_a_list_is_not_believed_after_something_was_done(account: AlpacaAccount) -> None:
    resting = [buy(1, client_order_id=f"resting-{number}", limit_usd=FAR) for number in range(4)]
    for order in resting:
        account.engine_submits(order)
    assert {account.state(order).status for order in resting} == {"open"}
    account.broker.cancel("resting-3")
    assert account.state(resting[3]).status == "cancelled"
