"""The world of a backtest: stored bars as a tape, with what happened to holders of each symbol."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets import schemas
from assets.ml.backtest_market import recorded_tape
from assets.raw_store import RawStore
from execution.brokers.simulated import SimulatedBroker
from execution.clock import MovedClock
from execution.portfolio.cost_model import CostModel
from tests.builders.orders import an_order
from tests.builders.raw_rows import CALENDAR, action, bar, rows, sessions

NOW = datetime(2024, 6, 1, tzinfo=UTC)
FIRST, SECOND, THIRD, FOURTH = DAYS = sessions(4, first=date(2024, 3, 5))
SATURDAY, MONDAY = date(2024, 3, 9), date(2024, 3, 11)


def a_store(
    folder: Path, bars: list[dict[str, Any]], *, delisted: date, actions: Iterable[dict[str, Any]] = ()
) -> RawStore:
    """Return raw parts in which AAA is delisted after a day and BBB trades on."""
    store = RawStore(folder)
    bars = [*bars, *[bar("BBB", day, 30) for day in (*DAYS, MONDAY)]]
    known = CALENDAR.as_of(FOURTH)
    listed = {"symbol": "AAA", "name": None, "sector": None, "listed_session": FIRST}
    securities = [listed | {"delisted_session": None, "known_at": CALENDAR.opens_at(FIRST)}]
    securities += [listed | {"delisted_session": delisted, "known_at": known}]
    for table, told in (
        (schemas.DAILY_BARS, bars),
        (schemas.CORPORATE_ACTIONS, actions),
        (schemas.SECURITIES, securities),
    ):
        store.append(table, rows(table, list(told)), session=MONDAY, recorded_at=NOW)
    return store


@pytest.mark.parametrize(("delisted", "session"), [(THIRD, THIRD), (FOURTH, FOURTH), (SATURDAY, FOURTH)])
def test_a_delisting_without_a_bar_is_a_halted_row_of_the_session_it_takes_effect_after(
    tmp_path: Path, delisted: date, session: date
) -> None:
    store = a_store(tmp_path, [bar("AAA", FIRST, 20), bar("AAA", SECOND, 21)], delisted=delisted)
    tape = recorded_tape(store, first=FIRST, last=MONDAY, calendar=CALENDAR)
    told = {day: tape.rows(day)["AAA"] for day in (*DAYS, MONDAY) if "AAA" in tape.rows(day)}
    assert [day for day, row in told.items() if row.is_last_session] == [session] == [*told][2:]
    last = told[session]
    assert (last.is_halted, last.volume_shares) == (True, 0)
    assert (last.open_usd, last.high_usd, last.low_usd, last.close_usd) == (21, 21, 21, 21)


def test_a_delisting_on_a_bar_is_on_it(tmp_path: Path) -> None:
    store = a_store(tmp_path, [bar("AAA", FIRST, 20), bar("AAA", SECOND, 21)], delisted=SECOND)
    tape = recorded_tape(store, first=FIRST, last=MONDAY, calendar=CALENDAR)
    assert [tape.rows(day)["AAA"].is_last_session for day in (FIRST, SECOND)] == [False, True]
    assert not tape.rows(SECOND)["AAA"].is_halted
    assert "AAA" not in tape.rows(THIRD)


def test_a_split_that_waits_for_a_bar_is_on_the_row_of_the_delisting_whose_price_it_divides(tmp_path: Path) -> None:
    actions = [action("AAA", THIRD, "split", "2"), action("AAA", THIRD, "dividend", "0.5")]
    store = a_store(tmp_path, [bar("AAA", FIRST, 20), bar("AAA", SECOND, 21)], delisted=FOURTH, actions=actions)
    row = recorded_tape(store, first=FIRST, last=MONDAY, calendar=CALENDAR).rows(FOURTH)["AAA"]
    assert (row.split_ratio, row.dividend_usd, row.close_usd) == (2, Decimal("0.5"), Decimal("10.5"))


def test_a_delisting_before_any_bar_of_its_symbol_or_after_the_last_session_is_on_no_row(tmp_path: Path) -> None:
    gone = a_store(tmp_path / "gone", [bar("AAA", FIRST, 20)], delisted=THIRD)
    assert "AAA" not in recorded_tape(gone, first=SECOND, last=MONDAY, calendar=CALENDAR).rows(THIRD)
    later = a_store(tmp_path / "later", [bar("AAA", FIRST, 20)], delisted=date(2024, 3, 12))
    assert "AAA" not in recorded_tape(later, first=FIRST, last=MONDAY, calendar=CALENDAR).rows(MONDAY)


def test_who_holds_a_stock_that_is_delisted_without_a_bar_is_paid_its_last_close_less_the_haircut(
    tmp_path: Path,
) -> None:
    store = a_store(tmp_path, [bar("AAA", FIRST, 20), bar("AAA", SECOND, 20)], delisted=THIRD)
    tape = recorded_tape(store, first=FIRST, last=MONDAY, calendar=CALENDAR)
    clock = MovedClock(CALENDAR.as_of(FIRST))
    costs = CostModel(slippage_bps=Decimal(0), delisting_haircut_fraction=Decimal("0.3"))
    venue = SimulatedBroker(":memory:", tape, clock, CALENDAR, costs, Decimal(10_000))
    clock.move_to(CALENDAR.opens_at(SECOND))
    venue.submit(an_order("AAA", quantity_shares=100))
    assert venue.account().positions_shares == {"AAA": 100}
    clock.move_to(CALENDAR.as_of(THIRD))
    account = venue.account()
    assert (account.positions_shares, account.cash_usd) == ({}, Decimal(10_000) - 2_000 + 1_400)


def test_a_split_on_a_session_without_a_bar_is_on_the_tape_of_the_symbols_next_bar(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    bars = [bar("AAA", day, 20 if day == FIRST else 10) for day in DAYS if day != SECOND]
    bars += [bar("BBB", day, 30) for day in DAYS]
    store.append(schemas.DAILY_BARS, rows(schemas.DAILY_BARS, bars), session=FOURTH, recorded_at=NOW)
    actions = [action("AAA", SECOND, "split", "2"), action("BBB", THIRD, "dividend", "0.25")]
    told = rows(schemas.CORPORATE_ACTIONS, actions)
    store.append(schemas.CORPORATE_ACTIONS, told, session=FOURTH, recorded_at=NOW)
    tape = recorded_tape(store, first=FIRST, last=FOURTH, calendar=CALENDAR)
    assert "AAA" not in tape.rows(SECOND)
    assert {day: tape.rows(day)["AAA"].split_ratio for day in (FIRST, THIRD, FOURTH)} == {FIRST: 1, THIRD: 2, FOURTH: 1}
    assert [tape.rows(day)["BBB"].dividend_usd for day in DAYS] == [0, 0, Decimal("0.25"), 0]
