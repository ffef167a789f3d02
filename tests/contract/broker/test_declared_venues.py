"""Venues that are only declared: what the desk does at a venue of their promises, before an adapter is written."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.declared import INTERACTIVE_BROKERS, TRADING_212
from execution.domain.broker_capabilities import BrokerCapabilities
from execution.domain.orders import BrokerFill, OrderState
from execution.session import run_session
from execution.session.send_policy import SendPolicy
from tests.builders.trading_days import FIRST, SESSIONS, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

SAME_ID = SendPolicy(unknown_outcome_policy="same_id")
DECLARED = pytest.mark.parametrize("declared", [TRADING_212, INTERACTIVE_BROKERS], ids=["trading_212", "ibkr"])


class BlindBroker(ScriptedBroker):
    """A venue that knows no id of ours: it finds no order by one, and its fills name their own."""

    def order(self, client_order_id: str) -> OrderState | None:
        return None

    def fills(self, *, since: datetime) -> tuple[BrokerFill, ...]:
        return tuple(replace(fill, client_order_id=f"its-{fill.execution_id}") for fill in super().fills(since=since))


def lost(folder: Path, declared: BrokerCapabilities, fault: Any, broker: type[ScriptedBroker]) -> TradingDays:
    """Lose the entry of AAA on its way at a venue of such promises, whatever the settings would allow."""
    days = TradingDays(folder, wrap_broker=broker, desk_changes={"sending": SAME_ID}, is_on_files=True)
    wire(days).promises = replace(declared, order_types=days.venue.capabilities.order_types)
    days.plan()
    wire(days).faults["AAA", "entry"] = fault
    days.submit()
    wire(days).faults.clear()
    return days


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def sent(days: TradingDays, symbol: str = "AAA") -> int:
    return sum(order.symbol == symbol and order.leg == "entry" for order in wire(days).submitted)


@DECLARED
def test_none_of_them_lets_an_order_be_repeated(declared: BrokerCapabilities) -> None:
    assert not declared.may_repeat


@DECLARED
@pytest.mark.parametrize("fault", ["lose_request", "lose_answer"])
def test_an_order_goes_out_at_most_once_whatever_was_lost(
    tmp_path: Path, declared: BrokerCapabilities, fault: str
) -> None:
    days = lost(tmp_path, declared, fault, ScriptedBroker)
    for _ in range(3):
        days.clock.move_to(days.clock.now() + timedelta(minutes=5))
        run_session.submit(days.desk, session=FIRST)
    assert sent(days) == 1


def test_an_order_nobody_can_look_up_is_unknown_and_blocks_its_symbol_for_its_session(tmp_path: Path) -> None:
    days = lost(tmp_path, TRADING_212, "lose_request", BlindBroker)
    [record] = [one for one in days.desk.ledger.book().orders.values() if one.order.symbol == "AAA"]
    assert record.state == "unknown"
    days.cancel_rest()
    assert sent(days) == 1


def test_what_filled_although_nobody_could_look_it_up_puts_its_symbol_in_quarantine(tmp_path: Path) -> None:
    days = lost(tmp_path, TRADING_212, "lose_answer", BlindBroker)
    days.cancel_rest()
    days.settle()
    assert "AAA" in days.desk.ledger.book().quarantined
    days.plan(SESSIONS[1])
    days.submit(SESSIONS[1])
    assert sent(days) == 1


def test_only_what_its_documents_say_is_sent_to_it() -> None:
    assert TRADING_212.order_types == {"market", "limit"}
    assert not TRADING_212.has_fractional_shares
