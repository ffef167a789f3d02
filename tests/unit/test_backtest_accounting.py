"""To the cent: a backtest's cash and equity against two accounts of others, and with fees by the ledger.

In whole shares and in parts of them. The others decide nothing. They are told which shares were traded when, and keep
an account of their own.
"""

import warnings
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from execution.domain.quantities import Shares
from execution.lived_days import LivedDay
from tests.builders.backtest_quarter import CASH, DEAR, FREE, NAMES, PRICES, lived

WHOLE, PARTS = 0, 4


@pytest.fixture(scope="module", params=[WHOLE, PARTS], ids=["whole shares", "parts of shares"])
def share_decimals(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def free(share_decimals: int) -> list[LivedDay]:
    return lived(FREE, share_decimals=share_decimals)


def traded(days: list[LivedDay]) -> dict[date, dict[str, Shares]]:
    """Return signed shares by traded session and symbol."""
    moved: dict[date, dict[str, Shares]] = {}
    for day in days:
        changes = moved.setdefault(day.mark.marked_session, {})
        for fill in day.executions:
            sign = 1 if fill.side == "buy" else -1
            changes[fill.symbol] = changes.get(fill.symbol, 0) + sign * fill.quantity_shares
    return moved


def test_the_days_are_worth_comparing(free: list[LivedDay], share_decimals: int) -> None:
    parts = [fill for day in free for fill in day.executions if fill.quantity_shares % 1]
    assert sum(day.fills for day in free) > 40
    assert (len(parts) > 40) == (share_decimals == PARTS)
    assert len({position.symbol for day in free for position in day.mark.positions}) == len(NAMES)


def test_without_costs_every_close_is_the_one_of_an_account_in_fractions(free: list[LivedDay]) -> None:
    moved, cash, held = traded(free), Fraction(CASH), dict.fromkeys(NAMES, Fraction(0))
    for day in free:
        session = day.mark.marked_session
        for name, shares in moved[session].items():
            cash -= Fraction(shares) * Fraction(PRICES[session][name])
            held[name] += Fraction(shares)
        equity = cash + sum(shares * Fraction(PRICES[session][name]) for name, shares in held.items())
        assert (Fraction(day.mark.cash_usd), Fraction(day.mark.equity_usd)) == (cash, equity)


def test_without_costs_every_close_is_the_one_of_bt(free: list[LivedDay], share_decimals: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package's own imports
        bt = pytest.importorskip("bt")
        pd = pytest.importorskip("pandas")
        days = [day.mark.marked_session for day in free]
        index = pd.DatetimeIndex(days)
        prices = pd.DataFrame([{name: float(PRICES[day][name]) for name in NAMES} for day in days], index=index)
        moved = traded(free)

        class Told(bt.Algo):  # type: ignore[misc]  # the package has no types
            def __call__(self, target: object) -> bool:
                for name, shares in sorted(moved.get(target.now.date(), {}).items()):  # type: ignore[attr-defined]  # as above
                    target.transact(float(shares), child=name)  # type: ignore[attr-defined]  # as above
                return True

        strategy = bt.Strategy("told", [Told()], children=[bt.Security(name) for name in NAMES])
        tried = bt.Backtest(
            strategy,
            prices,
            initial_capital=float(CASH),
            integer_positions=share_decimals == WHOLE,
            progress_bar=False,
        )
        bt.run(tried)
    equity = [round(float(tried.strategy.values[day]), 2) for day in index]
    assert equity == [round(float(day.mark.equity_usd), 2) for day in free]


def test_with_costs_cash_is_what_every_execution_and_fee_left_of_it(share_decimals: int) -> None:
    cash = CASH
    for day in lived(DEAR, share_decimals=share_decimals):
        for fill in day.executions:
            value = fill.quantity_shares * fill.price_usd
            cash += (value if fill.side == "sell" else -value) - fill.fee_usd
        held = sum((mark.shares * mark.close_usd for mark in day.mark.positions), Decimal(0))
        assert (day.mark.cash_usd, day.mark.equity_usd) == (cash, cash + held)
        assert day.mark.equity_usd - CASH == day.mark.realised_usd + day.mark.unrealised_usd
    assert cash != CASH
