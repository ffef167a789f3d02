"""Where a missing stop belongs."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

from execution.brokers.simulated import SimulatedBroker
from execution.domain.broker_capabilities import BrokerCapabilities
from execution.domain.events import CorporateActionBooked, Event, FillBooked, OrderAmended, OrderEnded
from execution.domain.orders import OrderState
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.portfolio.sizing_policy import SizingPolicy
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
from tests.builders.trading_days import TradingDays

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


def a_trailing_desk(folder: Path, **capabilities: object) -> TradingDays:
    sizing = SizingPolicy(
        entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7"), protective_stop="trailing_stop"
    )

    def told_otherwise(broker: SimulatedBroker) -> SimulatedBroker:
        promised = replace(broker.capabilities, **capabilities)  # type: ignore[arg-type]  # names of its fields
        return cast("SimulatedBroker", Promising(broker, promised))

    return TradingDays(folder, desk_changes={"sizing": sizing}, wrap_broker=told_otherwise if capabilities else None)


class Promising:
    """A venue whose table says something else."""

    def __init__(self, broker: SimulatedBroker, capabilities: BrokerCapabilities) -> None:
        self._broker = broker
        self.capabilities = capabilities

    def __getattr__(self, name: str) -> object:
        return getattr(self._broker, name)


def stops_of(days: TradingDays) -> list[OrderState]:
    return [order for order in days.venue.open_orders() if order.side == "sell"]


def test_a_trailing_stop_begins_where_the_plain_one_would(tmp_path: Path) -> None:
    plain, trailing = TradingDays(tmp_path / "plain"), a_trailing_desk(tmp_path / "trailing")
    for days in (plain, trailing):
        days.plan()
        days.submit()
    assert {stop.order_type for stop in stops_of(trailing)} == {"trailing_stop"}
    assert {s.symbol: s.stop_usd for s in stops_of(trailing)} == {s.symbol: s.stop_usd for s in stops_of(plain)}


def test_a_trailing_stop_rises_with_the_price_and_the_ledger_follows(tmp_path: Path) -> None:
    days = a_trailing_desk(tmp_path)
    days.plan()
    days.submit()
    began = {stop.symbol: stop.stop_usd or Decimal(0) for stop in stops_of(days)}
    days.cancel_rest()
    days.settle()
    after = {stop.symbol: stop.stop_usd for stop in stops_of(days)}
    assert len(after) == 3
    # The day opens where it is bought and its high is 75 cents above.
    assert after == {symbol: price + Decimal("0.75") for symbol, price in began.items()}
    assert {symbol: stop_price(days.desk.ledger.book(), symbol) for symbol in after} == after


def test_a_venue_without_trailing_stops_gets_plain_ones(tmp_path: Path) -> None:
    days = a_trailing_desk(tmp_path, order_types=frozenset({"limit", "market", "stop"}))
    days.plan()
    days.submit()
    assert {stop.order_type for stop in stops_of(days)} == {"stop"}


def test_a_position_of_somebody_else_gets_no_stop() -> None:
    foreign = FillBooked(at=AT, fill=replace(a_fill("x9", "ZZZ"), client_order_id="by-hand"))
    book = a_book(account_opened(), foreign)
    assert (unprotected(book), stop_price(book, "ZZZ")) == ((), None)
