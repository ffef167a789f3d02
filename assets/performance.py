"""What the account earned: returns, drawdown and recovery, Sortino ratio, and a Sharpe ratio with its uncertainty.

Each number has one definition in this project, and it is here. A history too short for a ratio gets none: the page then
says "too short" instead of printing noise with two decimals. A year is 252 sessions of the exchange, also where
some of them have no value of their own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

import numpy as np

SESSIONS_PER_YEAR: Final = 252
SHORTEST_HISTORY_SESSIONS: Final = 60
"""Returns below which no ratio is shown: at 60, the standard error of a yearly Sharpe ratio is still about 2."""

NEVER_MOVED: Final = "the account never moved"
"""Why a history that is long enough has no Sharpe ratio: its returns do not differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """An account's performance over consecutive sessions.

    Attributes:
        sessions: number of returns behind the figures: one per session, but where a session has no value.
        last_return: return of the newest session, as a fraction; None with fewer than two equity values.
        total_return: newest equity over the first, less one; None with fewer than two equity values.
        yearly_return: the same return a year, compounded; None when the history is too short.
        drawdown: newest equity over the highest so far, less one: 0 at a new high, else negative.
        max_drawdown: the lowest drawdown of the history.
        recovery_sessions: sessions from there back to the high before it; 0 without a fall, None while below.
        volatility: yearly standard deviation of returns; None when the history is too short.
        sharpe: yearly ratio of mean to standard deviation, risk-free rate 0; None when the history is too short, or
            never moved.
        sharpe_standard_error: one standard error of `sharpe`, also yearly; None when `sharpe` is.
        sortino: yearly ratio of mean to downside deviation from 0; None when the history is too short or never fell.
    """

    sessions: int
    last_return: float | None
    total_return: float | None
    yearly_return: float | None
    drawdown: float
    max_drawdown: float
    recovery_sessions: int | None
    volatility: float | None
    sharpe: float | None
    sharpe_standard_error: float | None
    sortino: float | None

    @property
    def is_too_short(self) -> bool:
        """Whether the history is too short for a ratio."""
        return self.sessions < SHORTEST_HISTORY_SESSIONS


def one_session_returns(equity_usd: Sequence[Decimal]) -> tuple[float, ...]:
    """Return equity over the equity before it, less one: one value fewer than was given.

    Args:
        equity_usd: account value at each session's close, oldest first, every value positive.

    Raises:
        ValueError: a value is zero or negative, so that a return has no meaning.
    """
    for index, value in enumerate(equity_usd):
        if value <= 0:
            raise ValueError(f"equity value {index} is {value} USD: a return needs a positive account value")
    # The quotient is taken in decimals: a float of a large account would lose cents before the division.
    return tuple(float(after / before - 1) for before, after in pairwise(equity_usd))


def yearly_return(equity_usd: Sequence[Decimal], *, spanned_sessions: int | None = None) -> float | None:
    """Return the compounded return a year; None when the history is too short.

    Args:
        equity_usd: account value at each session's close, oldest first, every value positive.
        spanned_sessions: sessions from the first value to the last; None where each is one after the other.
    """
    returns = len(equity_usd) - 1
    if returns < SHORTEST_HISTORY_SESSIONS:
        return None
    became: float = float(equity_usd[-1] / equity_usd[0]) ** (SESSIONS_PER_YEAR / (spanned_sessions or returns))
    return became - 1.0


def rolling_returns(equity_usd: Sequence[Decimal], window_sessions: int) -> tuple[float, ...]:
    """Return the return over each window of so many sessions, the oldest first; none where the history is shorter.

    Args:
        equity_usd: account value at each session's close, oldest first, every value positive.
        window_sessions: length of each window, above 0.
    """
    return tuple(
        float(after / before - 1) for before, after in zip(equity_usd, equity_usd[window_sessions:], strict=False)
    )


def drawdowns(equity_usd: Sequence[Decimal]) -> tuple[float, ...]:
    """Return, per session, equity over the highest equity so far, less one: 0 at a high, else negative."""
    peak = Decimal(0)
    falls = []
    for value in equity_usd:
        peak = max(peak, value)
        falls.append(float(value / peak - 1))
    return tuple(falls)


def recovery_sessions(equity_usd: Sequence[Decimal]) -> int | None:
    """Return the sessions from the deepest trough back to the high before it.

    Of troughs equally deep the first counts. 0 when nothing ever fell; None when the high is not reached again yet.

    Args:
        equity_usd: account value at each session's close, oldest first, every value positive.
    """
    falls = drawdowns(equity_usd)
    if not any(falls):
        return 0
    trough = falls.index(min(falls))
    high = max(equity_usd[:trough])
    return next((later for later, value in enumerate(equity_usd[trough:]) if value >= high), None)


def sortino_ratio(returns: Sequence[float], *, returns_a_year: float = SESSIONS_PER_YEAR) -> float | None:
    """Return the yearly Sortino ratio with a target of 0; None when the history is too short or no return is negative.

    The downside deviation is the root of the mean square of negative returns over all sessions, positive ones as 0.

    Args:
        returns: one-session returns as fractions, oldest first.
        returns_a_year: how many of them a year has.

    Source:
        Sortino and Price (1994), "Performance Measurement in a Downside Risk Framework", J. Investing 3(3), 59-64.
    """
    if len(returns) < SHORTEST_HISTORY_SESSIONS:
        return None
    values = np.asarray(returns, dtype=np.float64)
    downside = math.sqrt(float((np.minimum(values, 0.0) ** 2).mean()))
    return float(values.mean()) / downside * math.sqrt(returns_a_year) if downside > 0 else None


def sharpe_with_standard_error(
    returns: Sequence[float], *, returns_a_year: float = SESSIONS_PER_YEAR
) -> tuple[float, float] | None:
    """Return the yearly Sharpe ratio and its standard error, or None when the history is too short or constant.

    The error allows for skew and fat tails; it does not allow for serial correlation.

    Args:
        returns: one-session returns as fractions, oldest first.
        returns_a_year: how many of them a year has.

    Source:
        Mertens, "Comments on variance of the IID estimator in Lo (2002)", University of Basel, 2002.
    """
    if len(returns) < SHORTEST_HISTORY_SESSIONS:
        return None
    import empyrical  # noqa: PLC0415 - three seconds that a short history, as on a first run, should not pay

    values = np.asarray(returns, dtype=np.float64)
    spread = float(values.std(ddof=1))
    if not spread > 0 or math.isclose(spread, 0.0, abs_tol=1e-15):
        return None
    yearly = float(empyrical.sharpe_ratio(values, annualization=returns_a_year))
    ratio = yearly / math.sqrt(returns_a_year)
    standardised = (values - values.mean()) / values.std(ddof=0)
    skew = float((standardised**3).mean())
    excess_kurtosis = float((standardised**4).mean()) - 3.0
    variance = (1 + ratio**2 / 2 - skew * ratio + excess_kurtosis / 4 * ratio**2) / (len(values) - 1)
    return yearly, math.sqrt(max(variance, 0.0) * returns_a_year)


def earned_only(equity_usd: Sequence[Decimal], paid_in_usd: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Return equity as it would stand had nothing been paid in or taken out since the first value: by returns alone.

    Payments count at the close they are first seen at, so a session's return is what its positions earned. Where
    nothing was paid, the values are the given ones to the digit.

    Args:
        equity_usd: account value at each session's close, oldest first, as many as `values_with_returns` says.
        paid_in_usd: what the account had been given by then.

    Source:
        Time-weighted return: Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd ed., ch. 2.
    """
    scale, found = Decimal(1), list(equity_usd[:1])
    for at in range(1, len(equity_usd)):
        earned = equity_usd[at] - (paid_in_usd[at] - paid_in_usd[at - 1])
        found.append(earned * scale)
        if earned != equity_usd[at]:
            scale *= earned / equity_usd[at]
    return tuple(found)


def values_with_returns(equity_usd: Sequence[Decimal], paid_in_usd: Sequence[Decimal]) -> int:
    """Return how many of the values, from the first on, `earned_only` and returns can be made of.

    They end before the first that is zero or negative, or that would be without what was paid in since the one before:
    nothing is left then that could earn anything.

    Args:
        equity_usd: account value at each session's close, oldest first.
        paid_in_usd: what the account had been given by then.
    """
    paid = [Decimal(0), *(after - before for before, after in pairwise(paid_in_usd))]
    ends = (at for at, value in enumerate(equity_usd) if min(value, value - paid[at]) <= 0)
    return next(ends, len(equity_usd))


def performance(equity_usd: Sequence[Decimal], *, spanned_sessions: int | None = None) -> Performance:
    """Return the performance of an account from its value at each session's close, oldest first.

    Args:
        equity_usd: account value at each close, positive; the first is the value before anything was traded.
        spanned_sessions: sessions from the first value to the last; None where each is one after the other.
    """
    returns = one_session_returns(equity_usd)
    a_year = SESSIONS_PER_YEAR * len(returns) / spanned_sessions if spanned_sessions else SESSIONS_PER_YEAR
    falls = drawdowns(equity_usd)
    ratio = sharpe_with_standard_error(returns, returns_a_year=a_year)
    is_long_enough = len(returns) >= SHORTEST_HISTORY_SESSIONS
    return Performance(
        sessions=len(returns),
        last_return=returns[-1] if returns else None,
        total_return=float(equity_usd[-1] / equity_usd[0] - 1) if returns else None,
        yearly_return=yearly_return(equity_usd, spanned_sessions=spanned_sessions),
        drawdown=falls[-1] if falls else 0.0,
        max_drawdown=min(falls, default=0.0),
        recovery_sessions=recovery_sessions(equity_usd),
        volatility=float(np.std(returns, ddof=1)) * math.sqrt(a_year) if is_long_enough else None,
        sharpe=ratio[0] if ratio else None,
        sharpe_standard_error=ratio[1] if ratio else None,
        sortino=sortino_ratio(returns, returns_a_year=a_year),
    )
