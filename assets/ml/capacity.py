"""How much money a way of trading bears: its Sharpe ratio at each size of the account, and where half of it is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assets.ml.backtest import Lived
from assets.ml.judgement import Estimate, estimate_ratio
from assets.ml.lived_facts import BLOCK_SESSIONS, daily_returns
from assets.performance import SESSIONS_PER_YEAR, SHORTEST_HISTORY_SESSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """One size of the account.

    Attributes:
        capital_usd: opening cash.
        sharpe: yearly ratio after costs with its 95 % interval; None when the history is too short for a ratio.
        invested: mean share of the equity that is.
    """

    capital_usd: float
    sharpe: Estimate | None
    invested: float


def size_points(desks: Sequence[Lived]) -> tuple[SizePoint, ...]:
    """Return a point per portfolio, the smallest account first."""
    return tuple(
        SizePoint(
            capital_usd=float(desk.initial_cash_usd),
            sharpe=None if desk.performance.is_too_short else _yearly_sharpe(desk),
            invested=float(np.mean([1 - day.mark.cash_usd / day.mark.equity_usd for day in desk.days])),
        )
        for desk in sorted(desks, key=lambda one: one.initial_cash_usd)
    )


def is_told(points: Sequence[SizePoint]) -> bool:
    """Return whether there are points, each with a ratio."""
    return bool(points) and all(one.sharpe is not None for one in points)


def capacity_usd(points: Sequence[SizePoint]) -> float | None:
    """Return the size at which the Sharpe ratio is half of the smallest account's, between points on a log scale.

    None when the smallest account earns nothing, so that there is nothing to halve, when no size comes to half, or
    when the history is too short for ratios.
    """
    told = [(one.capital_usd, one.sharpe.value) for one in points if one.sharpe is not None]
    half = told[0][1] / 2 if told else 0.0
    if half <= 0:
        return None
    for (smaller, before), (larger, after) in pairwise(told):
        if after <= half:
            part = (before - half) / (before - after)
            ends = np.log([smaller, larger])
            return float(np.exp(ends[0] + part * (ends[1] - ends[0])))
    return None


def capacity_sentence(points: Sequence[SizePoint]) -> str:
    """Return what the points say, as one sentence."""
    smallest = points[0].sharpe
    if smallest is None:
        return f"Fewer than {SHORTEST_HISTORY_SESSIONS} sessions: too short to tell what a larger account would lose."
    found = capacity_usd(points)
    if found is not None:
        return f"Half of the smallest account's Sharpe ratio is gone at about {found:,.0f} USD."
    if smallest.value <= 0:
        return "The smallest account earns nothing over its costs: there is nothing that a larger one could lose."
    return f"Up to {points[-1].capital_usd:,.0f} USD more than half of the smallest account's Sharpe ratio is left."


def _yearly_sharpe(desk: Lived) -> Estimate:
    found, year = estimate_ratio(daily_returns(desk), block_sessions=BLOCK_SESSIONS), float(np.sqrt(SESSIONS_PER_YEAR))
    return Estimate(value=found.value * year, low=found.low * year, high=found.high * year)
