"""Members with weights as one model: taught, judged, stored and explained as a whole, the same bytes every time."""

from dataclasses import replace

import numpy as np
import pytest

from assets.ml.combinatorial import path_scores
from assets.ml.ensemble import explained, members_of, predicted
from assets.ml.evidence import gathered
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import EnsemblePolicy
from assets.ml.train import train
from execution.domain.errors import CorruptArtifact
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])
PLAIN = a_training_set(signal=0.2)
NOISE = 0.01 * np.random.default_rng(3).normal(size=PLAIN.forward_returns.shape) * np.array([1.0, 0.0, 0.0])
# One of the features is what a rule reads, so that the rule has something to say; one session tells less than five.
ROWS = replace(
    PLAIN,
    feature_names=("f0", "momentum_12_1", *PLAIN.feature_names[2:]),
    forward_returns=PLAIN.forward_returns + NOISE,
)
THREE = {"seeds": 2, "horizons": {1: 1.0, 5: 3.0}, "rules": {"momentum_12_1": 1.0}}
SAMPLED = {"feature_share_per_tree": 0.5}


def trained(rows=ROWS, ensemble=THREE, **policy):
    chosen = a_policy(ensemble=EnsemblePolicy(**ensemble), **SAMPLED, **policy)
    return train(rows, policy=chosen, trained_as_of=AS_OF, code_hash="code", is_synthetic=True)


def a_session(rows=ROWS):
    return rows.features[rows.sessions == rows.days[-1]]


def test_seeds_horizons_and_rules_are_members_whose_weights_sum_to_one():
    members = members_of(trained().text)
    assert [(one.horizon_sessions, one.seed, one.rule) for one in members] == [
        (1, 7, None),
        (1, 8, None),
        (5, 7, None),
        (5, 8, None),
        (None, None, "momentum_12_1"),
    ]
    assert [one.weight for one in members] == pytest.approx([0.1, 0.1, 0.3, 0.3, 0.2])
    assert len({one.text for one in members}) == 5


def test_an_ensemble_is_a_versioned_model_like_any_other(tmp_path):
    registry, model = ModelRegistry(tmp_path), trained()
    stored = registry.load(registry.publish(model))
    assert stored.text == model.text
    assert registry.publish(trained()) == stored.model_hash
    heavier = trained(ensemble={**THREE, "rules": {"momentum_12_1": 2.0}})
    assert registry.publish(heavier) != stored.model_hash
    assert "momentum_12_1" in stored.card.params["ensemble"]


def test_contributions_of_all_members_sum_to_the_score():
    model, features = trained(), a_session()
    scores, parts = explained(model.text, model.card.features, features)
    assert parts.sum(axis=1) == pytest.approx(scores, abs=1e-9)
    days = np.zeros(len(features), dtype="datetime64[D]")
    assert scores == pytest.approx(predicted(model.text, model.card.features, days, features), abs=1e-12)


def test_a_rule_that_is_silent_of_a_name_adds_nothing_to_it():
    model, features = trained(ensemble={"rules": {"momentum_12_1": 1.0}}), a_session().copy()
    features[0, 1] = np.nan
    scores, parts = explained(model.text, model.card.features, features)
    alone = members_of(model.text)[0]
    told, _ = explained(alone.text, model.card.features, features)
    assert scores[0] == pytest.approx(0.5 * (told[0] - told.mean()) / told.std())
    assert parts.sum(axis=1) == pytest.approx(scores, abs=1e-9)


def test_an_ensemble_is_judged_out_of_fold_as_a_whole():
    policy = a_policy(ensemble=EnsemblePolicy(**THREE), **SAMPLED)
    rows, whole = path_scores(ROWS, ROWS.feature_names, policy)
    _, alone = path_scores(ROWS, ROWS.feature_names, a_policy(**SAMPLED))
    assert whole.shape == alone.shape
    day = ROWS.sessions[rows] == ROWS.days[30]
    assert whole[0, day].mean() == pytest.approx(0.0, abs=1e-9)
    assert 0.3 < np.corrcoef(whole[0], alone[0])[0, 1] < 0.999
    evidence, _ = gathered(ROWS, ROWS.feature_names, policy=policy)
    assert np.isfinite(evidence.net_bps.value)


def test_the_score_of_a_day_does_not_hang_on_other_days():
    model = trained()
    days = ROWS.days[-2:]
    both = np.isin(ROWS.sessions, days)
    together = predicted(model.text, model.card.features, ROWS.sessions[both], ROWS.features[both])
    last = ROWS.sessions[both] == days[-1]
    apart = predicted(model.text, model.card.features, ROWS.sessions[both][last], ROWS.features[both][last])
    assert together[last].tobytes() == apart.tobytes()


def test_members_of_another_version_are_refused():
    with pytest.raises(CorruptArtifact, match="train again"):
        members_of('{"members": [{"share": 1}]}')
