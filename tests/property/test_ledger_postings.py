"""Over any history debits equal credits, and the accounts say what the book says, to the last digit."""

from decimal import Decimal

from hypothesis import given, settings

from execution.domain.events import Event
from execution.ledger.postings import Posting, balances
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver
from tests.builders.histories import account_histories


def posted(ledger: SqlLedger) -> list[Posting]:
    with ledger.driver.reading() as connection:
        rows = connection.fetch("select kind, debit, credit, unit, amount from posting order by sequence, line")
    return [
        Posting(str(kind), str(debit), str(credit), str(unit), Decimal(str(a))) for kind, debit, credit, unit, a in rows
    ]


@settings(deadline=None, max_examples=60)
@given(history=account_histories())
def test_accounts_equal_the_book_and_sum_to_nothing(history: list[Event]) -> None:
    ledger = SqlLedger(SqliteDriver(":memory:"))
    ledger.append(*history)
    book, found = ledger.book(), balances(posted(ledger))
    ledger.verify_projections()
    for unit in ("usd", "share"):
        assert sum(amount for (_, kind), amount in found.items() if kind == unit) == 0
    assert found.get(("cash", "usd"), 0) == book.cash_usd
    assert found.get(("capital", "usd"), 0) == -book.paid_in_usd
    cost = sum((held.cost_usd for held in book.positions.values()), Decimal(0))
    assert book.cash_usd + cost == book.paid_in_usd + book.realised_usd
    for symbol, held in book.positions.items():
        assert found.get((f"shares:{symbol}", "share"), 0) == held.shares
        assert found.get((f"holding:{symbol}", "usd"), 0) == held.cost_usd
        assert found.get((f"profit:{symbol}", "usd"), 0) == -held.realised_usd


@settings(deadline=None, max_examples=40)
@given(history=account_histories())
def test_the_days_sum_to_what_was_traded_and_realised(history: list[Event]) -> None:
    ledger = SqlLedger(SqliteDriver(":memory:"))
    ledger.append(*history)
    book = ledger.book()
    values = ((b.fill.quantity_shares * b.fill.price_usd, b.fill.reverses) for b in book.fills.values())
    # What takes an execution back takes its value away.
    traded = sum((value if reverses is None else -value for value, reverses in values), Decimal(0))
    assert sum((day.filled_usd for day in book.days.values()), Decimal(0)) == traded
    assert sum((day.realised_usd for day in book.days.values()), Decimal(0)) == book.realised_usd
