"""Executions that were taken back: shares, cost, profit and beginning of a position as if they had never been."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from execution.domain.events import CorporateActionBooked, Event, FillBooked
from execution.domain.orders import BrokerFill
from execution.domain.positions import Position
from execution.ledger.book import Book
from execution.ledger.folding import folded
from tests.builders.orders import AT, a_fill, account_opened, an_action, an_adjustment

LATER = AT + timedelta(days=7)


def bought(execution_id: str, price: str, **changes: Any) -> BrokerFill:
    fields: dict[str, Any] = {"client_order_id": "ours", "price_usd": Decimal(price), "fee_usd": Decimal(0)}
    return a_fill(execution_id, **{**fields, **changes})


def sold(execution_id: str, price: str, **changes: Any) -> BrokerFill:
    return bought(execution_id, price, **{"side": "sell", "filled_at": LATER, **changes})


def a_book(*happened: BrokerFill | Event) -> Book:
    events = [FillBooked(at=each.filled_at, fill=each) if isinstance(each, BrokerFill) else each for each in happened]
    return folded(Book(), [account_opened(), *events])


def position_of(*happened: BrokerFill | Event) -> Position:
    return a_book(*happened).positions["AAA"]


def test_a_sale_that_was_taken_back_leaves_the_cost_and_the_beginning_of_the_purchase() -> None:
    held = position_of(bought("x1", "100"), sold("x2", "110"), bought("x3", "110", filled_at=LATER, reverses="x2"))
    assert held == Position(symbol="AAA", shares=10, cost_usd=Decimal(1000), entered_at=AT)


def test_a_purchase_that_was_taken_back_realises_nothing() -> None:
    held = position_of(bought("x1", "100"), bought("x2", "110"), sold("x3", "110", reverses="x2"))
    assert held == Position(symbol="AAA", shares=10, cost_usd=Decimal(1000), entered_at=AT)


def test_a_position_of_which_the_first_purchase_was_taken_back_begins_with_the_second() -> None:
    second = bought("x2", "110", filled_at=LATER)
    held = position_of(bought("x1", "100"), second, sold("x3", "100", reverses="x1"))
    assert held == Position(symbol="AAA", shares=10, cost_usd=Decimal(1100), entered_at=LATER)


def test_a_corrected_sale_realises_what_its_right_price_brought() -> None:
    bust = bought("x3", "110", filled_at=LATER, reverses="x2")
    held = position_of(bought("x1", "100"), sold("x2", "110"), bust, sold("x4", "109"))
    assert held == Position(symbol="AAA", realised_usd=Decimal(90))


def test_a_fee_that_was_not_given_back_is_lost() -> None:
    paid = bought("x1", "100", fee_usd=Decimal(3))
    assert position_of(paid, sold("x2", "100", fee_usd=Decimal(-3), reverses="x1")).realised_usd == 0
    book = a_book(paid, sold("x2", "100", fee_usd=Decimal(-1), reverses="x1"))
    assert (book.positions["AAA"].realised_usd, book.realised_usd) == (-2, -2)


def test_the_day_of_a_reversal_takes_back_what_the_day_of_its_sale_earned() -> None:
    book = a_book(
        bought("x1", "100"),
        sold("x2", "110"),
        bought("x3", "110", filled_at=LATER + timedelta(days=1), reverses="x2"),
    )
    assert [day.realised_usd for day in book.days.values()] == [0, 100, -100]


def test_dividends_stay_with_the_account_whatever_is_taken_back() -> None:
    paid = CorporateActionBooked(at=AT, entry=an_action(cash_usd=Decimal(7)))
    held = position_of(bought("x1", "100"), paid, sold("x2", "100", reverses="x1"))
    assert (held.shares, held.cost_usd, held.realised_usd) == (0, 0, 7)


def test_a_reversal_across_a_split_or_a_transfer_is_a_trade_like_another() -> None:
    split = CorporateActionBooked(at=AT, entry=an_action(kind="split", quantity_delta_shares=10, cash_usd=Decimal(0)))
    bust = sold("x2", "100", reverses="x1")
    held = position_of(bought("x1", "100"), split, bust)
    assert held == Position(symbol="AAA", shares=10, cost_usd=Decimal(500), realised_usd=Decimal(500), entered_at=AT)
    moved = an_adjustment("AAA", shares_delta=10, cost_usd=Decimal(900))
    held = position_of(bought("x1", "100"), moved, bust)
    assert (held.shares, held.cost_usd, held.realised_usd) == (10, 950, 50)


def test_a_reversal_of_something_else_is_a_trade_like_another() -> None:
    first = bought("x1", "100")
    for changes in ({"price_usd": Decimal(110)}, {"client_order_id": "other"}, {"reverses": "x9"}):
        told = sold("x2", "100", **{"reverses": "x1", **changes})
        plain = sold("x2", "100", **{**changes, "reverses": None})
        assert position_of(first, told) == position_of(first, plain)


def test_what_was_taken_back_once_is_not_taken_back_again() -> None:
    once = (bought("x0", "90"), bought("x1", "100"), sold("x2", "100", reverses="x1"))
    again = position_of(*once, sold("x3", "100", reverses="x1"))
    assert again == position_of(*once, sold("x3", "100"))
