"""An account that may send nothing: every stop stays, nothing is used up, and somebody is told once a session."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from pydantic import TypeAdapter

from execution.ledger_alerts import alert_of
from execution.portfolio.exit_rules import ExitRules
from execution.session import run_session
from execution.session.flatten import FlattenPolicy, arming_phrase, flatten
from execution.session.monitor import monitor
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

SECOND = SESSIONS[1]
SELLS_AAA = ("BBB", "CCC", "DDD", "EEE", "FFF", "AAA")
ALL_AT_ONCE: Mapping[str, object] = {"name": "now", "when": [{"fact": "held_sessions", "at_least": 1}]}
BLOCK = "the account says trading_blocked"


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    """Three names bought on the first day; the second one's plan sells one and buys another."""
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.live(FIRST)
    days.plan(SECOND, days.a_batch(SECOND, best=SELLS_AAA))
    return days


def broker(days: TradingDays) -> ScriptedBroker:
    return cast("ScriptedBroker", days.desk.broker)


def stops(days: TradingDays) -> list[str]:
    return sorted(order.symbol for order in days.venue.open_orders() if order.order_type == "stop")


def states(days: TradingDays) -> dict[str, str]:
    orders = days.desk.ledger.book().orders_of(days.desk.cycle_id(SECOND))
    return {f"{record.order.symbol} {record.order.leg}": record.state for record in orders}


def test_no_stop_is_ended_and_nothing_is_sent(days: TradingDays) -> None:
    broker(days).block = BLOCK
    broker(days).submitted.clear()
    report = days.submit(SECOND)
    assert (report.status, report.reason) == ("pending", f"nothing is sent: {BLOCK}")
    assert stops(days) == ["AAA", "BBB", "CCC"]
    assert (broker(days).submitted, report.unprotected) == ([], ())
    assert states(days) == {"AAA exit": "intended", "DDD entry": "intended"}


def test_a_block_that_is_lifted_inside_the_window_lets_the_plan_go_out(days: TradingDays) -> None:
    broker(days).block = BLOCK
    days.submit(SECOND)
    broker(days).block = ""
    assert run_session.submit(days.desk, session=SECOND).status == "submitted"
    assert states(days) == {"AAA exit": "filled", "DDD entry": "filled", "DDD stop": "open"}


def test_a_block_that_lasts_ends_the_plan_unsent_and_the_session_settles(days: TradingDays) -> None:
    broker(days).block = BLOCK
    days.submit(SECOND)
    assert days.cancel_rest(SECOND).status == "rest_cancelled"
    assert days.settle(SECOND).status == "settled"
    assert states(days) == {"AAA exit": "voided", "DDD entry": "voided"}
    assert stops(days) == ["AAA", "BBB", "CCC"]


def test_what_is_bare_while_it_is_blocked_gets_its_stop_in_the_same_session(days: TradingDays) -> None:
    [bare] = [order for order in days.venue.open_orders() if order.symbol == "BBB"]
    days.venue.cancel(bare.client_order_id)
    broker(days).block = BLOCK
    assert days.submit(SECOND).unprotected == ("BBB",)
    assert days.cancel_rest(SECOND).unprotected == ("BBB",)
    broker(days).block = ""
    days.settle(SECOND)
    assert stops(days) == ["AAA", "BBB", "CCC"]


def test_a_watch_ends_no_stop_for_a_sale_that_would_not_go_out(tmp_path: Path) -> None:
    exits = TypeAdapter(ExitRules).validate_python([ALL_AT_ONCE])
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.live(FIRST)
    days.plan(SECOND)
    days.submit(SECOND)
    days.cancel_rest(SECOND)
    days.desk_changes = {"exits": exits}
    days.restarted()
    broker(days).block = BLOCK
    days.clock.move_to(CALENDAR.opens_at(SESSIONS[2]) + timedelta(hours=3))
    report = monitor(days.desk, session=SECOND)
    assert (report.status, report.reason, report.sent) == ("watched", f"nothing is sent: {BLOCK}", ())
    assert stops(days) == ["AAA", "BBB", "CCC"]


def test_a_flatten_is_refused_and_every_stop_stays(days: TradingDays) -> None:
    days.morning(SECOND)
    broker(days).block = BLOCK
    report = flatten(days.desk, policy=FlattenPolicy(), arm=arming_phrase(days.desk), actor="ann", reason="closing")
    assert (report.status, report.reason) == ("refused", f"nothing is sent: {BLOCK}")
    assert stops(days) == ["AAA", "BBB", "CCC"]


def test_somebody_is_told_once_a_session(days: TradingDays) -> None:
    broker(days).block = BLOCK
    days.submit(SECOND)
    run_session.submit(days.desk, session=SECOND)
    days.cancel_rest(SECOND)
    alerts = [alert for row in days.desk.ledger.events() if (alert := alert_of(row.event)) is not None]
    told = [(alert.severity, alert.title, alert.detail) for alert in alerts if alert.cause == "account_blocked"]
    assert told == [("critical", "account blocked: paper-1", f"nothing is sent: {BLOCK}")]
