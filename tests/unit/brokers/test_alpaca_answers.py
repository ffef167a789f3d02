"""What Alpaca may answer that the venue of our own never does: chains, circles, lists without end, half an order."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import pytest

from execution.brokers.alpaca import AlpacaBroker
from execution.brokers.alpaca_wire import AlpacaWire, Answer
from execution.domain.errors import BrokerAnswerRefused, VenueUnavailable
from execution.domain.orders import Accepted, Refused, Unknown
from tests.builders.venue import TUESDAY, after_open, buy, sell
from tests.fakes.scripted_wire import ScriptedWire, an_answer

SINCE = after_open(TUESDAY)
BY_NAME = "/orders:by_client_order_id"


def told(order_id: str = "v1", **changes: Any) -> dict[str, Any]:
    fields = {"id": order_id, "client_order_id": "buy-1", "symbol": "AAA", "side": "buy", "qty": "100"}
    return {**fields, "type": "limit", "filled_qty": "0", "status": "new", "limit_price": "51.5", **changes}


def a_broker(pages: Mapping[str, Any] | None = None, **acts: Answer) -> tuple[AlpacaBroker, ScriptedWire]:
    wire = ScriptedWire(pages, acts=acts)
    return AlpacaBroker(cast("AlpacaWire", wire), answer_seconds=1.0), wire


@pytest.mark.parametrize("body", [{}, {"id": ""}, {"id": "v1"}, {"id": "v1", "client_order_id": "another"}, [], None])
def test_an_order_answered_without_its_ids_is_of_unknown_outcome(body: Any) -> None:
    broker, _ = a_broker(POST=an_answer(200, body))
    assert isinstance(broker.submit(buy()), Unknown)


def test_an_order_answered_with_both_ids_is_accepted() -> None:
    broker, _ = a_broker(POST=an_answer(201, told()))
    assert broker.submit(buy()) == Accepted("v1")


def test_an_id_said_to_be_taken_that_nobody_finds_is_of_unknown_outcome() -> None:
    broker, _ = a_broker({BY_NAME: None}, POST=an_answer(422, {"message": "client_order_id must be unique"}))
    outcome = broker.submit(buy())
    assert isinstance(outcome, Unknown)
    assert "no order is found by it" in outcome.reason


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Accepted),
        ({"qty": "99"}, Refused),
        ({"qty": None}, Refused),
        ({"symbol": "BBB"}, Refused),
        ({"side": "sell"}, Refused),
        ({"type": "market"}, Refused),
    ],
)
def test_an_order_found_under_a_taken_id_is_ours_only_when_it_says_the_same(
    changes: dict[str, Any], outcome: type
) -> None:
    taken = an_answer(422, {"message": "client_order_id must be unique"})
    broker, _ = a_broker({BY_NAME: told(**changes)}, POST=taken)
    assert isinstance(broker.submit(buy()), outcome)


@pytest.mark.parametrize("kind", ["opg", "cls"])
def test_a_stop_in_an_auction_never_leaves_the_machine(kind: Any) -> None:
    broker, wire = a_broker()
    order = sell(order_type="stop", time_in_force=kind, limit_usd=None, stop_usd=Decimal("49.00"))
    outcome = broker.submit(order)
    assert isinstance(outcome, Refused)
    assert f"time in force {kind} gives it no time" in outcome.reason
    assert wire.acted == []


def test_a_cancel_that_was_not_answered_clearly_is_to_be_asked_again() -> None:
    broker, _ = a_broker({BY_NAME: told()}, DELETE=an_answer(403, {"message": "forbidden"}))
    with pytest.raises(VenueUnavailable, match=r"the cancel of buy-1 was answered .*; ask again"):
        broker.cancel("buy-1")


@pytest.mark.parametrize("status", [200, 204, 404, 422])
def test_a_cancel_of_an_order_that_is_gone_is_no_error(status: int) -> None:
    broker, wire = a_broker({BY_NAME: told()}, DELETE=an_answer(status))
    broker.cancel("buy-1")
    assert wire.acted == [("DELETE", "/orders/v1", None)]


def test_a_cancel_of_an_order_nobody_knows_asks_for_nothing() -> None:
    broker, wire = a_broker({BY_NAME: None})
    broker.cancel("buy-1")
    assert wire.acted == []


def test_a_cancel_goes_to_the_order_that_took_the_place() -> None:
    chain = {
        BY_NAME: told(status="replaced", replaced_by="v2"),
        "/orders/v2": told("v2", status="replaced", replaced_by="v3", replaces="v1"),
        "/orders/v3": told("v3", replaces="v2"),
    }
    broker, wire = a_broker(chain, DELETE=an_answer(204))
    broker.cancel("buy-1")
    assert wire.acted == [("DELETE", "/orders/v3", None)]


def test_an_order_that_was_replaced_is_shown_as_ours_with_the_fills_of_both() -> None:
    chain = {
        BY_NAME: told(status="replaced", replaced_by="v2", filled_qty="30"),
        "/orders/v2": told("v2", client_order_id="theirs", replaces="v1", qty="50", filled_qty="20", limit_price="52"),
    }
    shown = a_broker(chain)[0].order("buy-1")
    assert shown is not None
    assert (shown.client_order_id, shown.broker_order_id, shown.status) == ("buy-1", "v1", "open")
    assert (shown.quantity_shares, shown.filled_shares, shown.limit_usd) == (80, 50, Decimal(52))


def test_working_orders_that_took_a_place_are_listed_under_the_first_name() -> None:
    pages = {
        "/orders": [told("v2", client_order_id="theirs", replaces="v1", qty="50"), told("v9", client_order_id="a-9")],
        "/orders/v1": told(status="replaced", replaced_by="v2"),
        "/orders/v2": told("v2", client_order_id="theirs", replaces="v1", qty="50"),
    }
    assert [state.client_order_id for state in a_broker(pages)[0].open_orders()] == ["a-9", "buy-1"]


def test_replacements_that_go_round_in_a_circle_are_refused() -> None:
    circle = {
        BY_NAME: told(status="replaced", replaced_by="v2"),
        "/orders/v2": told("v2", status="replaced", replaced_by="v1"),
        "/orders/v1": told(status="replaced", replaced_by="v2"),
    }
    with pytest.raises(BrokerAnswerRefused, match="replaced more than 50 times: a circle"):
        a_broker(circle)[0].order("buy-1")


def test_a_list_of_orders_that_comes_again_and_again_is_refused() -> None:
    page = [told(f"v{number}", client_order_id=f"n{number}") for number in range(500)]
    broker, wire = a_broker({"/orders": page})
    with pytest.raises(BrokerAnswerRefused, match="list of orders does not end"):
        broker.open_orders()
    assert len(wire.asked) == 2


def test_orders_are_listed_over_pages_each_once() -> None:
    first = [told(f"v{number}", client_order_id=f"n{number:03}") for number in range(500)]

    def page(query: Mapping[str, str]) -> list[dict[str, Any]]:
        if "after_order_id" not in query:
            return first
        assert query["after_order_id"] == "v499"
        return [first[-1], told("v500", client_order_id="n500")]

    listed = a_broker({"/orders": page})[0].open_orders()
    assert [state.client_order_id for state in listed] == [f"n{number:03}" for number in range(501)]


def test_activities_that_come_again_and_again_are_refused() -> None:
    page = [{"id": f"a{number}", "activity_type": "DIV"} for number in range(100)]
    with pytest.raises(BrokerAnswerRefused, match="list of activities does not end"):
        a_broker({"/account/activities": page})[0].fills(since=SINCE)


def filled(number: int, order_id: str, at: str = "2024-03-05T14:40:00Z") -> dict[str, Any]:
    fields = {"id": f"a{number}", "activity_type": "FILL", "type": "fill", "order_id": order_id, "symbol": "AAA"}
    return {**fields, "side": "buy", "qty": "1", "price": "50.25", "transaction_time": at}


def test_fills_of_many_orders_learn_their_names_from_one_list() -> None:
    orders = [told(f"v{number}", client_order_id=f"n{number}") for number in range(4)]
    pages = {"/account/activities": [filled(number, f"v{number}") for number in range(4)], "/orders": orders}
    broker, wire = a_broker(pages)
    assert [fill.client_order_id for fill in broker.fills(since=SINCE)] == ["n0", "n1", "n2", "n3"]
    assert [path for path, _ in wire.asked] == ["/account/activities", "/orders"]
    # What is known is not asked for again.
    broker.fills(since=SINCE)
    assert [path for path, _ in wire.asked].count("/orders") == 1


def test_a_fill_of_a_replacement_belongs_to_the_first_name_of_its_chain() -> None:
    pages = {
        "/account/activities": [filled(1, "v2")],
        "/orders/v2": told("v2", client_order_id="theirs", replaces="v1"),
        "/orders/v1": told("v1"),
    }
    assert [fill.client_order_id for fill in a_broker(pages)[0].fills(since=SINCE)] == ["buy-1"]


def test_executions_before_the_instant_asked_for_are_left_out() -> None:
    early, late = filled(1, "v1", "2024-03-05T14:30:59Z"), filled(2, "v1", "2024-03-05T14:31:00Z")
    broker, wire = a_broker({"/account/activities": [early, late], "/orders/v1": told()})
    assert [fill.execution_id for fill in broker.fills(since=SINCE)] == ["a2"]
    assert wire.asked[0][1]["after"] == "2024-03-05T13:31:00+00:00"


def an_account(*cash: str) -> dict[str, Any]:
    told_next = iter(cash)
    return {
        "/account": lambda _: {"cash": next(told_next), "status": "ACTIVE"},
        "/positions": [{"symbol": "AAA", "qty": "10", "side": "long"}, {"symbol": "BBB", "qty": "-3", "side": "short"}],
    }


def test_cash_and_positions_are_of_one_moment() -> None:
    broker, wire = a_broker(an_account("100", "90", "90"))
    account = broker.account()
    assert (account.cash_usd, account.positions_shares) == (Decimal(90), {"AAA": 10, "BBB": -3})
    assert [path for path, _ in wire.asked].count("/positions") == 2


def test_an_account_that_never_stands_still_is_not_believed() -> None:
    with pytest.raises(VenueUnavailable, match="the account changed during 3 looks: ask again"):
        a_broker(an_account("100", "90", "80", "70"))[0].account()


def test_a_blocked_account_sends_nothing_and_says_why() -> None:
    pages = {"/account": {"cash": "1", "trading_blocked": True}, "/positions": []}
    broker, wire = a_broker(pages)
    assert broker.account().block == "the account says trading_blocked"
    outcome = broker.submit(buy())
    assert isinstance(outcome, Refused)
    assert "the account says trading_blocked" in outcome.reason
    assert wire.acted == []


def test_an_answer_about_another_order_is_refused() -> None:
    with pytest.raises(BrokerAnswerRefused, match="asked for the order buy-1, Alpaca told of 'other'"):
        a_broker({BY_NAME: told(client_order_id="other")})[0].order("buy-1")
