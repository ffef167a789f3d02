"""Each indicator against its definition, written out as a recursion in plain Python."""

import numpy as np
import pytest

from assets.features.indicators import recursive_indicators
from execution.domain.errors import DataError

RANDOM = np.random.default_rng(5)
CLOSE = 50.0 * np.cumprod(1.0 + RANDOM.normal(0.0, 0.02, 300))
HIGH = CLOSE * (1.0 + np.abs(RANDOM.normal(0.0, 0.01, 300)))
LOW = CLOSE * (1.0 - np.abs(RANDOM.normal(0.0, 0.01, 300)))


@pytest.fixture(scope="module")
def found():
    return recursive_indicators(symbol="AAA", high=HIGH, low=LOW, close=CLOSE)


def ema(values, span, *, start=0):
    """Seeded with the mean of the first span values after `start`, then a = 2 / (span + 1)."""
    out = [np.nan] * len(values)
    level = sum(values[start : start + span]) / span
    out[start + span - 1] = level
    for place in range(start + span, len(values)):
        level += (values[place] - level) * 2.0 / (span + 1.0)
        out[place] = level
    return np.array(out)


def wilder(values, periods, *, first):
    """Mean of `periods` values from `first`, then Wilder's smoothing."""
    out = [np.nan] * len(values)
    level = sum(values[first : first + periods]) / periods
    out[first + periods - 1] = level
    for place in range(first + periods, len(values)):
        level = (level * (periods - 1) + values[place]) / periods
        out[place] = level
    return np.array(out)


def true_range():
    previous = np.concatenate(([np.nan], CLOSE[:-1]))
    return np.maximum(HIGH, previous) - np.minimum(LOW, previous)


def directional():
    up, down = np.diff(HIGH, prepend=np.nan), -np.diff(LOW, prepend=np.nan)
    plus = np.where((up > down) & (up > 0), up, 0.0)
    minus = np.where((down > up) & (down > 0), down, 0.0)
    return plus, minus


def wilder_sum(values, periods):
    """Wilder's running sum: the first periods - 1 values summed, then sum - sum / periods + value."""
    out = [np.nan] * len(values)
    total = sum(values[1:periods])
    for place in range(periods, len(values)):
        total = total - total / periods + values[place]
        out[place] = total
    return np.array(out)


@pytest.mark.parametrize("span", [12, 20, 26, 50, 200])
def test_ema_is_seeded_by_a_mean_and_recursive(found, span):
    np.testing.assert_allclose(found[f"ema_{span}"], ema(CLOSE, span), rtol=1e-12)


@pytest.mark.parametrize("periods", [5, 14])
def test_rsi_is_wilders_gain_over_gain_and_loss(found, periods):
    change = np.diff(CLOSE, prepend=CLOSE[0])
    gain = wilder(np.maximum(change, 0.0), periods, first=1)
    loss = wilder(np.maximum(-change, 0.0), periods, first=1)
    np.testing.assert_allclose(found[f"rsi_{periods}"], 100.0 * gain / (gain + loss), rtol=1e-12)


def test_atr_is_wilders_mean_of_true_ranges(found):
    np.testing.assert_allclose(found["atr_14"], wilder(true_range(), 14, first=1), rtol=1e-12)


def test_macd_is_the_difference_of_two_means_and_its_signal_a_third(found):
    fast, slow = ema(CLOSE, 12, start=14), ema(CLOSE, 26)
    line = np.where(np.isnan(slow), np.nan, fast - slow)
    signal = ema(np.nan_to_num(line), 9, start=25)
    np.testing.assert_allclose(found["macd_signal"], signal, rtol=1e-9)
    np.testing.assert_allclose(found["macd"][33:], line[33:], rtol=1e-9)


@pytest.mark.parametrize(("name", "side"), [("plus_di_14", 0), ("minus_di_14", 1)])
def test_directional_indicator_is_movement_over_true_range(found, name, side):
    expected = 100.0 * wilder_sum(directional()[side], 14) / wilder_sum(true_range(), 14)
    np.testing.assert_allclose(found[name], expected, rtol=1e-9)


def test_adx_is_wilders_mean_of_directional_spread(found):
    plus, minus = (wilder_sum(side, 14) for side in directional())
    spread = 100.0 * np.abs(plus - minus) / (plus + minus)
    np.testing.assert_allclose(found["adx_14"], wilder(spread, 14, first=14), rtol=1e-9)


@pytest.mark.parametrize("poison", [np.nan, np.inf, 0.0, -1.0])
@pytest.mark.parametrize("column", ["high", "low", "close"])
def test_price_that_is_none_is_refused_before_the_call(poison, column):
    prices = {"high": HIGH.copy(), "low": LOW.copy(), "close": CLOSE.copy()}
    prices[column][77] = poison
    with pytest.raises(DataError, match=rf"AAA: {column} .* at position 77"):
        recursive_indicators(symbol="AAA", **prices)


def test_price_that_stood_still_has_no_strength_rather_than_none_at_all():
    flat = np.full(40, 20.0)
    found = recursive_indicators(symbol="AAA", high=flat, low=flat, close=flat)
    assert np.isnan(found["rsi_14"]).all()


def test_strength_comes_back_with_the_first_move():
    close = np.concatenate((np.full(40, 20.0), [20.5, 20.4]))
    found = recursive_indicators(symbol="AAA", high=close, low=close, close=close)
    assert np.isnan(found["rsi_14"][39])
    assert found["rsi_14"][40] == pytest.approx(100.0)


def test_history_shorter_than_a_look_back_has_no_value():
    found = recursive_indicators(symbol="AAA", high=HIGH[:3], low=LOW[:3], close=CLOSE[:3])
    assert all(np.isnan(values).all() for values in found.values())
