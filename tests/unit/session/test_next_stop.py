"""The stop a position lacks: of which size, at which price, as which leg, and when none may be sent."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.events import (
    CancelRequested,
    CorporateActionBooked,
    Event,
    FillBooked,
    OrderAccepted,
    OrderEnded,
    OrderIntended,
    OrderRefused,
    SubmissionStarted,
    SymbolQuarantined,
)
from execution.domain.orders import OrderRequest, client_order_id
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.portfolio.sizing_policy import SizingPolicy
from execution.session.protect import (
    bare_parts,
    next_stop,
    oversold_stops,
    stop_price,
    trail_usd,
    uncovered_shares,
    unprotected,
)
from tests.builders.batches import SESSION
from tests.builders.memory_desk import a_memory_desk
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    account_opened,
    an_action,
    an_order,
    an_order_id,
    intended,
    plan_recorded,
    sent,
)
from tests.fakes.listed_prices import ListedPrices

FIFTY = Decimal(50)
LATER = AT + timedelta(hours=1)


@dataclass
class Promises:
    """What is asked of a venue before a stop is decided."""

    refuses_opposing_orders: bool = False
    order_types: frozenset[str] = field(default_factory=lambda: frozenset({"limit", "stop"}))


class Venue:
    def __init__(self, **promises: Any) -> None:
        self.capabilities = Promises(**promises)


def a_book(*events: Event) -> Book:
    return folded(Book(), [account_opened(), plan_recorded(), *events])


def bought(shares: Any = 10, symbol: str = "AAA", price: str = "50.10", **changes: Any) -> tuple[Event, ...]:
    """Return an entry of that many shares, planned at 50 with its stop at 47, sent and filled."""
    order = an_order(symbol, quantity_shares=shares)
    prices: dict[str, Any] = {"reference_price_usd": FIFTY, "protective_stop_usd": Decimal(47), **changes}
    fill = a_fill(f"f-{symbol}", symbol, quantity_shares=shares, price_usd=Decimal(price))
    return (intended(order, **prices), sent(order), accepted_now(order), FillBooked(at=AT, fill=fill))


def accepted_now(order: OrderRequest) -> OrderAccepted:
    return OrderAccepted(at=AT, client_order_id=order.client_order_id, broker_order_id=f"v-{order.client_order_id}")


def an_id(leg: str, symbol: str = "AAA") -> str:
    return client_order_id(
        account="paper", epoch=0, cycle_id=CYCLE, strategy="momentum", symbol=symbol, side="sell", leg=leg
    )


def a_stop(leg: str = "stop", shares: int = 10, price: str = "46.50", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": an_id(leg),
        "side": "sell",
        "leg": "stop",
        "quantity_shares": shares,
        "order_type": "stop",
        "time_in_force": "gtc",
        "limit_usd": None,
        "stop_usd": Decimal(price),
        "is_reduce_only": True,
    }
    return an_order(**{**fields, **changes})


def stopped(leg: str = "stop", **changes: Any) -> tuple[Event, ...]:
    order = a_stop(leg, **changes)
    return (intended(order, leg=leg), sent(order), accepted_now(order))


def an_exit(shares: int = 10, leg: Any = "exit") -> OrderRequest:
    return an_order(side="sell", leg=leg, quantity_shares=shares, limit_usd=Decimal(49), client_order_id=an_id(leg))


def split(ratio: Any = Decimal(2), **changes: Any) -> Event:
    fields: dict[str, Any] = {"kind": "split", "ratio": ratio, "booked_at": LATER, "cash_usd": Decimal(0)}
    return CorporateActionBooked(at=LATER, entry=an_action("s1", **{**fields, **changes}))


def a_desk(quotes: ListedPrices | None = None, *, trailing: bool = False, **promises: Any) -> Any:
    policy = SizingPolicy(protective_stop="trailing_stop") if trailing else SizingPolicy()
    return a_memory_desk(LATER, broker=Venue(**promises), quotes=quotes or ListedPrices(), sizing=policy)


def the_next(book: Book, **changes: Any) -> OrderIntended | None:
    return next_stop(a_desk(**changes), book, session=SESSION, symbol="AAA")


# Which positions lack one.


@pytest.mark.parametrize(("covered", "lacks"), [(10, ()), (9, ("AAA",)), (8, ("AAA",))])
def test_a_single_share_without_an_exit_lacks_a_stop(covered: int, lacks: tuple[str, ...]) -> None:
    book = a_book(*bought(10), *stopped(shares=covered))
    assert (unprotected(book), uncovered_shares(book, "AAA")) == (lacks, 10 - covered)


def test_what_is_not_held_is_covered() -> None:
    assert uncovered_shares(a_book(), "AAA") == 0


def test_a_part_of_a_share_lacks_no_stop_and_is_told_apart() -> None:
    book = a_book(*bought(Decimal("10.25")), *stopped(shares=10))
    assert (unprotected(book), bare_parts(book)) == ((), {"AAA": Decimal("0.25")})
    assert bare_parts(a_book(*bought(10))) == {}


def test_what_somebody_else_traded_is_left_alone() -> None:
    foreign = SymbolQuarantined(at=AT, symbol="AAA", reason="not ours")
    book = a_book(*bought(Decimal("10.25")), *bought(Decimal("3.5"), "BBB"), foreign)
    assert (unprotected(book), bare_parts(book)) == (("BBB",), {"BBB": Decimal("0.5")})


def test_a_stop_for_more_than_is_held_is_surplus_until_its_end_was_asked_for() -> None:
    book = a_book(*bought(10), *stopped(shares=11))
    assert [record.order.client_order_id for record in oversold_stops(book)] == [an_id("stop")]
    asked = CancelRequested(at=AT, client_order_id=an_id("stop"), reason="too many")
    assert oversold_stops(folded(book, [asked])) == ()


def test_a_stop_of_a_single_share_is_surplus_too_and_one_that_filled_is_not() -> None:
    assert len(oversold_stops(a_book(*stopped(shares=1)))) == 1
    fill = a_fill("f-stop", client_order_id=an_id("stop"), side="sell", quantity_shares=1)
    assert oversold_stops(a_book(*stopped(shares=1), FillBooked(at=AT, fill=fill))) == ()


def test_stops_for_as_much_as_is_held_and_exits_are_no_surplus() -> None:
    assert oversold_stops(a_book(*bought(10), *stopped(shares=10))) == ()
    order = an_exit(11)
    assert oversold_stops(a_book(*bought(10), intended(order), sent(order))) == ()


# What is sent.


def test_the_stop_is_decided_whole() -> None:
    assert the_next(a_book(*bought(10))) == OrderIntended(
        at=LATER,
        cycle_id=CYCLE,
        leg="stop",
        order=a_stop(price="47.10"),
        reason="10 shares of AAA are held without a stop",
    )


def test_only_whole_shares_get_a_stop_and_the_rest_is_told() -> None:
    stop = the_next(a_book(*bought(Decimal("10.25"))))
    assert stop is not None
    assert stop.order.quantity_shares == 10
    assert stop.reason == (
        "10 shares of AAA are held without a stop; 0.25 more has none: the venue takes a part of a share for the day "
        "only"
    )


def test_a_second_stop_of_a_cycle_is_a_leg_of_its_own_for_what_is_bare() -> None:
    stop = the_next(a_book(*bought(10), *stopped(shares=4)))
    assert stop is not None
    assert (stop.leg, stop.order) == ("stop_2", a_stop("stop_2", shares=6))
    third = the_next(a_book(*bought(10), *stopped(shares=4), *stopped("stop_2", shares=3)))
    assert third is not None
    assert (third.leg, third.order.quantity_shares) == ("stop_3", 3)


@pytest.mark.parametrize(("decided", "shares"), [(4, 4), (15, 10)])
def test_a_stop_decided_and_never_sent_is_taken_up_again(decided: int, shares: int) -> None:
    waiting = a_stop(shares=decided, price="46.00")
    stop = the_next(a_book(*bought(10), intended(waiting, leg="stop")))
    assert stop is not None
    assert (stop.leg, stop.order.client_order_id, stop.order.quantity_shares) == ("stop", an_id("stop"), shares)
    # Nobody has seen a price that was never sent.
    assert stop.order.stop_usd == Decimal("47.10")


@pytest.mark.parametrize("leg", ["exit", "monitor"])
def test_while_an_exit_waits_to_be_sent_no_stop_is(leg: str) -> None:
    order = an_exit(leg=leg)
    assert the_next(a_book(*bought(10), intended(order))) is None
    refused = OrderRefused(at=AT, client_order_id=order.client_order_id, reason="no")
    assert the_next(a_book(*bought(10), intended(order), sent(order), refused)) is not None


def test_an_entry_that_waits_keeps_no_stop_back() -> None:
    rest = an_order(client_order_id="t1-entry-2", quantity_shares=5)
    assert the_next(a_book(*bought(10), intended(rest, leg="entry_2"))) is not None


def test_after_a_refusal_of_the_newest_stop_the_same_is_not_sent_again() -> None:
    refused = OrderRefused(at=AT, client_order_id=an_id("stop"), reason="no")
    order = a_stop()
    assert the_next(a_book(*bought(10), intended(order, leg="stop"), sent(order), refused)) is None


def test_a_refusal_before_a_newer_stop_does_not_count() -> None:
    order = a_stop(shares=4)
    refused = OrderRefused(at=AT, client_order_id=an_id("stop"), reason="no")
    book = a_book(*bought(10), intended(order, leg="stop"), sent(order), refused, *stopped("stop_2", shares=4))
    stop = the_next(book)
    assert stop is not None
    assert stop.leg == "stop_3"


def test_where_opposing_orders_are_refused_a_stop_waits_for_the_rest_of_a_purchase() -> None:
    ended = OrderEnded(at=AT, client_order_id=an_order_id(), status="filled", filled_shares=10, reason="")
    done = a_book(*bought(10), ended)
    rest = an_order(client_order_id="t1-entry-2", quantity_shares=5)
    flying = folded(done, [intended(rest, leg="entry_2"), sent(rest)])
    working = folded(flying, [accepted_now(rest)])
    assert the_next(working, refuses_opposing_orders=True) is None
    assert the_next(working) is not None
    # One nobody knows of is no reason to leave shares without a stop.
    assert the_next(flying, refuses_opposing_orders=True) is not None
    other, stop = an_order("BBB", quantity_shares=5), stopped(shares=4)
    elsewhere = folded(done, [intended(other), sent(other), accepted_now(other), *stop])
    assert the_next(elsewhere, refuses_opposing_orders=True) is not None


def test_without_an_entry_or_a_stop_of_ours_no_price_is_known() -> None:
    held = FillBooked(at=AT, fill=a_fill("h", client_order_id="before"))
    assert the_next(a_book(held)) is None


# At which price.


@pytest.mark.parametrize(
    ("price", "prices", "stop"),
    [
        ("50.10", {}, "47.10"),
        ("49.997", {}, "46.99"),
        ("2.50", {}, "47"),
        ("3.01", {}, "0.01"),
        ("3.00", {}, "47"),
        ("50.10", {"reference_price_usd": None}, "47"),
    ],
)
def test_a_stop_lies_as_far_below_the_fill_as_planned_below_the_price(
    price: str, prices: dict[str, Any], stop: str
) -> None:
    assert stop_price(a_book(*bought(10, price=price, **prices)), "AAA") == Decimal(stop)


def test_an_entry_without_a_planned_stop_gives_none() -> None:
    assert stop_price(a_book(*bought(10, protective_stop_usd=None)), "AAA") is None


def test_a_stop_reckoned_from_the_entry_follows_splits_too() -> None:
    assert stop_price(a_book(*bought(10), split()), "AAA") == Decimal("23.55")


def test_the_newest_stop_that_was_sent_keeps_its_price() -> None:
    book = a_book(*bought(10), *stopped(shares=4), *stopped("stop_2", price="46.75"))
    assert stop_price(book, "AAA") == Decimal("46.75")


@pytest.mark.parametrize(
    ("event", "stop"),
    [
        (split(), "23.25"),
        (split(Decimal("0.5")), "93.00"),
        (split(booked_at=AT), "46.50"),
        (split(booked_at=AT + timedelta(microseconds=1)), "23.25"),
        (split(symbol="BBB"), "46.50"),
        (split(None), "46.50"),
        (split(kind="dividend"), "46.50"),
    ],
)
def test_splits_booked_since_the_terms_were_stated_are_applied(event: Event, stop: str) -> None:
    assert stop_price(a_book(*bought(10), *stopped(), event), "AAA") == Decimal(stop)


# How far a trailing one trails.


def trailing(last: str | None = "50.10", **changes: Any) -> Decimal | None:
    quotes = ListedPrices({} if last is None else {"AAA": Decimal(last)})
    promises = {"order_types": frozenset({"limit", "stop", "trailing_stop"})}
    fields: dict[str, Any] = {"trailing": True, **promises, **changes}
    prices = fields.pop("prices", {})
    book = a_book(*bought(10, **prices), *fields.pop("events", ()))
    return trail_usd(a_desk(quotes, **fields), book, "AAA", stop_usd=Decimal("47.10"))


@pytest.mark.parametrize(
    ("last", "trail"),
    [("50.10", "3.00"), ("60.00", "3.00"), ("49.00", "1.90"), ("47.11", "0.01"), ("47.10", None), ("46.00", None)],
)
def test_a_trail_is_the_planned_distance_or_what_is_left_above_the_stop(last: str, trail: str | None) -> None:
    assert trailing(last) == (None if trail is None else Decimal(trail))


def test_a_trail_follows_splits() -> None:
    assert trailing(events=(split(),)) == Decimal("1.50")


@pytest.mark.parametrize(
    "changes",
    [
        {"last": None},
        {"trailing": False},
        {"order_types": frozenset({"limit", "stop"})},
        {"prices": {"reference_price_usd": None}},
        {"prices": {"protective_stop_usd": None}},
    ],
)
def test_where_something_is_not_known_or_not_wished_the_stop_is_plain(changes: dict[str, Any]) -> None:
    assert trailing(**changes) is None


def test_a_position_without_an_entry_of_ours_gets_no_trail() -> None:
    quotes = ListedPrices({"AAA": FIFTY})
    desk = a_desk(quotes, trailing=True, order_types=frozenset({"trailing_stop"}))
    assert trail_usd(desk, a_book(), "AAA", stop_usd=Decimal(47)) is None


def test_the_newest_filled_entry_says_how_wide() -> None:
    wide = an_order(client_order_id="t1-entry-2", quantity_shares=5)
    second = (
        intended(wide, leg="entry_2", reference_price_usd=FIFTY, protective_stop_usd=Decimal(49)),
        SubmissionStarted(at=AT, client_order_id=wide.client_order_id, quantity_shares=5),
    )
    assert trailing(events=second) == Decimal("3.00")
    filled = FillBooked(at=AT, fill=a_fill("f2", client_order_id=wide.client_order_id, quantity_shares=5))
    assert trailing(events=(*second, filled)) == Decimal("1.00")


def test_a_trailing_stop_goes_out_without_a_price_of_its_own() -> None:
    quotes = ListedPrices({"AAA": FIFTY})
    desk = a_desk(quotes, trailing=True, order_types=frozenset({"stop", "trailing_stop"}))
    stop = next_stop(desk, a_book(*bought(10)), session=SESSION, symbol="AAA")
    assert stop is not None
    # From 50.00 down to where the plain stop would lie, 47.10.
    assert stop.order == a_stop(order_type="trailing_stop", stop_usd=None, trail_usd=Decimal("2.90"))
