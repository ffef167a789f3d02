"""Cash and shares that moved without a trade: booked by name, only where they are the whole difference."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import LedgerError
from execution.ledger.sql_ledger import SqlLedger
from execution.session.adjust import adjust_cash, adjust_shares
from execution.session.day_so_far import day_start_equity_usd
from execution.session.quarantine import lift_quarantine
from execution.session.reconcile import reconcile
from execution.session.trading_state import standing
from tests.builders.trading_days import FIRST, SESSIONS, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

SECOND = SESSIONS[1]
BY: dict[str, Any] = {"actor": "A. Person", "reason": "in the venue's statement"}


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker, is_on_files=True)
    days.live(FIRST)
    return days


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def agrees(days: TradingDays) -> bool:
    reconciled = reconcile(days.desk)
    return reconciled.differences == () and not reconciled.apart_shares


def test_a_deposit_stops_trading_until_a_person_books_it(days: TradingDays) -> None:
    wire(days).cash_apart_usd = Decimal("25000.50")
    with pytest.raises(LedgerError, match="cash is"):
        reconcile(days.desk).refuse_differences()
    before = days.desk.ledger.book()
    adjust_cash(days.desk, cash_usd=Decimal("25000.50"), **BY)
    after = days.desk.ledger.book()
    assert agrees(days)
    assert after.cash_usd - before.cash_usd == Decimal("25000.50")
    assert after.paid_in_usd - before.paid_in_usd == Decimal("25000.50")
    assert after.realised_usd == before.realised_usd


def test_money_taken_out_is_neither_a_loss_of_the_day_nor_a_drawdown(days: TradingDays) -> None:
    def stands() -> tuple[str, Decimal, Decimal]:
        book, mark = days.desk.ledger.book(), days.desk.ledger.book().marks[-1]
        equity = mark.equity_usd + book.paid_in_usd - mark.paid_in_usd
        found = standing(book=book, equity_usd=equity, limits=days.desk.limits, mode="paper")
        return found.state, found.drawdown_fraction, equity - day_start_equity_usd(book, SESSIONS[2])

    state, drawdown, gain = stands()
    wire(days).cash_apart_usd = Decimal(-40_000)
    adjust_cash(days.desk, cash_usd=Decimal(-40_000), **BY)
    assert stands()[::2] == (state, gain)
    # The same dollars are a larger part of what is left.
    assert drawdown <= stands()[1] < 2 * drawdown + Decimal("0.001")
    days.live(SECOND)
    assert stands()[0] == state == "active"


@pytest.mark.parametrize("told", [Decimal(24_999), Decimal(-25_000), Decimal("25000.01")])
def test_cash_that_is_not_the_whole_difference_is_not_booked(days: TradingDays, told: Decimal) -> None:
    wire(days).cash_apart_usd = Decimal(25_000)
    with pytest.raises(LedgerError, match="nothing was booked"):
        adjust_cash(days.desk, cash_usd=told, **BY)
    assert days.desk.ledger.book().adjustments == ()


def test_where_nothing_differs_nothing_is_booked_so_that_saying_it_twice_books_it_once(days: TradingDays) -> None:
    wire(days).cash_apart_usd = Decimal(1_000)
    adjust_cash(days.desk, cash_usd=Decimal(1_000), **BY)
    with pytest.raises(LedgerError, match=r"cash \+0"):
        adjust_cash(days.desk, cash_usd=Decimal(1_000), **BY)
    assert len(days.desk.ledger.book().adjustments) == 1


def test_shares_carried_over_are_held_at_their_cost_and_no_profit(days: TradingDays) -> None:
    wire(days).positions_apart = {"FFF": 30}
    reconcile(days.desk)
    before = days.desk.ledger.book()
    adjust_shares(days.desk, symbol="FFF", shares=30, cost_usd=Decimal("1234.50"), **BY)
    after = days.desk.ledger.book()
    assert (after.held_shares["FFF"], after.positions["FFF"].cost_usd) == (30, Decimal("1234.50"))
    assert (after.cash_usd, after.realised_usd) == (before.cash_usd, before.realised_usd)
    assert after.paid_in_usd - before.paid_in_usd == Decimal("1234.50")
    assert "FFF" in after.quarantined, "whose it is, a person says apart"
    lift_quarantine(days.desk, symbol="FFF", **BY)
    assert agrees(days)
    assert "FFF" not in days.desk.ledger.book().foreign_symbols


def test_shares_that_leave_take_their_part_of_the_cost_with_them(days: TradingDays) -> None:
    held = days.desk.ledger.book().positions["AAA"]
    half = held.shares // 2
    wire(days).positions_apart = {"AAA": -half}
    adjust_shares(days.desk, symbol="AAA", shares=-half, cost_usd=Decimal(0), **BY)
    left = days.desk.ledger.book().positions["AAA"]
    assert left.shares == held.shares - half
    assert left.cost_usd == pytest.approx(held.cost_usd * left.shares / held.shares, abs=Decimal("0.01"))
    assert left.realised_usd == held.realised_usd


def test_the_postings_of_an_adjustment_balance_and_the_tables_fold_again(days: TradingDays) -> None:
    wire(days).positions_apart = {"FFF": 30}
    adjust_shares(days.desk, symbol="FFF", shares=30, cost_usd=Decimal(900), **BY)
    ledger = days.desk.ledger
    assert isinstance(ledger, SqlLedger)
    book = ledger.book()
    cost = sum((held.cost_usd for held in book.positions.values()), Decimal(0))
    assert book.cash_usd + cost - book.realised_usd == book.paid_in_usd
    ledger.verify_chain()
    ledger.verify_projections()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"shares": 0}, "other than 0"),
        ({"shares": 1.5}, "other than 0"),
        ({"cost_usd": Decimal(0)}, "expected dollars above 0"),
        ({"cost_usd": Decimal("NaN")}, "expected dollars above 0"),
        ({"shares": -30, "cost_usd": Decimal(5)}, "they take their own"),
        ({"shares": 31}, "expected FFF"),
        ({"symbol": "EEE"}, "expected EEE"),
        ({"actor": " "}, "a name and a reason"),
        ({"reason": ""}, "a name and a reason"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_nothing_is_booked(
    days: TradingDays, changes: dict[str, Any], found: str
) -> None:
    wire(days).positions_apart = {"FFF": 30}
    told = {"symbol": "FFF", "shares": 30, "cost_usd": Decimal(900), **BY, **changes}
    with pytest.raises(LedgerError, match=found):
        adjust_shares(days.desk, **told)
    assert days.desk.ledger.book().adjustments == ()


@pytest.mark.parametrize("amount", [Decimal(0), Decimal("NaN"), Decimal("Infinity"), 5.0])
def test_an_amount_that_is_none_is_refused(days: TradingDays, amount: Any) -> None:
    with pytest.raises(LedgerError, match="other than 0"):
        adjust_cash(days.desk, cash_usd=amount, **BY)


def test_shares_and_cash_are_explained_one_after_the_other(days: TradingDays) -> None:
    wire(days).positions_apart, wire(days).cash_apart_usd = {"FFF": 30}, Decimal(500)
    with pytest.raises(LedgerError, match="explain the shares first"):
        adjust_cash(days.desk, cash_usd=Decimal(500), **BY)
