"""Close everything: armed, in market hours, under its own cap, never a share more than is held, never twice."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import Halted, NotArmed
from execution.domain.events import ControlChanged, SymbolQuarantined
from execution.domain.orders import OrderRequest
from execution.risk.limits import RiskLimits
from execution.session.flatten import FlattenPolicy, FlattenReport, arming_phrase, flatten
from execution.session.lease_of_act import BUSY, leased
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker

POLICY = FlattenPolicy()


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    """Return a desk in session that holds three symbols, each with a stop."""
    return in_session(tmp_path)


def in_session(folder: Path, **changes: Any) -> TradingDays:
    days = TradingDays(folder, wrap_broker=ScriptedBroker, **changes)
    days.plan()
    days.submit()
    wire(days).submitted.clear()
    return days


def wire(days: TradingDays) -> ScriptedBroker:
    assert isinstance(days.desk.broker, ScriptedBroker)
    return days.desk.broker


def close(days: TradingDays, policy: FlattenPolicy = POLICY, **changes: Any) -> FlattenReport:
    given = {"arm": arming_phrase(days.desk), "actor": "ada", "reason": "going home", **changes}
    return flatten(days.desk, policy=policy, **given)


def held(days: TradingDays) -> dict[str, int]:
    return dict(days.desk.broker.account().positions_shares)


def sold(days: TradingDays) -> list[OrderRequest]:
    return wire(days).submitted


def test_everything_is_sold_and_nothing_works_any_more(days: TradingDays) -> None:
    assert len(held(days)) == 3
    assert close(days).status == "flat"
    assert held(days) == {}
    assert days.desk.broker.open_orders() == ()


def test_it_closes_for_as_long_as_the_exchange_is_open(days: TradingDays) -> None:
    days.clock.move_to(days.desk.calendar.closes_at(SESSIONS[1]) - timedelta(minutes=5))
    close(days)
    assert held(days) == {}


def test_the_ledger_agrees_when_all_is_closed(days: TradingDays) -> None:
    close(days)
    assert days.desk.ledger.book().held_shares == {}
    days.desk.ledger.verify_chain()


def test_only_market_orders_that_reduce_go_out_each_for_all_that_is_held(days: TradingDays) -> None:
    before = held(days)
    close(days)
    assert {(o.symbol, o.side, o.order_type, o.quantity_shares, o.is_reduce_only) for o in sold(days)} == {
        (symbol, "sell", "market", shares, True) for symbol, shares in before.items()
    }


def test_the_ledger_says_who_closed_and_why(days: TradingDays) -> None:
    close(days)
    control = days.desk.ledger.book().control
    assert control is not None
    assert (control.state, control.actor) == ("reducing", "ada")
    assert "going home" in control.reason


def test_nothing_new_is_opened_afterwards(days: TradingDays) -> None:
    close(days)
    days.cancel_rest()
    days.settle()
    days.plan(SESSIONS[1])
    days.submit(SESSIONS[1])
    assert {order.side for order in sold(days)} == {"sell"}


@pytest.mark.parametrize(
    "missing", [{"arm": ""}, {"arm": "close every position of another"}, {"actor": " "}, {"reason": ""}]
)
def test_without_phrase_name_and_reason_nothing_happens(days: TradingDays, missing: dict[str, str]) -> None:
    with pytest.raises(NotArmed, match="close every position of paper-1"):
        close(days, **missing)
    assert sold(days) == []


def test_an_engaged_kill_switch_closes_nothing(days: TradingDays) -> None:
    (days.folder / "KILL").touch()
    with pytest.raises(Halted):
        close(days)
    assert sold(days) == []


def test_a_halt_in_the_ledger_closes_nothing(days: TradingDays) -> None:
    halted = ControlChanged(at=days.clock.now(), state="halted", actor="bob", reason="stop")
    days.desk.ledger.record(lambda _: (halted,))
    with pytest.raises(Halted):
        close(days)


@pytest.mark.parametrize(
    "at",
    [
        CALENDAR.opens_at(SESSIONS[1]) - timedelta(seconds=1),
        CALENDAR.closes_at(SESSIONS[1]),
    ],
)
def test_outside_of_market_hours_nothing_is_sold_and_every_stop_stays(tmp_path: Path, at: Any) -> None:
    days = in_session(tmp_path) if at == CALENDAR.closes_at(SESSIONS[1]) else TradingDays(tmp_path)
    days.clock.move_to(at)
    works = days.venue.open_orders()
    report = close(days)
    assert (report.status, "closed" in report.reason) == ("refused", True)
    assert days.venue.open_orders() == works


def test_above_its_own_cap_nothing_is_sold_and_every_stop_stays(days: TradingDays) -> None:
    works = days.venue.open_orders()
    report = close(days, FlattenPolicy(notional_max_usd=Decimal(1_000)))
    assert report.status == "refused"
    assert "notional_max_usd" in report.reason
    assert days.venue.open_orders() == works
    assert days.desk.ledger.book().control is None


def test_closing_again_sends_nothing_twice(days: TradingDays) -> None:
    close(days)
    count = len(sold(days))
    assert close(days).status == "flat"
    assert len(sold(days)) == count


def test_a_stop_that_is_not_proven_gone_holds_its_symbol_back_until_the_next_asking(days: TradingDays) -> None:
    wire(days).ignores_cancel = lambda _: True
    report = close(days)
    assert (report.status, sorted(report.left)) == ("pending", ["AAA", "BBB", "CCC"])
    assert sold(days) == []
    wire(days).ignores_cancel = lambda _: False
    for order_id in report.cancelled:
        days.venue.cancel(order_id)
    assert close(days).status == "flat"


def test_an_unknown_outcome_is_never_sent_again(days: TradingDays) -> None:
    wire(days).faults["AAA", "flatten"] = "lose_request"
    close(days)
    count = len(sold(days))
    report = close(days)
    assert report.status == "working"
    assert len(sold(days)) == count


def test_a_lost_answer_is_looked_up_not_repeated(days: TradingDays) -> None:
    wire(days).faults["AAA", "flatten"] = "lose_answer"
    assert close(days).status == "flat"
    assert [order.symbol for order in sold(days)].count("AAA") == 1


def test_a_refused_sale_may_be_asked_for_again_under_a_new_id(days: TradingDays) -> None:
    wire(days).faults["AAA", "flatten"] = "refuse"
    assert close(days).status == "pending"
    wire(days).faults.clear()
    assert close(days).status == "flat"
    ids = [order.client_order_id for order in sold(days) if order.symbol == "AAA"]
    assert len(set(ids)) == 2


def test_a_sale_in_a_halted_symbol_works_on_and_is_not_sent_again(tmp_path: Path) -> None:
    days = in_session(tmp_path, bars=[a_day_of("AAA", SESSIONS[2], is_halted=True)])
    days.cancel_rest()
    days.settle()
    days.clock.move_to(CALENDAR.submit_window(SESSIONS[1])[0])
    assert close(days).status == "working"
    assert list(held(days)) == ["AAA"]
    count = len(sold(days))
    assert close(days).status == "working"
    assert len(sold(days)) == count


def test_a_symbol_in_quarantine_stays_with_its_stop_and_is_named(days: TradingDays) -> None:
    quarantined = SymbolQuarantined(at=days.clock.now(), symbol="AAA", reason="somebody else traded it")
    days.desk.ledger.record(lambda _: (quarantined,))
    report = close(days)
    assert report.status == "held_back"
    assert "somebody else traded it" in report.left["AAA"]
    assert [(order.symbol, order.order_type) for order in days.desk.broker.open_orders()] == [("AAA", "stop")]


def test_a_day_without_a_plan_can_be_closed_too(days: TradingDays) -> None:
    days.cancel_rest()
    days.settle()
    days.clock.move_to(CALENDAR.submit_window(SESSIONS[1])[0])
    assert days.desk.cycle_id(SESSIONS[1]) not in days.desk.ledger.book().cycles
    assert close(days).status == "flat"


def test_entries_that_still_work_are_cancelled(tmp_path: Path) -> None:
    opens_too_high = a_day_of("AAA", SESSIONS[1], open_usd="42", high_usd="42.5", low_usd="41.5", close_usd="42")
    days = in_session(tmp_path, bars=[opens_too_high])
    works = [order.client_order_id for order in days.desk.broker.open_orders() if order.side == "buy"]
    assert len(works) == 1
    report = close(days)
    assert set(works) <= set(report.cancelled)
    assert report.status == "flat"
    assert days.desk.broker.open_orders() == ()


def test_a_phrase_names_the_account(days: TradingDays) -> None:
    assert arming_phrase(days.desk) == "close every position of paper-1"


def test_no_order_of_the_plan_is_sold_beyond_what_is_held_when_both_are_asked(days: TradingDays) -> None:
    close(days)
    days.submit(FIRST)
    assert held(days) == {}


def test_while_another_process_acts_nothing_is_closed(days: TradingDays) -> None:
    with leased(replace(days.desk, run_id="rival")):
        report = close(days)
    assert (report.status, report.reason) == ("refused", BUSY)
    assert sold(days) == []


def fallen_day(folder: Path) -> TradingDays:
    """Return a desk of paper money on a morning without a plan, after a loss that its breaker halts for."""
    fallen = a_day_of("AAA", SESSIONS[1], low_usd="39.00", close_usd="39.25")
    limits = RiskLimits(drawdown_max_fraction=Decimal("0.001"))
    days = in_session(folder, bars=[fallen], desk_changes={"limits": limits})
    days.cancel_rest()
    days.settle()
    days.desk = replace(days.desk, mode="paper")
    days.clock.move_to(CALENDAR.submit_window(SESSIONS[1])[0])
    return days


def test_where_the_breaker_halts_what_was_to_be_closed_every_stop_stays(tmp_path: Path) -> None:
    days = fallen_day(tmp_path)
    works = days.venue.open_orders()
    with pytest.raises(Halted):
        close(days)
    assert (len(works), days.venue.open_orders()) == (3, works)
    assert sold(days) == []


def test_a_person_who_lets_the_account_reduce_again_closes_what_the_drawdown_still_halts(tmp_path: Path) -> None:
    days = fallen_day(tmp_path)
    with pytest.raises(Halted):
        close(days)
    allowed = ControlChanged(at=days.clock.now(), state="reducing", actor="ada", reason="seen")
    days.desk.ledger.record(lambda _: (allowed,))
    assert close(days).status == "flat"
