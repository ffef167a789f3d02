"""Did the best of several choices win by skill, or because somebody had to win? Two published answers, pure arrays."""

from itertools import combinations
from typing import Final

import numpy as np

from assets.ml.dataset import Floats

BLOCKS: Final = 10
_RESAMPLES: Final = 2000


def overfitting_probability(returns: Floats, *, blocks: int = BLOCKS) -> float:
    """Return how often the choice that was best on one half of the days is below the middle on the other half.

    Days are cut into blocks; every half of the blocks chooses by Sharpe ratio, the rest judges. 1 where there is
    nothing to compare: no second choice, or fewer days than two a block.

    Args:
        returns: (n_days, n_choices) daily returns.
        blocks: an even number of blocks of days.

    Source:
        Bailey, Borwein, López de Prado and Zhu (2017), "The Probability of Backtest Overfitting", J. Computational
        Finance 20(4), 39-69: combinatorially symmetric cross-validation.
    """
    n_days, n_choices = returns.shape
    if n_choices < 2 or n_days < 2 * blocks:
        return 1.0
    parts = np.array_split(np.arange(n_days), blocks)
    counts = np.array([len(part) for part in parts], dtype=np.float64)
    sums = np.array([returns[part].sum(axis=0) for part in parts])
    squares = np.array([(returns[part] ** 2).sum(axis=0) for part in parts])
    overfit = 0
    halves = list(combinations(range(blocks), blocks // 2))
    for half in halves:
        inside = np.isin(np.arange(blocks), half)
        chosen = int(np.argmax(_sharpe(counts[inside], sums[inside], squares[inside])))
        outside = _sharpe(counts[~inside], sums[~inside], squares[~inside])
        # The middle rank counts as overfitted, as in the source: a logit of 0 or less.
        rank = 1.0 + float((outside < outside[chosen]).sum()) + 0.5 * float((outside == outside[chosen]).sum() - 1)
        overfit += rank / (n_choices + 1) <= 0.5
    return overfit / len(halves)


def superiority_p(candidate: Floats, others: Floats, *, seed: int) -> float:
    """Return the probability that chance alone gives some choice a mean return as far above 0 as the candidate's.

    All choices are compared at the same volatility; no other one makes the value lower than the candidate alone has.
    The statistic is not floored at 0 as the source's is: a candidate that lost gets a value above about one half,
    further from what a gate asks for than the source's.

    Args:
        candidate: (n_days,) returns over the market of the choice in question.
        others: (n_days, n_others) those of the other choices tried; none is allowed.
        seed: of the resampling.

    Source:
        Hansen (2005), "A Test for Superior Predictive Ability", J. Business and Economic Statistics 23(4), 365-380;
        stationary bootstrap, the consistent p-value.
    """
    from arch.bootstrap import SPA  # noqa: PLC0415 - definitions import this module; it loads in training

    if len(candidate) < 2 or not np.ptp(candidate) > 0:
        return 1.0
    others = others[:, np.ptp(others, axis=0) > 0]
    # The library compares plain means, the source means for their risk: all are held at the candidate's volatility.
    others = others * (candidate.std() / others.std(axis=0))
    # The question is about the candidate: a choice that did better counts as having done as well, with its own noise.
    # So the candidate's mean is the highest, and whatever else was tried can only raise the value.
    models = np.column_stack([candidate, others - np.maximum(others.mean(axis=0) - candidate.mean(), 0.0)])
    test = SPA(np.zeros(len(candidate)), -models, reps=_RESAMPLES, seed=seed)
    test.compute()
    return float(test.pvalues["consistent"])


def _sharpe(counts: Floats, sums: Floats, squares: Floats) -> Floats:
    mean = sums.sum(axis=0) / counts.sum()
    variance = squares.sum(axis=0) / counts.sum() - mean**2
    return np.where(variance > 1e-18, mean / np.sqrt(np.maximum(variance, 1e-18)), 0.0)
