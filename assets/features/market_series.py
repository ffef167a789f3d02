"""The market as one series: returns of its members as first known, and the regime they put it in.

The market's return of a session is the equal-weight mean over the session's index members (over every listed symbol
where no membership is known) of the returns known at that session's own cut-off. It is never revised, so a correction
of one symbol cannot move another symbol's beta of the past. Everything is causal: a session's regime uses returns up to
it, and thresholds from sessions strictly before it. The level begins where the first return was known, so older history
that arrives later begins no level earlier.
"""

from bisect import insort
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from assets.features import rolling

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TREND_SESSIONS: Final = 200
TREND_BAND: Final = 0.01
"""The level must leave its mean by this share before the trend turns."""
VOLATILITY_DECAY: Final = 0.94
"""RiskMetrics (1996), daily."""
ENTER_QUANTILE: Final = 0.75
LEAVE_QUANTILE: Final = 0.60


@dataclass(frozen=True, slots=True)
class MarketSeries:
    """The market over consecutive sessions; every array has shape (n,), NaN where there is no value yet.

    Attributes:
        return_1d: equal-weight mean return; NaN on sessions without any.
        breadth_1d: share of members with a positive return.
        return_20d: compounded return of 20 sessions.
        volatility_20d: sample standard deviation of 20 returns.
        trend_200d: level over its mean of 200 sessions, less one.
        is_bull: 1 when the trend is up, 0 when it is down.
        is_volatile: 1 when volatility is high, 0 when it is not.
    """

    return_1d: Floats
    breadth_1d: Floats
    return_20d: Floats
    volatility_20d: Floats
    trend_200d: Floats
    is_bull: Floats
    is_volatile: Floats


def market_series(returns: Floats, is_member: Bools) -> MarketSeries:
    """Return the market of a panel.

    Args:
        returns: one-session total returns as first known, shape (n_symbols, n_sessions), symbols in sorted order, NaN
            where a symbol has none.
        is_member: membership as known at each session's cut-off, same shape.
    """
    return_1d, breadth_1d = _equal_weight(returns, is_member)
    trend = _trend(return_1d)
    spread = rolling.window_cross_moment(return_1d, return_1d, 20, 0)
    return MarketSeries(
        return_1d=return_1d,
        breadth_1d=breadth_1d,
        return_20d=np.asarray(rolling.window_growth(return_1d, 0, 20, 0)),
        volatility_20d=np.sqrt(spread / 19),
        trend_200d=trend,
        is_bull=trend_regime(trend),
        is_volatile=volatility_regime(return_1d),
    )


def _trend(return_1d: Floats) -> Floats:
    """Return the level over its mean; the level is 1 on the session before the first return that was known."""
    trend = np.full(return_1d.size, np.nan)
    known = np.flatnonzero(np.isfinite(return_1d))
    if known.size:
        returns = return_1d[max(known[0] - 1, 0) :]
        level = np.asarray(np.cumprod(1.0 + np.where(np.isnan(returns), 0.0, returns)), dtype=np.float64)
        mean = rolling.window_sum(level, TREND_SESSIONS, 0) / TREND_SESSIONS
        trend[return_1d.size - returns.size :] = level / mean - 1.0
    return trend


def trend_regime(trend: Floats) -> Floats:
    """Return 1 while the trend is up and 0 while it is down; it turns only when it leaves the band around zero."""
    out = np.full(trend.size, np.nan)
    state = np.nan
    for position, value in enumerate(trend):
        if np.isnan(value):
            continue
        if np.isnan(state):
            state = float(value >= 0)
        elif value > TREND_BAND:
            state = 1.0
        elif value < -TREND_BAND:
            state = 0.0
        out[position] = state
    return out


def volatility_regime(returns: Floats) -> Floats:
    """Return 1 while exponentially weighted volatility is high against its own past, else 0.

    High begins above the 75 % quantile of all values strictly before the session and ends below their 60 % quantile, so
    that it does not flicker. The first value appears after 200 returns.
    """
    out = np.full(returns.size, np.nan)
    past: list[float] = []
    variance = np.nan
    state = 0.0
    for position, value in enumerate(returns):
        if np.isnan(value):
            continue
        square = value * value
        variance = square if np.isnan(variance) else VOLATILITY_DECAY * variance + (1.0 - VOLATILITY_DECAY) * square
        if len(past) >= TREND_SESSIONS - 1:
            threshold = LEAVE_QUANTILE if state else ENTER_QUANTILE
            state = float(variance > past[int(threshold * (len(past) - 1))])
            out[position] = state
        insort(past, float(variance))
    return out


def _equal_weight(returns: Floats, is_member: Bools) -> tuple[Floats, Floats]:
    has_return = np.isfinite(returns)
    counted = has_return & is_member
    # Before a source tells its members, every symbol is one.
    counted = np.where(counted.any(axis=0), counted, has_return)
    total = np.zeros(returns.shape[1])
    for symbol in range(returns.shape[0]):
        # One symbol after the other: a library's sum over an axis may pair its terms by the shape of the array.
        total += np.where(counted[symbol], returns[symbol], 0.0)
    count = counted.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / count, (counted & (returns > 0)).sum(axis=0) / count
