"""Exit rules asked while the market is open: three names bought on the first day, watched on the next."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from execution.brokers.tape import TapeRow
from execution.domain.errors import Halted
from execution.ledger.order_record import OrderRecord
from execution.portfolio.exit_rules import ExitRules
from execution.session.monitor import MonitorReport, monitor
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker

SECOND, THIRD = SESSIONS[1], SESSIONS[2]
BEST = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
HALF_AT_A_GAIN = {"name": "half", "when": [{"fact": "gain_fraction", "at_least": "0.05"}], "sell_fraction": "0.5"}
ALL_AT_A_GAIN = {"name": "gain", "when": [{"fact": "gain_fraction", "at_least": "0.05"}]}
# Jumps overnight: the evening's plan judged the close before, only who looks during the session sees it.
JUMP = a_day_of("AAA", THIRD, open_usd="59.00", high_usd="60.00", low_usd="58.50", close_usd="59.00")


def days_with(
    folder: Path, *rules: Mapping[str, object], bars: tuple[TapeRow, ...] = (JUMP,), **changes: Any
) -> TradingDays:
    exits = TypeAdapter(ExitRules).validate_python(rules)
    days = TradingDays(folder, bars=bars, desk_changes={"exits": exits}, **changes)
    days.live(FIRST)
    days.plan(SECOND, days.a_batch(SECOND, best=BEST))
    days.submit(SECOND)
    days.cancel_rest(SECOND)
    return days


def looked(days: TradingDays, session: date = SECOND) -> MonitorReport:
    days.clock.move_to(CALENDAR.opens_at(CALENDAR.next(session)) + timedelta(hours=3))
    return monitor(days.desk, session=session)


def sales(days: TradingDays) -> list[OrderRecord]:
    orders = days.desk.ledger.book().orders_of(days.desk.cycle_id(SECOND))
    return [record for record in orders if record.order.leg == "monitor"]


def test_a_rule_that_falls_due_during_the_session_sells_then(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN)
    held = days.desk.ledger.book().held_shares["AAA"]
    report = looked(days)
    (sale,) = sales(days)
    assert (report.status, report.sent, report.held_back) == ("sent", (sale.order.client_order_id,), {})
    assert (sale.order.symbol, sale.filled_shares, sale.order.is_reduce_only) == ("AAA", held, True)
    assert sale.reason.startswith("at the last price 59: gain: gain_fraction")
    assert "AAA" not in days.desk.ledger.book().held_shares


def test_looking_again_sends_nothing_twice(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN)
    looked(days)
    fills = days.venue.fills(since=CALENDAR.opens_at(FIRST))
    again = [looked(days) for _ in range(3)]
    assert {report.status for report in again} == {"watched"}
    assert days.venue.fills(since=CALENDAR.opens_at(FIRST)) == fills


def test_a_part_is_sold_once_and_the_rest_has_a_stop_again(tmp_path: Path) -> None:
    days = days_with(tmp_path, HALF_AT_A_GAIN)
    held = days.desk.ledger.book().held_shares["AAA"]
    assert [looked(days).status for _ in range(2)] == ["sent", "watched"]
    (sale,) = sales(days)
    book = days.desk.ledger.book()
    assert (sale.leg, sale.filled_shares) == ("target_half", (held + 1) // 2)
    assert book.held_shares["AAA"] == book.exposed_shares("AAA", side="sell", leg="stop") == held // 2


def test_a_part_sold_during_the_session_is_not_sold_by_the_evenings_plan(tmp_path: Path) -> None:
    days = days_with(tmp_path, HALF_AT_A_GAIN)
    looked(days)
    days.settle(SECOND)
    report = days.plan(THIRD, days.a_batch(THIRD, best=BEST))
    assert report.exits == 0


def test_what_no_rule_asks_for_keeps_its_stop(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN, bars=())
    stops = days.venue.open_orders()
    assert looked(days).status == "watched"
    assert days.venue.open_orders() == stops
    assert sales(days) == []


def test_a_sale_the_market_cannot_take_whole_is_not_sent_again(tmp_path: Path) -> None:
    thin = a_day_of(
        "AAA", THIRD, open_usd="59.00", high_usd="60.00", low_usd="58.50", close_usd="59.00", volume_shares=200
    )
    days = days_with(tmp_path, ALL_AT_A_GAIN, bars=(thin,))
    looked(days)
    assert looked(days).held_back == {"AAA": "it is being sold"}
    (sale,) = sales(days)
    assert sale.filled_shares == 10
    assert days.settle(SECOND).status == "settled"
    assert sales(days)[0].state == "expired"


def test_a_sale_waits_until_its_stop_is_proven_gone(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN, wrap_broker=ScriptedBroker)
    wire = days.desk.broker
    assert isinstance(wire, ScriptedBroker)
    wire.ignores_cancel = lambda _: True
    assert looked(days).status == "pending"
    assert sales(days)[0].state == "intended"
    (stop,) = [order for order in days.venue.open_orders() if order.symbol == "AAA"]
    assert stop.order_type == "stop"
    wire.ignores_cancel = lambda _: False
    days.venue.cancel(stop.client_order_id)
    assert looked(days).status == "sent"
    assert sales(days)[0].state == "filled"


def test_a_sale_whose_answer_was_lost_goes_out_once(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN, wrap_broker=ScriptedBroker)
    wire = days.desk.broker
    assert isinstance(wire, ScriptedBroker)
    wire.faults["AAA", "monitor"] = "lose_answer"
    for _ in range(3):
        looked(days)
    assert [order.symbol for order in wire.submitted if order.leg == "monitor"] == ["AAA"]
    assert sales(days)[0].state == "filled"


def test_without_rules_nobody_looks(tmp_path: Path) -> None:
    days = days_with(tmp_path)
    before = days.desk.ledger.trading_hash()
    assert looked(days).reason == "the strategy has no exit rules"
    assert days.desk.ledger.trading_hash() == before


@pytest.mark.parametrize("at", [CALENDAR.submit_window(SECOND)[0], CALENDAR.closes_at(THIRD)])
def test_positions_are_watched_between_the_submit_window_and_the_close(tmp_path: Path, at: datetime) -> None:
    exits = TypeAdapter(ExitRules).validate_python([ALL_AT_A_GAIN])
    days = TradingDays(tmp_path, bars=(JUMP,), desk_changes={"exits": exits})
    days.live(FIRST)
    days.plan(SECOND, days.a_batch(SECOND, best=BEST))
    days.clock.move_to(at)
    report = monitor(days.desk, session=SECOND)
    assert (report.status, "are watched from" in report.reason) == ("refused", True)


def test_a_session_without_a_plan_is_not_watched(tmp_path: Path) -> None:
    exits = TypeAdapter(ExitRules).validate_python([ALL_AT_A_GAIN])
    days = TradingDays(tmp_path, desk_changes={"exits": exits})
    assert "has no plan" in looked(days, FIRST).reason


def test_a_halt_stops_the_monitor_too(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN)
    (tmp_path / "KILL").write_text("stop")
    with pytest.raises(Halted):
        looked(days)
    assert sales(days) == []


def test_a_monitored_day_lived_twice_gives_the_same_hash(tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "two"):
        days = days_with(tmp_path / name, ALL_AT_A_GAIN)
        looked(days)
        days.settle(SECOND)
        hashes.append(days.desk.ledger.trading_hash())
    assert hashes[0] == hashes[1]


def test_its_worst_price_is_a_collar_below_the_last(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN)
    looked(days)
    (sale,) = sales(days)
    assert sale.order.limit_usd == Decimal("56.35")
