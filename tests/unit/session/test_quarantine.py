"""What is not ours keeps its symbol out of trading, and nothing but its symbol, until a person says otherwise."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import IllegalTransition, LedgerError
from execution.domain.events import SymbolQuarantined
from execution.domain.orders import OrderRequest
from execution.session import run_session
from execution.session.quarantine import lift_quarantine
from execution.session.reconcile import reconcile
from execution.session.reservation import view_at_send
from execution.session.send import send
from tests.builders.trading_days import FIRST, SESSIONS, SYMBOLS, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

SECOND = SESSIONS[1]
BY_HAND: dict[str, Any] = {
    "client_order_id": "by-hand",
    "side": "buy",
    "leg": "entry",
    "quantity_shares": 5,
    "order_type": "market",
    "time_in_force": "day",
}


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.plan()
    days.morning(FIRST)
    return days


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def trade_by_hand(days: TradingDays, symbol: str, **changes: Any) -> None:
    days.venue.submit(OrderRequest(symbol=symbol, **{**BY_HAND, **changes}))


def sent_in(days: TradingDays, symbol: str) -> int:
    return sum(order.symbol == symbol for order in wire(days).submitted)


def test_a_position_somebody_else_bought_is_booked_and_its_symbol_left_alone(days: TradingDays) -> None:
    trade_by_hand(days, "AAA")
    report = days.submit()
    book = days.desk.ledger.book()
    assert "which is not ours" in book.quarantined["AAA"].reason
    assert (book.held_shares["AAA"], sent_in(days, "AAA")) == (5, 0)
    assert (report.status, report.voided, sent_in(days, "BBB")) == ("submitted", 1, 2)


def test_an_order_somebody_else_works_keeps_ours_out_of_its_symbol(days: TradingDays) -> None:
    trade_by_hand(days, "AAA", order_type="limit", limit_usd=Decimal("1.00"))
    days.submit()
    record = next(r for r in days.desk.ledger.book().orders.values() if r.order.symbol == "AAA")
    assert (record.state, record.note) == (
        "voided",
        "AAA is in quarantine: order by-hand works at the venue and is not ours",
    )
    assert sent_in(days, "BBB") == 2


def test_a_position_nobody_explains_is_quarantined_and_the_rest_goes_on(days: TradingDays) -> None:
    trade_by_hand(days, "FFF")
    wire(days).hides_fills_of = "FFF"
    days.submit()
    quarantined = days.desk.ledger.book().quarantined
    assert quarantined["FFF"].reason == "FFF is 0 shares in the ledger, 5 at the venue"
    assert (sorted(quarantined), sent_in(days, "AAA")) == (["FFF"], 2)


def test_what_is_in_quarantine_still_counts_in_the_limits(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.plan()
    days.morning(FIRST)
    # 1,800 shares at 50 USD: with them, three entries of a tenth each no longer fit into the account.
    trade_by_hand(days, "FFF", quantity_shares=1_800)
    days.submit()
    notes = {r.order.symbol: r.note for r in days.desk.ledger.book().orders.values() if r.leg == "entry"}
    assert [symbol for symbol, note in notes.items() if note.startswith("last look, ")] == ["AAA", "BBB", "CCC"]


def test_a_foreign_position_is_never_sold_nor_protected(days: TradingDays) -> None:
    trade_by_hand(days, "FFF")
    days.live(FIRST)
    days.live(SECOND)
    assert sent_in(days, "FFF") == 0


def test_a_fill_that_the_venue_counts_and_has_not_told_yet_is_no_stranger(days: TradingDays) -> None:
    wire(days).hides_fills = True
    days.submit()
    assert days.desk.ledger.book().quarantined == {}
    wire(days).hides_fills = False
    assert days.submit().unprotected == ()


def test_a_cash_difference_too_large_for_its_symbol_refuses_everything(days: TradingDays) -> None:
    trade_by_hand(days, "FFF")
    wire(days).hides_fills_of = "FFF"
    wire(days).cash_apart_usd = Decimal(-500)
    with pytest.raises(LedgerError, match="cash is"):
        days.submit()
    assert wire(days).submitted == []


def test_a_lifted_symbol_is_traded_as_ours(days: TradingDays) -> None:
    trade_by_hand(days, "FFF")
    days.live(FIRST)
    lift_quarantine(days.desk, symbol="FFF", actor="A. Person", reason="I bought it, the desk may sell it")
    assert days.plan(SECOND, days.a_batch(SECOND)).exits == 1
    days.submit(SECOND)
    assert "FFF" not in days.desk.ledger.book().held_shares


def test_a_lifted_symbol_goes_back_while_its_cause_is_there(days: TradingDays) -> None:
    trade_by_hand(days, "FFF", order_type="limit", limit_usd=Decimal("1.00"))
    reconcile(days.desk)
    lift_quarantine(days.desk, symbol="FFF", actor="A. Person", reason="it is mine")
    reconcile(days.desk)
    assert "FFF" in days.desk.ledger.book().quarantined
    days.venue.cancel("by-hand")
    lift_quarantine(days.desk, symbol="FFF", actor="A. Person", reason="and cancelled now")
    assert reconcile(days.desk).book.quarantined == {}


@pytest.mark.parametrize(("actor", "reason"), [("", "because"), ("A. Person", " ")])
def test_a_quarantine_is_lifted_by_name_and_with_a_reason(days: TradingDays, actor: str, reason: str) -> None:
    trade_by_hand(days, "FFF")
    reconcile(days.desk)
    with pytest.raises(LedgerError, match="expected a name and a reason"):
        lift_quarantine(days.desk, symbol="FFF", actor=actor, reason=reason)


def test_what_is_in_no_quarantine_is_not_lifted(days: TradingDays) -> None:
    with pytest.raises(IllegalTransition, match="no quarantine"):
        lift_quarantine(days.desk, symbol="AAA", actor="A. Person", reason="to be sure")


def test_a_quarantine_is_written_down_once(days: TradingDays) -> None:
    trade_by_hand(days, "FFF")
    for _ in range(3):
        reconcile(days.desk)
    kinds = [type(recorded.event).__name__ for recorded in days.desk.ledger.events()]
    assert kinds.count("SymbolQuarantined") == 1


def test_a_quarantined_symbol_is_not_planned(days: TradingDays) -> None:
    trade_by_hand(days, "FFF", order_type="limit", limit_usd=Decimal("1.00"))
    days.live(FIRST)
    batch = days.a_batch(SECOND, best=("FFF", *SYMBOLS[:5]))
    report = run_session.plan(days.evening(SECOND), session=SECOND, batch_hash=days.publish(replace(batch, vix=15.0)))
    assert "FFF" not in {r.order.symbol for r in days.desk.ledger.book().orders_of(days.desk.cycle_id(SECOND))}
    assert report.status == "planned"


def test_a_position_of_ours_in_quarantine_keeps_the_stop_it_has(days: TradingDays) -> None:
    days.live(FIRST)
    days.plan(SECOND, days.a_batch(SECOND, best=(*SYMBOLS[1:], "AAA")))
    days.morning(SECOND)
    trade_by_hand(days, "AAA", order_type="limit", limit_usd=Decimal("1.00"))
    days.submit(SECOND)
    records = {r.leg: r for r in days.desk.ledger.book().orders.values() if r.order.symbol == "AAA"}
    assert (records["exit"].state, records["stop"].state) == ("voided", "open")
    assert not records["stop"].is_cancel_requested


def test_a_symbol_quarantined_a_moment_before_the_row_is_not_sent(days: TradingDays) -> None:
    view = view_at_send(days.desk, reconcile(days.desk), FIRST)
    stranger = SymbolQuarantined(at=days.clock.now(), symbol="AAA", reason="another process saw a stranger")
    days.desk.ledger.record(lambda _: (stranger,))
    record = next(r for r in days.desk.ledger.book().orders.values() if r.order.symbol == "AAA")
    send(days.desk, view, record, record.order.quantity_shares)
    assert sent_in(days, "AAA") == 0
    note = days.desk.ledger.book().orders[record.order.client_order_id].note
    assert note == "AAA is in quarantine: another process saw a stranger"


def test_nothing_is_sent_in_a_symbol_that_differs_while_an_order_of_ours_may_be_why(days: TradingDays) -> None:
    wire(days).faults["AAA", "entry"] = "lose_request"
    days.live(FIRST)
    days.plan(SECOND, days.a_batch(SECOND, best=("AAA", *SYMBOLS[1:])))
    sent = sent_in(days, "AAA")
    # What was lost may have landed: the account shows ten shares, and nothing tells whose they are.
    wire(days).positions_apart, wire(days).cash_apart_usd = {"AAA": 10}, Decimal(-405)
    report = days.submit(SECOND)
    book = days.desk.ledger.book()
    assert (sent_in(days, "AAA"), book.quarantined, report.status) == (sent, {}, "pending")
    waiting = [r.state for r in book.orders_of(days.desk.cycle_id(SECOND)) if r.order.symbol == "AAA"]
    assert waiting == ["intended"]
