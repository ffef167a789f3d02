import numpy as np
import pytest

from assets.ml.overfitting import overfitting_probability, superiority_p


def some_noise(seed, *, days=300, choices=8):
    return 0.01 * np.random.default_rng(seed).standard_normal((days, choices))


def test_the_best_of_noise_is_overfitted_about_half_the_time():
    assert np.mean([overfitting_probability(some_noise(seed)) for seed in range(40)]) == pytest.approx(0.5, abs=0.1)


def test_one_choice_with_skill_is_hardly_ever_overfitted():
    returns = some_noise(1)
    returns[:, 3] += 0.003
    assert overfitting_probability(returns) < 0.02


def test_what_shone_on_half_of_the_days_only_is_overfitted():
    # Each of eight choices shines in a stretch of its own and loses in all others.
    returns = some_noise(2, days=400) * 0.01
    for choice in range(8):
        returns[:, choice] -= 0.001
        returns[50 * choice : 50 * choice + 50, choice] += 0.006
    assert overfitting_probability(returns) > 0.5


def test_with_nothing_to_compare_nothing_is_proven():
    assert overfitting_probability(some_noise(1, choices=1)) == 1.0
    assert overfitting_probability(some_noise(1, days=19)) == 1.0


def test_every_half_of_the_days_is_asked_once():
    # Four blocks, two choices; the first wins wherever blocks 0 or 1 are seen without 2 and 3, counted by hand.
    returns = np.zeros((40, 2))
    returns[:, 0] = np.tile([0.011, 0.009], 20)
    returns[:, 1] = np.tile([0.001, -0.001], 20)
    assert overfitting_probability(returns, blocks=4) == 0.0


def test_a_mean_that_noise_explains_is_not_superior():
    values = [superiority_p(some_noise(seed, choices=1)[:, 0], np.empty((300, 0)), seed=1) for seed in range(20)]
    assert np.mean(np.array(values) < 0.05) <= 0.15
    assert 0.3 < np.mean(values) < 0.7


def test_a_clear_mean_is_superior():
    assert superiority_p(some_noise(1, choices=1)[:, 0] + 0.003, np.empty((300, 0)), seed=1) < 0.01


def test_the_more_was_tried_the_less_the_same_returns_prove():
    candidate = some_noise(5, choices=1)[:, 0]
    candidate = candidate - candidate.mean() + 0.0013
    alone, crowd = (superiority_p(candidate, others, seed=1) for others in (np.empty((300, 0)), some_noise(6) - 1e-4))
    assert crowd > 1.5 * alone


def test_a_better_choice_does_not_lend_its_superiority():
    poor, good = some_noise(7, choices=1)[:, 0] - 1e-4, some_noise(8, choices=1) + 0.005
    assert superiority_p(poor, good, seed=1) > 0.2


def test_no_other_choice_lowers_what_the_candidate_has_alone():
    # A candidate that swings slowly, as overlapping holdings do, beside a restless choice that earns far more.
    days = 480
    for seed in range(4):
        random = np.random.default_rng(seed)
        slow = np.convolve(random.standard_normal(days + 20), 0.3 ** np.arange(21), "valid")
        candidate = 0.01 * (slow - slow.mean()) / slow.std() + 0.00045
        quick = np.convolve(random.standard_normal(days + 1), [1.0, -0.6], "valid")
        for volatility in (0.0025, 0.01, 0.04):
            other = volatility * ((quick - quick.mean()) / quick.std() + 0.1)
            alone = superiority_p(candidate, np.empty((days, 0)), seed=7)
            one = superiority_p(candidate, other[:, None], seed=7)
            crowd = superiority_p(candidate, np.column_stack([other, some_noise(seed, days=days)]), seed=7)
            assert alone <= one <= crowd


def test_a_choice_is_compared_by_what_it_earned_for_its_risk_and_not_by_its_dollars():
    candidate, other = some_noise(3, choices=1)[:, 0] + 0.001, some_noise(4, choices=1)
    values = {size: superiority_p(candidate, size * other, seed=1) for size in (0.25, 1.0, 4.0)}
    assert values[0.25] == values[1.0] == values[4.0]


def test_returns_that_never_vary_prove_nothing():
    assert superiority_p(np.zeros(100), np.empty((100, 0)), seed=1) == 1.0
