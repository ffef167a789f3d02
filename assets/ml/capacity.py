"""How much money a way of trading bears: its Sharpe ratio at each size of the account, and where half of it is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assets.ml.backtest import Lived
from assets.ml.judgement import Estimate, estimate_ratio
from assets.ml.lived_facts import BLOCK_SESSIONS, daily_returns
from assets.performance import SESSIONS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """One size: opening cash, yearly Sharpe ratio after costs with its 95 % interval, and mean share of it invested."""

    capital_usd: float
    sharpe: Estimate
    invested: float


def size_points(desks: Sequence[Lived]) -> tuple[SizePoint, ...]:
    """Return a point per portfolio, the smallest account first."""
    year = float(np.sqrt(SESSIONS_PER_YEAR))
    points = []
    for desk in sorted(desks, key=lambda one: one.initial_cash_usd):
        found = estimate_ratio(daily_returns(desk), block_sessions=BLOCK_SESSIONS)
        points.append(
            SizePoint(
                capital_usd=float(desk.initial_cash_usd),
                sharpe=Estimate(value=found.value * year, low=found.low * year, high=found.high * year),
                invested=float(np.mean([1 - day.mark.cash_usd / day.mark.equity_usd for day in desk.days])),
            )
        )
    return tuple(points)


def capacity_usd(points: Sequence[SizePoint]) -> float | None:
    """Return the size at which the Sharpe ratio is half of the smallest account's, between points on a log scale.

    None when the smallest account earns nothing, so that there is nothing to halve, or when no size comes to half.
    """
    half = points[0].sharpe.value / 2 if points else 0.0
    if half <= 0:
        return None
    for before, after in pairwise(points):
        if after.sharpe.value <= half:
            part = (before.sharpe.value - half) / (before.sharpe.value - after.sharpe.value)
            ends = np.log([before.capital_usd, after.capital_usd])
            return float(np.exp(ends[0] + part * (ends[1] - ends[0])))
    return None


def capacity_sentence(points: Sequence[SizePoint]) -> str:
    """Return what the points say, as one sentence."""
    found = capacity_usd(points)
    if found is not None:
        return f"Half of the smallest account's Sharpe ratio is gone at about {found:,.0f} USD."
    if points[0].sharpe.value <= 0:
        return "The smallest account earns nothing over its costs: there is nothing that a larger one could lose."
    return f"Up to {points[-1].capital_usd:,.0f} USD more than half of the smallest account's Sharpe ratio is left."
