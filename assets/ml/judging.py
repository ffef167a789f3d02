"""The judgement of one training: out-of-fold scores of every fold against what followed, unsealed sessions only."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from assets.ml.calibration import fit_calibration
from assets.ml.dataset import Floats, TrainingSet
from assets.ml.forward_returns import ENTRY_LAG_SESSIONS
from assets.ml.judgement import (
    Days,
    Estimate,
    Judgement,
    SharpeRecord,
    bins_of_promises,
    calibration_error,
    daily_hit_rates,
    daily_turnover,
    estimate,
    estimate_calibration_error,
    judge_horizon,
    quantile_returns,
    rank_ic_within,
    sharpe_record,
)
from assets.ml.policy import JUDGED_HORIZONS, LearningPolicy
from assets.ml.walk_forward import (
    Fold,
    FoldMetrics,
    day_slices,
    mean_rank_ic,
    standardised_by_day,
    unsealed_days,
)

_REGIMES = {"regime_is_bull": ("bull", "bear"), "regime_is_volatile": ("volatile", "calm")}


def judged(
    training_set: TrainingSet,
    folds: Sequence[Fold],
    fold_scores: Sequence[Floats],
    metrics: Sequence[FoldMetrics],
    *,
    is_covered: npt.NDArray[np.bool_],
    policy: LearningPolicy,
) -> Judgement:
    """Return every measure of the folds' scores.

    Args:
        training_set: the rows.
        folds: oldest first.
        fold_scores: (n_test,) scores of each fold's test rows.
        metrics: the folds' own measures.
        is_covered: (n_test,) of all folds' test rows in order: whether a row has enough features to be scored.
        policy: the sealed share, the calibration's bins and the seed.
    """
    rows = np.concatenate([fold.test for fold in folds])
    sessions, net = training_set.sessions[rows], training_set.net_return[rows]
    scores = standardised_by_day(sessions, np.concatenate(fold_scores))
    horizon, seed = training_set.horizon_sessions, policy.seed
    fifths = quantile_returns(sessions, scores, net)
    last = folds[-1].test
    promised = _last_fold_promises(training_set, folds, fold_scores, metrics, policy)
    bins = bins_of_promises(promised, training_set.net_return[last])
    replaced = daily_turnover(sessions, training_set.symbols[rows], scores)
    covered = np.array([is_covered[part].mean() for part in day_slices(sessions)])
    forward = unsealed_returns(training_set, policy)[rows]
    return Judgement(
        horizons=tuple(
            judge_horizon(sessions, scores, forward[:, place], horizon_sessions=span)
            for place, span in enumerate(JUDGED_HORIZONS)
        ),
        quantile_returns_bps=tuple(fifths.mean(axis=0).tolist()) if len(fifths) else (),
        spread_bps=estimate(fifths[:, -1] - fifths[:, 0], block_sessions=horizon),
        spread_record=_spread_record(sessions, scores, forward[:, 0]),
        top_turnover=float(replaced.mean()) if len(replaced) else 0.0,
        hit_rate=estimate(daily_hit_rates(sessions, scores, net), block_sessions=horizon),
        by_regime=_by_regime(training_set, rows, scores),
        by_sector=rank_ic_within(sessions, training_set.sectors[rows], scores, net, block_sessions=horizon),
        calibration=bins,
        calibration_error=calibration_error(bins),
        fifths_bps=tuple(estimate(fifth, block_sessions=horizon) for fifth in fifths.T),
        turnover=estimate(replaced, block_sessions=horizon),
        coverage=estimate(covered, block_sessions=horizon),
        calibration_error_interval=estimate_calibration_error(
            training_set.sessions[last], promised, training_set.net_return[last], block_sessions=horizon, seed=seed
        ),
    )


def _spread_record(sessions: Days, scores: Floats, one_session_return: Floats) -> SharpeRecord:
    known = np.isfinite(one_session_return)
    fifths = quantile_returns(sessions[known], scores[known], one_session_return[known])
    return sharpe_record(fifths[:, -1] - fifths[:, 0])


def unsealed_returns(training_set: TrainingSet, policy: LearningPolicy) -> Floats:
    """Return the judged returns, NaN where they reach into the sealed sessions."""
    days = training_set.days
    last = unsealed_days(days, sealed_share=policy.sealed_share) - 1
    day = np.searchsorted(days, training_set.sessions)
    spans = np.array(JUDGED_HORIZONS) + ENTRY_LAG_SESSIONS
    return np.where(day[:, np.newaxis] + spans <= last, training_set.forward_returns, np.nan)


def _last_fold_promises(
    training_set: TrainingSet,
    folds: Sequence[Fold],
    fold_scores: Sequence[Floats],
    metrics: Sequence[FoldMetrics],
    policy: LearningPolicy,
) -> Floats:
    """Return (n_test,) the last fold's probabilities by a calibration of the folds before it: a later slice."""
    before = np.concatenate([fold.test for fold in folds[:-1]])
    earlier = fit_calibration(
        z=standardised_by_day(training_set.sessions[before], np.concatenate(fold_scores[:-1])),
        net_return=training_set.net_return[before],
        volatility_20d=training_set.volatility_20d[before],
        rank_ic=mean_rank_ic(metrics[:-1]),
        horizon_sessions=training_set.horizon_sessions,
        bins=policy.calibration_bins,
    )
    z = standardised_by_day(training_set.sessions[folds[-1].test], fold_scores[-1])
    return earlier.probabilities_up(z)


def _by_regime(training_set: TrainingSet, rows: npt.NDArray[np.int64], scores: Floats) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for feature, (name, opposite) in _REGIMES.items():
        if feature in training_set.feature_names:
            told = training_set.features[rows, training_set.feature_names.index(feature)]
            groups = np.select([told == 1, told == 0], [name, opposite], default="").astype(np.object_)
            found |= rank_ic_within(
                training_set.sessions[rows],
                groups,
                scores,
                training_set.net_return[rows],
                block_sessions=training_set.horizon_sessions,
            )
    return found
