from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from assets.ml.challenge import challenger
from assets.ml.train import train
from assets.ml.walk_forward import (
    daily_ics,
    fold_metrics,
    folds,
    ics_of_each_day,
    newey_west_t,
    standardised_by_day,
)
from execution.domain.errors import DataError
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])


def trained(training_set, **policy):
    return train(training_set, policy=a_policy(**policy), trained_as_of=AS_OF, code_hash="code", is_synthetic=True)


def test_every_training_label_ends_before_its_test_begins():
    rows = a_training_set()
    for fold in folds(rows, a_policy(folds=4, embargo_sessions=0)):
        assert rows.label_end[fold.train].max() < rows.sessions[fold.test].min()


def test_the_embargo_widens_the_gap_by_its_sessions():
    rows = a_training_set()
    (tight, *_), (wide, *_) = (folds(rows, a_policy(embargo_sessions=gap)) for gap in (0, 7))
    assert len(np.unique(rows.sessions[tight.train])) - len(np.unique(rows.sessions[wide.train])) == 7


def test_a_day_is_never_cut_in_two():
    rows = a_training_set()
    for fold in folds(rows, a_policy()):
        for part in (fold.train, fold.test):
            days = np.unique(rows.sessions[part])
            assert len(part) == np.isin(rows.sessions, days).sum()


def test_tests_follow_each_other_without_overlap():
    rows = a_training_set()
    made = folds(rows, a_policy())
    bounds = [(rows.sessions[fold.test].min(), rows.sessions[fold.test].max()) for fold in made]
    assert all(earlier[1] < later[0] for earlier, later in pairwise(bounds))


def test_no_fold_looks_at_the_sealed_days():
    rows = a_training_set(sessions=150)
    sealed_from = rows.days[120]
    assert all(rows.sessions[fold.test].max() < sealed_from for fold in folds(rows, a_policy(sealed_share=0.2)))


def test_the_last_fold_reaches_the_last_day_whose_label_ends_before_the_sealed_ones():
    rows = a_training_set(sessions=150)
    last = folds(rows, a_policy())[-1].test
    assert rows.sessions[last[-1]] == rows.days[113]
    assert rows.label_end[last].max() == rows.days[119]


def test_where_nothing_is_sealed_the_last_fold_reaches_the_last_day():
    rows = a_training_set(sessions=150)
    assert rows.sessions[folds(rows, a_policy(sealed_share=0.0))[-1].test[-1]] == rows.days[-1]


def test_turning_every_label_that_ends_within_the_seal_changes_no_figure():
    rows = a_training_set(sessions=150, signal=0.2)
    last = 119 - np.searchsorted(rows.days, rows.sessions)
    # The entry is a session after the decision, and the horizons that are judged are 1, 5 and 20 sessions.
    inside, spans = rows.label_end >= rows.days[120], np.array([2, 6, 21])
    turned = replace(
        rows,
        label=np.where(inside, -rows.label, rows.label).astype(np.float32),
        net_return=np.where(inside, -rows.net_return, rows.net_return),
        forward_returns=np.where(last[:, np.newaxis] < spans, -rows.forward_returns, rows.forward_returns),
    )
    assert inside.any()
    one, other = (
        challenger(told, policy=a_policy(), trained_as_of=AS_OF, code_hash="code", is_synthetic=True)
        for told in (rows, turned)
    )
    assert one.model.text != other.model.text, "the deciding model is taught on all rows"
    assert one.model.calibration == other.model.calibration
    assert replace(one.model.card, dataset_hash="") == replace(other.model.card, dataset_hash="")
    assert one.record == other.record


def test_too_few_days_for_the_folds_are_refused():
    with pytest.raises(DataError, match="ask for fewer folds"):
        folds(a_training_set(sessions=20), a_policy(folds=10))


def test_pure_noise_is_not_found():
    rows = a_training_set(sessions=200)
    metrics = trained(rows).card.folds
    judged = sum(fold.test_rows for fold in metrics)
    assert abs(np.mean([fold.ic for fold in metrics])) < 2 / np.sqrt(judged)
    assert abs(np.mean([fold.rank_ic for fold in metrics])) < 2 / np.sqrt(judged)


def test_a_planted_signal_is_found_in_every_fold():
    metrics = trained(a_training_set(sessions=200, signal=0.2)).card.folds
    assert all(fold.rank_ic > 0.05 and fold.ic > 0.05 and fold.hit_rate > 0.5 for fold in metrics)


def test_scores_equal_to_the_returns_rank_perfectly():
    rows = a_training_set()
    fold = folds(rows, a_policy())[0]
    perfect = fold_metrics(rows, fold, rows.net_return[fold.test], coverage=1.0)
    assert perfect.rank_ic == pytest.approx(1.0)
    assert perfect.ic == pytest.approx(1.0)


def test_a_day_without_spread_says_nothing_about_ranking():
    days = np.repeat(np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]"), 3)
    # Three times 0.1 is not 0.3 in binary, so that their mean is another number than each of them.
    plain, ranked = daily_ics(days, np.array([0.1, 0.1, 0.1, 1.0, 2.0, 3.0]), np.arange(6.0))
    assert len(plain) == len(ranked) == 1
    plain, ranked = ics_of_each_day(days, np.arange(6.0), np.array([3.0, 1.0, 2.0, 0.1, 0.1, 0.1]))
    np.testing.assert_array_equal(np.isnan(plain), [False, True])
    np.testing.assert_array_equal(np.isnan(ranked), [False, True])


def test_overlapping_labels_lower_the_t_statistic():
    random = np.random.default_rng(3)
    smooth = np.convolve(random.standard_normal(400) + 0.2, np.ones(5) / 5, mode="valid")
    assert abs(newey_west_t(smooth, lags=4)) < 0.6 * abs(newey_west_t(smooth, lags=0))


def test_t_statistic_without_lags_is_the_plain_one():
    series = np.random.default_rng(4).standard_normal(50) + 0.3
    plain = series.mean() / (series.std() / np.sqrt(len(series)))
    assert newey_west_t(series, lags=0) == pytest.approx(plain)


def test_standardising_leaves_a_day_without_spread_at_zero():
    days = np.repeat(np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]"), 2)
    assert standardised_by_day(days, np.array([5.0, 5.0, 1.0, 3.0])).tolist() == [0.0, 0.0, -1.0, 1.0]
