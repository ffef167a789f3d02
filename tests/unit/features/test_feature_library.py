"""The registry: sets are found by their file, switched on by name, and every feature says what it is."""

import dataclasses

import numpy as np
import pytest

from assets.feature_catalogue import FEATURES, Feature
from assets.features import build, defs
from assets.features.feature_library import FeatureLibrary, every_set, switched_on
from assets.features.feature_parts import KINDS, NEWS_SENTIMENT
from assets.features.feature_set import FeatureSet
from assets.features.policy import FeaturePolicy, NewsWeighing
from execution.domain.errors import DataError, SettingsRefused
from tests.unit.features.test_alpha158 import history

EVERY = (*FEATURES, *(feature for one in every_set() for feature in one.features))


def close_over_open(history, first):
    return (history.close[first:] / history.open[first:])[np.newaxis].astype(np.float32)


def mine(*names, compute=close_over_open):
    told = tuple(Feature(name, "library", 1, ("daily_bars",), "Close over open.", owner="me") for name in names)
    return FeatureSet("mine", told, compute)


def test_every_feature_says_what_it_is_what_it_needs_and_who_answers_for_it():
    for feature in EVERY:
        assert feature.version >= 1, feature.name
        assert feature.look_back_sessions >= 1, feature.name
        assert feature.inputs, feature.name
        assert feature.owner, feature.name
        assert feature.description.endswith("."), feature.name


def test_names_are_unique_over_catalogue_and_library():
    assert len({feature.name for feature in EVERY}) == len(EVERY)


def test_a_set_is_switched_on_by_its_name():
    assert switched_on(("alpha158",)).sets == tuple(one for one in every_set() if one.name == "alpha158")


def test_nothing_is_switched_on_by_default():
    assert switched_on(()).features == ()


def test_an_unknown_set_is_refused_with_those_there_are():
    with pytest.raises(SettingsRefused, match=r"features\.sets names alpha360, expected some of .*alpha158"):
        switched_on(("alpha360",))


def test_sets_are_computed_in_the_order_of_the_columns():
    whole = history()
    both = FeatureLibrary((*switched_on(("alpha158",)).sets, mine("mine_intraday")))
    values = both.compute(whole, 100)
    assert values.shape == (159, 40)
    assert np.array_equal(values[-1], (whole.close / whole.open).astype(np.float32)[100:])
    assert both.schema.names == ["session", "symbol", *(feature.name for feature in both.features)]


def test_a_set_that_returns_another_shape_than_it_says_is_refused():
    wrong = FeatureLibrary((mine("mine_one", "mine_two"),))
    with pytest.raises(DataError, match=r"feature set mine returned shape \(1, 40\), expected \(2, 40\)"):
        wrong.compute(history(), 100)


def test_a_new_version_of_a_feature_is_another_library():
    one = mine("mine_intraday")
    newer = dataclasses.replace(one, features=(dataclasses.replace(one.features[0], version=2),))
    assert FeatureLibrary((one,)).fingerprint != FeatureLibrary((newer,)).fingerprint


def test_a_raised_version_in_the_catalogue_rebuilds_the_marts_and_moves_the_kernels_parts(monkeypatch):
    before = defs.made_with(FeatureLibrary(), FeaturePolicy())
    assert [build.stored_kind(kind) for kind in KINDS] == list(KINDS)
    raised = tuple(dataclasses.replace(one, version=2) if one.name == "rsi_14" else one for one in FEATURES)
    for module in (build, defs):
        monkeypatch.setattr(module, "FEATURES", raised)
    assert defs.made_with(FeatureLibrary(), FeaturePolicy()) != before
    assert [kind for kind in KINDS if build.stored_kind(kind) == kind] == [NEWS_SENTIMENT]


def test_other_weights_of_providers_rebuild_the_marts_and_a_weight_of_one_does_not():
    before = defs.made_with(FeatureLibrary(), FeaturePolicy())
    assert defs.made_with(FeatureLibrary(), FeaturePolicy(news=NewsWeighing(weights={"mine": 1}))) == before
    heavier = defs.made_with(FeatureLibrary(), FeaturePolicy(news=NewsWeighing(weights={"mine": 3})))
    each_telling = defs.made_with(FeatureLibrary(), FeaturePolicy(news=NewsWeighing(same_story_minutes=0)))
    assert len({before, heavier, each_telling}) == 3


def test_a_raised_version_of_what_the_marts_compute_leaves_the_kernels_parts(monkeypatch):
    raised = tuple(dataclasses.replace(one, version=2) if one.name == "leverage" else one for one in FEATURES)
    monkeypatch.setattr(build, "FEATURES", raised)
    assert [build.stored_kind(kind) for kind in KINDS] == list(KINDS)
