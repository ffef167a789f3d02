"""A bracket: the entry's take-profit and stop go to the venue with it, and the ledger knows each of the three."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.artifact_files import FileArtifacts
from execution.ledger.order_record import OrderRecord
from execution.ledger.recovering import begin_recovery
from execution.portfolio.sizing_policy import SizingPolicy
from execution.replay import replay_plan
from execution.session.day_so_far import day_began_at, messages_sent_at
from execution.session.protect import oversold_stops, uncovered_shares, unprotected
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker

SECOND, THIRD = SESSIONS[1:3]
BRACKET = SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7"), protective_stop="bracket")


def with_brackets(folder: Path, *, sizing: SizingPolicy = BRACKET, **changes: Any) -> TradingDays:
    return TradingDays(folder, desk_changes={"sizing": sizing}, **changes)


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return with_brackets(tmp_path)


def legs(days: TradingDays, symbol: str = "AAA", session: Any = FIRST) -> dict[str, OrderRecord]:
    records = days.desk.ledger.book().orders_of(days.desk.cycle_id(session))
    return {record.leg: record for record in records if record.order.symbol == symbol}


def test_the_plan_freezes_the_bracket_whole(days: TradingDays) -> None:
    days.plan()
    entry = legs(days)["entry"].order
    target, stop = entry.attached
    assert (entry.order_class, target.order_type, stop.order_type) == ("bracket", "limit", "stop")
    assert stop.stop_usd == legs(days)["entry"].protective_stop_usd
    assert target.limit_usd is not None
    assert entry.limit_usd is not None
    assert stop.stop_usd is not None
    reference = legs(days)["entry"].reference_price_usd
    assert reference is not None
    assert 0 <= target.limit_usd - entry.limit_usd - 3 * (reference - stop.stop_usd) < Decimal("0.01")


def test_one_message_makes_three_orders_of_the_ledger(days: TradingDays) -> None:
    days.plan()
    days.submit()
    assert {leg: record.state for leg, record in legs(days).items()} == {
        "entry": "filled",
        "take_profit": "open",
        "stop": "open",
    }
    book = days.desk.ledger.book()
    assert len(messages_sent_at(book, since=day_began_at(CALENDAR, days.clock.now()))) == 3


def test_the_shares_a_bracket_bought_are_covered_once(days: TradingDays) -> None:
    days.plan()
    report = days.submit()
    book = days.desk.ledger.book()
    assert report.unprotected == unprotected(book) == ()
    assert [uncovered_shares(book, symbol) for symbol in book.held_shares] == [0, 0, 0]
    assert oversold_stops(book) == ()


def test_a_stop_that_stays_follows_when_the_bracket_ends_with_its_session(days: TradingDays) -> None:
    days.live()
    told = legs(days)
    assert (told["stop"].state, told["take_profit"].state) == ("expired", "expired")
    assert (told["stop_2"].state, told["stop_2"].order.time_in_force) == ("open", "gtc")
    assert told["stop_2"].order.stop_usd == told["stop"].order.stop_usd
    assert unprotected(days.desk.ledger.book()) == ()


def test_profit_is_taken_at_the_venue_and_said(tmp_path: Path) -> None:
    days = with_brackets(tmp_path, bars=[a_day_of("AAA", SECOND, high_usd="60.00")])
    days.live()
    told = legs(days)
    assert (told["take_profit"].state, told["stop"].state) == ("filled", "cancelled")
    book, venue = days.desk.ledger.book(), days.venue.account()
    assert "AAA" not in book.held_shares
    assert (book.cash_usd, book.held_shares, book.quarantined) == (venue.cash_usd, venue.positions_shares, {})


def test_the_stop_of_a_bracket_sells_on_the_day_of_the_entry(tmp_path: Path) -> None:
    days = with_brackets(tmp_path, bars=[a_day_of("AAA", SECOND, low_usd="30.00")])
    days.live()
    told = legs(days)
    assert (told["stop"].state, told["take_profit"].state) == ("filled", "cancelled")
    assert days.desk.ledger.book().held_shares == days.venue.account().positions_shares


def scripted(folder: Path, fault: Any) -> TradingDays:
    def broken(broker: Any) -> ScriptedBroker:
        wire = ScriptedBroker(broker)
        wire.faults = {(symbol, "entry"): fault for symbol in SYMBOLS}
        return wire

    return with_brackets(folder, wrap_broker=broken)


def test_a_refused_bracket_leaves_no_order_behind(tmp_path: Path) -> None:
    days = scripted(tmp_path, "refuse")
    days.plan()
    days.submit()
    assert {record.state for record in legs(days).values()} == {"refused"}
    assert not days.desk.ledger.book().unproven_orders


def test_a_bracket_whose_answer_was_lost_is_found_leg_by_leg(tmp_path: Path) -> None:
    days = scripted(tmp_path, "lose_answer")
    days.plan()
    assert days.submit().unprotected == ()
    assert {leg: record.state for leg, record in legs(days).items()} == {
        "entry": "filled",
        "take_profit": "open",
        "stop": "open",
    }


def test_a_bracket_that_never_arrived_is_missed_whole_and_never_sent_again(tmp_path: Path) -> None:
    days = scripted(tmp_path, "lose_request")
    assert days.live().status == "settled"
    assert {record.state for record in legs(days).values()} == {"missed"}
    assert days.desk.ledger.book().held_shares == {}


def test_a_plan_of_brackets_comes_out_again_bit_for_bit(days: TradingDays) -> None:
    days.plan()
    cycle = days.desk.ledger.book().cycles[days.desk.cycle_id(FIRST)]
    steps = replay_plan(days.desk, cycle, beside=FileArtifacts(days.folder / "beside"))
    assert [step.name for step in steps if not step.is_equal] == []


def test_a_part_of_a_share_goes_alone(tmp_path: Path) -> None:
    days = with_brackets(tmp_path, sizing=BRACKET.model_copy(update={"share_decimals": 4}))
    days.plan()
    days.submit()
    assert legs(days)["entry"].order.attached == ()
    assert legs(days)["stop"].order.time_in_force == "gtc"


def test_a_restored_ledger_looks_every_order_of_a_bracket_up(days: TradingDays) -> None:
    days.plan()
    begin_recovery(days.desk.ledger, at=days.clock.now(), epoch=1, backup="a", actor="ann")
    assert {record.state for record in legs(days).values()} == {"in_flight"}
    assert len(legs(days)) == 3


def test_an_exit_of_the_next_day_meets_no_leg_of_the_bracket(days: TradingDays) -> None:
    days.live()
    days.live(SECOND, days.a_batch(SECOND, best=("DDD", "EEE", "FFF", "AAA", "BBB", "CCC")))
    book = days.desk.ledger.book()
    assert legs(days, "CCC", SECOND)["exit"].state == "filled"
    assert book.held_shares == days.venue.account().positions_shares
    assert unprotected(book) == ()
