"""Seven years of weekly decisions on made prices: this project's backtest beside `bt`, on one panel, in one run.

Ours goes through the real sizing, guards, venue and ledger, stops at the venue included; `bt` sets weights. So the two
do not do the same work, and the table says what ours does besides. The making of the batches is not counted: `bt` is
given its weights too. Two more runs of ours say what the limits did to the work: one with all of them wide open, and
one with those that ship, whose caps in dollars are meant for the account it begins with, not for one twice as large.
"""

import argparse
import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import bt
import numpy as np
import pandas as pd
from measuring import Stopwatch, conditions, print_table, seconds, write_result

from execution.backtest import Rules, backtest
from execution.brokers.tape import Tape, TapeRow
from execution.domain.provenance import CheckOutcome, GateCertificate
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.lived_days import LivedDay
from execution.portfolio.cost_model import CostModel
from execution.risk.limits import RiskLimits
from execution.trading_calendar import TradingCalendar

CALENDAR: Final = TradingCalendar.shipped()
FIRST: Final = date(2012, 1, 3)
EVERY: Final = 5
WARM_UP: Final = 60
NAMES: Final = 20
CASH: Final = Decimal(100_000)
FREE: Final = CostModel(slippage_bps=Decimal(0), sell_fee_bps=Decimal(0))
GROWN: Final = RiskLimits(
    order_notional_max_usd=Decimal(100_000),
    basket_notional_max_usd=Decimal(1_000_000),
    daily_loss_max_usd=Decimal(15_000),
    losses_in_a_row_max=10,
    drawdown_max_fraction=Decimal("0.10"),
)
"""The limits that ship, with room for an account that grows and draws down; all others are the shipped ones."""
WIDE_OPEN: Final = RiskLimits(
    order_notional_max_usd=Decimal(10_000_000),
    basket_notional_max_usd=Decimal(100_000_000),
    order_quantity_max_shares=10_000_000,
    adv_share_max=Decimal("0.25"),
    price_collar_bps=Decimal(5_000),
    position_max_weight=Decimal(1),
    sector_max_weight=Decimal(1),
    concentration_max_weight=Decimal(1),
    correlated_positions_max=500,
    names_max=500,
    cash_min_weight=Decimal(0),
    entries_per_day_max=1_000,
    cooldown_minutes=0,
    atr_max_fraction=Decimal(1),
    daily_loss_max_fraction=Decimal(1),
    daily_loss_max_usd=Decimal(10_000_000),
    losses_in_a_row_max=1_000,
    drawdown_max_fraction=Decimal(1),
    earnings_blackout_sessions=0,
    messages_per_minute_max=6_000,
    messages_per_day_max=1_000_000,
    cycles_in_a_row_max=1_000,
)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Panel:
    """Made prices in cents: opens and closes, (sessions, symbols), and what a batch says of them."""

    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    opens: Any
    closes: Any
    returns: Any
    scores: Any

    @classmethod
    def made(cls, symbols: int, sessions: int, seed: int = 7) -> "Panel":
        drawn = np.random.default_rng(seed)
        market = drawn.normal(0.0006, 0.005, (sessions + 1, 1))
        moved = market + drawn.normal(0.0, 0.012, (sessions + 1, symbols))
        exact = drawn.uniform(20, 200, symbols) * np.exp(np.cumsum(moved, axis=0))
        closes = np.round(np.maximum(exact, 1.0), 2)
        opens = np.round(np.vstack([closes[:1], closes[:-1]]) * np.exp(drawn.normal(0, 0.002, closes.shape)), 2)
        returns = np.vstack([np.zeros(symbols), closes[1:] / closes[:-1] - 1])
        # A score that lasts, so that a portfolio turns over as a slow signal's does.
        scores = np.cumsum(drawn.normal(size=closes.shape), axis=0)
        names = tuple(f"S{number:04}" for number in range(symbols))
        days = CALENDAR.between(FIRST, CALENDAR.sessions[-1])[: sessions + 1]
        if len(days) <= sessions:
            raise SystemExit(f"the calendar has {len(days)} sessions from {FIRST}, {sessions + 1} are needed")
        return cls(days, names, opens, closes, returns, scores)

    def decides(self, index: int) -> bool:
        return index >= WARM_UP and index % EVERY == 0


class PanelTape(Tape):
    """The panel as a tape that makes a row when somebody first looks at it, and keeps it."""

    def __init__(self, panel: Panel) -> None:
        super().__init__(Path("nowhere"))
        self.panel = panel
        self.places = {session: number for number, session in enumerate(panel.sessions)}
        self.columns = {symbol: number for number, symbol in enumerate(panel.symbols)}
        self._rows = {session: _Rows(self, session) for session in panel.sessions}

    def has(self, session: date) -> bool:
        return session in self.places

    def rows(self, session: date) -> Mapping[str, TapeRow]:
        return self._rows[session]

    def row(self, session: date, symbol: str) -> TapeRow | None:
        return self._rows[session].get(symbol)


class _Rows(Mapping[str, TapeRow]):
    def __init__(self, tape: PanelTape, session: date) -> None:
        self._panel, self._session = tape.panel, session
        self._index, self._column = tape.places[session], tape.columns
        self._seen: dict[str, TapeRow] = {}

    def __getitem__(self, symbol: str) -> TapeRow:
        row = self._seen.get(symbol)
        if row is None:
            row = self._seen[symbol] = self._made(symbol)
        return row

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._column

    def _made(self, symbol: str) -> TapeRow:
        column = self._column[symbol]
        opens, closes = (float(prices[self._index, column]) for prices in (self._panel.opens, self._panel.closes))
        low, high = round(min(opens, closes) * 0.998, 2), round(max(opens, closes) * 1.002, 2)
        opened, highest, lowest, closed = (Decimal(f"{price:.2f}") for price in (opens, high, low, closes))
        return TapeRow(
            session=self._session,
            symbol=symbol,
            open_usd=opened,
            high_usd=highest,
            low_usd=lowest,
            close_usd=closed,
            volume_shares=5_000_000,
            is_halted=False,
            split_ratio=Decimal(1),
            dividend_usd=Decimal(0),
            is_last_session=False,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._column)

    def __len__(self) -> int:
        return len(self._column)


class Batches:
    """A batch a week, made when it is asked for; how long that took is taken off again."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._index = {session: number for number, session in enumerate(panel.sessions)}
        self.cpu_seconds = 0.0

    def of(self, session: date) -> SignalBatch | None:
        index = self._index[session]
        if not self._panel.decides(index):
            return None
        began = time.process_time()
        batch = self._made(session, index)
        self.cpu_seconds += time.process_time() - began
        return batch

    def _made(self, session: date, index: int) -> SignalBatch:
        panel, as_of = self._panel, CALENDAR.as_of(session)
        returns = panel.returns[index - WARM_UP + 1 : index + 1].T.tolist()
        signals = tuple(
            SymbolSignal(
                symbol=symbol,
                sector=f"Sector {number % 11}",
                score=float(panel.scores[index, number]),
                expected_return_bps=80.0,
                probability_up=0.56,
                contributions={},
                features={},
                features_hash=None,
                close_usd=(close := Decimal(f"{panel.closes[index, number]:.2f}")),
                atr14_usd=(close / 50).quantize(Decimal("0.0001")),
                adv20_shares=5_000_000,
                volatility_20d=0.013,
                dollar_volume_20d_usd=close * 5_000_000,
                is_tradable=True,
                is_halted=False,
                next_event_at=None,
                is_event_calendar_known=True,
                missing_reason=None,
                returns_60d=tuple(returns[number]),
            )
            for number, symbol in enumerate(panel.symbols)
        )
        made = CheckOutcome(name="made", subject="panel", passed=True, value="1", threshold="1", reason="")
        certificate = GateCertificate(
            session=session,
            as_of=as_of,
            stage="features",
            snapshot_hash=_hash("panel"),
            features_hash=_hash("features"),
            symbols=panel.symbols,
            checks=(made,),
        )
        return SignalBatch(
            schema_version=1,
            session=session,
            as_of=as_of,
            strategy="made",
            horizon_sessions=EVERY,
            mode="files",
            is_synthetic=True,
            decision_source="momentum_12_1",
            decision_reason="made scores",
            snapshot_hash=_hash("panel"),
            features_hash=_hash("features"),
            certificate=certificate,
            model_hash=None,
            settings_hash=_hash("settings"),
            code_hash=_hash("code"),
            regime="bull_calm",
            vix=14.0,
            vix_basis="vix",
            signals=signals,
            is_macro_calendar_known=True,
        )


def ours(panel: Panel, limits: RiskLimits) -> dict[str, Any]:
    rules = Rules(
        account="bench",
        strategy="made",
        mode="files",
        initial_cash_usd=CASH,
        limits=limits,
        costs=FREE,
        settings_hash=_hash("settings"),
        code_hash=_hash("code"),
    )
    batches, watch = Batches(panel), Stopwatch()
    arguments: dict[str, Any] = {"batch_of": batches.of, "tape": PanelTape(panel), "calendar": CALENDAR}
    days = list(backtest(rules, sessions=panel.sessions[:-1], **arguments))
    return _told(days, watch.stop(), batches.cpu_seconds)


def _told(days: list[LivedDay], usage: Any, making_cpu_seconds: float) -> dict[str, Any]:
    states = [day.trading_state for day in days]
    stages: Counter[str] = sum((Counter(day.stages) for day in days), Counter())
    cut = Counter(check.split(":")[0] for day in days for row in day.bought for check in row.checks)
    return {
        "usage": replace(usage, cpu_seconds=usage.cpu_seconds - making_cpu_seconds),
        "making_cpu_seconds": making_cpu_seconds,
        "orders": sum(day.entries + day.exits for day in days),
        "fills": sum(day.fills for day in days),
        "days_reducing": states.count("reducing"),
        "days_halted": states.count("halted"),
        "blocked_by": {name.removeprefix("guard:"): n for name, n in stages.items() if name.startswith("guard:")},
        "cut_by": {name: n for name, n in cut.items() if name != "all"},
        "equity_usd": float(days[-1].mark.equity_usd),
    }


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(found.items(), key=lambda each: -each[1])) or "-"


def of_bt(panel: Panel) -> dict[str, Any]:
    index = pd.DatetimeIndex(panel.sessions)
    prices = pd.DataFrame(panel.closes, index=index, columns=list(panel.symbols))
    decided = [number for number in range(len(panel.sessions) - 1) if panel.decides(number)]
    weights = pd.DataFrame(0.0, index=index[[number + 1 for number in decided]], columns=list(panel.symbols))
    for row, number in enumerate(decided):
        weights.iloc[row, np.argsort(panel.scores[number])[-NAMES:]] = 0.97 / NAMES
    watch = Stopwatch()
    strategy = bt.Strategy(
        "weekly", [bt.algos.RunOnDate(*weights.index), bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
    )
    tried = bt.Backtest(strategy, prices, initial_capital=float(CASH), integer_positions=True, progress_bar=False)
    bt.run(tried)
    usage = watch.stop()
    return {
        "usage": usage,
        "orders": int((tried.strategy.outlays != 0).to_numpy().sum()),
        "equity_usd": float(tried.strategy.values.iloc[-1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=1764)
    parser.add_argument("--growth", help="more sizes as symbols:sessions with commas between, our engine alone")
    arguments = parser.parse_args()
    panel = Panel.made(arguments.symbols, arguments.sessions)
    runs = {
        "ours": ours(panel, GROWN),
        "bt": of_bt(panel),
        "ours, limits wide open": ours(panel, WIDE_OPEN),
        "ours, limits as shipped": ours(panel, RiskLimits()),
    }
    for size in filter(None, (arguments.growth or "").split(",")):
        symbols, sessions = map(int, size.split(":"))
        runs[f"ours, {symbols} symbols, {sessions} sessions"] = ours(Panel.made(symbols, sessions), GROWN)
    shown = ("orders", "fills", "days_reducing", "days_halted")
    print_table(
        f"{arguments.symbols} symbols, {arguments.sessions} sessions, decided every {EVERY}, no costs",
        ("engine", "CPU s", "wall s", "MB", *shown, "equity USD"),
        [
            (
                name,
                seconds(run["usage"].cpu_seconds),
                seconds(run["usage"].wall_seconds),
                f"{run['usage'].peak_rss_mb:.0f}",
                *(f"{run[key]:,}" if key in run else "-" for key in shown),
                f"{run['equity_usd']:,.2f}",
            )
            for name, run in runs.items()
        ],
    )
    unguarded = runs["ours, limits wide open"]["orders"]
    print_table(
        "what the limits did",
        ("engine", "orders against wide open", "entries blocked", "entries cut"),
        [
            (
                name,
                f"{100 * (run['orders'] / unguarded - 1):+.1f} %",
                _counts(run["blocked_by"]),
                _counts(run["cut_by"]),
            )
            for name, run in runs.items()
            if "blocked_by" in run and "symbols" not in name
        ],
    )
    told = {"conditions": conditions(), "symbols": arguments.symbols, "sessions": arguments.sessions, "runs": runs}
    write_result("backtest", told)


if __name__ == "__main__":
    main()
