"""A fill is never rolled back: what the venue takes back is an entry of its own, and what follows is a new order."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from execution.domain.orders import BrokerFill
from execution.domain.positions import cash_flow_usd
from execution.session.reconcile import reconcile
from tests.builders.trading_days import FIRST, SESSIONS, SYMBOLS, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

SECOND = SESSIONS[1]


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.plan()
    days.submit()
    return days


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def fill_of(days: TradingDays, symbol: str, side: str = "buy") -> BrokerFill:
    return next(
        booked.fill
        for booked in days.desk.ledger.book().fills.values()
        if (booked.fill.symbol, booked.fill.side) == (symbol, side)
    )


def take_back(days: TradingDays, fill: BrokerFill, **changes: object) -> BrokerFill:
    """Let the venue take a fill back, in its account as in what it tells."""
    opposite = "sell" if fill.side == "buy" else "buy"
    fields = {"execution_id": f"bust-{fill.execution_id}", "side": opposite, "reverses": fill.execution_id}
    bust = replace(fill, **{**fields, "fee_usd": -fill.fee_usd, **changes})
    tell(days, bust)
    return bust


def tell(days: TradingDays, fill: BrokerFill) -> None:
    broker, shares = wire(days), fill.quantity_shares if fill.side == "buy" else -fill.quantity_shares
    broker.adds_fills = (*broker.adds_fills, fill)
    broker.positions_apart[fill.symbol] = broker.positions_apart.get(fill.symbol, 0) + shares
    broker.cash_apart_usd += cash_flow_usd(fill)


def test_a_fill_taken_back_is_booked_against_it_and_leaves_no_trace_in_cash(days: TradingDays) -> None:
    before = days.desk.ledger.book()
    fill = fill_of(days, "AAA")
    bust = take_back(days, fill)
    book = reconcile(days.desk).book
    assert "AAA" not in book.held_shares
    assert book.cash_usd == before.cash_usd + fill.quantity_shares * fill.price_usd + fill.fee_usd
    assert book.positions["AAA"].realised_usd == 0
    record = book.orders[fill.client_order_id]
    assert (record.filled_shares, record.filled_usd, record.fee_usd) == (0, 0, 0)
    assert {fill.execution_id, bust.execution_id} <= book.fills.keys()
    assert book.quarantined == {}


def test_a_reversal_is_booked_once(days: TradingDays) -> None:
    take_back(days, fill_of(days, "AAA"))
    first = reconcile(days.desk).book
    assert reconcile(days.desk).book.fills.keys() == first.fills.keys()


@pytest.mark.parametrize(
    "changes",
    [{"reverses": "never-told"}, {"price_usd": Decimal("1.00")}, {"quantity_shares": 1}, {"client_order_id": "other"}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_reversal_nobody_can_explain_is_booked_and_puts_its_symbol_in_quarantine(
    days: TradingDays, changes: dict[str, object]
) -> None:
    fill = fill_of(days, "AAA")
    bust = take_back(days, fill, **changes)
    book = reconcile(days.desk).book
    assert bust.execution_id in book.fills
    assert "AAA" in book.quarantined
    assert book.orders[fill.client_order_id].filled_shares == fill.quantity_shares


def test_a_fill_taken_back_twice_is_not_explained(days: TradingDays) -> None:
    fill = fill_of(days, "AAA")
    take_back(days, fill)
    reconcile(days.desk)
    take_back(days, fill, execution_id="bust-again")
    assert "AAA" in reconcile(days.desk).book.quarantined


def test_a_correction_is_a_reversal_and_a_new_fill(days: TradingDays) -> None:
    fill = fill_of(days, "AAA")
    take_back(days, fill)
    right = replace(fill, execution_id="corrected", price_usd=fill.price_usd - Decimal("0.10"))
    tell(days, right)
    book = reconcile(days.desk).book
    assert (book.held_shares["AAA"], book.quarantined) == (fill.quantity_shares, {})
    assert book.orders[fill.client_order_id].average_fill_usd == right.price_usd
    assert book.positions["AAA"].cost_usd == fill.quantity_shares * right.price_usd + fill.fee_usd


def test_shares_that_come_back_get_a_stop_of_their_own_through_the_same_checks(days: TradingDays) -> None:
    days.cancel_rest()
    days.settle()
    days.plan(SECOND, days.a_batch(SECOND, best=(*SYMBOLS[1:], "AAA")))
    days.submit(SECOND)
    sold = fill_of(days, "AAA", side="sell")
    sent = len(wire(days).submitted)
    take_back(days, sold)
    report = days.submit(SECOND)
    held, bought = days.desk.ledger.book().positions["AAA"], fill_of(days, "AAA")
    assert (held.realised_usd, held.entered_at) == (0, bought.filled_at)
    assert held.cost_usd == bought.quantity_shares * bought.price_usd + bought.fee_usd
    stops = [order for order in wire(days).submitted[sent:] if order.symbol == "AAA"]
    assert [(order.leg, order.side, order.is_reduce_only) for order in stops] == [("stop", "sell", True)]
    assert stops[0].client_order_id not in {order.client_order_id for order in wire(days).submitted[:sent]}
    assert report.status == "already_submitted"


def test_a_stop_for_shares_that_were_taken_back_is_cancelled(days: TradingDays) -> None:
    fill = fill_of(days, "AAA")
    take_back(days, fill)
    days.submit()
    stop = next(r for r in days.desk.ledger.book().orders.values() if (r.order.symbol, r.leg) == ("AAA", "stop"))
    assert (stop.state, days.desk.ledger.book().quarantined) == ("cancelled", {})
    assert FIRST in days.facts.submitted
