"""The kernel: windowed sums, extremes, moments and slopes, each window summed from scratch in fixed lag order.

Row t of every function depends on the last `window` values alone, newest first, never on how long the history is or
where the asking began. A full rebuild and one new session therefore give the same bits, which no running sum and no
framed aggregate of a database does. Compiled once and cached on disk; no fast-math, so that no sum is reordered.
Rows are looped over by hand: an expression over slices makes a new array for every lag, most of the work of one row.

All functions take contiguous float64 arrays of shape (n,), the first row wanted, and return shape (n - first,). A row
whose window is not full is NaN; a NaN inside a window makes its row NaN.
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Below this share of the squared mean, spread is rounding of a constant: 1e-11 of the level. It counts as none, or a
# price that stood still would get a score out of its last bits.
_NOISE: Final = 1e-22


@numba.njit(cache=True, error_model="numpy")
def window_sum(values: Floats, window: int, first: int) -> Floats:
    """Return the sum of the last `window` values."""
    n = values.size
    start = max(first, window - 1)
    out = np.full(n - first, np.nan)
    if start < n:
        total = out[start - first :]
        total[:] = 0.0
        for lag in range(window):
            total += values[start - lag : n - lag]
    return out


@numba.njit(cache=True, error_model="numpy")
def window_growth(returns: Floats, skip: int, window: int, first: int) -> Floats:
    """Return the product of 1 + return over lags `skip` to `window` - 1, less one."""
    n = returns.size
    start = max(first, window - 1)
    out = np.full(n - first, np.nan)
    if start < n:
        growth = out[start - first :]
        growth[:] = 1.0
        for lag in range(skip, window):
            earlier = returns[start - lag : n - lag]
            for row in range(growth.size):
                growth[row] *= earlier[row] + 1.0
        growth -= 1.0
    return out


@numba.njit(cache=True, error_model="numpy")
def window_max(values: Floats, window: int, first: int) -> Floats:
    """Return the largest of the last `window` values."""
    n = values.size
    start = max(first, window - 1)
    out = np.full(n - first, np.nan)
    if start < n:
        largest = out[start - first :]
        largest[:] = values[start:n]
        for lag in range(1, window):
            for row in range(largest.size):
                largest[row] = max(largest[row], values[start - lag + row])
    return out


@numba.njit(cache=True, error_model="numpy")
def window_cross_moment(left: Floats, right: Floats, window: int, first: int) -> Floats:
    """Return the sum of products of deviations from each window's own means: n times the covariance.

    When both are the same series it is n times the variance. Two passes, so nothing cancels.
    """
    n = left.size
    start = max(first, window - 1)
    out = np.full(n - first, np.nan)
    if start < n:
        left_mean = np.zeros(n - start)
        right_mean = np.zeros(n - start)
        for lag in range(window):
            left_mean += left[start - lag : n - lag]
            right_mean += right[start - lag : n - lag]
        left_mean /= window
        right_mean /= window
        total = out[start - first :]
        total[:] = 0.0
        for lag in range(window):
            left_value, right_value = left[start - lag : n - lag], right[start - lag : n - lag]
            for row in range(total.size):
                total[row] += (left_value[row] - left_mean[row]) * (right_value[row] - right_mean[row])
        for row in range(total.size):
            if abs(total[row]) <= _NOISE * window * abs(left_mean[row] * right_mean[row]):
                total[row] = 0.0
    return out


@numba.njit(cache=True, error_model="numpy")
def window_high_moments(values: Floats, window: int, first: int) -> tuple[Floats, Floats]:
    """Return skewness and excess kurtosis of the last `window` values (population moments)."""
    n = values.size
    start = max(first, window - 1)
    skewness = np.full(n - first, np.nan)
    kurtosis = np.full(n - first, np.nan)
    if start < n:
        mean = np.zeros(n - start)
        for lag in range(window):
            mean += values[start - lag : n - lag]
        mean /= window
        second = np.zeros(n - start)
        third = np.zeros(n - start)
        fourth = np.zeros(n - start)
        for lag in range(window):
            value = values[start - lag : n - lag]
            for row in range(mean.size):
                deviation = value[row] - mean[row]
                square = deviation * deviation
                second[row] += square
                third[row] += square * deviation
                fourth[row] += square * square
        second /= window
        for row in range(second.size):
            if second[row] <= _NOISE * mean[row] * mean[row]:
                second[row] = 0.0
        skewness[start - first :] = third / window / (second * np.sqrt(second))
        kurtosis[start - first :] = fourth / window / (second * second) - 3.0
    return skewness, kurtosis


@numba.njit(cache=True, error_model="numpy")
def window_line(values: Floats, window: int, first: int) -> tuple[Floats, Floats]:
    """Return slope per step and share of variance explained of the least-squares line through the last values."""
    n = values.size
    start = max(first, window - 1)
    slope = np.full(n - first, np.nan)
    fit = np.full(n - first, np.nan)
    if start < n:
        middle = (window - 1) / 2.0
        mean = np.zeros(n - start)
        for lag in range(window):
            mean += values[start - lag : n - lag]
        mean /= window
        cross = np.zeros(n - start)
        spread = np.zeros(n - start)
        steps = 0.0
        for lag in range(window):
            # Lag 0 is the newest value, so time runs against the lag.
            time = middle - lag
            value = values[start - lag : n - lag]
            steps += time * time
            for row in range(mean.size):
                deviation = value[row] - mean[row]
                cross[row] += time * deviation
                spread[row] += deviation * deviation
        for row in range(spread.size):
            if spread[row] <= _NOISE * window * mean[row] * mean[row]:
                spread[row] = 0.0
        slope[start - first :] = cross / steps
        fit[start - first :] = cross * cross / (steps * spread)
    return slope, fit


@numba.njit(cache=True, error_model="numpy")
def window_drawdown(values: Floats, window: int, first: int) -> Floats:
    """Return the deepest fall from a value to a later one within the last `window`, as a ratio, at most 0."""
    n = values.size
    out = np.full(n - first, np.nan)
    for row in range(max(first, window - 1), n):
        peak = values[row - window + 1]
        deepest = 0.0
        for position in range(row - window + 1, row + 1):
            value = values[position]
            peak = max(peak, value)
            deepest = min(deepest, value / peak - 1.0)
        out[row - first] = deepest
    return out
