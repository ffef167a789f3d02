import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.ml.calibration import fit_calibration
from assets.ml.model_registry import ModelRegistry
from assets.ml.train import train, unusable_features
from execution.domain.errors import DataError
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])
PROJECT = Path(__file__).parents[3]


def trained(training_set=None, **policy):
    return train(
        training_set or a_training_set(signal=0.2),
        policy=a_policy(**policy),
        trained_as_of=AS_OF,
        code_hash="code",
        is_synthetic=True,
    )


def test_training_again_in_another_process_gives_the_same_bytes(tmp_path):
    program = (
        "import sys; from pathlib import Path; from assets.ml.model_registry import ModelRegistry;"
        "from tests.unit.ml.test_train import trained;"
        "print(ModelRegistry(Path(sys.argv[1])).publish(trained()))"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "other")],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "2"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert other.stdout.strip() == ModelRegistry(tmp_path / "here").publish(trained())


def test_another_seed_gives_another_model():
    one, two = (trained(seed=seed, feature_share_per_tree=0.5) for seed in (1, 2))
    assert one.text != two.text


def test_the_card_names_data_code_features_folds_metrics_and_range():
    rows = a_training_set(signal=0.2)
    card = trained(rows).card
    assert card.dataset_hash == rows.hash
    assert card.code_hash == "code"
    assert card.is_synthetic
    assert card.trained_as_of == AS_OF
    assert (card.train_first, card.train_last) == (rows.days[0].item(), rows.days[-1].item())
    assert card.features == rows.feature_names
    assert len(card.folds) == a_policy().folds
    assert card.rank_ic == pytest.approx(np.mean([fold.rank_ic for fold in card.folds]))
    assert card.sealed_first == rows.days[120].item()
    assert card.params["deterministic"] == "True"
    assert card.params["num_trees"] == str(a_policy().num_trees)


def test_a_family_without_a_source_is_dropped_with_its_reason():
    rows = a_training_set(signal=0.2)
    features = rows.features.copy()
    features[:, 2] = np.nan
    features[:, 3] = 4.0
    card = trained(replace(rows, features=features)).card
    assert card.features == ("f0", "f1", "f4", "f5")
    assert "never known" in card.dropped_features["f2"]
    assert "constant" in card.dropped_features["f3"]


def test_a_feature_known_only_lately_is_kept():
    rows = a_training_set(signal=0.2)
    features = rows.features.copy()
    features[:-200, 2] = np.nan
    assert "f2" not in unusable_features(replace(rows, features=features))
    assert "f2" in trained(replace(rows, features=features)).card.features


def test_features_that_never_vary_teach_nothing():
    rows = a_training_set()
    with pytest.raises(DataError, match="no feature that varies"):
        trained(replace(rows, features=np.ones_like(rows.features)))


def test_trees_that_find_no_split_teach_nothing():
    with pytest.raises(DataError, match=r"one score .* lower learning.min_rows_per_leaf from 100000"):
        trained(min_rows_per_leaf=100_000)


def test_coverage_counts_rows_with_enough_features():
    rows = a_training_set(signal=0.2)
    features = rows.features.copy()
    features[::2, :4] = np.nan
    card = trained(replace(rows, features=features), min_feature_share=0.5).card
    assert [fold.coverage for fold in card.folds] == pytest.approx([0.5] * 3)


def test_the_probability_never_falls_with_the_score_and_stays_inside_its_bounds():
    calibration = trained().calibration
    values = [calibration.probability_up(z) for z in np.linspace(-4, 4, 50)]
    assert values == sorted(values)
    assert 0.0 <= values[0] < 0.5 < values[-1] <= 1.0


@pytest.mark.parametrize(("outcome", "promise"), [(-0.01, 0.0), (0.01, 1.0)])
def test_outcomes_of_one_class_promise_that_class_and_no_more(outcome, promise):
    z = np.random.default_rng(1).normal(size=500)
    calibration = fit_calibration(
        z=z,
        net_return=np.full(500, outcome),
        volatility_20d=np.full(500, 0.02),
        rank_ic=0.0,
        horizon_sessions=5,
        bins=20,
    )
    assert {calibration.probability_up(score) for score in (-3.0, 0.0, 3.0)} == {promise}
    assert calibration.expected_return_bps(3.0, volatility_20d=0.02) == 0.0


def test_expected_return_is_skill_times_volatility_times_score():
    calibration = replace(trained().calibration, rank_ic=0.05, residual_share=0.8)
    expected = 10_000 * 0.05 * 0.02 * np.sqrt(5) * 0.8 * 1.5
    assert calibration.expected_return_bps(1.5, volatility_20d=0.02) == pytest.approx(expected)


def test_expected_return_is_unknown_without_a_volatility():
    assert trained().calibration.expected_return_bps(1.0, volatility_20d=None) is None


def test_a_model_that_never_ranked_right_promises_nothing():
    rows = a_training_set(signal=0.2)
    late = rows.sessions >= rows.days[50]
    net = np.where(late, -rows.net_return, rows.net_return)
    label = np.where(late, -rows.label, rows.label).astype(np.float32)
    calibration = trained(replace(rows, net_return=net, label=label), folds=2).calibration
    assert calibration.rank_ic == 0.0
    assert calibration.expected_return_bps(2.0, volatility_20d=0.02) == 0.0
