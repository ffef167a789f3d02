"""Teach one model: LightGBM on Gaussian ranks, judged by walk-forward, calibrated on what it had not seen.

The same training set, policy and code give the same bytes in any process: one fixed number of threads, row-wise
histograms, sorted single-precision rows and one seed. No wall time enters the model or its card.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from assets.ml.calibration import Calibration, fit_calibration
from assets.ml.dataset import Floats, Singles, TrainingSet
from assets.ml.ensemble import Member, Teacher, is_single, predicted, stored, teachers
from assets.ml.evidence import Evidence
from assets.ml.family_worth import FamilyWorth
from assets.ml.judgement import Judgement
from assets.ml.judging import judged
from assets.ml.learner import BinnedRows, binned, chosen_features, taught, told_params
from assets.ml.policy import LearningPolicy
from assets.ml.walk_forward import (
    Fold,
    FoldMetrics,
    Rows,
    daily_ics,
    fold_metrics,
    folds,
    mean_rank_ic,
    standardised_by_day,
    unsealed_days,
)
from execution.domain.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a model is and how it did, for people and for the rules that decide about it.

    Attributes:
        dataset_hash: content hash of the training set.
        code_hash: content hash of the program's own source.
        is_synthetic: it learned from a simulated market.
        trained_as_of: cut-off of its newest fact, in UTC; its age counts from here.
        train_first: first decision session learned from.
        train_last: last decision session learned from; later ones had no complete label.
        train_rows: rows learned from.
        train_symbols: distinct symbols learned from.
        horizon_sessions: sessions a label spans.
        features: columns the model reads, in order.
        dropped_features: columns that were offered and not used, each with the reason.
        folds: measures of each walk-forward fold, oldest first.
        rank_ic: mean rank IC over the folds.
        sealed_first: first session no fold looked at, nor at a label that ends there; None when nothing is sealed.
        params: every setting of the learner, as text.
        judgement: everything told about the out-of-fold scores; None on a card from before it was told.
        evidence: what holding its best fifth earned beside rules and luck; None where it never stood for promotion.
        families: what each family of features adds, also when it is nothing; None where nobody asked.
        feature_versions: version of each feature it was offered, as it was taught on it; None on a card from before
            they were told, when every feature was of version 1.
        built_by: settings its marts were built by, by name; None on a card from before they were told.
    """

    dataset_hash: str
    code_hash: str
    is_synthetic: bool
    trained_as_of: datetime
    train_first: date
    train_last: date
    train_rows: int
    train_symbols: int
    horizon_sessions: int
    features: tuple[str, ...]
    dropped_features: Mapping[str, str]
    folds: tuple[FoldMetrics, ...]
    rank_ic: float
    sealed_first: date | None
    params: Mapping[str, str]
    judgement: Judgement | None = None
    evidence: Evidence | None = None
    families: Mapping[str, FamilyWorth] | None = None
    feature_versions: Mapping[str, int] | None = None
    built_by: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model as it is published: LightGBM's own text, its calibration and its card."""

    text: str
    calibration: Calibration
    card: ModelCard


def train(
    training_set: TrainingSet,
    *,
    policy: LearningPolicy,
    trained_as_of: datetime,
    code_hash: str,
    is_synthetic: bool,
) -> TrainedModel:
    """Return a model of every row, with the measures of walk-forward folds that looked at none of the sealed sessions.

    Args:
        training_set: rows sorted by session and symbol.
        policy: folds and learner.
        trained_as_of: cut-off instant of the training set's last session, in UTC.
        code_hash: content hash of the program.
        is_synthetic: whether the market is simulated.

    Raises:
        DataError: no label, no feature or no score varies, or there are too few sessions for the folds.
    """
    if training_set.label.min() == training_set.label.max():
        raise DataError(
            f"found the same label on all {len(training_set.label)} rows, expected returns that differ: check the bars"
        )
    dropped = unusable_features(training_set)
    used = tuple(name for name in training_set.feature_names if name not in dropped)
    if not used:
        raise DataError(f"found no feature that varies among {len(dropped)}, expected at least one: check the marts")
    made = folds(training_set, policy)
    fold_scores = [out_of_fold(training_set, used, fold, policy) for fold in made]
    tested = np.concatenate([fold.test for fold in made])
    _, ranked = daily_ics(training_set.sessions[tested], np.concatenate(fold_scores), training_set.net_return[tested])
    if not len(ranked):
        raise DataError(
            "found one score for all names on each tested day, expected scores that differ: no tree found a split; "
            f"take in more names or history, or lower learning.min_rows_per_leaf from {policy.min_rows_per_leaf}"
        )
    covered = [_is_covered(chosen_features(training_set, used, fold.test), policy) for fold in made]
    metrics = tuple(
        fold_metrics(training_set, fold, scores, coverage=float(is_covered.mean()))
        for fold, scores, is_covered in zip(made, fold_scores, covered, strict=True)
    )
    rank_ic = mean_rank_ic(metrics)
    calibration = fit_calibration(
        z=standardised_by_day(training_set.sessions[tested], np.concatenate(fold_scores)),
        net_return=training_set.net_return[tested],
        volatility_20d=training_set.volatility_20d[tested],
        rank_ic=rank_ic,
        horizon_sessions=training_set.horizon_sessions,
        bins=policy.calibration_bins,
    )
    days = training_set.days
    sealed = days[unsealed_days(days, sealed_share=policy.sealed_share) :]
    card = ModelCard(
        dataset_hash=training_set.hash,
        code_hash=code_hash,
        is_synthetic=is_synthetic,
        trained_as_of=trained_as_of,
        train_first=days[0].item(),
        train_last=days[-1].item(),
        train_rows=len(training_set.label),
        train_symbols=len(set(training_set.symbols.tolist())),
        horizon_sessions=training_set.horizon_sessions,
        features=used,
        dropped_features=dropped,
        folds=metrics,
        rank_ic=rank_ic,
        sealed_first=sealed[0].item() if len(sealed) else None,
        params=told_params(policy),
        judgement=judged(training_set, made, fold_scores, metrics, is_covered=np.concatenate(covered), policy=policy),
        feature_versions={name: training_set.feature_versions.get(name, 1) for name in training_set.feature_names},
        built_by=training_set.built_by,
    )
    everything = np.arange(len(training_set.label))
    return TrainedModel(text=_text(training_set, used, everything, policy), calibration=calibration, card=card)


def out_of_fold(training_set: TrainingSet, names: tuple[str, ...], fold: Fold, policy: LearningPolicy) -> Floats:
    """Return (n_test,) scores of a fold's test rows by a model of its training rows."""
    text = _text(training_set, names, fold.train, policy)
    return predicted(text, names, training_set.sessions[fold.test], chosen_features(training_set, names, fold.test))


def out_of_fold_with_less(
    training_set: TrainingSet, names: tuple[str, ...], fold: Fold, policy: LearningPolicy
) -> Callable[[tuple[str, ...]], Floats]:
    """Return what gives (n_test,) scores as `out_of_fold` does, by a model that is offered some of the names alone.

    The fold's rows are binned once for all that is asked.
    """
    bins = [
        (teacher, None if teacher.member.rule else binned(teacher.training_set, names, fold.train, teacher.policy))
        for teacher in teachers(training_set, policy)
    ]
    sessions, tested = training_set.sessions[fold.test], chosen_features(training_set, names, fold.test)

    def scores(offered: tuple[str, ...]) -> Floats:
        members = [
            replace(teacher.member, text="" if rows is None else _trees(teacher, rows, fold.train, offered))
            for teacher, rows in bins
        ]
        # Trees cannot ask about the rest, but a rule among the members would.
        told = np.where(np.isin(names, offered), tested, np.float32(np.nan))
        return predicted(_stored(members, policy), names, sessions, told)

    return scores


def unusable_features(training_set: TrainingSet) -> dict[str, str]:
    """Return the features that cannot teach anything, each with the reason: never known, or always the same."""
    reasons: dict[str, str] = {}
    for position, name in enumerate(training_set.feature_names):
        column = training_set.features[:, position]
        known = column[np.isfinite(column)]
        if len(known) == 0:
            reasons[name] = "never known: its source is absent in the training range"
        elif known.min() == known.max():
            reasons[name] = "constant in the training range"
    return reasons


def _text(training_set: TrainingSet, names: tuple[str, ...], rows: Rows, policy: LearningPolicy) -> str:
    """Return a model of some rows as text: LightGBM's own of one member, else the members with their weights."""
    members = []
    for teacher in teachers(training_set, policy):
        text = ""
        if not teacher.member.rule:
            text = _trees(teacher, binned(teacher.training_set, names, rows, teacher.policy), rows, names)
        members.append(replace(teacher.member, text=text))
    return _stored(members, policy)


def _stored(members: Sequence[Member], policy: LearningPolicy) -> str:
    return members[0].text if is_single(policy) else stored(members)


def _trees(teacher: Teacher, bins: BinnedRows, rows: Rows, offered: tuple[str, ...]) -> str:
    booster = taught(bins, rows, teacher.policy, offered=offered)
    return booster.model_to_string(num_iteration=booster.num_trees())


def _is_covered(features: Singles, policy: LearningPolicy) -> npt.NDArray[np.bool_]:
    covered: npt.NDArray[np.bool_] = np.isfinite(features).mean(axis=1) >= policy.min_feature_share
    return covered
