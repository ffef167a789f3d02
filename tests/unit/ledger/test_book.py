"""What acts ask of a book: orders by cycle and symbol, what may still trade, and what all of it is worth."""

from decimal import Decimal

import pytest

from execution.domain.events import Event, FillBooked, OrderEnded
from execution.domain.orders import OrderRequest, attached_order_id
from execution.ledger.book import Book
from execution.ledger.folding import folded
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    accepted,
    account_opened,
    an_order,
    an_order_id,
    intended,
    plan_recorded,
    sent,
)

OTHER_CYCLE = f"{CYCLE}:again"


def a_book(*events: Event) -> Book:
    return folded(Book(), (account_opened(), plan_recorded(), *events))


def out(order: OrderRequest) -> tuple[Event, ...]:
    return intended(order), sent(order)


def filled(order: OrderRequest, shares: int) -> FillBooked:
    fill = a_fill(
        f"x:{order.client_order_id}",
        order.symbol,
        client_order_id=order.client_order_id,
        side=order.side,
        quantity_shares=shares,
    )
    return FillBooked(at=AT, fill=fill)


def test_orders_are_found_by_their_cycle_and_by_their_symbol() -> None:
    first, second = an_order("AAA"), an_order("BBB")
    later = an_order("AAA", client_order_id=an_order_id("AAA", cycle_id=OTHER_CYCLE))
    again = plan_recorded(cycle_id=OTHER_CYCLE)
    book = a_book(intended(first), intended(second), again, intended(later, cycle_id=OTHER_CYCLE))

    def ids(*orders: OrderRequest) -> list[str]:
        return [order.client_order_id for order in orders]

    assert [record.order.client_order_id for record in book.orders_of(CYCLE)] == ids(first, second)
    assert [record.order.client_order_id for record in book.orders_of(OTHER_CYCLE)] == ids(later)
    assert [record.order.client_order_id for record in book.orders_in("AAA")] == ids(first, later)
    assert [record.order.client_order_id for record in book.newest_in("AAA")] == ids(later, first)
    assert [cycle.cycle_id for cycle in book.cycles_of(SESSION)] == [CYCLE, OTHER_CYCLE]


def test_what_nobody_planned_has_no_orders_and_no_cycles() -> None:
    book = Book()
    assert (book.orders_of(CYCLE), book.orders_in("AAA"), book.cycles_of(SESSION)) == ((), (), ())
    assert list(book.newest_in("AAA")) == []


def test_an_account_is_worth_its_cash_and_what_it_holds_at_the_prices_given() -> None:
    buy, other = an_order("AAA"), an_order("BBB")
    book = a_book(*out(buy), *out(other), filled(buy, 10), filled(other, 3))
    cash = Decimal(100_000) - 13 * Decimal("50.10") - 2 * Decimal("0.35")
    assert book.equity_usd({"AAA": Decimal(60), "BBB": Decimal(40)}) == cash + 10 * 60 + 3 * 40
    with pytest.raises(KeyError, match="BBB"):
        book.equity_usd({"AAA": Decimal(60)})


def test_what_is_not_filled_yet_may_still_trade() -> None:
    buy = an_order("AAA", quantity_shares=10)
    book = a_book(*out(buy), accepted(buy), filled(buy, 4))
    assert book.exposed_shares("AAA", side="buy") == 6
    assert book.exposed_shares("AAA", side="sell") == 0
    assert book.exposed_shares("BBB", side="buy") == 0


def test_orders_of_one_side_add_up_and_each_kind_can_be_asked_for_alone() -> None:
    leave, stop = an_order("AAA", side="sell", leg="exit", quantity_shares=7), an_order("AAA", side="sell", leg="stop")
    book = a_book(*out(leave), *out(stop))
    assert book.exposed_shares("AAA", side="sell") == 17
    assert book.exposed_shares("AAA", side="sell", leg="exit") == 7
    assert book.exposed_shares("AAA", side="sell", leg="stop") == 10


def test_an_order_that_has_ended_trades_no_more() -> None:
    buy = an_order("AAA")
    ended = OrderEnded(at=AT, client_order_id=buy.client_order_id, status="cancelled", filled_shares=0, reason="")
    assert a_book(*out(buy), accepted(buy), ended).exposed_shares("AAA", side="buy") == 0


class TestABracket:
    """A buy with a target and a stop attached: the two sell the same shares, and only those that were bought."""

    ID = an_order_id("AAA")
    TARGET = an_order(
        "AAA",
        side="sell",
        leg="take_profit",
        client_order_id=attached_order_id(ID, "take_profit"),
        limit_usd=Decimal(60),
    )
    STOP = an_order(
        "AAA",
        side="sell",
        leg="stop",
        client_order_id=attached_order_id(ID, "stop"),
        order_type="stop",
        limit_usd=None,
        stop_usd=Decimal(45),
    )
    ENTRY = an_order("AAA", attached=(TARGET, STOP))

    def after(self, *events: Event) -> Book:
        return a_book(*out(self.ENTRY), *out(self.TARGET), *out(self.STOP), *events)

    def test_sells_nothing_while_nothing_was_bought(self) -> None:
        assert self.after().exposed_shares("AAA", side="sell") == 0

    def test_sells_what_was_bought_once_though_two_orders_work(self) -> None:
        assert self.after(filled(self.ENTRY, 6)).exposed_shares("AAA", side="sell") == 6
        assert self.after(filled(self.ENTRY, 10)).exposed_shares("AAA", side="sell") == 10

    def test_sells_no_share_twice(self) -> None:
        book = self.after(filled(self.ENTRY, 10), filled(self.TARGET, 4))
        assert book.exposed_shares("AAA", side="sell") == 6
        assert book.exposed_shares("AAA", side="sell", leg="take_profit") == 6

    def test_sells_no_less_than_nothing_when_more_was_sold_than_is_known_to_be_bought(self) -> None:
        book = self.after(filled(self.ENTRY, 2), filled(self.TARGET, 4))
        assert book.exposed_shares("AAA", side="sell") == 0

    def test_adds_to_what_goes_alone(self) -> None:
        leave = an_order("AAA", side="sell", leg="exit", quantity_shares=3)
        assert self.after(filled(self.ENTRY, 6), *out(leave)).exposed_shares("AAA", side="sell") == 9
