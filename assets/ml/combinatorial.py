"""Out-of-fold scores of every day before the seal, several times over: combinatorial purged folds.

Days whose labels end before the seal are cut into groups; each pair of groups is scored by a model that learned from
the others, less what lies too near. So each day is scored by several models that never saw it, some of them taught on
what came later: that shows how much a result hangs on what it was taught on, and is no result in time, which is what
walk-forward tells.

Source:
    López de Prado (2018), Advances in Financial Machine Learning, chapter 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from assets.ml.dataset import Floats, TrainingSet
from assets.ml.ensemble import Teacher, is_single, rule_scores, summed, teachers
from assets.ml.forward_returns import ENTRY_LAG_SESSIONS
from assets.ml.learner import binned, chosen_features, taught
from assets.ml.policy import LearningPolicy
from assets.ml.walk_forward import Rows, ended_before_seal, require_apart, unsealed_days
from execution.domain.errors import DataError

TEST_GROUPS: Final = 2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CombinedFold:
    """One pair of groups held out.

    Attributes:
        train: rows learned from, ascending.
        tests: rows of each held-out group, ascending.
        paths: the path each group's scores belong to; every path covers each day once.
    """

    train: Rows
    tests: tuple[Rows, ...]
    paths: tuple[int, ...]


def combined_folds(training_set: TrainingSet, policy: LearningPolicy) -> tuple[CombinedFold, ...]:
    """Return every pair of groups with what may be learned from for it.

    Raises:
        DataError: too few days, or a training label overlaps a test's.
    """
    from skfolio.model_selection import CombinatorialPurgedCV  # noqa: PLC0415 - loads in training, not with definitions

    days = training_set.days
    sealed = unsealed_days(days, sealed_share=policy.sealed_share)
    open_days = days[: ended_before_seal(training_set, sealed)]
    gap = ENTRY_LAG_SESSIONS + training_set.horizon_sessions
    groups = policy.promotion.combined_groups
    if len(open_days) // groups <= 2 * gap + policy.embargo_sessions:
        raise DataError(
            f"found {len(open_days)} days whose labels ended before the seal for {groups} groups, expected more than "
            f"{2 * gap + policy.embargo_sessions} days in each: take in more history, or ask for fewer groups"
        )
    splitter = CombinatorialPurgedCV(
        n_folds=groups, n_test_folds=TEST_GROUPS, purged_size=gap, embargo_size=policy.embargo_sessions
    )
    splits = splitter.split(np.empty((len(open_days), 1)))
    return tuple(
        _fold(training_set, open_days, train, tests, paths)
        for (train, tests), paths in zip(splits, splitter.get_path_ids(), strict=True)
    )


def path_scores(training_set: TrainingSet, names: tuple[str, ...], policy: LearningPolicy) -> tuple[Rows, Floats]:
    """Return the rows of days before the seal and (n_paths, n_rows) their out-of-fold scores.

    Args:
        training_set: the rows.
        names: features to learn from.
        policy: groups, embargo, learner and members.
    """
    made = combined_folds(training_set, policy)
    rows = np.unique(np.concatenate([test for fold in made for test in fold.tests]))
    members = teachers(training_set, policy)
    if is_single(policy):
        return rows, _member_scores(members[0], names, made, rows)
    sessions = training_set.sessions[rows]
    told = [(teacher.member.weight, _member_scores(teacher, names, made, rows)) for teacher in members]
    paths = range(len(told[0][1]))
    return rows, np.stack([summed(sessions, [(weight, scores[path]) for weight, scores in told]) for path in paths])


def _member_scores(teacher: Teacher, names: tuple[str, ...], made: Sequence[CombinedFold], rows: Rows) -> Floats:
    """Return (n_paths, n_rows) scores of one member; its rows are binned once for all folds."""
    training_set, policy = teacher.training_set, teacher.policy
    shape = (max(max(fold.paths) for fold in made) + 1, len(rows))
    if teacher.member.rule is not None:
        told = rule_scores(teacher.member, chosen_features(training_set, names, rows), names)
        return np.broadcast_to(told, shape)
    data = binned(training_set, names, rows, policy)
    scores = np.full(shape, np.nan)
    for fold in made:
        booster = taught(data, fold.train, policy)
        for test, path in zip(fold.tests, fold.paths, strict=True):
            unseen = chosen_features(training_set, names, test)
            scores[path, np.searchsorted(rows, test)] = booster.predict(unseen, num_threads=policy.num_threads)
    return scores


def _fold(
    training_set: TrainingSet,
    days: npt.NDArray[np.datetime64],
    train: npt.NDArray[np.int64],
    tests: list[npt.NDArray[np.int64]],
    paths: npt.NDArray[np.int64],
) -> CombinedFold:
    learned = _rows_of(training_set, days[train])
    held_out = tuple(_rows_of(training_set, days[test]) for test in tests)
    for test in held_out:
        require_apart(training_set, learned, test)
    return CombinedFold(train=learned, tests=held_out, paths=tuple(paths.tolist()))


def _rows_of(training_set: TrainingSet, days: npt.NDArray[np.datetime64]) -> Rows:
    return np.flatnonzero(np.isin(training_set.sessions, days))
