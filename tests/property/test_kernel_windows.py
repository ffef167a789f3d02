"""A window's value depends on its own values alone: not on the history before it, nor on where the asking began."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.features import rolling

WINDOWS = st.sampled_from([2, 5, 20, 60, 252])
KERNELS = {
    "sum": rolling.window_sum,
    "growth": lambda values, window, first: rolling.window_growth(values * 1e-3, min(window - 1, 21), window, first),
    "max": rolling.window_max,
    "variance": lambda values, window, first: rolling.window_cross_moment(values, values, window, first),
    "covariance": lambda values, window, first: rolling.window_cross_moment(values, values[::-1].copy(), window, first),
    "moments": lambda values, window, first: np.concatenate(rolling.window_high_moments(values, window, first)),
    "line": lambda values, window, first: np.concatenate(rolling.window_line(values, window, first)),
    "drawdown": lambda values, window, first: rolling.window_drawdown(np.abs(values) + 1.0, window, first),
}


def series(seed, size):
    return np.random.default_rng(seed).normal(0.0, 1.0, size)


def bits(values):
    return np.ascontiguousarray(values).view(np.int64).tolist()


@pytest.mark.parametrize("name", sorted(KERNELS))
@given(seed=st.integers(0, 2**32), size=st.integers(2, 700), window=WINDOWS, data=st.data())
@settings(max_examples=25, deadline=None)
def test_last_row_alone_has_the_bits_of_the_whole_history(name, seed, size, window, data):
    values = series(seed, size)
    first = data.draw(st.integers(0, size - 1))
    whole = KERNELS[name](values, window, 0)
    rows = len(whole) // size
    asked = KERNELS[name](values, window, first)
    kept = np.concatenate([whole[part * size + first : (part + 1) * size] for part in range(rows)])
    assert bits(asked) == bits(kept)


@pytest.mark.parametrize("name", sorted(set(KERNELS) - {"covariance"}))
@given(seed=st.integers(0, 2**32), size=st.integers(10, 500), dropped=st.integers(1, 200), window=WINDOWS)
@settings(max_examples=25, deadline=None)
def test_sessions_before_the_window_change_no_bit(name, seed, size, dropped, window):
    values = series(seed, size + dropped)
    whole = KERNELS[name](values, window, 0)
    rows = len(whole) // len(values)
    later = KERNELS[name](values[dropped:].copy(), window, 0)
    full = window - 1
    for part in range(rows):
        old = whole[part * len(values) + dropped + full : (part + 1) * len(values)]
        new = later[part * size + full : (part + 1) * size]
        assert bits(old) == bits(new)


@given(seed=st.integers(0, 2**32), size=st.integers(5, 300), window=st.integers(2, 60))
@settings(max_examples=40, deadline=None)
def test_moments_agree_with_their_definition(seed, size, window):
    values = series(seed, size) * 0.02 + 0.001
    if window > size:
        return
    last = values[-window:]
    variance = rolling.window_cross_moment(values, values, window, size - 1)[0] / (window - 1)
    assert variance == pytest.approx(float(np.var(last, ddof=1)), rel=1e-9)
    assert rolling.window_sum(values, window, size - 1)[0] == pytest.approx(float(last.sum()), rel=1e-9, abs=1e-12)
    growth = rolling.window_growth(values, 0, window, size - 1)[0]
    assert growth == pytest.approx(float(np.prod(1.0 + last) - 1.0), rel=1e-9, abs=1e-12)
