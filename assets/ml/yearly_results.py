"""How scores would have done year by year, taught on the past alone, and what knowing the future would have added.

A way to score is taught anew every so many sessions on what was labelled before, and scores the sessions up to the
next teaching. The newest sessions, as many as a home's own trainings seal, are not looked at, nor is a label that ends
among them. Everything is told over holding every member alike; money is that of `held_returns`: the best fifth, held
for the horizon, after costs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assets.ml.dataset import Floats, TrainingSet
from assets.ml.forward_returns import ENTRY_LAG_SESSIONS
from assets.ml.held_returns import ReturnGrid, held_weights, net_returns, turnover
from assets.ml.judgement import Estimate, SharpeRecord, estimate, estimate_ratio, quantile_returns, sharpe_record
from assets.ml.policy import LearningPolicy
from assets.ml.train import out_of_fold, unusable_features
from assets.ml.trial_log import Trial, deflated_sharpe
from assets.ml.walk_forward import Fold, Rows, daily_ics, ended_before_seal, require_apart
from assets.performance import SESSIONS_PER_YEAR
from execution.domain.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanResult:
    """Figures of some consecutive days, each with a 95 % interval.

    Attributes:
        span: a year, or the first and the last of several.
        days: days judged.
        horizon_sessions: sessions a label spans, over which days hang together.
        ic: mean daily correlation of score and return over the label's horizon.
        rank_ic: mean daily rank correlation of the same.
        rank_ic_ir: mean over standard deviation of the daily rank IC.
        net_bps: mean return over every member alike, a day, after costs.
        net_sharpe: its yearly Sharpe ratio.
        deflated_sharpe: probability that the ratio is above the best that chance gives to so many choices.
        turnover: times the money is bought plus sold in a year.
    """

    span: str
    days: int
    horizon_sessions: int
    ic: Estimate
    rank_ic: Estimate
    rank_ic_ir: Estimate
    net_bps: Estimate
    net_sharpe: Estimate
    deflated_sharpe: float
    turnover: float


def yearly_folds(training_set: TrainingSet, policy: LearningPolicy, *, retrain_sessions: int) -> tuple[Fold, ...]:
    """Return folds that follow each other without a gap in what is judged, oldest first.

    Each learns from at most `max_history_sessions` that ended, labels and embargo included, before its first day.

    Args:
        training_set: the rows of all years.
        policy: least and most history, embargo and what is sealed.
        retrain_sessions: sessions from one teaching to the next.

    Raises:
        DataError: no session is left to judge.
    """
    days = training_set.days
    sealed = int(min(len(days), policy.max_history_sessions) * policy.sealed_share)
    gap = ENTRY_LAG_SESSIONS + training_set.horizon_sessions + policy.embargo_sessions
    first, last = policy.min_history_sessions + gap, ended_before_seal(training_set, len(days) - sealed)
    if first >= last or retrain_sessions < 1:
        raise DataError(
            f"found {len(days)} labelled sessions of which {sealed} are sealed, to be taught every {retrain_sessions}: "
            f"expected more than {first + len(days) - last} of them, so that something is left to judge: "
            "take in more history"
        )
    return tuple(
        _fold(training_set, days[max(0, begin - gap - policy.max_history_sessions) : begin - gap], days[begin:end])
        for begin, end in _stretches(first, last, retrain_sessions)
    )


def walk(training_set: TrainingSet, folds: Sequence[Fold], policy: LearningPolicy) -> Floats:
    """Return (n_judged,) scores of the folds' test rows, each by a model of its own fold's training rows."""
    dropped = unusable_features(training_set)
    used = tuple(name for name in training_set.feature_names if name not in dropped)
    return np.concatenate([out_of_fold(training_set, used, fold, policy) for fold in folds])


def by_year(
    training_set: TrainingSet, rows: Rows, scores: Floats, *, policy: LearningPolicy, trials: Sequence[Trial] = ()
) -> tuple[SpanResult, ...]:
    """Return one result per calendar year and one of all days, last.

    Args:
        training_set: the rows.
        rows: (n,) row numbers judged, ascending.
        scores: (n,) their scores; a row that is NaN is not judged and never bought.
        policy: costs and horizon.
        trials: every training so far, which deflate the Sharpe ratio.
    """
    grid, weights, net = _held(training_set, rows, scores, policy)
    traded = turnover(weights)
    years = grid.days.astype("datetime64[Y]").astype(int) + 1970
    spans: Mapping[str, np.ndarray] = {str(year): years == year for year in np.unique(years)}
    if len(spans) > 1:
        spans = {**spans, f"{years[0]} to {years[-1]}": np.ones(len(years), dtype=bool)}
    return tuple(
        _result(
            span,
            training_set,
            rows[is_in[grid.day] & np.isfinite(scores)],
            scores[is_in[grid.day] & np.isfinite(scores)],
            net=net[is_in],
            traded=traded[is_in],
            trials=trials,
        )
        for span, is_in in spans.items()
    )


def spread_record(training_set: TrainingSet, rows: Rows, scores: Floats) -> SharpeRecord:
    """Return the record a training is counted with: the best fifth less the worst, over one session, before costs."""
    after = training_set.forward_returns[rows, 0]
    known = np.isfinite(after)
    fifths = quantile_returns(training_set.sessions[rows][known], scores[known], after[known])
    return sharpe_record(fifths[:, -1] - fifths[:, 0])


def net_record(training_set: TrainingSet, rows: Rows, scores: Floats, policy: LearningPolicy) -> SharpeRecord:
    """Return the record a look is deflated by: the best fifth held for the horizon, over the market, after costs."""
    _, _, net = _held(training_set, rows, scores, policy)
    return sharpe_record(net)


def _held(
    training_set: TrainingSet, rows: Rows, scores: Floats, policy: LearningPolicy
) -> tuple[ReturnGrid, Floats, Floats]:
    grid = ReturnGrid.of(training_set, rows, training_set.forward_returns[rows, 0])
    weights = held_weights(grid, scores, horizon_sessions=training_set.horizon_sessions)
    return grid, weights, net_returns(grid, weights, cost_bps=policy.promotion.cost_bps)


def _result(
    span: str,
    training_set: TrainingSet,
    rows: Rows,
    scores: Floats,
    *,
    net: Floats,
    traded: Floats,
    trials: Sequence[Trial],
) -> SpanResult:
    block = training_set.horizon_sessions
    plain, ranked = daily_ics(training_set.sessions[rows], scores, training_set.net_return[rows])
    yearly = float(np.sqrt(SESSIONS_PER_YEAR))
    sharpe = estimate_ratio(net, block_sessions=block)
    return SpanResult(
        span=span,
        days=len(ranked),
        horizon_sessions=block,
        ic=estimate(plain, block_sessions=block),
        rank_ic=estimate(ranked, block_sessions=block),
        rank_ic_ir=estimate_ratio(ranked, block_sessions=block),
        net_bps=estimate(1e4 * net, block_sessions=block),
        net_sharpe=Estimate(value=sharpe.value * yearly, low=sharpe.low * yearly, high=sharpe.high * yearly),
        deflated_sharpe=deflated_sharpe(sharpe_record(net), trials, of="held"),
        turnover=float(traded.mean()) * SESSIONS_PER_YEAR if len(traded) else 0.0,
    )


def _stretches(first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    for begin in range(first, last, length):
        yield begin, min(begin + length, last)


def _fold(training_set: TrainingSet, train_days: np.ndarray, test_days: np.ndarray) -> Fold:
    sessions = training_set.sessions
    train = np.flatnonzero((sessions >= train_days[0]) & (sessions <= train_days[-1]))
    test = np.flatnonzero((sessions >= test_days[0]) & (sessions <= test_days[-1]))
    require_apart(training_set, train, test)
    return Fold(train, test)
