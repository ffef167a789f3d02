"""The kernel of Alpha158: 29 rolling measures over 5 to 60 sessions, each window from its own values alone.

Lags run outside, rows inside: every sum grows from the newest value to older ones, so the sum over 5 sessions is a
stage of the sum over 60, and a row's bits depend on nothing but its own window. Values enter as differences from the
row's newest one. That difference is exactly 0 at lag 0, so a window's variance is never less than 1/60 of the sum it is
taken from: one pass is enough, and a series that stands still has a spread of exactly nothing.

Five lags are taken in one pass, because every window is a multiple of five; passes write to one or two arrays each and
count from 0, which is what the compiler turns into vector code.
"""

import math
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from assets.features.natural_logs import natural_logs

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

WINDOWS: Final = (5, 10, 20, 30, 60)
LONGEST: Final = 60
MEASURES: Final = (
    "ROC", "MA", "STD", "BETA", "RSQR", "RESI", "MAX", "MIN", "QTLU", "QTLD", "RANK", "RSV", "IMAX", "IMIN", "IMXD",
    "CORR", "CORD", "CNTP", "CNTN", "CNTD", "SUMP", "SUMN", "SUMD", "VMA", "VSTD", "WVMA", "VSUMP", "VSUMN", "VSUMD",
)  # fmt: skip
"""In the order of the kernel's output within one window."""
OF_CHANGES: Final = (
    "ROC", "CORD", "CNTP", "CNTN", "CNTD", "SUMP", "SUMN", "SUMD", "WVMA", "VSUMP", "VSUMN", "VSUMD",
)  # fmt: skip
"""Measures of changes between sessions: they need the session before their window too."""

_COUNT: Final = 29
_IS_OF_CHANGES: Final = np.array([name in OF_CHANGES for name in MEASURES])
_PASS: Final = 5
# Rows worked on at once: their sums stay in the processor's nearer memory.
_BLOCK: Final = 512
# The quantiles 0.2 and 0.8 of 60 values lie between the 12th and the 13th from either end.
_KEPT: Final = 13
# Where each running sum lies: of the close with log volume, of daily ratios with theirs, of volume, and of counts.
_CLOSE, _CLOSE_2, _LOG_VOLUME, _LOG_VOLUME_2, _CLOSE_VOLUME = range(5)
_RATIO, _RATIO_2, _LOG_RATIO, _LOG_RATIO_2, _RATIOS = range(5, 10)
_TREND, _VOLUME, _VOLUME_2, _WEIGHTED, _WEIGHTED_2 = range(10, 15)
_UP, _DOWN, _GAIN, _LOSS, _MORE, _LESS, _BELOW, _HIGH, _LOW, _AT_HIGH, _AT_LOW = range(15, 26)
_SUMS: Final = 26
# Qlib adds this to divisors that may be nothing.
_TINY: Final = 1e-12


@numba.njit(cache=True, error_model="numpy")
def measures_of_the_day(bars: Floats, out: Singles) -> None:
    """Write the nine shapes of the candle and the four prices over the close of n rows.

    Args:
        bars: shape (5, n), all positive but the volume: open, high, low, close, volume.
        out: shape (13, n), written: KMID, KLEN, KMID2, KUP, KUP2, KLOW, KLOW2, KSFT, KSFT2, OPEN0, HIGH0, LOW0, VWAP0.
    """
    for row in range(out.shape[1]):
        start, high, low, close = bars[0, row], bars[1, row], bars[2, row], bars[3, row]
        span = high - low + _TINY
        out[0, row] = (close - start) / start
        out[1, row] = (high - low) / start
        out[2, row] = (close - start) / span
        out[3, row] = (high - max(start, close)) / start
        out[4, row] = (high - max(start, close)) / span
        out[5, row] = (min(start, close) - low) / start
        out[6, row] = (min(start, close) - low) / span
        out[7, row] = (2.0 * close - high - low) / start
        out[8, row] = (2.0 * close - high - low) / span
        out[9, row] = start / close
        out[10, row] = high / close
        out[11, row] = low / close
        out[12, row] = (high + low + close) / 3.0 / close


@numba.njit(cache=True, error_model="numpy")
def rolling_measures(bars: Floats, history: int, out: Singles) -> None:
    """Write every rolling measure of n rows.

    Args:
        bars: shape (5, 60 + n), rows contiguous: open, high, low, close and volume of the 60 sessions before the first
            row wanted, then of the rows. Closes are positive, volume is not negative. Places before the symbol's first
            session may hold anything finite that is so.
        history: sessions of history at the first row, itself included.
        out: shape (145, n), written; by window, then in the order of `MEASURES`. NaN where a window is not full, or
            where the divisor is nothing.
    """
    high, low, close, volume = bars[1], bars[2], bars[3], bars[4]
    ratio, change = np.ones(close.size), np.zeros(close.size)
    volume_ratio, volume_change = np.ones(close.size), np.zeros(close.size)
    ratio[1:] = close[1:] / close[:-1]
    change[1:] = close[1:] - close[:-1]
    # Volume after none at all is infinitely more: its logarithm, and every window over it, is NaN.
    volume_ratio[1:] = volume[1:] / volume[:-1] + 1.0
    volume_change[1:] = volume[1:] - volume[:-1]
    weighted = np.abs(ratio - 1.0) * volume
    log_volume, log_ratio = natural_logs(volume + 1.0), natural_logs(volume_ratio)
    single = close.astype(np.float32)
    for begin in range(0, out.shape[1], _BLOCK):
        rows = min(_BLOCK, out.shape[1] - begin)
        now = begin + LONGEST
        sums, fives = np.zeros((_SUMS, rows)), np.empty((_PASS, rows), np.float32)
        sums[_HIGH], sums[_LOW] = -np.inf, np.inf
        largest, smallest = _nothing_kept(np.inf, rows), _nothing_kept(-np.inf, rows)
        told = np.empty((_COUNT, rows), np.float32)
        number = 0
        for lag in range(0, LONGEST, _PASS):
            # The pass reads lags `lag` to `lag` + 4: row t of `old` is four sessions before row t + 4.
            old = now - lag - (_PASS - 1)
            _add_pair(sums[_CLOSE:_RATIO], close[now:], close[old:], log_volume[now:], log_volume[old:])
            _add_pair(sums[_RATIO:_TREND], ratio[now:], ratio[old:], log_ratio[now:], log_ratio[old:])
            _add_trend(sums[_TREND], close[now:], close[old:], lag)
            _add_spread(sums[_VOLUME], sums[_VOLUME_2], volume[now:], volume[old:])
            _add_spread(sums[_WEIGHTED], sums[_WEIGHTED_2], weighted[now:], weighted[old:])
            _add_counts(sums[_UP], sums[_DOWN], change[old:])
            _add_sizes(sums[_GAIN], sums[_LOSS], change[old:])
            _add_sizes(sums[_MORE], sums[_LESS], volume_change[old:])
            _add_below(sums[_BELOW], close[now:], close[old:])
            _follow_high(sums[_HIGH], sums[_AT_HIGH], high[old:], lag)
            _follow_low(sums[_LOW], sums[_AT_LOW], low[old:], lag)
            _sort_five(fives, single[old:])
            _merge_five(largest, smallest, fives, lag)
            window = lag + _PASS
            if window == WINDOWS[number]:
                _tell_closes(told, window, sums, close[now:], close[now - window :])
                _tell_ranges(told, window, sums, close[now:])
                _tell_quantiles(told[8], window, largest[_PASS:], close[now:])
                _tell_quantiles(told[9], window, smallest[_PASS:], close[now:])
                _tell_volumes(told, window, sums, volume[now:])
                _tell_weighted(told[25], window, sums[_WEIGHTED], sums[_WEIGHTED_2], weighted[now:])
                out[number * _COUNT : (number + 1) * _COUNT, begin : begin + rows] = told
                number += 1
    _forget_short_windows(out, history)


@numba.njit(cache=True, error_model="numpy")
def _nothing_kept(wall: float, rows: int) -> Singles:
    # Before the first kept place lies what nothing passes: merging then needs no special case at the ends.
    kept = np.full((_PASS + _KEPT, rows), np.float32(-wall))
    kept[:_PASS] = wall
    return kept


@numba.njit(cache=True, error_model="numpy")
def _add_pair(sums: Floats, left: Floats, old_left: Floats, right: Floats, old_right: Floats) -> None:
    _add_spread(sums[0], sums[1], left, old_left)
    _add_spread(sums[2], sums[3], right, old_right)
    cross = sums[4]
    for row in range(cross.size):
        total = cross[row]
        for step in range(_PASS):
            at = row + (_PASS - 1) - step
            total += (old_left[at] - left[row]) * (old_right[at] - right[row])
        cross[row] = total


@numba.njit(cache=True, error_model="numpy")
def _add_spread(sums: Floats, squares: Floats, now: Floats, old: Floats) -> None:
    for row in range(sums.size):
        total, square = sums[row], squares[row]
        for step in range(_PASS):
            away = old[row + (_PASS - 1) - step] - now[row]
            total += away
            square += away * away
        sums[row] = total
        squares[row] = square


@numba.njit(cache=True, error_model="numpy")
def _add_trend(sums: Floats, now: Floats, old: Floats, lag: int) -> None:
    for row in range(sums.size):
        total = sums[row]
        for step in range(_PASS):
            total += (lag + step) * (old[row + (_PASS - 1) - step] - now[row])
        sums[row] = total


@numba.njit(cache=True, error_model="numpy")
def _add_counts(up: Floats, down: Floats, change: Floats) -> None:
    for row in range(up.size):
        more, less = up[row], down[row]
        for step in range(_PASS):
            value = change[row + (_PASS - 1) - step]
            more += 1.0 if value > 0.0 else 0.0
            less += 1.0 if value < 0.0 else 0.0
        up[row] = more
        down[row] = less


@numba.njit(cache=True, error_model="numpy")
def _add_sizes(gain: Floats, loss: Floats, change: Floats) -> None:
    for row in range(gain.size):
        more, less = gain[row], loss[row]
        for step in range(_PASS):
            value = change[row + (_PASS - 1) - step]
            more += max(0.0, value)
            less -= min(0.0, value)
        gain[row] = more
        loss[row] = less


@numba.njit(cache=True, error_model="numpy")
def _add_below(below: Floats, now: Floats, old: Floats) -> None:
    # A value as large as the newest counts as half below it: that is the mean rank of ties.
    for row in range(below.size):
        total = below[row]
        for step in range(_PASS):
            value = old[row + (_PASS - 1) - step]
            total += (0.5 if value <= now[row] else 0.0) + (0.5 if value < now[row] else 0.0)
        below[row] = total


@numba.njit(cache=True, error_model="numpy")
def _follow_high(best: Floats, at: Floats, values: Floats, lag: int) -> None:
    # Among equals the oldest wins, as it does where a window is searched from its oldest value on.
    for row in range(best.size):
        top, place = best[row], at[row]
        for step in range(_PASS):
            value = values[row + (_PASS - 1) - step]
            place = float(lag + step) if value >= top else place
            top = max(value, top)
        best[row] = top
        at[row] = place


@numba.njit(cache=True, error_model="numpy")
def _follow_low(best: Floats, at: Floats, values: Floats, lag: int) -> None:
    for row in range(best.size):
        bottom, place = best[row], at[row]
        for step in range(_PASS):
            value = values[row + (_PASS - 1) - step]
            place = float(lag + step) if value <= bottom else place
            bottom = min(value, bottom)
        best[row] = bottom
        at[row] = place


@numba.njit(cache=True, error_model="numpy")
def _sort_five(fives: Singles, values: Singles) -> None:
    for step in range(_PASS):
        for row in range(fives.shape[1]):
            fives[step, row] = values[row + step]
    for end in range(_PASS - 1, 0, -1):
        for place in range(end):
            _order(fives[place], fives[place + 1])


@numba.njit(cache=True, error_model="numpy")
def _order(first: Singles, second: Singles) -> None:
    for row in range(first.size):
        one, other = first[row], second[row]
        first[row] = max(other, one)
        second[row] = min(one, other)


@numba.njit(cache=True, error_model="numpy")
def _merge_five(largest: Singles, smallest: Singles, fives: Singles, lag: int) -> None:
    """Merge five falling values into the kept largest (falling) and smallest (rising), lowest place first."""
    for place in range(min(lag + _PASS, _KEPT) - 1, -1, -1):
        top, bottom = largest[place : place + _PASS + 1], smallest[place : place + _PASS + 1]
        for row in range(fives.shape[1]):
            best = top[_PASS, row]
            for step in range(_PASS):
                value, above = fives[step, row], top[_PASS - 1 - step, row]
                value = min(above, value)
                best = max(best, value)
            top[_PASS, row] = best
        for row in range(fives.shape[1]):
            best = bottom[_PASS, row]
            for step in range(_PASS):
                value, under = fives[_PASS - 1 - step, row], bottom[_PASS - 1 - step, row]
                value = max(under, value)
                best = min(best, value)
            bottom[_PASS, row] = best


@numba.njit(cache=True, error_model="numpy")
def _tell_closes(out: Singles, window: int, sums: Floats, close: Floats, before: Floats) -> None:
    middle, steps = (window - 1) / 2.0, window * (window * window - 1) / 12.0
    for row in range(out.shape[1]):
        scale = 1.0 / close[row]
        total = sums[_CLOSE, row]
        spread = sums[_CLOSE_2, row] - total * total / window
        # Time runs against the lag; values are differences from the newest, whose own is 0.
        cross = middle * total - sums[_TREND, row]
        slope = cross / steps
        out[0, row] = before[row] * scale
        out[1, row] = 1.0 + total / window * scale
        out[2, row] = math.sqrt(spread / (window - 1)) * scale
        out[3, row] = slope * scale
        out[4, row] = cross * cross / (steps * spread)
        out[5, row] = -(total / window + middle * slope) * scale
    _tell_correlation(out[15], window, sums[_CLOSE:_RATIO])
    _tell_correlation(out[16], window, sums[_RATIO:_TREND])
    for row in range(out.shape[1]):
        up, down = sums[_UP, row] / window, sums[_DOWN, row] / window
        out[17, row] = up
        out[18, row] = down
        out[19, row] = up - down
    _tell_balance(out[20:23], sums[_GAIN], sums[_LOSS])


@numba.njit(cache=True, error_model="numpy")
def _tell_correlation(out: Singles, window: int, sums: Floats) -> None:
    for row in range(out.size):
        left, right = sums[0, row], sums[2, row]
        spreads = (sums[1, row] - left * left / window) * (sums[3, row] - right * right / window)
        out[row] = (sums[4, row] - left * right / window) / math.sqrt(spreads)


@numba.njit(cache=True, error_model="numpy")
def _tell_balance(out: Singles, gain: Floats, loss: Floats) -> None:
    for row in range(out.shape[1]):
        scale = 1.0 / (gain[row] + loss[row] + _TINY)
        out[0, row] = gain[row] * scale
        out[1, row] = loss[row] * scale
        out[2, row] = (gain[row] - loss[row]) * scale


@numba.njit(cache=True, error_model="numpy")
def _tell_quantiles(out: Singles, window: int, kept: Singles, close: Floats) -> None:
    place = 0.2 * (window - 1)
    whole = int(place)
    part = place - whole
    for row in range(out.size):
        out[row] = (kept[whole, row] * (1.0 - part) + kept[whole + 1, row] * part) / close[row]


@numba.njit(cache=True, error_model="numpy")
def _tell_ranges(out: Singles, window: int, sums: Floats, close: Floats) -> None:
    for row in range(out.shape[1]):
        high, low = sums[_HIGH, row], sums[_LOW, row]
        out[6, row] = high / close[row]
        out[7, row] = low / close[row]
        out[10, row] = (sums[_BELOW, row] + 0.5) / window
        out[11, row] = (close[row] - low) / (high - low + _TINY)
    for row in range(out.shape[1]):
        at_high, at_low = sums[_AT_HIGH, row], sums[_AT_LOW, row]
        out[12, row] = (window - at_high) / window
        out[13, row] = (window - at_low) / window
        out[14, row] = (at_low - at_high) / window


@numba.njit(cache=True, error_model="numpy")
def _tell_volumes(out: Singles, window: int, sums: Floats, volume: Floats) -> None:
    for row in range(out.shape[1]):
        scale = 1.0 / (volume[row] + _TINY)
        total = sums[_VOLUME, row]
        out[23, row] = (volume[row] + total / window) * scale
        out[24, row] = math.sqrt((sums[_VOLUME_2, row] - total * total / window) / (window - 1)) * scale
    _tell_balance(out[26:29], sums[_MORE], sums[_LESS])


@numba.njit(cache=True, error_model="numpy")
def _tell_weighted(out: Singles, window: int, total: Floats, squares: Floats, weighted: Floats) -> None:
    for row in range(out.size):
        deviation = math.sqrt((squares[row] - total[row] * total[row] / window) / (window - 1))
        out[row] = deviation / (weighted[row] + total[row] / window + _TINY)


@numba.njit(cache=True, error_model="numpy")
def _forget_short_windows(out: Singles, history: int) -> None:
    for number in range(len(WINDOWS)):
        for measure in range(_COUNT):
            needed = WINDOWS[number] + (1 if _IS_OF_CHANGES[measure] else 0)
            out[number * _COUNT + measure, : max(needed - history, 0)] = np.nan
