"""A made market of eight names and a quarter of days, and a backtest that lives it."""

from datetime import date
from decimal import Decimal
from random import Random

from execution.backtest import Rules, backtest
from execution.brokers.memory_tape import MemoryTape
from execution.brokers.tape import TapeRow
from execution.domain.signals import SignalBatch
from execution.lived_days import LivedDay
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


def rules_of(costs: CostModel, *, share_decimals: int = 0) -> Rules:
    return Rules(
        account="paper-1",
        strategy="momentum",
        mode="simulated",
        initial_cash_usd=CASH,
        sizing=SizingPolicy(
            entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.6"), share_decimals=share_decimals
        ),
        costs=costs,
        settings_hash="5" * 64,
        code_hash="c" * 64,
    )


def quarter_tape() -> MemoryTape:
    return MemoryTape({session: [bar(session, name) for name in NAMES] for session in SESSIONS})


def lived(costs: CostModel, *, share_decimals: int = 0) -> list[LivedDay]:
    rules = rules_of(costs, share_decimals=share_decimals)
    return list(backtest(rules, sessions=SESSIONS[:-1], batch_of=batch_of, tape=quarter_tape(), calendar=CALENDAR))
