"""Alpha158 against its published definitions, written out plainly one window at a time."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.features import alpha158_kernel
from assets.features.library.alpha158 import SET, alpha158
from assets.features.natural_logs import natural_logs
from assets.features.price_history import PriceHistory

NAMES = tuple(feature.name.removeprefix("alpha158_") for feature in SET.features)
SPANS = {name: feature.look_back_sessions for name, feature in zip(NAMES, SET.features, strict=True)}
TINY = 1e-12


def history(*, seed=3, size=140, tick=0.5):
    """Return a history with ties, halts without volume and days that stand still."""
    random = np.random.default_rng(seed)
    close = np.round(60.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, size))) / tick) * tick + tick
    opened = np.round(close * np.exp(random.normal(0.0, 0.01, size)) / tick) * tick + tick
    high = np.maximum(opened, close) + tick * random.integers(0, 4, size)
    low = np.minimum(opened, close) - 0.25 * tick * random.integers(0, 3, size)
    volume = np.floor(1e6 * np.exp(random.normal(0.0, 0.6, size)))
    volume[size // 3] = 0.0
    return of_bars(opened, high, low, close, volume)


def of_bars(opened, high, low, close, volume):
    size = close.size
    return PriceHistory(
        start=0,
        is_reported=np.ones(size, dtype=bool),
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        traded_usd=close * volume,
        factor=np.ones(size),
        total_return=np.full(size, np.nan),
    )


def bits(values):
    return np.ascontiguousarray(values).view(np.int32)


@cache
def plain(row):
    """Return each feature of one row by its published definition; NaN where a divisor is nothing."""
    bars = history()
    o, h, lo, c, v = (series[: row + 1] for series in (bars.open, bars.high, bars.low, bars.close, bars.volume))
    span = h[-1] - lo[-1] + TINY
    top, bottom = max(o[-1], c[-1]), min(o[-1], c[-1])
    found = {
        "kmid": (c[-1] - o[-1]) / o[-1], "klen": (h[-1] - lo[-1]) / o[-1], "kmid2": (c[-1] - o[-1]) / span,
        "kup": (h[-1] - top) / o[-1], "kup2": (h[-1] - top) / span,
        "klow": (bottom - lo[-1]) / o[-1], "klow2": (bottom - lo[-1]) / span,
        "ksft": (2 * c[-1] - h[-1] - lo[-1]) / o[-1], "ksft2": (2 * c[-1] - h[-1] - lo[-1]) / span,
        "open0": o[-1] / c[-1], "high0": h[-1] / c[-1], "low0": lo[-1] / c[-1],
        "vwap0": (h[-1] + lo[-1] + c[-1]) / 3 / c[-1],
    }  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        for window in alpha158_kernel.WINDOWS:
            for name, value in plain_window(h, lo, c, v, window).items():
                found[f"{name}{window}"] = value if row + 1 >= SPANS[f"{name}{window}"] else np.nan
    return found


def plain_window(h, lo, c, v, n):
    padded = np.r_[np.full(n, c[0]), c][-n - 1 :]
    volumes = np.r_[np.full(n, v[0]), v][-n - 1 :]
    change, volume_change = np.diff(padded), np.diff(volumes)
    h, lo, c, v = h[-n:], lo[-n:], c[-n:], v[-n:]
    time = np.arange(1.0, len(c) + 1)
    slope, constant = np.polyfit(time, c, 1) if len(c) > 1 else (0.0, 0.0)
    weighted = np.abs(padded[1:] / padded[:-1] - 1) * volumes[1:]
    moved, volume_moved = np.abs(change).sum() + TINY, np.abs(volume_change).sum() + TINY
    up, down = (change > 0).mean(), (change < 0).mean()
    gain, loss = np.maximum(change, 0).sum(), np.maximum(-change, 0).sum()
    more, less = np.maximum(volume_change, 0).sum(), np.maximum(-volume_change, 0).sum()
    at_high, at_low = (h.argmax() + 1) / n, (lo.argmin() + 1) / n
    return {
        "roc": padded[0] / c[-1], "ma": c.mean() / c[-1], "std": c.std(ddof=1) / c[-1] if len(c) > 1 else np.nan,
        "beta": slope / c[-1], "rsqr": correlation(time, c) ** 2,
        "resi": (c[-1] - slope * len(c) - constant) / c[-1],
        "max": h.max() / c[-1], "min": lo.min() / c[-1],
        "qtlu": np.quantile(c, 0.8) / c[-1], "qtld": np.quantile(c, 0.2) / c[-1],
        "rank": ((c < c[-1]).sum() + ((c == c[-1]).sum() + 1) / 2) / n,
        "rsv": (c[-1] - lo.min()) / (h.max() - lo.min() + TINY),
        "imax": at_high, "imin": at_low, "imxd": at_high - at_low,
        "corr": correlation(c, np.log(v + 1)),
        "cord": correlation(padded[1:] / padded[:-1], np.log(volumes[1:] / volumes[:-1] + 1)),
        "cntp": up, "cntn": down, "cntd": up - down,
        "sump": gain / moved, "sumn": loss / moved, "sumd": (gain - loss) / moved,
        "vma": v.mean() / (v[-1] + TINY), "vstd": (v.std(ddof=1) if len(v) > 1 else np.nan) / (v[-1] + TINY),
        "wvma": weighted.std(ddof=1) / (weighted.mean() + TINY),
        "vsump": more / volume_moved, "vsumn": less / volume_moved, "vsumd": (more - less) / volume_moved,
    }  # fmt: skip


def correlation(left, right):
    left, right = left - left.mean(), right - right.mean()
    return (left @ right) / np.sqrt((left @ left) * (right @ right))


def test_there_are_the_158_features_of_the_published_family():
    assert len(SET.features) == 158
    rolling = [f"{name.lower()}{window}" for window in alpha158_kernel.WINDOWS for name in alpha158_kernel.MEASURES]
    assert list(NAMES[13:]) == rolling


@pytest.mark.parametrize("row", [0, 4, 5, 9, 29, 46, 47, 58, 59, 60, 61, 99, 106, 107, 139])
def test_every_feature_is_its_published_definition(row):
    found = dict(zip(NAMES, alpha158(history(), row)[:, 0].astype(float), strict=True))
    expected = plain(row)
    wrong = {
        name: (found[name], value)
        for name, value in expected.items()
        if not np.isclose(found[name], value, rtol=2e-5, atol=2e-6, equal_nan=True)
        and not (not np.isfinite(found[name]) and not np.isfinite(value))
    }
    assert wrong == {}


@given(seed=st.integers(0, 2**32), size=st.integers(1, 700), data=st.data())
@settings(max_examples=30, deadline=None)
def test_one_session_alone_has_the_bits_of_the_whole_history(seed, size, data):
    bars = history(seed=seed, size=size)
    row = data.draw(st.integers(0, size - 1))
    whole = alpha158(bars, 0)
    assert np.array_equal(bits(alpha158(bars.until(row + 1), row)[:, 0]), bits(whole[:, row]))


@given(seed=st.integers(0, 2**32), size=st.integers(62, 300), dropped=st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_sessions_before_the_longest_window_change_no_bit(seed, size, dropped):
    bars = history(seed=seed, size=size + dropped)
    series = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    later = of_bars(*(values[dropped:].copy() for values in series))
    assert np.array_equal(bits(alpha158(later, 60)), bits(alpha158(bars, dropped + 60)))


def test_a_feature_is_null_until_its_look_back_is_full_and_no_longer():
    bars = history(size=70)
    lively = of_bars(bars.open, bars.high + np.arange(70), bars.low, bars.close + 0.01 * np.arange(70), bars.volume + 1)
    values = alpha158(lively, 0)
    first_known = np.argmax(np.isfinite(values), axis=1)
    assert dict(zip(NAMES, (first_known + 1).tolist(), strict=True)) == SPANS


def test_a_price_that_stands_still_has_no_spread_and_no_score_out_of_rounding():
    still = np.full(80, 0.1 * 3)
    values = dict(zip(NAMES, alpha158(of_bars(still, still, still, still, np.full(80, 7.0)), 79)[:, 0], strict=True))
    assert values["std60"] == 0.0
    assert values["vstd60"] == 0.0
    assert values["beta60"] == 0.0
    assert np.isnan(values["rsqr60"])
    assert np.isnan(values["corr60"])


@pytest.mark.parametrize("scale", [2.0, 1.5, 0.1])
def test_a_split_before_the_history_changes_no_feature(scale):
    bars = history()
    prices, volume = (bars.open, bars.high, bars.low, bars.close), bars.volume + 1000.0
    split = of_bars(*(values * scale for values in prices), volume / scale)
    again, was = alpha158(split, 0), alpha158(of_bars(*prices, volume), 0)
    # The logarithm of volume plus one is not free of scale; everything else is.
    free = [row for row, name in enumerate(NAMES) if not name.startswith("corr")]
    np.testing.assert_allclose(again[free], was[free], rtol=2e-4, atol=2e-5)


def test_logarithms_are_right_to_the_last_places_and_the_same_wherever_they_stand():
    values = np.r_[np.random.default_rng(5).uniform(1.0, 1e9, 2000), 1.0, 2.0, 1e-300, 1e300]
    found = natural_logs(values)
    np.testing.assert_allclose(found, np.log(values), rtol=4e-16, atol=4e-16)
    alone = np.array([natural_logs(values[place : place + 1])[0] for place in range(50)])
    assert alone.tobytes() == found[:50].tobytes()
