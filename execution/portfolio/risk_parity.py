"""Hierarchical risk parity: names that move together share one part of the risk instead of taking one each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from execution.domain.quantities import decimal_of
from execution.portfolio.sizing import Candidate, by_own_risk, rounded
from execution.portfolio.targets import LeftOut

RETURN_SESSIONS: Final = 60
# Below this the variance is rounding, not movement: the symbol would take all of the risk budget.
_LEAST_VARIANCE: Final = 1e-16


def spread_by_risk_parity(
    candidates: Sequence[Candidate], room: Decimal, *, returns: Mapping[str, Sequence[float]]
) -> list[Candidate]:
    """Return candidates that share the room there is by risk parity.

    No candidate gets more than it wanted alone, so the loss at a stop and the cap of a position hold as before; what
    that leaves over stays in cash, or goes to those who share after them.

    Args:
        candidates: by rank, best first; the movement of each is known.
        room: part of equity that entries may take together.
        returns: symbol to its last 60 one-session returns.
    """
    parts = risk_parity_weights({each.symbol: _newest(returns[each.symbol]) for each in candidates})
    shared = min(room, sum((each.wanted_weight for each in candidates), Decimal(0)))
    spread = [_shared(each, shared * rounded(decimal_of(parts[each.symbol]))) for each in candidates]
    return by_own_risk(spread, room)


def of_known_movement(each: Candidate, returns: Sequence[float]) -> Candidate | LeftOut:
    """Return a candidate, or why risk parity cannot place it among others."""
    if _newest(returns):
        return each
    reason = f"unknown: {RETURN_SESSIONS} one-session returns that move, which risk parity needs"
    return LeftOut(symbol=each.symbol, stage="unknown", reason=reason, rank=each.rank, is_held=False)


def risk_parity_weights(returns: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return weights that sum to one: the tree of what moves alike, halved again and again by inverse variance.

    Single linkage over the distance sqrt((1 - correlation) / 2), leaves in their optimal order, which makes the answer
    independent of the order of the symbols.

    Args:
        returns: symbol to one-session returns, all of one length, none constant.

    Source:
        López de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample, Journal of Portfolio
        Management 42(4), 59-69.
    """
    symbols = sorted(returns)
    if len(symbols) < 2:
        return dict.fromkeys(symbols, 1.0)
    # Trading starts without these, as most desks size each position by its own risk.
    import numpy as np  # noqa: PLC0415 - as said above
    from scipy.cluster.hierarchy import leaves_list, linkage  # noqa: PLC0415 - as said above
    from scipy.spatial.distance import squareform  # noqa: PLC0415 - as said above

    series = np.array([returns[symbol] for symbol in symbols])
    covariance = np.cov(series)
    deviation = np.sqrt(np.diag(covariance))
    correlation = np.clip(covariance / np.outer(deviation, deviation), -1, 1)
    distance = np.sqrt((1 - correlation) / 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="single", optimal_ordering=True)

    def variance(cluster: Sequence[int]) -> float:
        inverse = 1 / np.diag(covariance)[list(cluster)]
        weights = inverse / inverse.sum()
        return float(weights @ covariance[np.ix_(cluster, cluster)] @ weights)

    weights = dict.fromkeys(range(len(symbols)), 1.0)
    clusters = [[int(leaf) for leaf in leaves_list(tree)]]
    while clusters:
        cluster = clusters.pop()
        if len(cluster) == 1:
            continue
        left, right = cluster[: len(cluster) // 2], cluster[len(cluster) // 2 :]
        of_left = 1 - variance(left) / (variance(left) + variance(right))
        for half, part in ((left, of_left), (right, 1 - of_left)):
            weights |= {leaf: weights[leaf] * part for leaf in half}
            clusters.append(half)
    return {symbol: weights[number] for number, symbol in enumerate(symbols)}


def _newest(returns: Sequence[float]) -> tuple[float, ...]:
    """Return the last 60 returns; none where they are fewer, not finite, or never change."""
    newest = tuple(returns[-RETURN_SESSIONS:])
    if len(newest) < RETURN_SESSIONS or not all(map(math.isfinite, newest)):
        return ()
    mean = math.fsum(newest) / len(newest)
    variance = math.fsum((value - mean) ** 2 for value in newest) / len(newest)
    return newest if variance > _LEAST_VARIANCE else ()


def _shared(each: Candidate, weight: Decimal) -> Candidate:
    return each if weight >= each.wanted_weight else replace(each, wanted_weight=weight, sized_by="risk parity")
