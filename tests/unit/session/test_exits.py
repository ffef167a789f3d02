"""Exit rules over lived days: three names bought at the first session's plan, judged at the second's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs
from pydantic import TypeAdapter

from execution.brokers.tape import TapeRow
from execution.domain.decisions import WhyRow
from execution.ledger.grown import Grown
from execution.ledger.order_record import OrderRecord
from execution.ledger.why_rows import read_why_rows
from execution.portfolio.exit_rules import ExitRules
from execution.session import run_session
from execution.session.holdings import holdings_of
from tests.builders.trading_days import FIRST, SESSIONS, TradingDays, a_day_of

SECOND, THIRD = SESSIONS[1], SESSIONS[2]
BEST = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
HALF_AT_A_GAIN = {"name": "half", "when": [{"fact": "gain_fraction", "at_least": "0.05"}], "sell_fraction": "0.5"}


def days_with(folder: Path, *rules: Mapping[str, object], bars: tuple[TapeRow, ...] = ()) -> TradingDays:
    exits = TypeAdapter(ExitRules).validate_python(rules)
    return TradingDays(folder, bars=bars, desk_changes={"exits": exits})


def rising(symbol: str) -> TapeRow:
    return a_day_of(symbol, SECOND, high_usd="60.00", close_usd="59.00")


def exits_of(days: TradingDays, session: date) -> list[OrderRecord]:
    orders = days.desk.ledger.book().orders_of(days.desk.cycle_id(session))
    return [record for record in orders if record.order.leg == "exit"]


def row_of(days: TradingDays, session: date, symbol: str) -> WhyRow:
    cycle = days.desk.ledger.book().cycles[days.desk.cycle_id(session)]
    rows = read_why_rows(days.desk.artifacts, cycle.why_rows[-1].artifact_hash)
    return next(row for row in rows if row.symbol == symbol)


def test_a_due_rule_sells_its_part_as_a_leg_of_its_own(tmp_path: Path) -> None:
    days = days_with(tmp_path, HALF_AT_A_GAIN, bars=(rising("AAA"),))
    days.live(FIRST)
    held = days.desk.ledger.book().held_shares["AAA"]
    days.plan(SECOND, days.a_batch(SECOND, best=BEST))
    (record,) = exits_of(days, SECOND)
    assert (record.leg, record.order.symbol, record.order.quantity_shares) == ("target_half", "AAA", (held + 1) // 2)
    assert record.reason.startswith("half: gain_fraction")


def test_the_row_of_a_part_names_the_order_that_sells_it(tmp_path: Path) -> None:
    still_up = a_day_of("AAA", THIRD, open_usd="59.00", high_usd="60.00", low_usd="58.00", close_usd="59.00")
    days = days_with(tmp_path, HALF_AT_A_GAIN, bars=(rising("AAA"), still_up))
    days.live(FIRST)
    days.live(SECOND, days.a_batch(SECOND, best=BEST))
    (record,) = exits_of(days, SECOND)
    row = row_of(days, SECOND, "AAA")
    assert (row.client_order_id, row.outcome) == (record.order.client_order_id, "sold")
    assert row.reason.startswith("half: gain_fraction")
    assert "sold by" not in row.reason


def test_a_part_that_did_not_sell_says_why(tmp_path: Path) -> None:
    frozen = a_day_of("AAA", THIRD, is_halted=True)
    days = days_with(tmp_path, HALF_AT_A_GAIN, bars=(rising("AAA"), frozen))
    days.live(FIRST)
    days.live(SECOND, days.a_batch(SECOND, best=BEST))
    row = row_of(days, SECOND, "AAA")
    assert row.outcome == "not_filled"
    assert row.not_filled_reason is not None
    assert row.not_filled_reason.startswith(f"{-row.shares} of {-row.shares} shares not filled")


def test_a_part_is_sold_once_and_the_rest_keeps_a_stop(tmp_path: Path) -> None:
    still_up = a_day_of("AAA", THIRD, open_usd="59.00", high_usd="60.00", low_usd="58.00", close_usd="59.00")
    days = days_with(tmp_path, HALF_AT_A_GAIN, bars=(rising("AAA"), still_up))
    days.live(FIRST)
    held = days.desk.ledger.book().held_shares["AAA"]
    days.live(SECOND, days.a_batch(SECOND, best=BEST))
    book = days.desk.ledger.book()
    assert book.held_shares["AAA"] == held // 2
    assert book.exposed_shares("AAA", side="sell", leg="stop") == held // 2
    days.plan(THIRD, days.a_batch(THIRD, best=BEST))
    assert exits_of(days, THIRD) == []


def test_a_part_of_an_earlier_position_is_none_of_the_present_one(tmp_path: Path) -> None:
    still_up = a_day_of("AAA", THIRD, open_usd="59.00", high_usd="60.00", low_usd="58.00", close_usd="59.00")
    days = days_with(tmp_path, HALF_AT_A_GAIN, bars=(rising("AAA"), still_up))
    days.live(FIRST)
    days.live(SECOND, days.a_batch(SECOND, best=BEST))
    (sold,) = exits_of(days, SECOND)
    assert sold.filled_shares
    book = days.desk.ledger.book()
    prices = {"AAA": Decimal("59.00")}
    for entered_at, is_due in ((sold.intended_at, False), (sold.intended_at + timedelta(seconds=1), True)):
        entered = replace(book.positions["AAA"], entered_at=entered_at)
        known = structs.replace(book, positions={**book.positions, "AAA": entered})
        held = holdings_of(known, days.desk.calendar, THIRD, rules=days.desk.exits, prices_usd=prices)
        assert (held["AAA"].due is not None) is is_due


def test_a_rule_is_asked_in_a_session_without_a_batch_too(tmp_path: Path) -> None:
    days = days_with(tmp_path, HALF_AT_A_GAIN, bars=(rising("AAA"),))
    days.live(FIRST)
    days.evening(SECOND)
    run_session.plan(days.desk, session=SECOND, batch_hash=None)
    assert [record.order.symbol for record in exits_of(days, SECOND)] == ["AAA"]


def test_what_no_rule_asks_for_stays(tmp_path: Path) -> None:
    days = days_with(tmp_path, HALF_AT_A_GAIN)
    days.live(FIRST)
    days.plan(SECOND, days.a_batch(SECOND, best=BEST))
    assert exits_of(days, SECOND) == []


def test_a_position_below_its_high_is_trailed_from_the_highest_close(tmp_path: Path) -> None:
    trail = {"name": "trail", "when": [{"fact": "drop_from_high_fraction", "at_least": "0.10"}]}
    fallen = a_day_of("AAA", THIRD, open_usd="52.00", high_usd="53.00", low_usd="51.00", close_usd="52.00")
    days = days_with(tmp_path, trail, bars=(rising("AAA"), fallen))
    days.live(FIRST)
    days.live(SECOND, days.a_batch(SECOND, best=BEST))
    days.plan(THIRD, days.a_batch(THIRD, best=BEST))
    (record,) = exits_of(days, THIRD)
    assert record.leg == "exit"
    assert record.order.quantity_shares == days.desk.ledger.book().held_shares["AAA"]
    assert record.reason.startswith("trail: drop_from_high_fraction 0.1186")


def test_a_split_after_the_high_lowers_the_high_with_the_price(tmp_path: Path) -> None:
    split = a_day_of(
        "AAA", THIRD, open_usd="29.50", high_usd="30.00", low_usd="29.00", close_usd="29.50", split_ratio="2"
    )
    days = days_with(tmp_path, bars=(rising("AAA"), split))
    days.live(FIRST)
    days.live(SECOND, days.a_batch(SECOND, best=BEST))
    rules = TypeAdapter(ExitRules).validate_python(
        [{"name": "trail", "when": [{"fact": "drop_from_high_fraction", "at_least": "0.01"}]}]
    )
    book = days.desk.ledger.book()
    prices = {symbol: Decimal("29.50") if symbol == "AAA" else Decimal(90) for symbol in book.held_shares}
    held = holdings_of(book, days.desk.calendar, THIRD, rules=rules, prices_usd=prices)
    assert held["AAA"].due is None


def test_a_close_before_the_entry_is_no_high_of_the_position(tmp_path: Path) -> None:
    days = days_with(tmp_path)
    days.live(FIRST)
    book = days.desk.ledger.book()
    (mark,) = book.marks
    higher = [replace(held, close_usd=held.close_usd * 2) for held in mark.positions]
    entered_at = book.positions["AAA"].entered_at
    assert entered_at is not None
    before = replace(mark, at=entered_at - timedelta(days=1), positions=tuple(higher))
    rules = TypeAdapter(ExitRules).validate_python(
        [{"name": "trail", "when": [{"fact": "drop_from_high_fraction", "at_least": "0.01"}]}]
    )
    prices = {held.symbol: held.close_usd for held in mark.positions}
    for marks, is_due in (((before, mark), False), ((replace(before, at=entered_at), mark), True)):
        known = structs.replace(book, marks=Grown(marks))
        held = holdings_of(known, days.desk.calendar, SECOND, rules=rules, prices_usd=prices)
        assert {each.due is not None for each in held.values()} == {is_due}


@pytest.mark.parametrize("place", [0, 2, 5])
def test_the_rank_of_a_score_runs_from_best_to_worst(tmp_path: Path, place: int) -> None:
    rule = {"name": "decayed", "when": [{"fact": "rank_fraction", "at_least": "0.4"}]}
    days = days_with(tmp_path, rule)
    days.live(FIRST)
    order = [symbol for symbol in BEST if symbol != "AAA"]
    batch = days.a_batch(SECOND, best=(*order[:place], "AAA", *order[place:]))
    held = holdings_of(
        days.desk.ledger.book(), days.desk.calendar, SECOND, rules=days.desk.exits, batch=batch, prices_usd={}
    )
    assert (held["AAA"].due is not None) == (place / 5 >= 0.4)
