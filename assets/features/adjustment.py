"""Forward adjustment: prices and volumes on one scale from the first bar on, total returns beside them.

The factor grows with each split from the first bar forward, so a later split never changes an earlier adjusted price;
only ratios of adjusted prices mean anything. Orders, stops and fills use raw prices and never come here.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from execution.domain.errors import DataError

Floats = npt.NDArray[np.float64]


def forward_split_factors(*, sessions: int, splits: Sequence[tuple[int, float]]) -> Floats:
    """Return the product of all split ratios up to each session, 1 before the first.

    Args:
        sessions: number of sessions of the history.
        splits: (position of the ex-session, new shares per old share) in ex-session order. A split at position 0 or
            before lies outside the history and counts nowhere; so does one past its end.

    Returns:
        Shape (sessions,): adjusted price = raw price x factor, adjusted volume = raw volume / factor.

    Raises:
        DataError: a ratio is not positive and finite.
    """
    factors = np.ones(sessions)
    for position, ratio in splits:
        if not (np.isfinite(ratio) and ratio > 0):
            raise DataError(f"split ratio {ratio} at position {position}: expected new shares per old share, above 0")
        if 0 < position < sessions:
            factors[position:] *= ratio
    return factors


def cash_dividends(*, sessions: int, dividends: Sequence[tuple[int, float]]) -> Floats:
    """Return the dollars per share paid on each session's opening, summed in the order given; shape (sessions,)."""
    paid = np.zeros(sessions)
    for position, dollars in dividends:
        if 0 < position < sessions:
            paid[position] += dollars
    return paid


def total_returns(*, adjusted_close: Floats, factors: Floats, dividends_usd: Floats) -> Floats:
    """Return one-session returns with splits and dividends; the first has none and is NaN.

    A dividend is per share held before the ex-session's open, hence the factor of the session before.

    Args:
        adjusted_close: shape (n,), all positive.
        factors: shape (n,), from `forward_split_factors`.
        dividends_usd: shape (n,), raw dollars per share.
    """
    returns = np.full(adjusted_close.size, np.nan)
    received = adjusted_close[1:] + dividends_usd[1:] * factors[:-1]
    returns[1:] = received / adjusted_close[:-1] - 1.0
    return returns
