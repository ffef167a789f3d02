"""Momentum on the real prices is the momentum the world knows: the factor Kenneth French publishes, month by month.

His factor is the mean of small and large winners less losers (best and worst 30 % of all US stocks by the return from
twelve to one month ago), each weighted by value. Ours is the same cut of some 480 large survivors, each alike, by this
project's own feature. The two must tell the same story, and need not agree to the digit.

Source: Kenneth R. French, Data Library, F-F_Momentum_Factor, monthly, as published in 2021.
"""

import csv
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from assets.features.rolling import window_growth

CHECKOUT = Path(__file__).parents[3]
PUBLISHED = CHECKOUT / "tests" / "data" / "features" / "momentum_factor_monthly.csv"
PRICES = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data")) / (
    "prices_daily_wiki_2009_2016h1.parquet"
)

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not PRICES.exists(), reason=f"real prices not found at {PRICES}: they lie beside the checkout"),
]


@pytest.fixture(scope="module")
def ours_and_published() -> tuple[np.ndarray, np.ndarray]:
    """Months both know, in percent, oldest first."""
    rows = pq.read_table(PRICES, columns=["symbol", "date", "close", "ex_dividend", "split_ratio"])
    days, day = np.unique(rows["date"].to_numpy(), return_inverse=True)
    names, name = np.unique(rows["symbol"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    close, paid, split = (np.full((len(days), len(names)), np.nan) for _ in range(3))
    for column, grid in (("close", close), ("ex_dividend", paid), ("split_ratio", split)):
        grid[day, name] = rows[column].to_numpy()
    returns = np.full(close.shape, np.nan)
    returns[1:] = (close[1:] * split[1:] + paid[1:]) / close[:-1] - 1.0
    momentum = np.column_stack([window_growth(np.ascontiguousarray(one), 21, 252, 0) for one in returns.T])
    month = days.astype("datetime64[M]").astype(str)
    ends = np.flatnonzero(np.r_[month[1:] != month[:-1], True])
    ours = {}
    for before, end in pairwise(ends):
        is_known = np.isfinite(momentum[before]) & np.isfinite(close[end])
        if is_known.sum() > 100:
            order = np.argsort(momentum[before][is_known])
            earned = (np.prod(1.0 + returns[before + 1 : end + 1], axis=0) - 1.0)[is_known][order]
            third = int(0.3 * len(earned))
            ours[month[end]] = 100.0 * (np.nanmean(earned[-third:]) - np.nanmean(earned[:third]))
    with PUBLISHED.open() as lines:
        published = {row["month"]: float(row["momentum_percent"]) for row in csv.DictReader(lines)}
    months = [one for one in ours if one in published]
    return np.array([ours[one] for one in months]), np.array([published[one] for one in months])


def test_it_rises_and_falls_with_the_published_factor(ours_and_published: tuple[np.ndarray, np.ndarray]) -> None:
    ours, published = ours_and_published
    assert len(ours) == 77
    assert np.corrcoef(ours, published)[0, 1] > 0.9
    assert (np.sign(ours) == np.sign(published)).mean() > 0.8


def test_it_moves_nearly_as_far_and_earns_nearly_as_much(ours_and_published: tuple[np.ndarray, np.ndarray]) -> None:
    ours, published = ours_and_published
    slope = np.polyfit(published, ours, 1)[0]
    assert 0.7 < slope < 1.0  # large survivors alone spread less than all stocks
    assert ours.mean() == pytest.approx(published.mean(), abs=0.2)


def test_a_month_earlier_or_later_it_is_another_thing(ours_and_published: tuple[np.ndarray, np.ndarray]) -> None:
    ours, published = ours_and_published
    assert abs(np.corrcoef(ours[1:], published[:-1])[0, 1]) < 0.3
    assert abs(np.corrcoef(ours[:-1], published[1:])[0, 1]) < 0.3
