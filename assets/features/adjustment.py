"""Forward adjustment: prices and volumes on one scale from the first bar on, total returns beside them.

The factor grows with each split from the first bar forward, so a later split never changes an earlier adjusted price;
only ratios of adjusted prices mean anything. A return uses the two closes it lies between and what happened between
them, nothing older. Orders, stops and fills use raw prices and never come here.
"""

from collections.abc import Sequence

import numba
import numpy as np
import numpy.typing as npt

from execution.domain.errors import DataError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def split_ratios(*, sessions: int, splits: Sequence[tuple[int, float]]) -> Floats:
    """Return new shares per old share on each session, 1 where nothing was split.

    Args:
        sessions: number of sessions of the history.
        splits: (position of the ex-session, new shares per old share). A split at position 0 or before lies outside
            the history and counts nowhere; so does one past its end.

    Returns:
        Shape (sessions,). Its running product is the factor: adjusted price = raw price x factor, adjusted volume = raw
        volume / factor.

    Raises:
        DataError: a ratio is not positive and finite.
    """
    ratios = np.ones(sessions)
    for position, ratio in splits:
        if not (np.isfinite(ratio) and ratio > 0):
            raise DataError(f"split ratio {ratio} at position {position}: expected new shares per old share, above 0")
        if 0 < position < sessions:
            ratios[position] *= ratio
    return ratios


def cash_dividends(*, sessions: int, dividends: Sequence[tuple[int, float]]) -> Floats:
    """Return the dollars per share paid on each session's opening, summed in the order given; shape (sessions,)."""
    paid = np.zeros(sessions)
    for position, dollars in dividends:
        if 0 < position < sessions:
            paid[position] += dollars
    return paid


@numba.njit(cache=True, error_model="numpy")
def total_returns(last_close_usd: Floats, is_carried: Bools, ratios: Floats, dividends_usd: Floats) -> Floats:
    """Return one-session returns with splits and dividends; the first has none and is NaN.

    A dividend is per share held before its session's open. A session without a usable bar returns its dividend alone.

    Args:
        last_close_usd: raw close of the session, or of the last one with a usable bar; shape (n,), all positive.
        is_carried: whether the session has no usable bar itself; never the first.
        ratios: from `split_ratios`, shape (n,).
        dividends_usd: from `cash_dividends`, shape (n,).
    """
    returns = np.full(last_close_usd.size, np.nan)
    # Shares today per share held at the last usable bar before today; 1 except after sessions without one.
    held = 1.0
    for row in range(1, returns.size):
        held = held * ratios[row - 1] if is_carried[row - 1] else 1.0
        before = last_close_usd[row - 1]
        worth = before if is_carried[row] else last_close_usd[row] * (held * ratios[row])
        returns[row] = (worth + dividends_usd[row] * held) / before - 1.0
    return returns
