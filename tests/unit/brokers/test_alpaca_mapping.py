from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.alpaca_activities import corporate_action_entries
from execution.brokers.alpaca_mapping import (
    account_block,
    execution,
    is_same_order,
    order_fields,
    order_state,
    positions_shares,
    says_id_is_taken,
)
from execution.domain.errors import BrokerAnswerRefused
from execution.domain.orders import OrderState
from tests.builders.venue import buy, sell, stop

EVER = datetime(1970, 1, 1, tzinfo=UTC)


def an_order(**changes: Any) -> dict[str, Any]:
    told = {
        "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
        "client_order_id": "buy-1",
        "symbol": "AAA",
        "side": "buy",
        "type": "limit",
        "qty": "100",
        "filled_qty": "0",
        "limit_price": "51.5",
        "status": "new",
    }
    return {**told, **changes}


def an_activity(kind: str = "DIV", **changes: Any) -> dict[str, Any]:
    told = {
        "id": "20240306000000000::0f2c",
        "activity_type": kind,
        "date": "2024-03-06",
        "created_at": "2024-03-06T14:00:00Z",
        "net_amount": "2.50",
        "symbol": "AAA",
        "status": "executed",
    }
    return {**told, **changes}


def a_fill(**changes: Any) -> dict[str, Any]:
    told = {
        "id": "20240306093100000::1a",
        "activity_type": "FILL",
        "type": "fill",
        "transaction_time": "2024-03-06T14:31:00.1Z",
        "price": "50.125",
        "qty": "10",
        "side": "buy",
        "symbol": "AAA",
        "order_id": "o-1",
    }
    return {**told, **changes}


def booked(*activities: dict[str, Any]) -> tuple[Any, ...]:
    return corporate_action_entries(activities, since=EVER)


def test_numbers_leave_as_decimal_text() -> None:
    fields = order_fields(buy(100, limit_usd=Decimal("0.30")))
    assert (fields["qty"], fields["limit_price"]) == ("100", "0.30")
    assert order_fields(buy(1, limit_usd=Decimal("1E+2")))["limit_price"] == "100"


def test_only_prices_an_order_has_are_sent() -> None:
    assert set(order_fields(stop(10))) & {"limit_price", "stop_price", "trail_price", "trail_percent"} == {"stop_price"}
    trailing = sell(10, order_type="trailing_stop", limit_usd=None, trail_bps=Decimal(250))
    assert order_fields(trailing)["trail_percent"] == "2.5"


def test_extended_hours_are_sent_where_they_are_wanted() -> None:
    assert order_fields(buy(1, is_extended_hours=True))["extended_hours"] is True
    assert "extended_hours" not in order_fields(buy(1))


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("filled", "filled"),
        ("canceled", "cancelled"),
        ("expired", "expired"),
        ("rejected", "rejected"),
        ("replaced", "cancelled"),
        *((name, "open") for name in ("new", "partially_filled", "accepted", "pending_new", "pending_review", "?")),
    ],
)
def test_a_status_is_read_as_one_of_ours_and_an_unknown_one_as_open(told: str, status: str) -> None:
    assert order_state(an_order(status=told)).status == status


@pytest.mark.parametrize("missing", ["id", "client_order_id", "symbol", "side"])
def test_an_order_without_what_names_it_is_refused(missing: str) -> None:
    told = an_order()
    del told[missing]
    with pytest.raises(BrokerAnswerRefused, match=missing):
        order_state(told)


def test_an_order_for_an_amount_of_dollars_counts_at_least_one_share() -> None:
    assert order_state(an_order(qty=None, notional="500", type="market", limit_price=None)).quantity_shares == 1


def test_a_kind_of_order_nobody_has_heard_of_is_the_worst_one() -> None:
    assert order_state(an_order(type="telepathic")).order_type == "market"


@given(st.dictionaries(st.sampled_from(sorted(an_order())), st.none() | st.integers() | st.text() | st.booleans()))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_an_order_or_refused(changes: dict[str, Any]) -> None:
    try:
        state = order_state(an_order(**changes))
    except BrokerAnswerRefused:
        return
    assert isinstance(state, OrderState)
    assert state.filled_shares <= state.quantity_shares or state.filled_shares < 0


@pytest.mark.parametrize(("changes", "is_same"), [({}, True), ({"qty": "99"}, False), ({"symbol": "BBB"}, False)])
def test_an_order_found_under_an_id_is_compared_with_what_was_asked(changes: dict[str, Any], *, is_same: bool) -> None:
    assert is_same_order(an_order(**changes), buy(100)) == is_same


@pytest.mark.parametrize(
    ("status", "message", "is_taken"),
    [
        (422, "client_order_id must be unique", True),
        (422, "client order id already exists", True),
        (422, "qty must be > 0", False),
        (403, "client_order_id must be unique", False),
    ],
)
def test_a_taken_id_is_known_by_its_words(status: int, message: str, *, is_taken: bool) -> None:
    assert says_id_is_taken(status, message) == is_taken


def test_a_fill_keeps_its_id_its_price_and_its_instant() -> None:
    fill = execution(a_fill(), client_order_id="buy-1")
    assert (fill.execution_id, fill.price_usd) == ("20240306093100000::1a", Decimal("50.125"))
    assert fill.filled_at == datetime(2024, 3, 6, 14, 31, 0, 100_000, tzinfo=UTC)


@pytest.mark.parametrize("field", ["id", "price", "qty", "side", "symbol", "transaction_time"])
def test_a_fill_that_lacks_what_is_booked_is_refused(field: str) -> None:
    with pytest.raises(BrokerAnswerRefused, match=field):
        execution(a_fill(**{field: None}), client_order_id="buy-1")


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(BrokerAnswerRefused, match="timezone"):
        execution(a_fill(transaction_time="2024-03-06T14:31:00"), client_order_id="buy-1")


def test_parts_of_a_share_are_read_and_written_exactly() -> None:
    assert positions_shares([{"symbol": "BA", "qty": "0.793803255", "side": "long"}]) == {"BA": Decimal("0.793803255")}
    assert order_state(an_order(qty="1.50", filled_qty="0.5")).quantity_shares == Decimal("1.5")
    assert execution(a_fill(qty="0.000000001"), client_order_id="buy-1").quantity_shares == Decimal("1E-9")
    assert order_fields(buy(Decimal("0.000000001")))["qty"] == "0.000000001"


def test_a_whole_number_written_with_a_fraction_is_whole() -> None:
    told = order_state(an_order(qty="10.000000000", filled_qty="2.0"))
    assert [type(told.quantity_shares), type(told.filled_shares)] == [int, int]
    assert type(positions_shares([{"symbol": "BA", "qty": "5.0", "side": "long"}])["BA"]) is int


def test_a_short_position_is_negative_however_its_sign_is_told() -> None:
    assert positions_shares([{"symbol": "BA", "qty": "5", "side": "short"}]) == {"BA": -5}
    assert positions_shares([{"symbol": "BA", "qty": "-5", "side": "short"}]) == {"BA": -5}


def test_an_account_that_tells_nothing_of_blocks_may_trade() -> None:
    assert account_block({"cash": "1"}) == ""
    assert account_block({"status": "ACCOUNT_CLOSED"}) == "the account's status is ACCOUNT_CLOSED"


def test_a_dividend_and_its_tax_are_cash() -> None:
    entries = booked(an_activity(), an_activity("DIVNRA", id="x2", net_amount="-0.38"))
    assert [(entry.kind, entry.cash_usd) for entry in entries] == [
        ("dividend", Decimal("2.50")),
        ("dividend", Decimal("-0.38")),
    ]


def test_a_fee_of_the_account_is_a_charge_under_the_currency() -> None:
    [entry] = booked(an_activity("FEE", symbol=None, net_amount="-0.02"))
    assert (entry.kind, entry.symbol, entry.cash_usd) == ("charge", "USD", Decimal("-0.02"))


@pytest.mark.parametrize(
    ("description", "ratio"), [("split 2 for 1", "2"), ("1:20 reverse split", "0.05"), ("3 for 2", "1.5")]
)
def test_a_split_is_booked_with_the_ratio_it_tells(description: str, ratio: str) -> None:
    [entry] = booked(an_activity("SPLIT", qty="10", net_amount="0", description=description))
    assert (entry.kind, entry.quantity_delta_shares, entry.ratio) == ("split", 10, Decimal(ratio))


@pytest.mark.parametrize(
    "unclear",
    [
        an_activity("SPLIT", qty="10"),
        an_activity("SPLIT", qty="10.0000000001", description="split 2 for 1"),
        an_activity("SPLIT", qty="10", description="split 2 for 0"),
        an_activity("REORG", qty="10"),
        an_activity("DIV", status="canceled"),
        an_activity("CSD", net_amount="1000"),
        an_activity("SOMETHING_NEW"),
        a_fill(),
    ],
)
def test_what_is_not_certain_is_not_booked(unclear: dict[str, Any]) -> None:
    assert booked(unclear) == ()


def test_an_activity_with_a_day_alone_is_at_its_beginning_in_new_york() -> None:
    [entry] = booked(an_activity(created_at=None))
    assert entry.booked_at == datetime(2024, 3, 6, 5, 0, tzinfo=UTC)
    assert entry.session == date(2024, 3, 6)
