import math

import numpy as np
import pytest

from assets.ml import pages
from assets.ml.calibration import Calibration
from assets.ml.judgement import (
    CalibrationBin,
    bins_of_promises,
    calibration_error,
    daily_hit_rates,
    daily_turnover,
    estimate,
    estimate_calibration_error,
    estimate_ratio,
    is_long_enough,
    judge_horizon,
    quantile_returns,
    rank_ic_within,
)
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import JUDGED_HORIZONS
from assets.ml.train import train
from assets.ml.walk_forward import newey_west_t
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])


def days(count, names):
    return np.repeat(np.array(CALENDAR.sessions[2000 : 2000 + count], dtype="datetime64[D]"), names)


def carded(**market):
    rows = a_training_set(**market)
    return train(rows, policy=a_policy(), trained_as_of=AS_OF, code_hash="code", is_synthetic=True)


def means_over(span, days, *, series, seed):
    """Series of means over so many days each, of days that are independent and mean nothing."""
    draws = np.random.default_rng(seed).standard_normal((series, days + span - 1))
    summed = np.cumsum(np.pad(draws, ((0, 0), (1, 0))), axis=1)
    return (summed[:, span:] - summed[:, :-span]) / span


@pytest.mark.parametrize("told", [estimate, estimate_ratio])
@pytest.mark.parametrize(("days", "span"), [(40, 5), (100, 20), (250, 1), (250, 5), (250, 20)])
def test_an_interval_holds_the_truth_as_often_as_it_says_whether_or_not_labels_overlap(told, days, span):
    found = [told(daily, block_sessions=span) for daily in means_over(span, days, series=500, seed=11)]
    # Of 500 draws the standard error is 1 of 100.
    assert 0.92 <= np.mean([one.low <= 0.0 <= one.high for one in found]) <= 0.98


@pytest.mark.parametrize(
    ("days", "span"),
    [(1, 1), (2, 1), (2, 20), (5, 20), (10, 20), (20, 20), (40, 20), (5, 10), (20, 10), (5, 5), (10, 5)],
)
def test_days_are_long_enough_where_the_interval_holds_the_truth_in_nine_of_ten(days, span):
    found = [estimate(daily, block_sessions=span) for daily in means_over(span, days, series=500, seed=11)]
    holds = np.mean([one.low <= 0.0 <= one.high for one in found])
    assert holds >= 0.88 if is_long_enough(days, block_sessions=span) else holds <= 0.82


def test_an_interval_that_allows_for_an_overlap_holds_the_truth_as_often_where_there_is_none():
    found = [estimate(daily, block_sessions=20) for daily in means_over(1, 250, series=500, seed=12)]
    assert 0.92 <= np.mean([one.low <= 0.0 <= one.high for one in found]) <= 0.98


def test_a_t_statistic_of_overlapping_labels_is_beyond_its_bound_as_often_as_its_docstring_tells():
    beyond = [abs(newey_west_t(daily, lags=4)) > 1.96 for daily in means_over(5, 250, series=400, seed=11)]
    assert np.mean(beyond) == pytest.approx(0.12, abs=0.035)


def test_days_that_move_together_widen_the_interval():
    steps = np.repeat(np.random.default_rng(5).normal(0.0, 0.1, 40), 20)
    shuffled = np.random.default_rng(5).permutation(steps)
    narrow, wide = (estimate(daily, block_sessions=20) for daily in (shuffled, steps))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_no_day_and_one_day_have_no_interval():
    nothing = estimate(np.zeros(0), block_sessions=5)
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)
    alone = estimate(np.array([0.3]), block_sessions=5)
    assert (alone.value, alone.low, alone.high) == (0.3, 0.3, 0.3)


def test_figures_that_never_vary_have_an_interval_without_width():
    same = estimate(np.full(40, 0.25), block_sessions=5)
    assert (same.value, same.low, same.high) == (0.25, 0.25, 0.25)


def test_scores_that_are_the_returns_rank_perfectly_and_unknown_returns_are_left_out():
    returns = np.random.default_rng(7).normal(size=60)
    returns[:20] = np.nan
    told = judge_horizon(days(6, 10), np.nan_to_num(returns), returns, horizon_sessions=5)
    assert told.days == 4
    assert told.rank_ic.value == pytest.approx(1.0)
    assert told.ic.low == pytest.approx(1.0)


def test_fifths_are_mean_returns_in_basis_points_lowest_scores_first():
    net = np.tile(np.arange(10) / 100.0, 3)
    told = quantile_returns(days(3, 10), net * 7, net)
    assert told.shape == (3, 5)
    np.testing.assert_allclose(told[0], [50, 250, 450, 650, 850])


def test_turnover_is_the_share_of_the_best_fifth_that_is_new():
    names = np.array([f"S{number}" for number in range(10)] * 3, dtype=object)
    first, second, third = np.arange(10.0), np.arange(10.0), np.arange(10.0)
    second[[8, 0]] = second[[0, 8]]
    third[[8, 0]] = third[[0, 8]]
    # The best two are S8 and S9, then S9 and S0, then the same again.
    assert daily_turnover(days(3, 10), names, np.concatenate([first, second, third])).tolist() == [0.5, 0.0]


def test_of_equal_scores_the_fifth_that_is_held_is_the_one_that_is_judged():
    names = np.array([f"S{number}" for number in range(10)] * 2, dtype=object)
    held_first = np.concatenate([np.zeros(10), [1.0, 1.0], np.zeros(8)])
    net = np.tile([0.5, 0.3, *[0.0] * 8], 2)
    assert quantile_returns(days(2, 10), np.zeros(20), net)[:, -1].tolist() == [4000.0, 4000.0]
    assert daily_turnover(days(2, 10), names, held_first).tolist() == [0.0]


def test_the_hit_rate_is_told_by_day():
    scores, net = np.array([1.0, 2, 3, 4, 1, 2, 3, 4]), np.array([-1.0, -1, 1, 1, 1, 1, -1, -1])
    assert daily_hit_rates(days(2, 4), scores, net).tolist() == [1.0, 0.0]


def test_a_group_is_judged_by_its_own_names_and_only_where_there_are_five():
    groups = np.array((["Energy"] * 6 + ["Utilities"] * 3 + [""]) * 4, dtype=object)
    net = np.random.default_rng(8).normal(size=40)
    scores = np.where(groups == "Energy", -net, net)
    told = rank_ic_within(days(4, 10), groups, scores, net, block_sessions=1)
    assert set(told) == {"Energy"}
    assert told["Energy"].value == pytest.approx(-1.0)


def test_a_group_of_fewer_days_than_an_interval_needs_is_left_out():
    sessions = days(30, 10)
    calm = np.repeat(np.arange(30) >= 9, 10)
    groups = np.where(calm, "calm", "volatile").astype(object)
    scores, net = np.random.default_rng(1).standard_normal((2, 300))
    assert set(rank_ic_within(sessions, groups, scores, net, block_sessions=5)) == {"calm"}
    assert set(rank_ic_within(sessions, groups, scores, net, block_sessions=4)) == {"calm", "volatile"}


def test_calibration_is_told_as_promise_and_event():
    promise = Calibration(
        score_knots=(-1.0, 1.0), probability_knots=(0.2, 0.8), rank_ic=0.1, residual_share=1.0, horizon_sessions=5
    )
    z = np.array([-1.0] * 5 + [1.0] * 20)
    net = np.array([-1.0] * 5 + [1.0] * 20)
    bins = bins_of_promises(promise.probabilities_up(z), net)
    assert bins[0] == CalibrationBin(promised=pytest.approx(0.2), happened=0.0, rows=5)
    assert calibration_error(bins) == pytest.approx(0.2)


def test_an_error_of_calibration_is_told_with_what_chance_alone_would_explain():
    random = np.random.default_rng(9)
    promised = random.uniform(0.3, 0.7, 2000)
    sessions = days(40, 50)
    honest = np.where(random.uniform(size=2000) < promised, 1.0, -1.0)
    boastful = np.where(random.uniform(size=2000) < 0.2, 1.0, -1.0)
    told, false = (
        estimate_calibration_error(sessions, promised, net, block_sessions=5, seed=1) for net in (honest, boastful)
    )
    assert told.value == pytest.approx(calibration_error(bins_of_promises(promised, honest)))
    assert told.low < told.value < 0.06
    assert false.low > 0.2
    assert false.low < false.value < false.high


def test_a_ratio_of_mean_to_deviation_has_an_interval_that_holds_it():
    daily = np.random.default_rng(10).normal(0.1, 1.0, 400)
    told = estimate_ratio(daily, block_sessions=1)
    assert told.value == pytest.approx(daily.mean() / daily.std(ddof=1))
    assert told.low < told.value < told.high
    assert estimate_ratio(np.ones(9), block_sessions=1) == estimate_ratio(np.ones(1), block_sessions=1)


def test_no_figure_of_a_card_stands_without_an_interval():
    told = carded(signal=0.2).card.judgement
    every = [
        *(found for one in told.horizons for found in (one.ic, one.rank_ic, one.rank_ic_ir_interval)),
        *told.fifths_bps,
        told.spread_bps,
        told.turnover,
        told.hit_rate,
        told.calibration_error_interval,
        *told.by_sector.values(),
    ]
    assert all(one.low < one.high for one in every)
    assert [one.value for one in told.fifths_bps] == pytest.approx(told.quantile_returns_bps)
    assert told.turnover.value == pytest.approx(told.top_turnover)
    assert (told.coverage.low, told.coverage.high) == (1.0, 1.0)


def test_a_model_card_tells_what_its_scores_were_worth_on_every_horizon():
    told = carded(signal=0.2).card.judgement
    assert [one.horizon_sessions for one in told.horizons] == list(JUDGED_HORIZONS)
    assert all(one.rank_ic.low > 0.0 for one in told.horizons)
    assert list(told.quantile_returns_bps) == sorted(told.quantile_returns_bps)
    assert told.spread_bps.low > 0.0
    assert set(told.by_sector) == {"Energy", "Utilities"}
    assert sum(one.rows for one in told.calibration) > 0


def test_noise_is_rarely_told_as_more_than_nothing():
    outside = 0
    for seed in range(2, 10):
        told = carded(signal=0.0, seed=seed).card.judgement
        # The label's own horizon: the three of this market are one series, scaled.
        outside += not told.horizons[1].rank_ic.low < 0.0 < told.horizons[1].rank_ic.high
    assert outside <= 2


def test_returns_that_reach_into_the_sealed_sessions_are_not_judged():
    told = carded(sessions=150).card.judgement
    one, five, twenty = (found.days for found in told.horizons)
    # No day whose own label, of five sessions, ends among them is judged at all.
    assert one == five
    assert five - twenty == 15


def test_regimes_are_judged_apart_where_a_feature_tells_them():
    rows = a_training_set(signal=0.2)
    rows.features[:, 5] = (np.arange(len(rows.label)) // 300) % 2
    named = type(rows)(
        **{field: getattr(rows, field) for field in rows.__dataclass_fields__ if field != "feature_names"},
        feature_names=(*rows.feature_names[:5], "regime_is_bull"),
    )
    told = train(named, policy=a_policy(), trained_as_of=AS_OF, code_hash="code", is_synthetic=True).card.judgement
    assert set(told.by_regime) == {"bull", "bear"}


def test_the_judgement_is_read_back_from_the_stored_card_and_told_on_its_page(tmp_path):
    trained = carded(signal=0.2)
    registry = ModelRegistry(tmp_path)
    stored = registry.load(registry.publish(trained)).card
    assert stored.judgement == trained.card.judgement
    told = pages.model_pages(stored)
    assert "| 20 | " in told["horizons"]
    assert "Energy" in told["by_regime_and_sector"]
    assert math.isclose(stored.judgement.calibration_error, trained.card.judgement.calibration_error)
    assert "hit rate" in told["worth"]
