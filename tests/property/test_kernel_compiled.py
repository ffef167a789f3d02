"""What is compiled has the bits of the same arithmetic written out for one session, or one array, after the other."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.carried_actions import MAX_CARRIED_SESSIONS
from assets.features.price_history import price_histories
from assets.features.price_measures import MEASURES
from assets.features.vintages import Vintage

SERIES = ("is_reported", "open", "high", "low", "close", "volume", "traded_usd", "factor", "total_return")


def bits(values):
    return np.ascontiguousarray(values, dtype=np.float64).view(np.int64).tolist()


def reading(seed):
    """Return a reading with gaps short and long, bars without a price, no volume, splits and dividends."""
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 90))
    gaps = random.choice([1, 2, 6, 7, 8, 30], size=size, p=[0.8, 0.08, 0.03, 0.03, 0.03, 0.03])
    bars = random.lognormal(3.0, 1.0, (5, size))
    without = random.random(size) < random.choice([0.0, 0.1, 0.5, 0.95])
    bars[random.integers(0, 4), without] = random.choice([0.0, -1.0, np.nan])
    bars[4, random.random(size) < 0.1] = 0.0
    positions = 5 + np.cumsum(gaps)
    happened = int(random.integers(0, 6))
    values = [random.integers(0, 2, happened).astype(float), random.choice([2.0, 0.5, 1 / 3, 0.37, 7.0], happened)]
    return Vintage(
        first=0,
        last=int(positions[-1]) + 3,
        bar_positions=positions,
        bars=bars,
        action_positions=np.sort(random.integers(0, positions[-1] + 9, happened)),
        actions=np.array(values),
    )


def told_in_words(vintage):
    """Return the histories of a reading, one session after the other: (start, series by name)."""
    bars = dict(zip(vintage.bar_positions.tolist(), vintage.bars.T.tolist(), strict=True))
    usable = [position for position, bar in bars.items() if min(bar[:4]) > 0 and not any(map(math.isnan, bar[:4]))]
    actions = list(zip(vintage.action_positions.tolist(), *vintage.actions.tolist(), strict=True))
    found, factor, last = [], 1.0, None
    for position in range(usable[0], max(bars) + 1) if usable else ():
        ratio, cash = 1.0, 0.0
        for at, is_split, value in actions:
            if at == position > usable[0]:
                ratio, cash = (ratio * value, cash) if is_split else (ratio, cash + value)
        factor *= ratio
        is_usable = position in usable
        if last is None or (is_usable and position - last > MAX_CARRIED_SESSIONS + 1):
            history, held, before = [], 1.0, math.nan
            found.append((position, history))
        if is_usable:
            last = position
            opened, high, low, close, shares = bars[position]
            prices = [opened * factor, high * factor, low * factor, close * factor]
            row = [prices[0], max(prices), min(prices), prices[3], shares / factor, close * shares, factor]
            worth = close * (held * ratio)
        else:
            row = [history[-1][4]] * 4 + [0.0, 0.0, factor]
            worth = before
        returned = (worth + cash * held) / before - 1.0 if history else math.nan
        history.append([position in bars, *row, returned])
        held, before = (1.0, bars[position][3]) if is_usable else (held * ratio, before)
    return [(start, _until_carried(rows, start, usable)) for start, rows in found]


def _until_carried(rows, start, usable):
    """Return the columns up to the last reported session that is near enough to a usable bar."""
    last = max(position for position in usable if position < start + len(rows))
    kept = [n for n, row in enumerate(rows) if row[0] and start + n <= last + MAX_CARRIED_SESSIONS]
    return np.array(rows[: kept[-1] + 1], dtype=np.float64).T


@given(seed=st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_histories_are_those_told_session_by_session(seed):
    vintage = reading(seed)
    found, expected = list(price_histories(vintage)), told_in_words(vintage)
    assert [history.start for history in found] == [start for start, _ in expected]
    for history, (_, columns) in zip(found, expected, strict=True):
        for name, values in zip(SERIES, columns, strict=True):
            assert bits(getattr(history, name)) == bits(values), name


def test_each_measure_has_a_name_of_its_own():
    assert len(set(MEASURES)) == len(MEASURES)
