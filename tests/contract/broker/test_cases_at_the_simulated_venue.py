"""Conformance cases that only the desk's acts can show, at the simulated venue; over HTTP they are whole sessions.

The simulated venue rejects nothing it took and blocks no account: for cases 36 and 37 a script stands before it.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from execution.domain.orders import Accepted, OrderRequest, OrderState, SubmitOutcome
from execution.session import run_session
from execution.session.flatten import FlattenPolicy, arming_phrase, flatten
from tests.builders.trading_days import FIRST, SESSIONS, SYMBOLS, TradingDays
from tests.builders.venue import buy
from tests.fakes.scripted_broker import ScriptedBroker


class RejectingBroker(ScriptedBroker):
    """A venue that takes each order of AAA and says later that it was rejected, without a share of it."""

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        if order.symbol != "AAA":
            return super().submit(order)
        self.submitted.append(order)
        return Accepted(f"taken-{order.client_order_id}")

    def order(self, client_order_id: str) -> OrderState | None:
        taken = [order for order in self.submitted if order.symbol == "AAA"]
        for order in (each for each in taken if each.client_order_id == client_order_id):
            return OrderState(
                client_order_id=client_order_id,
                broker_order_id=f"taken-{client_order_id}",
                symbol=order.symbol,
                side=order.side,
                quantity_shares=order.quantity_shares,
                filled_shares=0,
                status="rejected",
                order_type=order.order_type,
                limit_usd=order.limit_usd,
                stop_usd=order.stop_usd,
                reason="rejected after it was accepted",
            )
        return super().order(client_order_id)


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def states(days: TradingDays) -> dict[str, str]:
    """Return the state of each symbol's entry."""
    records = days.desk.ledger.book().orders_of(days.desk.cycle_id(FIRST))
    return {record.order.symbol: record.state for record in records if record.order.leg == "entry"}


def test_case_10_flatten_sells_the_rest_when_one_sale_is_refused(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker, is_on_files=True)
    days.live()
    held = sorted(days.desk.ledger.book().held_shares)
    wire(days).faults[held[0], "flatten"] = "refuse"
    desk = days.morning(SESSIONS[1])
    days.clock.move_to(days.clock.now() + timedelta(hours=1))
    for _ in range(2):
        flatten(desk, policy=FlattenPolicy(), arm=arming_phrase(desk), actor="ann", reason="closing")
    assert sorted(days.venue.account().positions_shares) == held[:1]


def test_case_21_two_workers_of_one_decision_make_each_order_once(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, is_on_files=True)
    days.plan()
    planned = len(days.desk.ledger.book().orders)
    days.morning(FIRST)
    desks = [days.restarted(), days.restarted()]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda desk: run_session.submit(desk, session=FIRST), desks))
    assert {report.status for report in reports} <= {"submitted", "already_submitted", "busy"}
    run_session.submit(days.desk, session=FIRST)
    assert len([order for order in days.venue.orders() if order.side == "buy"]) == planned


def test_case_36_an_order_rejected_after_it_was_accepted_ends_and_its_cash_is_free(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_broker=RejectingBroker, is_on_files=True)
    days.plan()
    assert days.submit().unprotected == ()
    assert states(days) == {"AAA": "rejected", "BBB": "filled", "CCC": "filled"}
    book = days.desk.ledger.book()
    assert [record.order.symbol for record in book.orders.values() if record.reserved_usd and record.is_unproven] == []
    assert days.cancel_rest().status == "rest_cancelled"
    assert days.settle().status == "settled"


def test_case_37_an_account_that_is_blocked_buys_nothing_and_trades_again_when_it_is_free(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker, is_on_files=True)
    wire(days).faults = {(symbol, "entry"): "refuse" for symbol in SYMBOLS}
    days.live()
    assert set(states(days).values()) == {"refused"}
    assert days.desk.ledger.book().held_shares == {}
    wire(days).faults.clear()
    days.live(SESSIONS[1])
    assert days.desk.ledger.book().held_shares == days.venue.account().positions_shares != {}


def test_case_52_a_trade_by_hand_puts_its_symbol_in_quarantine_and_the_rest_goes_on(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, is_on_files=True)
    days.plan()
    days.morning(FIRST)
    by_hand = buy(3, client_order_id="by-hand", order_type="market", limit_usd=None)
    assert isinstance(days.venue.submit(by_hand), Accepted)
    run_session.submit(days.desk, session=FIRST)
    assert set(days.desk.ledger.book().quarantined) == {"AAA"}
    assert {order.symbol for order in days.venue.orders() if order.client_order_id != "by-hand"} == {"BBB", "CCC"}
