"""Exit rules asked while the market is open: three names bought on the first day, watched on the next."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from execution.brokers.tape import TapeRow
from execution.domain.errors import Halted
from execution.domain.orders import BrokerFill
from execution.ledger.order_record import OrderRecord
from execution.portfolio.exit_rules import ExitRules
from execution.session import run_session
from execution.session.lease_of_act import BUSY, leased
from execution.session.monitor import MonitorReport, monitor
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays, a_day_of
from tests.fakes.named_prices import NamedPrices
from tests.fakes.scripted_broker import ScriptedBroker

SECOND, THIRD = SESSIONS[1], SESSIONS[2]
BEST = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
HALF_AT_A_GAIN = {"name": "half", "when": [{"fact": "gain_fraction", "at_least": "0.05"}], "sell_fraction": "0.5"}
ALL_AT_A_GREAT_GAIN = {"name": "great", "when": [{"fact": "gain_fraction", "at_least": "0.6"}]}
ALL_AT_ONCE = {"name": "at_once", "when": [{"fact": "held_sessions", "at_least": 1}]}
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


def test_a_look_that_finds_nothing_due_needs_no_closes(tmp_path: Path) -> None:
    class NoCloses(NamedPrices):
        def close_usd(self, symbol: str, session: date) -> Decimal | None:
            return None

    exits = TypeAdapter(ExitRules).validate_python([ALL_AT_A_GREAT_GAIN])
    days = TradingDays(tmp_path, desk_changes={"exits": exits})
    days.live(FIRST)
    days.evening(SECOND)
    run_session.plan(days.desk, session=SECOND, batch_hash=None)
    days.submit(SECOND)
    days.desk = replace(days.desk, quotes=NoCloses(days.venue, {}))
    assert (looked(days).status, sales(days)) == ("watched", [])


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


def wire(days: TradingDays) -> ScriptedBroker:
    assert isinstance(days.desk.broker, ScriptedBroker)
    return days.desk.broker


def priced(days: TradingDays, **named: Decimal | None) -> TradingDays:
    days.desk = replace(days.desk, quotes=NamedPrices(days.venue, named))
    return days


def newly_ruled(folder: Path, *rules: Mapping[str, object], **changes: Any) -> TradingDays:
    """Return a desk that holds three names by a plan that did not know its rules yet."""
    days = days_with(folder, bars=(), **changes)
    days.desk = replace(days.desk, exits=TypeAdapter(ExitRules).validate_python(rules))
    return days


def submitted(days: TradingDays) -> list[tuple[str, object]]:
    return [(order.symbol, order.quantity_shares) for order in wire(days).submitted if order.leg == "monitor"]


def keeps_the_stop_of(days: TradingDays, symbol: str) -> str:
    """Let the venue ignore that a symbol's stop is asked to end, and return its id."""
    [stop] = [order for order in days.venue.open_orders() if order.symbol == symbol]
    wire(days).ignores_cancel = lambda client_order_id: client_order_id == stop.client_order_id
    return stop.client_order_id


def test_the_whole_of_a_position_is_one_leg_under_its_derived_id_at_the_price_it_was_judged_by(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN)
    assert looked(days).session == SECOND
    (sale,) = sales(days)
    derived = days.desk.order_id(SECOND, symbol="AAA", side="sell", leg="monitor")
    assert (sale.leg, sale.order.client_order_id, sale.reference_price_usd) == ("monitor", derived, Decimal(59))


def test_a_part_has_an_id_of_its_own_rule(tmp_path: Path) -> None:
    days = days_with(tmp_path, HALF_AT_A_GAIN)
    looked(days)
    (sale,) = sales(days)
    assert sale.order.client_order_id == days.desk.order_id(SECOND, symbol="AAA", side="sell", leg="target_half")


def test_a_position_that_is_due_is_sold_beside_one_that_is_not(tmp_path: Path) -> None:
    jump = a_day_of("BBB", THIRD, open_usd="59.00", high_usd="60.00", low_usd="58.50", close_usd="59.00")
    days = days_with(tmp_path, ALL_AT_A_GAIN, bars=(jump,))
    looked(days)
    assert [sale.order.symbol for sale in sales(days)] == ["BBB"]


def test_a_refused_sale_is_not_sent_again_that_session_and_says_so(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN, wrap_broker=ScriptedBroker)
    wire(days).faults["AAA", "monitor"] = "refuse"
    looked(days)
    report = looked(days)
    assert (report.status, report.held_back) == ("watched", {"AAA": "its sale of this session is refused"})
    assert len(submitted(days)) == 1


def test_a_sale_that_waits_for_its_stop_is_not_held_back_and_keeps_no_other_waiting(tmp_path: Path) -> None:
    days = newly_ruled(tmp_path, ALL_AT_ONCE, wrap_broker=ScriptedBroker)
    keeps_the_stop_of(days, "AAA")
    assert [(report.status, report.held_back) for report in (looked(days), looked(days))] == [("pending", {})] * 2
    assert [symbol for symbol, _ in submitted(days)] == ["BBB", "CCC"]


@pytest.mark.parametrize("price", [None, Decimal(0)])
def test_what_is_due_and_has_no_price_is_held_back(tmp_path: Path, price: Decimal | None) -> None:
    days = priced(newly_ruled(tmp_path, ALL_AT_ONCE), AAA=price)
    assert looked(days).held_back == {"AAA": "unknown: no last price to sell it at"}
    assert [sale.order.symbol for sale in sales(days)] == ["BBB", "CCC"]


def test_a_price_below_a_dollar_is_a_price(tmp_path: Path) -> None:
    days = priced(newly_ruled(tmp_path, ALL_AT_ONCE), AAA=Decimal("0.80"))
    assert looked(days).held_back == {}
    assert sales(days)[0].order.limit_usd == Decimal("0.764")


def test_what_ledger_and_venue_differ_in_is_held_back(tmp_path: Path) -> None:
    days = newly_ruled(tmp_path, ALL_AT_ONCE, wrap_broker=ScriptedBroker)
    # Of an order whose outcome nobody knows, the difference may be its fill: no quarantine yet.
    wire(days).hides_orders_of, wire(days).positions_apart = "BBB", {"BBB": 5}
    assert looked(days).held_back == {"BBB": "ledger and venue differ in it"}
    assert [symbol for symbol, _ in submitted(days)] == ["AAA", "CCC"]


def test_a_part_and_then_the_whole_of_a_position_never_sell_a_share_twice(tmp_path: Path) -> None:
    days = days_with(tmp_path, HALF_AT_A_GAIN, ALL_AT_A_GREAT_GAIN, wrap_broker=ScriptedBroker)
    held = days.desk.ledger.book().held_shares["AAA"]
    stop = keeps_the_stop_of(days, "AAA")
    looked(days)
    looked(priced(days, AAA=Decimal(80)))
    assert [(sale.leg, sale.state) for sale in sales(days)] == [("target_half", "intended"), ("monitor", "intended")]
    days.venue.cancel(stop)
    wire(days).faults["AAA", "monitor"] = "lose_request"
    looked(days)
    assert submitted(days) == [("AAA", (held + 1) // 2), ("AAA", held // 2)]


def test_a_sale_whose_stop_sold_all_meanwhile_is_void_and_the_next_one_goes_out(tmp_path: Path) -> None:
    days = newly_ruled(tmp_path, ALL_AT_ONCE, wrap_broker=ScriptedBroker)
    wire(days).ignores_cancel = lambda _: True
    looked(days)
    held, stop = days.desk.ledger.book().held_shares["AAA"], keeps_the_stop_of(days, "AAA")
    fill = BrokerFill(
        execution_id="stopped out",
        client_order_id=stop,
        symbol="AAA",
        side="sell",
        quantity_shares=held,
        price_usd=Decimal(39),
        fee_usd=Decimal(0),
        filled_at=days.clock.now(),
    )
    wire(days).adds_fills, wire(days).positions_apart, wire(days).cash_apart_usd = (fill,), {"AAA": -held}, held * 39
    assert looked(days).status == "sent"
    assert [(sale.order.symbol, sale.state, sale.note) for sale in sales(days)] == [
        ("AAA", "voided", "nothing is left to sell"),
        ("BBB", "filled", ""),
        ("CCC", "filled", ""),
    ]


def test_a_single_share_is_sold_too(tmp_path: Path) -> None:
    thin = a_day_of("AAA", SECOND, volume_shares=20)
    days = days_with(tmp_path, ALL_AT_A_GAIN, bars=(thin, JUMP))
    assert days.desk.ledger.book().held_shares["AAA"] == 1
    looked(days)
    assert [sale.filled_shares for sale in sales(days)] == [1]


def test_a_rule_about_the_market_is_asked_with_what_the_batch_says_of_it(tmp_path: Path) -> None:
    days = newly_ruled(tmp_path, {"name": "alarm", "when": [{"fact": "vix_points", "at_least": "14.5"}]})
    assert len(looked(days).sent) == 3


def test_the_report_tells_the_pace_of_the_market(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN, bars=())
    report = looked(days)
    assert (report.volatility_daily, report.vix_points) == (0.02, 14.5)


def test_one_holding_of_unknown_volatility_makes_the_pace_unknown(tmp_path: Path) -> None:
    exits = TypeAdapter(ExitRules).validate_python([ALL_AT_A_GAIN])
    days = TradingDays(tmp_path, desk_changes={"exits": exits})
    days.live(FIRST)
    batch = days.a_batch(SECOND, best=BEST)
    signals = tuple(replace(one, volatility_20d=None if one.symbol == "BBB" else 0.02) for one in batch.signals)
    days.plan(SECOND, replace(batch, signals=signals))
    assert looked(days).volatility_daily is None


def test_a_day_without_a_batch_is_watched_too_at_an_unknown_pace(tmp_path: Path) -> None:
    exits = TypeAdapter(ExitRules).validate_python([ALL_AT_A_GAIN])
    days = TradingDays(tmp_path, bars=(JUMP,), desk_changes={"exits": exits})
    days.live(FIRST)
    run_session.plan(days.evening(SECOND), session=SECOND, batch_hash=None)
    report = looked(days)
    assert (report.status, report.volatility_daily, report.vix_points) == ("sent", None, None)


def test_while_another_process_acts_nobody_looks(tmp_path: Path) -> None:
    days = days_with(tmp_path, ALL_AT_A_GAIN)
    with leased(replace(days.desk, run_id="rival")):
        assert looked(days) == MonitorReport(session=SECOND, status="busy", reason=BUSY)
    assert sales(days) == []


def test_a_refused_look_says_of_which_session(tmp_path: Path) -> None:
    report = looked(days_with(tmp_path))
    assert report == MonitorReport(session=SECOND, status="refused", reason="the strategy has no exit rules")
