"""How good were scores that had not seen their days? Every figure with the interval that chance alone would explain.

Pure: scores and what followed in, figures out. A mean over days weighs every day the same. Labels overlap and
neighbouring days are not independent, so intervals are built on the slow swings of the daily figures alone: `estimate`
says how often they hold the truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from assets.ml.dataset import Floats
from assets.ml.walk_forward import daily_ics, day_slices

QUANTILES: Final = 5
_RESAMPLES: Final = 1000
_NAMES_PER_GROUP: Final = 5
_ENDS: Final = (0.025, 0.975)

Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure of days and its 95 % interval; all 0 where there was no day, no width where there was one."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonJudgement:
    """How scores ranked returns over one horizon; side by side the horizons show how fast a score decays.

    Attributes:
        horizon_sessions: sessions the returns span.
        days: days judged: those whose returns were over before the sealed sessions.
        ic: mean daily correlation of score and return.
        rank_ic: mean daily rank correlation.
        rank_ic_ir: mean over standard deviation of the daily rank IC; 0 when it does not vary.
        rank_ic_ir_interval: the same with its interval; None on a card from before it was told.
    """

    horizon_sessions: int
    days: int
    ic: Estimate
    rank_ic: Estimate
    rank_ic_ir: float
    rank_ic_ir_interval: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Names whose promised probability to beat the market was alike: mean promise, what happened, how many."""

    promised: float
    happened: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeRecord:
    """One-session returns of the highest fifth less the lowest, before costs; one session, so that none overlap.

    Attributes:
        days: days with a return.
        sharpe: mean over standard deviation of a day, not annualised; 0 when it does not vary.
        skewness: of the daily returns.
        kurtosis: of the daily returns, 3 for a normal distribution.
    """

    days: int
    sharpe: float
    skewness: float
    kurtosis: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Everything told about out-of-fold scores.

    Attributes:
        horizons: one entry per judged horizon.
        quantile_returns_bps: mean net return over the label's horizon of each fifth of names, lowest scores first.
        spread_bps: highest fifth less lowest.
        spread_record: the same day by day, over one session.
        top_turnover: mean share of the highest fifth's names that were not in it the day before.
        hit_rate: share of names on the same side of their day's median score and of a net return of 0.
        by_regime: rank IC on the days of each regime; none where the features do not tell it.
        by_sector: rank IC within each sector, on days with at least five of its names.
        calibration: promise against event in the last fold, by a calibration of the folds before it.
        calibration_error: mean distance of promise and event over the bins, weighed by rows.
        fifths_bps: each fifth's mean net return with its interval, lowest scores first.
        turnover: `top_turnover` with its interval.
        coverage: share of a day's names with enough features to be scored.
        calibration_error_interval: `calibration_error` with its interval. These four are absent on older cards.
    """

    horizons: tuple[HorizonJudgement, ...]
    quantile_returns_bps: tuple[float, ...]
    spread_bps: Estimate
    spread_record: SharpeRecord
    top_turnover: float
    hit_rate: Estimate
    by_regime: Mapping[str, Estimate]
    by_sector: Mapping[str, Estimate]
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float
    fifths_bps: tuple[Estimate, ...] = ()
    turnover: Estimate | None = None
    coverage: Estimate | None = None
    calibration_error_interval: Estimate | None = None


def estimate(daily: Floats, *, block_sessions: int) -> Estimate:
    """Return the mean of daily figures with its 95 % interval.

    It holds the true mean in 93 to 96 of 100 series of independent days, and of sums over overlapping spans of 5 to 20
    where there are at least five times as many days; with twice as many it does in 91. With fewer it claims more than
    it knows, see `is_long_enough`.

    Args:
        daily: (n,) one figure per day, in order.
        block_sessions: sessions over which neighbouring figures may hang together: at least the labels' overlap.

    Source:
        Equal-weighted cosine estimate of the long-run variance with critical values of Student's t: Lazarus, Lewis,
        Stock and Watson (2018), "HAR Inference: Recommendations for Practice", JBES 36(4), 541-559.
    """
    if len(daily) == 0:
        return Estimate(value=0.0, low=0.0, high=0.0)
    value, half = float(daily.mean()), half_width(daily, block_sessions=block_sessions)
    return Estimate(value=value, low=value - half, high=value + half)


def is_long_enough(days: int, *, block_sessions: int) -> bool:
    """Return whether the interval of so many daily figures may be told: from twice what hangs together on.

    Of sums over 5 to 20 sessions judged on no more days than they span, intervals of `estimate` hold the truth in 49 to
    79 of 100; one day has no interval at all.
    """
    return days >= 2 * block_sessions


def estimate_ratio(daily: Floats, *, block_sessions: int) -> Estimate:
    """Return mean over standard deviation of daily figures with its 95 % interval.

    All 0 where the figures do not vary. What each day adds to the ratio takes the place of the figures themselves;
    arguments and how often it holds the truth are as in `estimate`.

    Source:
        Influence of one observation on the ratio: Lo (2002), "The Statistics of Sharpe Ratios", FAJ 58(4), 36-52.
    """
    if len(daily) < 2 or not daily.std() > 0:
        return Estimate(value=0.0, low=0.0, high=0.0)
    spread = float(daily.std(ddof=1))
    ratio, z = float(daily.mean()) / spread, (daily - daily.mean()) / spread
    half = half_width(z - ratio / 2.0 * (z**2 - 1.0), block_sessions=block_sessions)
    return Estimate(value=ratio, low=ratio - half, high=ratio + half)


def half_width(daily: Floats, *, block_sessions: int) -> float:
    """Return half of the 95 % interval of a mean, from waves that are long beside what hangs together.

    Arguments and source are those of `estimate`. Of what each day adds to another figure, it is half of that one's.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - definitions import this module; it loads in training

    count = len(daily)
    # Waves shorter than twice the overlap swing less than their share; more than the source's number gain little.
    waves = min(count - 1, max(2, min(int(0.4 * count ** (2 / 3)), count // (2 * block_sessions))))
    if waves < 1:
        return 0.0
    moments = (np.arange(count) + 0.5) / count
    cosines = np.cos(np.pi * np.arange(1, waves + 1)[:, np.newaxis] * moments)
    # Less the mean, which no wave sees, so that figures that never vary have no interval at all.
    long_run_variance = float((2.0 / count * (cosines @ (daily - daily.mean())) ** 2).mean())
    return float(stdtrit(waves, _ENDS[1]) * np.sqrt(long_run_variance / count))


def estimate_calibration_error(
    sessions: Days, promised: Floats, net_return: Floats, *, block_sessions: int, seed: int
) -> Estimate:
    """Return `calibration_error` of promised probabilities with its 95 % interval, days drawn again whole.

    A mean of distances has no slope at 0, so its interval comes from stretches of days drawn again. Where labels
    overlap it is too narrow: such intervals of a mean hold the truth in 76 to 90 of 100.

    Args:
        sessions: (n,) ascending days.
        promised: (n,) probabilities to beat the market.
        net_return: (n,) what followed.
        block_sessions: days drawn together.
        seed: the same seed, the same interval.

    Source:
        Circular block bootstrap: Politis and Romano (1992), in Exploring the Limits of Bootstrap, 263-270.
    """
    if len(promised) == 0:
        return Estimate(value=0.0, low=0.0, high=0.0)
    days, day = np.unique(sessions, return_inverse=True)
    place = np.empty(len(promised), dtype=np.int64)
    for number, part in enumerate(_equal_parts(promised)):
        place[part] = number
    cells = len(days) * QUANTILES
    excess = np.bincount(day * QUANTILES + place, weights=promised - (net_return > 0), minlength=cells)
    rows = np.bincount(day).astype(np.float64)
    told = np.column_stack([excess.reshape(-1, QUANTILES), rows])
    drawn = _drawn_again(told, block_sessions, seed).sum(axis=1)
    low, high = np.quantile(np.abs(drawn[:, :-1]).sum(axis=1) / drawn[:, -1], _ENDS)
    error = calibration_error(bins_of_promises(promised, net_return))
    return Estimate(value=error, low=float(low), high=float(high))


def _drawn_again(daily: Floats, block_sessions: int, seed: int) -> Floats:
    """Return (n_resamples, n, ...) each day's figures in stretches drawn again, the end joined to the beginning."""
    count, block = len(daily), min(block_sessions, len(daily))
    starts = np.random.default_rng(seed).integers(0, count, size=(_RESAMPLES, -(-count // block)))
    places = (starts[:, :, np.newaxis] + np.arange(block)).reshape(_RESAMPLES, -1)[:, :count] % count
    drawn: Floats = daily[places]
    return drawn


def judge_horizon(sessions: Days, scores: Floats, returns: Floats, *, horizon_sessions: int) -> HorizonJudgement:
    """Return how scores ranked returns over a horizon; rows whose return is NaN are left out.

    Args:
        sessions: (n,) ascending days.
        scores: (n,) finite scores.
        returns: (n,) forward returns.
        horizon_sessions: sessions they span.
    """
    known = np.isfinite(returns)
    plain, ranked = daily_ics(sessions[known], scores[known], returns[known])
    spread = float(ranked.std(ddof=1)) if len(ranked) > 1 else 0.0
    return HorizonJudgement(
        horizon_sessions=horizon_sessions,
        days=len(ranked),
        ic=estimate(plain, block_sessions=horizon_sessions),
        rank_ic=estimate(ranked, block_sessions=horizon_sessions),
        rank_ic_ir=float(ranked.mean()) / spread if spread > 0 else 0.0,
        rank_ic_ir_interval=estimate_ratio(ranked, block_sessions=horizon_sessions),
    )


def quantile_returns(sessions: Days, scores: Floats, net_return: Floats) -> Floats:
    """Return (n_days, 5) mean net returns of each fifth of a day's names by score, lowest first, in basis points.

    Days with fewer than five names are left out. Of equal scores the earlier row counts as the better.
    """
    told = [
        [net_return[rows][part].mean() for part in np.array_split(_best_first(scores[rows])[::-1], QUANTILES)]
        for rows in day_slices(sessions)
        if rows.stop - rows.start >= QUANTILES
    ]
    return 1e4 * np.array(told).reshape(-1, QUANTILES)


def sharpe_record(daily: Floats) -> SharpeRecord:
    """Return the record of daily returns, population moments."""
    spread = float(daily.std()) if len(daily) else 0.0
    if spread == 0.0:
        return SharpeRecord(days=len(daily), sharpe=0.0, skewness=0.0, kurtosis=3.0)
    z = (daily - daily.mean()) / spread
    return SharpeRecord(
        days=len(daily),
        sharpe=float(daily.mean()) / spread,
        skewness=float((z**3).mean()),
        kurtosis=float((z**4).mean()),
    )


def daily_turnover(sessions: Days, symbols: npt.NDArray[np.object_], scores: Floats) -> Floats:
    """Return the share of the highest fifth that is new from one day to the next; none with fewer than two days."""
    tops = []
    for rows in day_slices(sessions):
        best = _best_first(scores[rows])[: max(1, (rows.stop - rows.start) // QUANTILES)]
        tops.append(set(symbols[rows][best].tolist()))
    return np.array([len(after - before) / len(after) for before, after in pairwise(tops)])


def _best_first(scores: Floats) -> npt.NDArray[np.intp]:
    """Return places by score, equal ones in their order, as `held_weights` buys them."""
    return np.argsort(-scores, kind="stable")


def daily_hit_rates(sessions: Days, scores: Floats, net_return: Floats) -> Floats:
    """Return per day the share of names on the same side of the median score and of a net return of 0."""
    return np.array(
        [
            float(((scores[rows] > np.median(scores[rows])) == (net_return[rows] > 0)).mean())
            for rows in day_slices(sessions)
        ]
    )


def rank_ic_within(
    sessions: Days,
    groups: npt.NDArray[np.object_],
    scores: Floats,
    net_return: Floats,
    *,
    block_sessions: int,
) -> dict[str, Estimate]:
    """Return the mean daily rank IC within each named group, by name, on days with at least five of its names.

    A group with fewer such days than an interval may be told of, see `is_long_enough`, is left out.
    """
    found = {}
    for name in sorted({str(group) for group in groups} - {""}):
        rows = np.flatnonzero(groups == name)
        sizes = np.array([part.stop - part.start for part in day_slices(sessions[rows])])
        rows = rows[np.repeat(sizes >= _NAMES_PER_GROUP, sizes)]
        _, ranked = daily_ics(sessions[rows], scores[rows], net_return[rows])
        if is_long_enough(len(ranked), block_sessions=block_sessions):
            found[name] = estimate(ranked, block_sessions=block_sessions)
    return found


def bins_of_promises(promised: Floats, net_return: Floats) -> tuple[CalibrationBin, ...]:
    """Return promise and event in five bins of equal count of promised probabilities; none without any."""
    return tuple(
        CalibrationBin(
            promised=float(promised[part].mean()), happened=float((net_return[part] > 0).mean()), rows=len(part)
        )
        for part in _equal_parts(promised)
    )


def _equal_parts(promised: Floats) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(promised, kind="stable")
    return [part for part in np.array_split(order, QUANTILES) if len(part)]


def calibration_error(bins: tuple[CalibrationBin, ...]) -> float:
    """Return the mean distance of promise and event over the bins, weighed by rows; 0 without any."""
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.promised - one.happened) for one in bins) / rows if rows else 0.0
