"""Closing an order nobody can prove the end of: a person's word, late enough, with an account that agrees."""

from pathlib import Path

import pytest

from execution.domain.errors import LedgerError
from execution.session.write_off import write_off
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

LATER = SESSIONS[2]


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.plan()
    wire(days).faults["AAA", "entry"] = "lose_request"
    days.submit()
    days.cancel_rest()
    days.settle()
    return days


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def lost_id(days: TradingDays) -> str:
    return days.desk.order_id(FIRST, symbol="AAA", side="buy", leg="entry")


def closed(days: TradingDays, client_order_id: str = "", actor: str = "A. Person") -> None:
    write_off(days.desk, client_order_id=client_order_id or lost_id(days), actor=actor, reason="not in the statement")


def a_day_later(days: TradingDays) -> None:
    days.clock.move_to(CALENDAR.closes_at(LATER))


def test_an_order_is_looked_up_until_a_person_writes_it_off(days: TradingDays) -> None:
    a_day_later(days)
    assert lost_id(days) in {r.order.client_order_id for r in days.desk.ledger.book().unproven_orders}
    closed(days)
    book = days.desk.ledger.book()
    assert (book.orders[lost_id(days)].state, book.orders[lost_id(days)].note) == (
        "written_off",
        "not in the statement",
    )
    assert lost_id(days) not in {r.order.client_order_id for r in book.unproven_orders}


def test_an_order_is_not_written_off_before_the_account_of_the_day_after(days: TradingDays) -> None:
    with pytest.raises(LedgerError, match="can be written off from the close of the session after"):
        closed(days)


def test_an_order_is_written_off_by_name(days: TradingDays) -> None:
    a_day_later(days)
    with pytest.raises(LedgerError, match="expected a name"):
        closed(days, actor=" ")


def test_an_order_whose_end_is_known_is_not_written_off(days: TradingDays) -> None:
    a_day_later(days)
    with pytest.raises(LedgerError, match="an order that is filled"):
        closed(days, days.desk.order_id(FIRST, symbol="BBB", side="buy", leg="entry"))
    with pytest.raises(LedgerError, match="no such order"):
        closed(days, "t1nobody")


def test_an_order_the_venue_has_after_all_is_not_written_off(days: TradingDays) -> None:
    lost = next(order for order in wire(days).submitted if order.symbol == "AAA")
    days.clock.move_to(CALENDAR.opens_at(LATER))
    days.venue.submit(lost)
    a_day_later(days)
    with pytest.raises(LedgerError, match="an order that is filled"):
        closed(days)


def test_an_order_is_not_written_off_while_its_symbol_differs(days: TradingDays) -> None:
    a_day_later(days)
    wire(days).positions_apart = {"AAA": 10}
    with pytest.raises(LedgerError, match="AAA differs by 10 shares"):
        closed(days)


def test_a_fill_told_after_the_write_off_is_booked(days: TradingDays) -> None:
    a_day_later(days)
    closed(days)
    lost = next(order for order in wire(days).submitted if order.symbol == "AAA")
    days.clock.move_to(CALENDAR.opens_at(SESSIONS[3]))
    days.venue.submit(lost)
    days.plan(SESSIONS[3])
    assert days.desk.ledger.book().held_shares["AAA"] == lost.quantity_shares
