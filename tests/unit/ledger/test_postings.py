"""Double entry: what each fact debits and credits, and what a database refuses to hold."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import FactExists, LedgerError
from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.positions import Position, after_action, after_fill
from execution.ledger.postings import Posting, balances, of_action, of_fill, of_opening
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from tests.builders.orders import a_fill, account_opened, an_action

FLAT = Position(symbol="AAA")
HELD = Position(symbol="AAA", shares=10, cost_usd=Decimal(501))


def usd(text: str) -> Decimal:
    return Decimal(text)


def trade(before: Position, **changes: Any) -> tuple[Posting, ...]:
    fill: BrokerFill = a_fill(**changes)
    return of_fill(before, after_fill(before, fill), fill)


def action(before: Position, **changes: Any) -> tuple[Posting, ...]:
    entry: CorporateActionEntry = an_action(**changes)
    return of_action(before, after_action(before, entry), entry)


def test_opening_cash_comes_from_capital() -> None:
    assert of_opening(account_opened()) == (Posting("opening", "cash", "capital", "usd", usd("100000")),)


def test_a_buy_turns_cash_into_a_holding_and_its_fee_into_cost() -> None:
    assert trade(FLAT, quantity_shares=10, price_usd=usd("50"), fee_usd=usd("1")) == (
        Posting("trade", "holding:AAA", "cash", "usd", usd("500")),
        Posting("fee", "holding:AAA", "cash", "usd", usd("1")),
        Posting("trade", "shares:AAA", "market:AAA", "share", usd("10")),
    )


def test_a_sale_at_a_gain_brings_cost_and_profit_and_pays_its_fee_from_the_profit() -> None:
    assert trade(HELD, side="sell", quantity_shares=10, price_usd=usd("60"), fee_usd=usd("1")) == (
        Posting("trade", "cash", "holding:AAA", "usd", usd("501")),
        Posting("trade", "cash", "profit:AAA", "usd", usd("99")),
        Posting("fee", "profit:AAA", "cash", "usd", usd("1")),
        Posting("trade", "market:AAA", "shares:AAA", "share", usd("10")),
    )


def test_a_sale_at_a_loss_brings_no_more_cash_than_was_paid() -> None:
    money = [p for p in trade(HELD, side="sell", price_usd=usd("40"), fee_usd=usd("0")) if p.unit == "usd"]
    assert money == [
        Posting("trade", "cash", "holding:AAA", "usd", usd("400")),
        Posting("trade", "profit:AAA", "holding:AAA", "usd", usd("101")),
    ]


def test_a_dividend_is_profit_in_cash() -> None:
    told = action(HELD, cash_usd=usd("1.20"))
    assert told == (Posting("dividend", "cash", "profit:AAA", "usd", usd("1.20")),)


def test_a_split_brings_shares_from_the_issuer() -> None:
    told = action(HELD, kind="split", quantity_delta_shares=10, cash_usd=usd("0"), ratio=usd("2"))
    assert told == (Posting("split", "shares:AAA", "issuer:AAA", "share", usd("10")),)


def test_a_delisting_turns_the_holding_into_cash_and_loss() -> None:
    told = action(HELD, kind="delisting", quantity_delta_shares=-10, cash_usd=usd("100"))
    assert balances(told) == {
        ("cash", "usd"): usd("100"),
        ("holding:AAA", "usd"): usd("-501"),
        ("issuer:AAA", "share"): usd("10"),
        ("profit:AAA", "usd"): usd("401"),
        ("shares:AAA", "share"): usd("-10"),
    }


def test_amounts_that_do_not_balance_are_refused() -> None:
    fill = a_fill(quantity_shares=10, price_usd=usd("50"), fee_usd=usd("0"))
    with pytest.raises(LedgerError, match="do not balance"):
        of_fill(FLAT, Position(symbol="AAA", shares=10, cost_usd=usd("499.99")), fill)


@pytest.mark.parametrize(
    "row",
    [
        "(1, 9, 'trade', 'cash', 'cash', 'usd', '1')",
        "(1, 9, 'trade', 'cash', null, 'usd', '1')",
        "(1, 9, 'trade', 'cash', '', 'usd', '1')",
        "(1, 9, 'trade', 'cash', 'capital', 'usd', '-1')",
        "(1, 9, 'trade', 'cash', 'capital', 'usd', '0')",
        "(1, 9, 'trade', 'cash', 'capital', 'usd', null)",
        "(1, 9, 'trade', 'cash', 'capital', 'dollars', '1')",
        "(7, 9, 'trade', 'cash', 'capital', 'usd', '1')",
        "(1, 1, 'trade', 'cash', 'capital', 'usd', '1')",
    ],
)
def test_the_database_holds_no_row_out_of_balance(tmp_path: Path, row: str) -> None:
    SqliteLedger(tmp_path / "ledger.db").append(account_opened())
    driver = SqliteDriver(tmp_path / "ledger.db")
    with pytest.raises(FactExists), driver.writing() as connection:
        connection.execute(f"insert into posting values {row}")  # noqa: S608 - rows of this test
