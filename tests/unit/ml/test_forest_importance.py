"""A random forest tells which feature it needs out of sample, the same way twice, and tells nothing where it is off."""

from dataclasses import replace

import numpy as np
import pytest

from assets.ml.dataset import TrainingSet
from assets.ml.forest_importance import forest_importance, importance_table
from assets.ml.judgement import Estimate
from assets.ml.policy import ForestPolicy
from assets.ml.walk_forward import Fold, folds
from tests.builders.learning_panels import a_panel
from tests.unit.ml.marts_builder import a_policy

SMALL = ForestPolicy(trees=15, max_rows=4_000)
SEED = 3


@pytest.fixture(scope="module")
def panel() -> TrainingSet:
    return a_panel(seed=4, symbols=40, sessions=520, signal=0.15, noise_features=2)


@pytest.fixture(scope="module")
def fold(panel: TrainingSet) -> Fold:
    return folds(panel, a_policy(min_history_sessions=60))[-1]


def importances(panel: TrainingSet, fold: Fold, policy: ForestPolicy = SMALL, seed: int = SEED) -> dict[str, Estimate]:
    return forest_importance(panel, panel.feature_names, fold, policy=policy, seed=seed)


def test_the_feature_that_tells_of_returns_stands_first_and_noise_is_told_from_nothing(
    panel: TrainingSet, fold: Fold
) -> None:
    found = importances(panel, fold)
    first, *others = found
    assert first == "told"
    assert found["told"].low > 0.05
    assert max(found[name].value for name in others) < 0.02
    assert set(found) == set(panel.feature_names)


def test_the_same_seed_tells_the_same_to_the_bit_and_another_one_draws_another_forest(
    panel: TrainingSet, fold: Fold
) -> None:
    assert importances(panel, fold) == importances(panel, fold)
    assert importances(panel, fold) != importances(panel, fold, seed=SEED + 1)


def test_an_interval_is_made_of_stretches_as_long_as_the_labels_overlap(panel: TrainingSet, fold: Fold) -> None:
    overlapping, apart = importances(panel, fold), importances(replace(panel, horizon_sessions=1), fold)
    assert overlapping["told"].value == apart["told"].value
    assert overlapping["told"] != apart["told"]


def test_what_it_says_knows_no_row_but_those_of_its_fold(panel: TrainingSet, fold: Fold) -> None:
    other = panel.features.copy()
    outside = np.setdiff1d(np.arange(len(panel.label)), np.concatenate([fold.train, fold.test]))
    assert len(outside)
    other[outside] = 99.0
    assert importances(replace(panel, features=other), fold) == importances(panel, fold)


def test_a_feature_that_is_never_known_costs_exactly_nothing(panel: TrainingSet, fold: Fold) -> None:
    silent = panel.features.copy()
    silent[:, 3] = np.nan
    nothing = importances(replace(panel, features=silent), fold)[panel.feature_names[3]]
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_no_tree_is_no_forest(panel: TrainingSet, fold: Fold) -> None:
    assert importances(panel, fold, ForestPolicy(trees=0)) == {}


def test_the_table_says_what_is_lost_with_its_interval() -> None:
    told = importance_table({"rsi_14": Estimate(value=0.0123, low=-0.001, high=0.02)})
    assert told.splitlines()[-1] == "| rsi_14 | +0.0123 (-0.0010 to +0.0200) |"
