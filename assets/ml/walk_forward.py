"""How well would the model have ranked what it had not seen? Purged, embargoed folds over days, and their measures.

Folds are cut over distinct days, never over rows: a day is wholly in training, wholly in test, or in neither. Training
always comes before its test, and every training label ended before the test's first day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from assets.ml.dataset import Floats, TrainingSet, mean_ranks_within
from assets.ml.forward_returns import ENTRY_LAG_SESSIONS
from assets.ml.policy import LearningPolicy
from execution.domain.errors import DataError

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Row numbers of one fold's training and test, both ascending."""

    train: Rows
    test: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldMetrics:
    """How one fold's scores ranked its test days. Means are over days, so a day with more names weighs no more.

    Attributes:
        train_first: first day learned from.
        train_last: last day learned from.
        test_first: first day judged.
        test_last: last day judged.
        train_rows: rows learned from.
        test_rows: rows judged.
        ic: mean correlation of score and net forward return.
        rank_ic: mean rank correlation of the same.
        rank_ic_ir: mean over standard deviation of the daily rank IC; 0 when it does not vary.
        rank_ic_t: t-statistic of the mean daily rank IC, corrected for overlapping labels.
        hit_rate: share of rows whose score and net return lie on the same side of their day's median and of zero.
        coverage: share of test rows with enough features to be scored.
    """

    train_first: date
    train_last: date
    test_first: date
    test_last: date
    train_rows: int
    test_rows: int
    ic: float
    rank_ic: float
    rank_ic_ir: float
    rank_ic_t: float
    hit_rate: float
    coverage: float


def unsealed_days(days: npt.NDArray[np.datetime64], *, sealed_share: float) -> int:
    """Return how many of the oldest days may be looked at; the newest share stays sealed."""
    return len(days) - int(len(days) * sealed_share)


def ended_before_seal(training_set: TrainingSet, first_sealed: int) -> int:
    """Return how many of the oldest days hold no label that ends within the seal.

    A label of the last unsealed days is made of sealed prices: who judges or learns by it has looked.

    Args:
        training_set: the rows.
        first_sealed: place of the first sealed day; the number of days when nothing is sealed.
    """
    days = training_set.days
    if first_sealed >= len(days):
        return len(days)
    reaching = training_set.sessions[training_set.label_end >= days[first_sealed]]
    return int(np.searchsorted(days, reaching.min()))


def folds(training_set: TrainingSet, policy: LearningPolicy) -> tuple[Fold, ...]:
    """Return walk-forward folds, oldest first, over the days whose labels ended before the sealed ones.

    Each fold learns from every day before its gap; the gap is entry lag + horizon (the labels' length) + embargo.

    Raises:
        DataError: too few days for the folds asked for, or a training label would reach into its test.
    """
    from skfolio.model_selection import WalkForward  # noqa: PLC0415 - loads in training, not with the definitions

    days = training_set.days
    sealed = unsealed_days(days, sealed_share=policy.sealed_share)
    open_days = days[: ended_before_seal(training_set, sealed)]
    gap = ENTRY_LAG_SESSIONS + training_set.horizon_sessions + policy.embargo_sessions
    first_train = int(len(open_days) * policy.first_train_share)
    test_size = (len(open_days) - first_train) // policy.folds
    if test_size < 1 or first_train <= gap:
        raise DataError(
            f"found {len(open_days)} days whose labels ended before the seal, expected more than {gap} to learn from "
            f"and {policy.folds} to test: take in more history, or ask for fewer folds"
        )
    # The splitter takes the purge out of the training days' end; what does not divide evenly widens the first training.
    first_train = len(open_days) - test_size * policy.folds
    splitter = WalkForward(test_size=test_size, train_size=first_train - gap, purged_size=gap, expand_train=True)
    made = tuple(
        _fold(training_set, open_days[train], open_days[test])
        for train, test in splitter.split(np.empty((len(open_days), 1)))
    )
    if len(made) != policy.folds:
        raise DataError(f"found {len(made)} folds, expected {policy.folds}")
    return made


def fold_metrics(training_set: TrainingSet, fold: Fold, scores: Floats, *, coverage: float) -> FoldMetrics:
    """Return the measures of one fold.

    Args:
        training_set: the rows.
        fold: which rows were learned from and judged.
        scores: (n_test,) scores of the fold's test rows, in their order.
        coverage: share of test rows that had enough features to be scored.
    """
    daily_ic, daily_rank_ic = daily_ics(training_set.sessions[fold.test], scores, training_set.net_return[fold.test])
    spread = float(daily_rank_ic.std(ddof=1)) if len(daily_rank_ic) > 1 else 0.0
    mean = float(daily_rank_ic.mean()) if len(daily_rank_ic) else 0.0
    overlap = training_set.horizon_sessions - 1
    return FoldMetrics(
        train_first=_day(training_set.sessions[fold.train[0]]),
        train_last=_day(training_set.sessions[fold.train[-1]]),
        test_first=_day(training_set.sessions[fold.test[0]]),
        test_last=_day(training_set.sessions[fold.test[-1]]),
        train_rows=len(fold.train),
        test_rows=len(fold.test),
        ic=float(daily_ic.mean()) if len(daily_ic) else 0.0,
        rank_ic=mean,
        rank_ic_ir=mean / spread if spread > 0 else 0.0,
        rank_ic_t=newey_west_t(daily_rank_ic, lags=overlap),
        hit_rate=_hit_rate(training_set.sessions[fold.test], scores, training_set.net_return[fold.test]),
        coverage=coverage,
    )


def daily_ics(sessions: npt.NDArray[np.datetime64], scores: Floats, returns: Floats) -> tuple[Floats, Floats]:
    """Return the correlation and the rank correlation of scores and returns of each day.

    A day on which either does not vary is left out: it says nothing about ranking.

    Args:
        sessions: (n,) ascending days.
        scores: (n,) finite scores.
        returns: (n,) finite returns.
    """
    plain, ranked = ics_of_each_day(sessions, scores, returns)
    told = np.isfinite(ranked)
    return plain[told], ranked[told]


def ics_of_each_day(sessions: npt.NDArray[np.datetime64], scores: Floats, returns: Floats) -> tuple[Floats, Floats]:
    """Return the correlation and the rank correlation per day; NaN on a day on which scores or returns do not vary.

    Args:
        sessions: (n,) ascending days.
        scores: (n,) finite scores.
        returns: (n,) finite returns.
    """
    days = np.cumsum(np.r_[False, sessions[1:] != sessions[:-1]][: len(sessions)])
    ranked = _correlations(days, mean_ranks_within(scores, days), mean_ranks_within(returns, days))
    # Of equal numbers the ranks differ from their mean by 0, the numbers themselves by a last bit.
    return np.where(np.isfinite(ranked), _correlations(days, scores, returns), np.nan), ranked


def newey_west_t(series: Floats, *, lags: int) -> float:
    """Return the t-statistic of a mean whose terms overlap; 0 where it cannot be told.

    With lags of the overlap alone it is too large: without any effect it is beyond 1.96 in 12 of 100 series of 250 days
    with spans of 5, not in 5.

    Source:
        Newey and West (1987), Econometrica 55(3), 703-708, Bartlett weights.
    """
    count = len(series)
    if count <= lags + 1:
        return 0.0
    centred = series - series.mean()
    variance = float(centred @ centred) / count
    for lag in range(1, lags + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(centred[lag:] @ centred[:-lag]) / count
    return float(series.mean() / np.sqrt(variance / count)) if variance > 0 else 0.0


def day_slices(sessions: npt.NDArray[np.datetime64]) -> tuple[slice, ...]:
    """Return one slice of rows per day of ascending sessions."""
    if len(sessions) == 0:
        return ()
    starts = np.flatnonzero(np.r_[True, sessions[1:] != sessions[:-1]]).tolist()
    return tuple(slice(first, last) for first, last in zip(starts, [*starts[1:], len(sessions)], strict=True))


def standardised_by_day(sessions: npt.NDArray[np.datetime64], scores: Floats) -> Floats:
    """Return scores less their day's mean over their day's standard deviation; 0 on a day without spread."""
    z = np.zeros(len(scores))
    for rows in day_slices(sessions):
        z[rows] = standardised(scores[rows])
    return z


def standardised(scores: Floats) -> Floats:
    """Return scores less their mean over their standard deviation; all 0 when they do not vary."""
    spread = float(scores.std()) if len(scores) else 0.0
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros(len(scores))


def require_apart(training_set: TrainingSet, train: Rows, test: Rows) -> None:
    """Refuse rows to learn from whose labels overlap those of rows to judge: each ends before, or begins after.

    Raises:
        DataError: a label to learn from overlaps.
    """
    first, last = training_set.sessions[test].min(), training_set.label_end[test].max()
    overlaps = (training_set.label_end[train] >= first) & (training_set.sessions[train] <= last)
    if overlaps.any():
        raise DataError(
            f"found {int(overlaps.sum())} training labels that overlap the labels of {first} to {last}, expected none: "
            "cut folds over days, and purge at least the labels' length"
        )


def mean_rank_ic(metrics: Sequence[FoldMetrics]) -> float:
    """Return the mean rank IC over folds; 0 without any."""
    return sum(fold.rank_ic for fold in metrics) / len(metrics) if metrics else 0.0


def _fold(
    training_set: TrainingSet, train_days: npt.NDArray[np.datetime64], test_days: npt.NDArray[np.datetime64]
) -> Fold:
    train = np.flatnonzero(training_set.sessions <= train_days[-1])
    test = np.flatnonzero((training_set.sessions >= test_days[0]) & (training_set.sessions <= test_days[-1]))
    require_apart(training_set, train, test)
    return Fold(train, test)


def _hit_rate(sessions: npt.NDArray[np.datetime64], scores: Floats, returns: Floats) -> float:
    hits = 0
    for rows in day_slices(sessions):
        above = scores[rows] > np.median(scores[rows])
        hits += int((above == (returns[rows] > 0)).sum())
    return hits / len(scores) if len(scores) else 0.0


def _correlations(days: npt.NDArray[np.int64], first: Floats, second: Floats) -> Floats:
    """Return (n_days,) correlations; NaN where either does not vary."""
    # Sums go row by row, so that no bit depends on BLAS and its threads.
    counts = np.bincount(days)
    first = first - (np.bincount(days, first) / counts)[days]
    second = second - (np.bincount(days, second) / counts)[days]
    spread = np.sqrt(np.bincount(days, first * first) * np.bincount(days, second * second))
    covered = np.bincount(days, first * second)
    found: Floats = np.divide(covered, spread, out=np.full(len(counts), np.nan), where=spread > 0)
    return found


def _day(value: np.datetime64) -> date:
    day = value.astype("datetime64[D]").item()
    if not isinstance(day, date):
        raise DataError(f"found {value!r} for a session, expected a day")
    return day
