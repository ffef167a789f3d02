"""Where a missing stop belongs."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from execution.domain.events import CorporateActionBooked, Event, FillBooked, OrderAmended, OrderEnded
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.session.protect import stop_price, uncovered_shares, unprotected
from tests.builders.orders import (
    AT,
    a_fill,
    accepted,
    account_opened,
    an_action,
    an_order,
    an_order_id,
    intended,
    plan_recorded,
    sent,
)

ENTRY = an_order()
STOP = an_order(
    side="sell",
    leg="stop",
    client_order_id=an_order_id("AAA", "sell", "stop"),
    order_type="stop",
    limit_usd=None,
    stop_usd=Decimal("48.60"),
)
PLANNED = {"reference_price_usd": Decimal("50.00"), "protective_stop_usd": Decimal("48.50")}
BOUGHT: tuple[Event, ...] = (
    account_opened(),
    plan_recorded(),
    intended(ENTRY, **PLANNED),
    sent(ENTRY),
    accepted(ENTRY),
    FillBooked(at=AT, fill=a_fill()),
)
COVERED: tuple[Event, ...] = (*BOUGHT, intended(STOP), sent(STOP), accepted(STOP))
SPLIT = CorporateActionBooked(
    at=AT,
    entry=an_action(
        kind="split",
        quantity_delta_shares=10,
        cash_usd=Decimal(0),
        ratio=Decimal(2),
        booked_at=AT + timedelta(days=1),
    ),
)


def a_book(*events: Event) -> Book:
    return folded(Book(), events)


def test_the_first_stop_keeps_its_distance_below_the_fill() -> None:
    assert stop_price(a_book(*BOUGHT), "AAA") == Decimal("48.60")


def test_a_working_stop_covers_the_position() -> None:
    book = a_book(*COVERED)
    assert (uncovered_shares(book, "AAA"), unprotected(book)) == (0, ())


def test_a_stop_that_ended_leaves_the_position_bare() -> None:
    ended = OrderEnded(
        at=AT, client_order_id=STOP.client_order_id, status="cancelled", filled_shares=0, reason="by the venue"
    )
    book = a_book(*COVERED, ended)
    assert (unprotected(book), stop_price(book, "AAA")) == (("AAA",), Decimal("48.60"))


def test_a_split_after_the_stop_was_set_is_applied() -> None:
    assert stop_price(a_book(*COVERED, SPLIT), "AAA") == Decimal("24.30")


def test_a_split_the_venue_applied_itself_is_not_applied_twice() -> None:
    amended = OrderAmended(
        at=AT + timedelta(days=1, minutes=1),
        client_order_id=STOP.client_order_id,
        quantity_shares=20,
        limit_usd=None,
        stop_usd=Decimal("24.30"),
    )
    assert stop_price(a_book(*COVERED, SPLIT, amended), "AAA") == Decimal("24.30")


def test_a_position_of_somebody_else_gets_no_stop() -> None:
    foreign = FillBooked(at=AT, fill=replace(a_fill("x9", "ZZZ"), client_order_id="by-hand"))
    book = a_book(account_opened(), foreign)
    assert (unprotected(book), stop_price(book, "ZZZ")) == ((), None)
