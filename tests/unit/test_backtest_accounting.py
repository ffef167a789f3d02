"""To the cent: a backtest's cash and equity against two accounts of others, and with fees by the ledger.

The others decide nothing. They are told which shares were traded when, and keep an account of their own.
"""

import warnings
from datetime import date
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from execution.backtest import BacktestDay, Rules, backtest
from execution.brokers.memory_tape import MemoryTape
from execution.brokers.tape import TapeRow
from execution.domain.signals import SignalBatch
from execution.portfolio.cost_model import CostModel
from execution.portfolio.sizing_policy import SizingPolicy
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import a_batch, a_signal

CALENDAR = TradingCalendar.shipped()
SESSIONS = CALENDAR.between(date(2024, 1, 3), date(2024, 4, 10))
NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH")
CASH = Decimal(100_000)
FREE = CostModel(slippage_bps=Decimal(0), sell_fee_bps=Decimal(0))
DEAR = CostModel(slippage_bps=Decimal(7), commission_usd_per_share=Decimal("0.005"), sell_fee_bps=Decimal("0.3"))


def made_prices() -> dict[date, dict[str, Decimal]]:
    drawn = Random(11)  # noqa: S311 - made prices, not secrets
    prices, last = {}, {name: Decimal(30 + 7 * number) for number, name in enumerate(NAMES)}
    for session in SESSIONS:
        last = {name: round(price * Decimal(repr(1 + drawn.gauss(0, 0.008))), 2) for name, price in last.items()}
        prices[session] = last
    return prices


PRICES = made_prices()


def bar(session: date, name: str) -> TapeRow:
    """Return a bar of one price all day, so that a fill at the open and a mark at the close are at the same."""
    price = PRICES[session][name]
    return TapeRow(
        session=session,
        symbol=name,
        open_usd=price,
        high_usd=price,
        low_usd=price,
        close_usd=price,
        volume_shares=1_000_000,
        is_halted=False,
        split_ratio=Decimal(1),
        dividend_usd=Decimal(0),
        is_last_session=False,
    )


def batch_of(session: date) -> SignalBatch | None:
    number = SESSIONS.index(session)
    if number % 5:
        return None
    liked = Random(number).sample(NAMES, len(NAMES))  # noqa: S311 - a made ranking, not a secret
    signals = [
        a_signal(name, score=float(liked.index(name)), close_usd=PRICES[session][name], sector=f"Sector {name}")
        for name in NAMES
    ]
    return a_batch(signals, session=session)


def lived(costs: CostModel) -> list[BacktestDay]:
    rules = Rules(
        account="paper-1",
        strategy="momentum",
        mode="simulated",
        initial_cash_usd=CASH,
        sizing=SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.6")),
        costs=costs,
        settings_hash="5" * 64,
        code_hash="c" * 64,
    )
    tape = MemoryTape({session: [bar(session, name) for name in NAMES] for session in SESSIONS})
    return list(backtest(rules, sessions=SESSIONS[:-1], batch_of=batch_of, tape=tape, calendar=CALENDAR))


@pytest.fixture(scope="module")
def free() -> list[BacktestDay]:
    return lived(FREE)


def traded(days: list[BacktestDay]) -> dict[date, dict[str, int]]:
    """Return signed shares by traded session and symbol."""
    moved: dict[date, dict[str, int]] = {}
    for day in days:
        changes = moved.setdefault(day.mark.marked_session, {})
        for fill in day.executions:
            sign = 1 if fill.side == "buy" else -1
            changes[fill.symbol] = changes.get(fill.symbol, 0) + sign * int(fill.quantity_shares)
    return moved


def test_the_days_are_worth_comparing(free: list[BacktestDay]) -> None:
    assert sum(day.fills for day in free) > 40
    assert len({position.symbol for day in free for position in day.mark.positions}) == len(NAMES)


def test_without_costs_every_close_is_the_one_of_an_account_in_fractions(free: list[BacktestDay]) -> None:
    moved, cash, held = traded(free), Fraction(CASH), dict.fromkeys(NAMES, 0)
    for day in free:
        session = day.mark.marked_session
        for name, shares in moved[session].items():
            cash -= shares * Fraction(PRICES[session][name])
            held[name] += shares
        equity = cash + sum(shares * Fraction(PRICES[session][name]) for name, shares in held.items())
        assert (Fraction(day.mark.cash_usd), Fraction(day.mark.equity_usd)) == (cash, equity)


def test_without_costs_every_close_is_the_one_of_bt(free: list[BacktestDay]) -> None:
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
                    target.transact(shares, child=name)  # type: ignore[attr-defined]  # as above
                return True

        strategy = bt.Strategy("told", [Told()], children=[bt.Security(name) for name in NAMES])
        tried = bt.Backtest(strategy, prices, initial_capital=float(CASH), integer_positions=True, progress_bar=False)
        bt.run(tried)
    equity = [round(float(tried.strategy.values[day]), 2) for day in index]
    assert equity == [float(day.mark.equity_usd) for day in free]


def test_with_costs_cash_is_what_every_execution_and_fee_left_of_it() -> None:
    cash = CASH
    for day in lived(DEAR):
        for fill in day.executions:
            value = fill.quantity_shares * fill.price_usd
            cash += (value if fill.side == "sell" else -value) - fill.fee_usd
        held = sum((mark.shares * mark.close_usd for mark in day.mark.positions), Decimal(0))
        assert (day.mark.cash_usd, day.mark.equity_usd) == (cash, cash + held)
        assert day.mark.equity_usd - CASH == day.mark.realised_usd + day.mark.unrealised_usd
    assert cash != CASH
