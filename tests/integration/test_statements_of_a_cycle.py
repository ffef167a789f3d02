"""How often an act asks its ledger: as often for many symbols as for few, when it sends as many orders."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from execution.ledger.sqlite_ledger import SqliteDriver
from execution.portfolio.sizing_policy import SizingPolicy
from tests.builders import trading_days
from tests.builders.trading_days import FIRST, TradingDays

ORDERS = 3
FEW, MANY = 6, 48


class Counted:
    """The statements that connections of ledgers ran since the last look, by their first word."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: Counter[str] = Counter()
        opened = SqliteDriver._opened

        def counted(driver: SqliteDriver) -> sqlite3.Connection:
            connection = opened(driver)
            connection.set_trace_callback(lambda statement: self.seen.update([statement.split()[0].lower()]))
            return connection

        monkeypatch.setattr(SqliteDriver, "_opened", counted)

    def of(self, act: Callable[[], object]) -> Counter[str]:
        self.seen.clear()
        act()
        return Counter(self.seen)


def lived(folder: Path, symbols: int, counted: Counted, monkeypatch: pytest.MonkeyPatch) -> dict[str, Counter[str]]:
    """Live one session that buys three of so many symbols, and return the statements of each act."""
    names = tuple(f"S{number:03}" for number in range(symbols))
    monkeypatch.setattr(trading_days, "SYMBOLS", names)
    share = Decimal(ORDERS) / symbols
    days = TradingDays(
        folder,
        desk_changes={"sizing": SizingPolicy(entry_top_fraction=share, hold_top_fraction=share)},
        is_on_files=True,
    )
    batch = days.a_batch(FIRST, best=names)
    found = {
        "plan": counted.of(lambda: days.plan(FIRST, batch)),
        "submit": counted.of(lambda: days.submit(FIRST)),
        "cancel_rest": counted.of(lambda: days.cancel_rest(FIRST)),
        "settle": counted.of(lambda: days.settle(FIRST)),
    }
    assert len(days.desk.ledger.book().held_shares) == ORDERS
    return found


def test_eight_times_the_symbols_cost_the_ledger_no_statement_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    few = lived(tmp_path / "few", FEW, counted, monkeypatch)
    many = lived(tmp_path / "many", MANY, counted, monkeypatch)
    assert min(sum(statements.values()) for statements in few.values()) > 0
    assert many == few
