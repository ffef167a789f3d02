import numpy as np
import pytest

from assets.ml.drift import judge_drift, stability_index
from assets.ml.judgement import Estimate
from assets.ml.policy import DriftPolicy

RANDOM = np.random.default_rng(4)
THEN, NOW = RANDOM.standard_normal((5000, 4)).astype(np.float32), RANDOM.standard_normal((1500, 4)).astype(np.float32)
GOOD = Estimate(value=0.02, low=-0.01, high=0.05)


def a_drift(
    *, features_now=NOW, scores_now=NOW[:, 0], rank_ic=GOOD, sessions=60, entries=GOOD, entry_sessions=60, **policy
):
    return judge_drift(
        features_then=THEN,
        features_now=features_now,
        names=("a", "b", "c", "d"),
        scores_then=THEN[:, 0].astype(np.float64),
        scores_now=scores_now.astype(np.float64),
        rank_ic=rank_ic,
        sessions=sessions,
        entries_net_bps=entries,
        entry_sessions=entry_sessions,
        policy=DriftPolicy(**policy),
    )


def test_two_samples_of_the_same_world_are_stable():
    assert stability_index(THEN[:, 0], NOW[:, 0]) < 0.05


def test_the_index_is_that_of_the_published_formula():
    then, now = np.repeat([0.0, 1.0], [50, 50]), np.repeat([0.0, 1.0], [80, 20])
    expected = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert stability_index(then, now) == pytest.approx(expected, rel=1e-2)


def test_a_shift_a_wider_spread_and_a_silent_source_are_all_seen():
    silent = np.where(np.arange(1500) % 2, NOW[:, 0], np.nan)
    for now in (NOW[:, 0] + 1, NOW[:, 0] * 2.5, silent):
        assert stability_index(THEN[:, 0], now) > 0.25


@pytest.mark.parametrize(("zeros_then", "zeros_now"), [(1000, 0), (0, 1000), (990, 500), (500, 990)])
def test_a_shift_away_from_or_onto_one_frequent_value_is_seen(zeros_then, zeros_now):
    then, now = (np.arange(1000) >= zeros for zeros in (zeros_then, zeros_now))
    for kind in (np.float32, np.float64):
        assert stability_index(then.astype(kind), now.astype(kind)) > 0.25
        assert stability_index(then.astype(kind), then.astype(kind)) == 0.0


def test_nothing_to_compare_is_no_shift():
    assert stability_index(THEN[:, 0], NOW[:0, 0]) == 0.0


def test_a_champion_in_the_world_it_learned_from_goes_on():
    assert a_drift().reasons == ()


def test_most_features_elsewhere_demote_and_one_does_not():
    one = NOW.copy()
    one[:, 1] += 2
    assert a_drift(features_now=one).moved == ("b",)
    assert a_drift(features_now=one).reasons == ()
    assert "4 of 4 features moved" in a_drift(features_now=NOW + 2).reasons[0]


def test_scores_of_another_shape_demote():
    assert "stability index of its scores" in a_drift(scores_now=np.sign(NOW[:, 0])).reasons[0]


def test_live_ranking_clearly_below_chance_demotes_once_there_is_enough_of_it():
    bad = Estimate(value=-0.04, low=-0.07, high=-0.01)
    assert "live rank IC over 60 sessions is -0.0400" in a_drift(rank_ic=bad).reasons[0]
    assert a_drift(rank_ic=bad, sessions=39).reasons == ()
    assert a_drift(rank_ic=Estimate(value=-0.02, low=-0.05, high=0.01)).reasons == ()


def test_what_was_really_bought_and_lost_demotes_once_there_is_enough_of_it():
    lost = Estimate(value=-30.0, low=-50.0, high=-5.0)
    assert "what models bought in 60 sessions earned -30.0 bps" in a_drift(entries=lost).reasons[0]
    assert a_drift(entries=lost, entry_sessions=39).reasons == ()
    assert a_drift(entries=Estimate(value=-3.0, low=-20.0, high=9.0)).reasons == ()
