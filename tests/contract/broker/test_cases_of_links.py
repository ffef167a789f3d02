"""Conformance case 44 and what belongs to it: orders that go to the venue in one piece, their legs under our ids."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.orders import Accepted, OrderRequest, Unknown
from tests.builders.alpaca_account import AlpacaAccount, alpaca_account
from tests.builders.venue import TUESDAY, WEDNESDAY, a_bar, bracket, buy, sell, stop
from tests.contract.broker.rigs import RIGS, BrokerRig

LONG = timedelta(days=5)
ENTRY, TARGET, STOP = "buy-1", "buy-1.take_profit", "buy-1.stop"
THIN = (a_bar(TUESDAY, volume_shares=1_000),)
"""A day of which 50 shares may be ours."""


def an_oco(quantity: int = 10) -> OrderRequest:
    target = sell(quantity, client_order_id="target", time_in_force="gtc", limit_usd=Decimal("51.90"))
    return replace(target, attached=(stop(quantity, "45.00", client_order_id="target.stop"),))


def states(broker: Any, *names: str) -> list[tuple[str, int | Decimal]]:
    found = [broker.order(name) for name in names]
    assert [order.client_order_id for order in found] == list(names)
    return [(order.status, order.filled_shares) for order in found]


def fills(broker: Any, now: Any) -> list[tuple[str, int | Decimal]]:
    return [(fill.client_order_id, fill.quantity_shares) for fill in broker.fills(since=now - LONG)]


@pytest.fixture(params=RIGS, ids=lambda make: make.__name__)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerRig]:
    with request.param(tmp_path) as made:
        yield made


def test_case_44_of_a_bracket_the_target_fills_the_stop_ends_and_nothing_counts_twice(rig: BrokerRig) -> None:
    rig.open_session()
    assert isinstance(rig.broker.submit(bracket()), Accepted)
    assert states(rig.broker, ENTRY, TARGET, STOP) == [("filled", 10), ("open", 0), ("open", 0)]
    assert [order.client_order_id for order in rig.broker.open_orders()] == [STOP, TARGET]
    rig.end_session()
    assert states(rig.broker, ENTRY, TARGET, STOP) == [("filled", 10), ("filled", 10), ("cancelled", 0)]
    assert fills(rig.broker, rig.now()) == [(ENTRY, 10), (TARGET, 10)]
    assert rig.broker.open_orders() == ()
    assert dict(rig.broker.account().positions_shares) == {}


def test_case_44_of_linked_exits_one_sells_and_the_other_ends(rig: BrokerRig) -> None:
    rig.open_session()
    rig.broker.submit(buy(10))
    assert isinstance(rig.broker.submit(an_oco()), Accepted)
    assert [order.client_order_id for order in rig.broker.open_orders()] == ["target", "target.stop"]
    rig.end_session()
    assert states(rig.broker, "target", "target.stop") == [("filled", 10), ("cancelled", 0)]
    assert dict(rig.broker.account().positions_shares) == {}


def test_case_44_the_end_of_one_leg_is_the_end_of_the_other(rig: BrokerRig) -> None:
    rig.open_session()
    rig.broker.submit(bracket())
    rig.broker.cancel(STOP)
    assert states(rig.broker, TARGET, STOP) == [("cancelled", 0), ("cancelled", 0)]
    assert dict(rig.broker.account().positions_shares) == {"AAA": 10}


def test_case_44_legs_are_held_while_their_entry_has_filled_in_part(tmp_path: Path) -> None:
    with alpaca_account(tmp_path, THIN) as account:
        account.accepted(bracket(80))
        # The day goes through the target and the venue sells nothing of what is held.
        account.world.at_close(TUESDAY)
        assert states(account.broker, ENTRY, TARGET, STOP) == [("open", 50), ("open", 0), ("open", 0)]
        held = account.broker.order(STOP)
        assert held is not None
        assert held.reason == "held"
        account.world.at_close(WEDNESDAY)
        # A list is believed for a moment of the machine's own time: another client asks anew.
        assert states(account.other_client().broker, ENTRY, TARGET, STOP) == [
            ("filled", 80),
            ("filled", 80),
            ("cancelled", 0),
        ]
        assert [quantity for _, quantity in fills(account.broker, account.world.clock.now())] == [50, 30, 80]
        assert account.orders_sent == 1


def test_case_44_an_entry_cancelled_in_part_takes_its_legs_with_it(tmp_path: Path) -> None:
    with alpaca_account(tmp_path, THIN) as account:
        account.accepted(bracket(80))
        account.broker.cancel(ENTRY)
        assert states(account.broker, ENTRY, TARGET, STOP) == [("cancelled", 50), ("cancelled", 0), ("cancelled", 0)]
        assert account.broker.open_orders() == ()


def test_case_44_a_client_that_knows_nothing_names_every_leg_and_its_fill(account: AlpacaAccount) -> None:
    account.accepted(bracket())
    account.world.at_close(TUESDAY)
    other = account.other_client().broker
    assert fills(other, account.world.clock.now()) == [(ENTRY, 10), (TARGET, 10)]
    assert states(account.other_client().broker, STOP, TARGET) == [("cancelled", 0), ("filled", 10)]
    assert {row.order.client_order_id for row in account.venue.accepted}.isdisjoint({STOP, TARGET})


def test_case_44_a_leg_is_found_where_the_look_up_by_our_id_tells_no_legs(account: AlpacaAccount) -> None:
    account.accepted(bracket())
    account.meets("edit", "GET", "/v2/orders:by_client_order_id", without=("legs",), times=9)
    assert states(account.other_client().broker, STOP) == [("open", 0)]


@pytest.mark.parametrize("fault", ["drop_after", "truncate"])
def test_case_44_a_bracket_whose_answer_is_lost_is_found_leg_by_leg_and_sent_once(
    account: AlpacaAccount, fault: str
) -> None:
    account.meets(fault)
    assert isinstance(account.broker.submit(bracket()), Unknown)
    assert states(account.other_client().broker, ENTRY, TARGET, STOP) == [("filled", 10), ("open", 0), ("open", 0)]
    assert isinstance(account.broker.submit(bracket()), Accepted)
    assert len(account.venue.accepted) == 3


def test_case_44_the_entry_alone_under_a_used_id_is_another_order(account: AlpacaAccount) -> None:
    account.accepted(bracket())
    assert "duplicate" in account.refused(buy(10, time_in_force="gtc"))


def test_case_44_many_legs_cost_one_list(account: AlpacaAccount) -> None:
    names = [f"entry-{number}" for number in range(4)]
    for name in names:
        account.accepted(bracket(1, client_order_id=name))
    before = account.venue.wire.copy()
    other = account.other_client().broker
    for name in names:
        states(other, f"{name}.stop", f"{name}.take_profit")
    after = account.venue.wire
    assert after["GET /v2/orders"] - before.get("GET /v2/orders", 0) == 1
    assert after["GET /v2/orders:by_client_order_id"] - before["GET /v2/orders:by_client_order_id"] <= 4


def test_a_leg_that_could_not_be_found_again_is_not_sent(account: AlpacaAccount) -> None:
    lost = replace(bracket(), attached=(bracket().attached[0], replace(bracket().attached[1], client_order_id="mine")))
    assert "expected buy-1.stop, found mine" in account.refused(lost)
    assert account.orders_sent == 0


def test_a_leg_nobody_sent_is_not_there(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    assert account.broker.order(STOP) is None
    assert account.broker.order("never.stop") is None


def test_somebody_elses_linked_orders_are_seen_as_theirs(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    by_hand = an_oco()
    account.engine_submits(replace(by_hand, client_order_id="by-hand"))
    assert [order.client_order_id for order in account.broker.open_orders()] == ["by-hand", "by-hand.stop"]
