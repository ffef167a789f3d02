import numpy as np
import pytest

from assets.features import rolling

VALUES = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])


def test_row_without_a_full_window_is_empty():
    assert np.isnan(rolling.window_sum(VALUES, 4, 0)[:3]).all()
    assert rolling.window_sum(VALUES, 4, 0)[3] == 9.0


def test_window_longer_than_the_history_leaves_every_row_empty():
    assert np.isnan(rolling.window_sum(VALUES, 9, 0)).all()
    assert np.isnan(rolling.window_growth(VALUES, 0, 9, 3)).all()
    assert np.isnan(rolling.window_cross_moment(VALUES, VALUES, 9, 7)).all()


def test_growth_skips_the_newest_returns():
    returns = np.array([np.nan, 0.1, 0.2, 0.5, 0.5])
    assert rolling.window_growth(returns, 2, 4, 4)[0] == pytest.approx(1.1 * 1.2 - 1.0)


def test_missing_value_empties_each_window_it_lies_in():
    values = VALUES.copy()
    values[0] = np.nan
    assert np.isnan(rolling.window_sum(values, 3, 0)[2])
    assert rolling.window_sum(values, 3, 0)[3] == 6.0


def test_max_is_the_largest_of_the_window():
    assert rolling.window_max(VALUES, 3, 2).tolist() == [4.0, 4.0, 5.0, 9.0, 9.0, 9.0]


def test_line_through_a_line_is_itself():
    slope, fit = rolling.window_line(7.0 + 0.25 * np.arange(10.0), 5, 4)
    np.testing.assert_allclose(slope, 0.25)
    np.testing.assert_allclose(fit, 1.0)


def test_drawdown_is_from_a_peak_to_a_later_trough():
    values = np.array([10.0, 5.0, 8.0, 20.0, 15.0])
    assert rolling.window_drawdown(values, 3, 2).tolist() == [-0.5, 0.0, -0.25]


@pytest.mark.parametrize("level", [0.1, 1e-3, 12345.67])
def test_constant_has_no_spread_at_all_not_the_noise_of_its_last_bits(level):
    constant = np.full(40, level)
    assert rolling.window_cross_moment(constant, constant, 20, 19).tolist() == [0.0] * 21
    skewness, kurtosis = rolling.window_high_moments(constant, 20, 19)
    assert not np.isfinite(skewness).any()
    assert not np.isfinite(kurtosis).any()
    assert not np.isfinite(rolling.window_line(constant, 20, 19)[1]).any()
