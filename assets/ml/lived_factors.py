"""What known factors explain of a portfolio's days: the market, and returns of ranks that everybody can buy.

A factor's return of a session is the mean total return of the third of members that rank highest by one feature, as it
was known at the close before, less that of the lowest third. A portfolio's exposures are the slopes of its daily
returns on all factors at once; what no slope explains is the constant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from assets.ml.dataset import Floats
from assets.ml.judgement import Estimate, half_width
from assets.ml.restated_returns import restated_returns
from assets.performance import SESSIONS_PER_YEAR
from assets.warehouse import Warehouse
from execution.trading_calendar import TradingCalendar

MARKET: Final = "market"
UNEXPLAINED: Final = "what none explains"
_FACTORS: Final[Mapping[str, tuple[str, int]]] = {
    "momentum": ("momentum_12_1", 1),
    "reversal": ("return_5d", -1),
    "low volatility": ("volatility_60d", -1),
    "size by dollar volume": ("rank_dollar_volume_20d", -1),
    "value": ("book_to_price", 1),
}
_NAMES_MIN: Final = 9
_KNOWN_SHARE_MIN: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorPart:
    """A factor's part in a portfolio.

    Attributes:
        exposure: slope of the daily return on the factor's; None for what none explains.
        a_year: what that earned in a year, in simple returns: exposure times the factor's mean.
    """

    exposure: Estimate | None
    a_year: Estimate


def factor_returns(warehouse: Warehouse, sessions: Sequence[date], market: Floats) -> dict[str, Floats]:
    """Return (n_sessions,) returns of the market and of each factor whose feature is known on most sessions.

    Args:
        warehouse: the marts.
        sessions: consecutive sessions, ascending.
        market: (n_sessions,) returns of every stock alike.
    """
    columns = ", ".join(f'f."{feature}"' for feature, _ in _FACTORS.values())
    rows = warehouse.read(
        f"select r.session, r.symbol, r.total_return, {columns} from marts.fct_total_returns as r "  # noqa: S608 - names are above
        "inner join (select f.*, u.is_member, lead(f.session) over (partition by f.symbol order by f.session) as next "
        "from marts.fct_features as f inner join marts.fct_universe as u using (session, symbol) "
        "where f.session between $before and $last) as f on f.symbol = r.symbol and f.next = r.session "
        "where f.is_member and r.session between $first and $last "
        "order by r.session, r.symbol",
        {"before": date.fromordinal(sessions[0].toordinal() - 10), "first": sessions[0], "last": sessions[-1]},
    )
    day = np.searchsorted(np.array(sessions, dtype="datetime64[D]"), rows["session"].to_numpy().astype("datetime64[D]"))
    restated = restated_returns(warehouse, grid=sessions, calendar=TradingCalendar.shipped())
    own = zip(*(rows[name].to_pylist() for name in ("session", "symbol", "total_return")), strict=True)
    returns = np.array([restated.get((at, symbol), told) for at, symbol, told in own], dtype=np.float64)
    found = {MARKET: market}
    for name, (feature, sign) in _FACTORS.items():
        ranked = np.where(np.isfinite(returns), sign * np.asarray(rows[feature].to_numpy(), dtype=np.float64), np.nan)
        told = thirds_apart(day, ranked, returns, len(sessions))
        is_known = np.isfinite(told)
        if is_known.mean() >= _KNOWN_SHARE_MIN:
            found[name] = np.where(is_known, told, 0.0)
    return found


def thirds_apart(day: np.ndarray, values: Floats, returns: Floats, n_days: int) -> Floats:
    """Return (n_days,) mean return of the highest third by value less the lowest; NaN on days of fewer than nine names.

    Args:
        day: (n,) ascending places of days.
        values: (n,) what is ranked; NaN is left out.
        returns: (n,) what followed.
        n_days: number of days.
    """
    found = np.full(n_days, np.nan)
    starts = np.searchsorted(day, np.arange(n_days + 1))
    for place in range(n_days):
        part = slice(starts[place], starts[place + 1])
        is_known = np.isfinite(values[part])
        if is_known.sum() >= _NAMES_MIN:
            order = np.argsort(values[part][is_known], kind="stable")
            earned, third = returns[part][is_known][order], int(is_known.sum()) // 3
            found[place] = earned[-third:].mean() - earned[:third].mean()
    return found


def explained(
    returns: Floats, factors: Mapping[str, Floats], *, block_sessions: int, returns_a_year: float = SESSIONS_PER_YEAR
) -> dict[str, FactorPart]:
    """Return each factor's part and, last, what none explains; each with a 95 % interval.

    The parts of all add up to the mean return of a year. What each day adds to a figure takes the place of the day's
    figure in `half_width`: of 100 accounts of 21 to 252 independent days, 94 to 98 intervals hold the truth.

    Args:
        returns: (n,) daily returns; more of them than factors and two.
        factors: by name, (n,) daily returns of the same sessions.
        block_sessions: sessions over which neighbouring returns may hang together.
        returns_a_year: how many of them a year has.

    Source:
        Influence of one observation on a slope of least squares: Cook and Weisberg (1982), Residuals and Influence in
        Regression, ch. 3.
    """
    known = np.column_stack([np.ones(len(returns)), *factors.values()])
    days, count = known.shape
    inverse = np.linalg.pinv(known, rcond=days * np.finfo(np.float64).eps)
    slopes, means = inverse @ returns, known.mean(axis=0)
    # Residuals of a fit are smaller than errors, the more so where days are few.
    moves = days * inverse.T * (returns - known @ slopes)[:, np.newaxis] * days / (days - count)
    a_year = returns_a_year * slopes * means
    moves_a_year = returns_a_year * (moves * means + slopes * (known - means))

    def told(value: float, daily: Floats) -> Estimate:
        half = half_width(daily, block_sessions=block_sessions)
        return Estimate(value=float(value), low=float(value) - half, high=float(value) + half)

    def earned(place: int) -> Estimate:
        return told(a_year[place], moves_a_year[:, place])

    parts = {
        name: FactorPart(exposure=told(slopes[place], moves[:, place]), a_year=earned(place))
        for place, name in enumerate(factors, start=1)
    }
    return parts | {UNEXPLAINED: FactorPart(exposure=None, a_year=earned(0))}
