from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.simulated import SimulatedBroker
from execution.domain.orders import Accepted, OrderRequest, Refused
from tests.builders.venue import TUESDAY, World, a_bar, buy, sell, stop


@pytest.fixture
def broker(tmp_path: Path) -> SimulatedBroker:
    return World(tmp_path).at_open(TUESDAY)


def resting(**changes: object) -> OrderRequest:
    return buy(10, **{"limit_usd": Decimal(30), **changes})


def test_a_replacement_takes_the_place_of_the_former_in_one_piece(broker: SimulatedBroker) -> None:
    broker.submit(resting())
    assert isinstance(broker.replace_order("buy-1", resting(client_order_id="second", limit_usd=Decimal(31))), Accepted)
    assert [order.client_order_id for order in broker.open_orders()] == ["second"]
    assert [(each.client_order_id, each.status) for each in broker.orders()] == [
        ("buy-1", "cancelled"),
        ("second", "open"),
    ]


def test_a_replacement_may_use_what_the_former_had_set_aside(broker: SimulatedBroker) -> None:
    broker.submit(buy(3_000, limit_usd=Decimal(30)))
    outcome = broker.replace_order("buy-1", buy(3_200, client_order_id="second", limit_usd=Decimal(30)))
    assert isinstance(outcome, Accepted)


def test_a_refused_replacement_leaves_no_trace_and_the_former_at_work(broker: SimulatedBroker) -> None:
    broker.submit(resting())
    outcome = broker.replace_order("buy-1", buy(1_000_000, client_order_id="second"))
    assert isinstance(outcome, Refused)
    assert [order.client_order_id for order in broker.open_orders()] == ["buy-1"]
    assert broker.order("second") is None


def test_shares_held_for_the_former_are_free_for_its_replacement(tmp_path: Path) -> None:
    broker = World(tmp_path).with_position(100).broker
    broker.submit(stop(100, "20.00"))
    assert isinstance(broker.replace_order("stop-1", stop(100, "21.00", client_order_id="higher")), Accepted)


def test_what_the_former_had_filled_stays_filled(tmp_path: Path) -> None:
    broker = World(tmp_path, [a_bar(volume_shares=80)]).at_open(TUESDAY)
    broker.submit(buy(10))
    broker.replace_order("buy-1", buy(6, client_order_id="second"))
    former = broker.order("buy-1")
    assert former is not None
    assert (former.filled_shares, dict(broker.account().positions_shares)) == (4, {"AAA": 4})


@pytest.mark.parametrize("former", ["never-sent", "done"])
def test_what_does_not_work_cannot_be_replaced(broker: SimulatedBroker, former: str) -> None:
    broker.submit(buy(10, client_order_id="done"))
    assert isinstance(broker.replace_order(former, sell(1)), Refused)
    assert dict(broker.account().positions_shares) == {"AAA": 10}
