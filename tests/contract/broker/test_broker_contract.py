"""What trading may rely on at any venue. An adapter joins by adding its rig to `rigs.py`; nothing here knows one."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.domain.orders import Accepted, OrderRequest, OrderState, Refused
from tests.builders.venue import buy, sell, stop
from tests.contract.broker.rigs import RIGS, BrokerRig

LONG = timedelta(days=3)


@pytest.fixture(params=RIGS, ids=lambda make: make.__name__)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerRig]:
    with request.param(tmp_path) as made:
        yield made


def sent(rig: BrokerRig, order: OrderRequest) -> OrderState:
    outcome = rig.broker.submit(order)
    assert isinstance(outcome, Accepted), outcome
    state = rig.broker.order(order.client_order_id)
    assert state is not None
    assert state.broker_order_id == outcome.broker_order_id
    return state


def refused(rig: BrokerRig, order: OrderRequest) -> str:
    outcome = rig.broker.submit(order)
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


def repeated(rig: BrokerRig, order: OrderRequest, first: OrderState) -> None:
    """The same order again is refused as a duplicate, or answered with the first: it never is a second one."""
    match rig.broker.submit(order):
        case Refused(reason):
            assert "duplicate" in reason
        case outcome:
            assert outcome == Accepted(first.broker_order_id)


def test_cash_and_positions_are_exact(rig: BrokerRig) -> None:
    account = rig.broker.account()
    assert isinstance(account.cash_usd, Decimal)
    assert account.cash_usd == rig.initial_cash_usd
    assert dict(account.positions_shares) == {}


def test_a_marketable_limit_in_the_session_moves_cash_and_position_by_its_fills(rig: BrokerRig) -> None:
    rig.open_session()
    assert sent(rig, buy(10)).status == "filled"
    fills = rig.broker.fills(since=rig.now() - LONG)
    assert sum(fill.quantity_shares for fill in fills) == 10
    assert all(fill.price_usd <= Decimal("51.50") for fill in fills)
    account = rig.broker.account()
    assert dict(account.positions_shares) == {"AAA": 10}
    paid = sum((fill.quantity_shares * fill.price_usd + fill.fee_usd for fill in fills), Decimal(0))
    assert account.cash_usd == rig.initial_cash_usd - paid


def test_a_limit_away_from_the_market_rests_with_its_price(rig: BrokerRig) -> None:
    rig.open_session()
    state = sent(rig, buy(10, limit_usd=Decimal("30.00")))
    assert (state.status, state.filled_shares, state.limit_usd) == ("open", 0, Decimal("30.00"))
    assert [order.client_order_id for order in rig.broker.open_orders()] == ["buy-1"]


def test_a_cancelled_order_ends_and_its_cash_is_free_again(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(3_000, limit_usd=Decimal("30.00")))
    rig.broker.cancel("buy-1")
    state = rig.broker.order("buy-1")
    assert state is not None
    assert state.status == "cancelled"
    assert rig.broker.open_orders() == ()
    sent(rig, buy(3_000, client_order_id="again", limit_usd=Decimal("30.00")))


def test_cancelling_twice_or_what_never_was_is_harmless(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10, limit_usd=Decimal("30.00")))
    rig.broker.cancel("buy-1")
    rig.broker.cancel("buy-1")
    rig.broker.cancel("never-sent")
    assert rig.broker.order("never-sent") is None


def test_an_id_is_accepted_once_and_a_second_order_under_it_trades_nothing(rig: BrokerRig) -> None:
    rig.open_session()
    first = sent(rig, buy(10))
    repeated(rig, buy(10), first)
    assert "duplicate" in refused(rig, buy(20))
    assert dict(rig.broker.account().positions_shares) == {"AAA": 10}


def test_a_refused_order_is_unknown_to_the_venue(rig: BrokerRig) -> None:
    rig.open_session()
    refused(rig, buy(1_000_000))
    assert rig.broker.order("buy-1") is None
    assert rig.broker.fills(since=rig.now() - LONG) == ()


def test_a_position_is_sold_to_nothing(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10))
    sent(rig, sell(10))
    assert dict(rig.broker.account().positions_shares) == {}


def test_a_sale_beyond_the_position_is_refused(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10))
    assert "insufficient" in refused(rig, sell(11))


def test_a_stop_rests_until_it_is_cancelled(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10))
    state = sent(rig, stop(10, "20.00"))
    assert (state.status, state.order_type, state.stop_usd) == ("open", "stop", Decimal("20.00"))
    rig.end_session()
    assert [order.client_order_id for order in rig.broker.open_orders()] == ["stop-1"]


def test_a_day_order_sent_while_closed_waits_for_the_open(rig: BrokerRig) -> None:
    assert sent(rig, buy(10)).status == "open"
    rig.open_session()
    state = rig.broker.order("buy-1")
    assert state is not None
    assert state.status == "filled"


def test_an_unfilled_day_order_ends_with_the_session(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10, limit_usd=Decimal("30.00")))
    rig.end_session()
    state = rig.broker.order("buy-1")
    assert state is not None
    assert state.status in ("expired", "cancelled")


def test_asking_twice_gives_the_same_fills_with_the_same_ids(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10))
    sent(rig, sell(4))
    first = rig.broker.fills(since=rig.now() - LONG)
    assert first == rig.broker.fills(since=rig.now() - LONG)
    assert len({fill.execution_id for fill in first}) == len(first)
    assert [fill.filled_at for fill in first] == sorted(fill.filled_at for fill in first)


def test_fills_before_the_instant_asked_for_are_left_out(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10))
    [fill] = rig.broker.fills(since=rig.now() - LONG)
    assert rig.broker.fills(since=fill.filled_at) == (fill,)
    assert rig.broker.fills(since=fill.filled_at + timedelta(microseconds=1)) == ()


def test_an_id_said_to_be_used_up_for_ever_makes_no_order_after_its_own_has_ended(rig: BrokerRig) -> None:
    rig.open_session()
    first = sent(rig, buy(10, limit_usd=Decimal("30.00")))
    rig.broker.cancel("buy-1")
    rig.end_session()
    if rig.broker.capabilities.id_uniqueness == "forever":
        repeated(rig, buy(10, limit_usd=Decimal("30.00")), first)
        assert "duplicate" in refused(rig, buy(11, limit_usd=Decimal("30.00")))
        assert rig.broker.open_orders() == ()


def test_a_venue_takes_the_kinds_of_orders_it_declares(rig: BrokerRig) -> None:
    rig.open_session()
    sent(rig, buy(10))
    trail = sell(1, client_order_id="trail", order_type="trailing_stop", limit_usd=None, trail_usd=Decimal("5.00"))
    stop_limit = stop(1, client_order_id="stop-limit", order_type="stop_limit", limit_usd=Decimal("48.00"))
    declared = [order for order in (trail, stop_limit) if order.order_type in rig.broker.capabilities.order_types]
    for order in (buy(1, client_order_id="limit"), stop(1), sell(1), *declared):
        assert rig.broker.capabilities.fault_of(order) == ""
        sent(rig, order)
