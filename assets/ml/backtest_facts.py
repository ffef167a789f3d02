"""What a backtest's days say when they are put together: by session, month, symbol, sector, regime and feature. Pure.

Every figure is made of daily marks, executions and corporate actions alone. What a day earned is shared out by symbol:
closes against the closes before, executions at their prices, fees taken off, and what a dividend, split or delisting
paid.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from assets.ml.backtest import Lived
from assets.ml.judgement import Estimate, estimate
from assets.performance import SESSIONS_PER_YEAR, drawdowns, one_session_returns
from execution.domain.decisions import WhyRow
from execution.lived_days import LivedDay

Floats = npt.NDArray[np.float64]
BLOCK_SESSIONS: Final = 20
UNKNOWN: Final = "not known"
_RESAMPLES: Final = 500
_DRAWN_TRIPS: Final = 3
SEED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A position from flat to flat, or to the end of the backtest.

    Attributes:
        entered: session of its first purchase.
        ended: session in which it was flat again, or the last one.
        earned_usd: sales, dividends, and what splits and a delisting paid, less purchases and fees; what is still held
            counts at its last close.
        invested_usd: value of its purchases.
        is_open: whether something of it is held at the end.
    """

    symbol: str
    entered: date
    ended: date
    earned_usd: Decimal
    invested_usd: Decimal
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Figures of one desk's days.

    Attributes:
        sessions: exchange days of the marks.
        equity: equity over the opening cash, per session.
        low: lower end of where resampled days end up, per session; `high` the upper: 5 and 95 of 100.
        drawdown: below the highest equity so far, per session, 0 or negative.
        exposure: value held over equity, per session.
        months: by year, then month, the return as a fraction.
        by_sector: dollars earned by sector; what has none is under `UNKNOWN`.
        by_regime: dollars earned by the regime the newest purchase was made in.
        by_feature: dollars earned by feature, shared out by the size of its contribution when the symbol was bought.
        trips: every round trip, in order of entry.
        mean_return: mean one-session return with its 95 % interval.
    """

    sessions: tuple[date, ...]
    equity: Floats
    low: Floats
    high: Floats
    drawdown: Floats
    exposure: Floats
    months: Mapping[int, Mapping[int, float]]
    by_sector: Mapping[str, float]
    by_regime: Mapping[str, float]
    by_feature: Mapping[str, float]
    trips: tuple[RoundTrip, ...]
    mean_return: Estimate


def facts_of(desk: Lived) -> Facts:
    """Return the figures of a portfolio's days, at least one."""
    days, initial_cash_usd = desk.days, desk.initial_cash_usd
    values = [initial_cash_usd, *(day.mark.equity_usd for day in days)]
    returns = np.array(one_session_returns(values))
    low, high = resampled_band(returns)
    by_sector, by_regime, by_feature = _shared_out(days, initial_cash_usd)
    return Facts(
        sessions=tuple(day.mark.marked_session for day in days),
        equity=np.array([float(value / initial_cash_usd) for value in values[1:]]),
        low=low,
        high=high,
        drawdown=np.array(drawdowns(values)[1:]),
        exposure=np.array([float(1 - day.mark.cash_usd / day.mark.equity_usd) for day in days]),
        months=_months(days, initial_cash_usd),
        by_sector=by_sector,
        by_regime=by_regime,
        by_feature=by_feature,
        trips=tuple(_round_trips(days)),
        mean_return=estimate(returns, block_sessions=BLOCK_SESSIONS, seed=SEED),
    )


def daily_returns(desk: Lived) -> Floats:
    """Return (n_days,) one-session returns of a portfolio."""
    return np.array(one_session_returns([desk.initial_cash_usd, *(day.mark.equity_usd for day in desk.days)]))


def growth_returns(growth: Floats) -> Floats:
    """Return (n,) one-session returns of a dollar's growth since the beginning."""
    found: Floats = growth / np.concatenate([[1.0], growth[:-1]]) - 1.0
    return found


def drawn_trips(facts: Facts) -> tuple[RoundTrip, ...]:
    """Return the round trips worth drawing: those that earned most and those that lost most, best first."""
    ordered = sorted(facts.trips, key=lambda trip: (-trip.earned_usd, trip.symbol, trip.entered))
    return tuple(ordered[:_DRAWN_TRIPS] + ordered[_DRAWN_TRIPS:][-_DRAWN_TRIPS:])


def trips_sentence(trips: Sequence[RoundTrip]) -> str:
    """Return how many round trips earned something, and by how much what they earned exceeds what the rest lost.

    The profit factor is dollars earned over dollars lost; trips that came out even count as neither.
    """
    earned = [trip.earned_usd for trip in trips if trip.earned_usd > 0]
    lost = [-trip.earned_usd for trip in trips if trip.earned_usd < 0]
    told = f"{len(trips)} round trips, {len(earned)} of them earned something"
    if earned:
        told += f", {sum(earned) / len(earned):,.0f} USD on average"
    if lost:
        told += f"; {len(lost)} lost {sum(lost) / len(lost):,.0f} USD on average"
    return f"{told}; profit factor {sum(earned) / sum(lost):.2f}." if earned and lost else f"{told}."


def difference(one: Floats, other: Floats) -> Estimate:
    """Return by how much one earned more than another a year, in simple returns, with a 95 % interval.

    The days are resampled in pairs, so what both lived through alike does not widen the interval.

    Args:
        one: (n,) one-session returns.
        other: (n,) those of the same sessions.
    """
    found = estimate(one - other, block_sessions=BLOCK_SESSIONS, seed=SEED)
    year = SESSIONS_PER_YEAR
    return Estimate(value=found.value * year, low=found.low * year, high=found.high * year)


def resampled_band(returns: Floats) -> tuple[Floats, Floats]:
    """Return the 5 and 95 of 100 of resampled equity paths, per session."""
    count = len(returns)
    drawn = np.random.default_rng(SEED)
    blocks = -(-count // BLOCK_SESSIONS)
    starts = drawn.integers(0, count, (_RESAMPLES, blocks, 1))
    places = (starts + np.arange(BLOCK_SESSIONS)).reshape(_RESAMPLES, -1)[:, :count] % count
    paths = np.cumprod(1 + returns[places], axis=1)
    low, high = np.quantile(paths, (0.05, 0.95), axis=0)
    return np.asarray(low), np.asarray(high)


def _months(days: Sequence[LivedDay], initial_cash_usd: Decimal) -> dict[int, dict[int, float]]:
    ends: dict[tuple[int, int], Decimal] = {}
    for day in days:
        session = day.mark.marked_session
        ends[session.year, session.month] = day.mark.equity_usd
    months: dict[int, dict[int, float]] = defaultdict(dict)
    for before, ((year, month), after) in zip([initial_cash_usd, *ends.values()], ends.items(), strict=False):
        months[year][month] = float(after / before - 1)
    return dict(months)


def _shared_out(
    days: Sequence[LivedDay], initial_cash_usd: Decimal
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    sectors: dict[str, float] = defaultdict(float)
    regimes: dict[str, float] = defaultdict(float)
    features: dict[str, float] = defaultdict(float)
    behind: dict[str, WhyRow] = {}
    for earned, day in zip(_earned(days, initial_cash_usd), days, strict=True):
        behind |= {row.symbol: row for row in day.bought}
        for symbol, amount in earned.items():
            row = behind.get(symbol)
            if row is None:
                sectors[UNKNOWN] += amount
                continue
            sectors[row.sector or UNKNOWN] += amount
            regimes[row.regime or UNKNOWN] += amount
            weights = {name: abs(value) for name, value in row.contributions.items() if value}
            whole = sum(weights.values())
            for name, weight in weights.items():
                features[name] += amount * weight / whole
    return _largest_first(sectors), _largest_first(regimes), _largest_first(features)


def _earned(days: Sequence[LivedDay], initial_cash_usd: Decimal) -> Iterator[dict[str, float]]:
    """Yield what each symbol earned, day by day, and under `UNKNOWN` what none explains."""
    before, equity = dict[str, Decimal](), initial_cash_usd
    for day in days:
        after = {held.symbol: held.shares * held.close_usd for held in day.mark.positions}
        earned = {symbol: after.get(symbol, Decimal(0)) - before.get(symbol, Decimal(0)) for symbol in after | before}
        for fill in day.executions:
            value = fill.quantity_shares * fill.price_usd
            flow = (value if fill.side == "sell" else -value) - fill.fee_usd
            earned[fill.symbol] = earned.get(fill.symbol, Decimal(0)) + flow
        for action in day.actions:
            earned[action.symbol] = earned.get(action.symbol, Decimal(0)) + action.cash_usd
        rest = day.mark.equity_usd - equity - sum(earned.values(), Decimal(0))
        yield {symbol: float(amount) for symbol, amount in (earned | {UNKNOWN: rest}).items() if amount}
        before, equity = after, day.mark.equity_usd


def _round_trips(days: Sequence[LivedDay]) -> list[RoundTrip]:
    held: dict[str, tuple[date, Decimal, Decimal]] = {}
    trips = []
    for day in days:
        session = day.mark.marked_session
        for fill in day.executions:
            entered, earned, invested = held.get(fill.symbol, (session, Decimal(0), Decimal(0)))
            value = fill.quantity_shares * fill.price_usd
            is_buy = fill.side == "buy"
            held[fill.symbol] = (
                entered,
                earned + (-value if is_buy else value) - fill.fee_usd,
                invested + (value if is_buy else 0),
            )
        for action in day.actions:
            entered, earned, invested = held[action.symbol]
            held[action.symbol] = (entered, earned + action.cash_usd, invested)
        marked = {position.symbol for position in day.mark.positions}
        sold = [symbol for symbol in held if symbol not in marked]
        trips += [_trip(name, held.pop(name), ended=session, worth=Decimal(0), is_open=False) for name in sold]
    last = {held.symbol: held.shares * held.close_usd for held in days[-1].mark.positions}
    trips += [
        _trip(symbol, trip, ended=days[-1].mark.marked_session, worth=last[symbol], is_open=True)
        for symbol, trip in held.items()
    ]
    return sorted(trips, key=lambda trip: (trip.entered, trip.symbol))


def _trip(symbol: str, trip: tuple[date, Decimal, Decimal], *, ended: date, worth: Decimal, is_open: bool) -> RoundTrip:
    entered, earned, invested = trip
    return RoundTrip(
        symbol=symbol,
        entered=entered,
        ended=ended,
        earned_usd=earned + worth,
        invested_usd=invested,
        is_open=is_open,
    )


def _largest_first(amounts: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(amounts.items(), key=lambda each: (-each[1], each[0])))
