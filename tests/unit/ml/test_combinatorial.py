from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from assets.ml.combinatorial import combined_folds, path_scores
from assets.ml.policy import PromotionPolicy
from assets.ml.walk_forward import unsealed_days
from execution.domain.errors import DataError
from tests.unit.ml.marts_builder import a_policy, a_training_set

ROWS = a_training_set(sessions=150, signal=0.2)
UNSEALED = unsealed_days(ROWS.days, sealed_share=a_policy().sealed_share)
# The last label that ends before the seal is six sessions older: one to the entry, five of the horizon.
JUDGED = UNSEALED - 6


def test_no_training_label_overlaps_a_held_out_one():
    for fold in combined_folds(ROWS, a_policy()):
        for test in fold.tests:
            first, last = ROWS.sessions[test].min(), ROWS.label_end[test].max()
            before = ROWS.label_end[fold.train] < first
            after = ROWS.sessions[fold.train] > last
            assert (before | after).all()


def test_every_pair_of_groups_is_held_out_once_and_every_path_covers_each_day_once():
    made = combined_folds(ROWS, a_policy(promotion=PromotionPolicy(combined_groups=5)))
    assert len(made) == len(list(combinations(range(5), 2)))
    days_of_path = {}
    for fold in made:
        for test, path in zip(fold.tests, fold.paths, strict=True):
            days_of_path.setdefault(path, []).extend(np.unique(ROWS.sessions[test]).tolist())
    assert len(days_of_path) == 4
    for days in days_of_path.values():
        assert sorted(days) == ROWS.days[:JUDGED].tolist()


def test_no_fold_sees_a_sealed_day():
    sealed = ROWS.days[UNSEALED:]
    for fold in combined_folds(ROWS, a_policy()):
        seen = np.concatenate([fold.train, *fold.tests])
        assert not np.isin(ROWS.sessions[seen], sealed).any()
        assert ROWS.label_end[seen].max() < sealed[0]


def test_too_few_days_for_the_groups_are_refused():
    with pytest.raises(DataError, match="ask for fewer groups"):
        combined_folds(a_training_set(sessions=80), a_policy())


def test_scores_of_every_path_tell_the_planted_signal_and_do_not_repeat_another_path():
    rows, scores = path_scores(ROWS, ROWS.feature_names, a_policy())
    assert scores.shape == (4, len(rows))
    assert np.isfinite(scores).all()
    for path in scores:
        assert np.corrcoef(path, ROWS.features[rows, 0])[0, 1] > 0.5
    assert len({path.tobytes() for path in scores}) == 4


def test_a_held_out_label_changes_no_score_of_its_own_day():
    day = ROWS.days[30]
    turned = ROWS.label.copy()
    turned[ROWS.sessions == day] *= -1
    rows, before = path_scores(ROWS, ROWS.feature_names, a_policy())
    _, after = path_scores(replace(ROWS, label=turned), ROWS.feature_names, a_policy())
    of_day = ROWS.sessions[rows] == day
    assert np.array_equal(before[:, of_day], after[:, of_day])
    assert not np.array_equal(before, after)
