"""Alpha158: the 158 price and volume features that Microsoft's Qlib publishes, on our own adjusted histories.

Nine shapes of the day's candle, four prices over the close, and 29 measures over 5, 10, 20, 30 and 60 sessions. Prices
are adjusted for splits alone. Daily bars carry no average price, so VWAP0 takes the typical one, (high + low + close)
/ 3. A value is null until its window is full, where Qlib computes with what there is.

Source:
    Yang et al. (2020), "Qlib: An AI-oriented Quantitative Investment Platform", arXiv:2009.11189; the definitions are
    those of its data loader Alpha158.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from assets.feature_catalogue import Feature
from assets.features.feature_set import FeatureSet, Singles

if TYPE_CHECKING:
    from assets.features.price_history import PriceHistory

_INPUTS: Final = ("daily_bars", "corporate_actions")
_WINDOWS: Final = (5, 10, 20, 30, 60)
_OF_THE_DAY: Final = {
    "kmid": "Close less open, over the open.",
    "klen": "High less low, over the open.",
    "kmid2": "Close less open, over the day's range.",
    "kup": "High less the larger of open and close, over the open.",
    "kup2": "High less the larger of open and close, over the day's range.",
    "klow": "The smaller of open and close less the low, over the open.",
    "klow2": "The smaller of open and close less the low, over the day's range.",
    "ksft": "Twice the close less high and low, over the open.",
    "ksft2": "Twice the close less high and low, over the day's range.",
    "open0": "Open over close.",
    "high0": "High over close.",
    "low0": "Low over close.",
    "vwap0": "Typical price over close.",
}

# Each with the sessions it needs before its window: changes need one.
_ROLLING: Final = {
    "roc": (1, "Close of {} sessions ago over the close."),
    "ma": (0, "Mean close of {} sessions over the close."),
    "std": (0, "Standard deviation of the close over {} sessions, over the close."),
    "beta": (0, "Least-squares slope of the close over {} sessions, per session, over the close."),
    "rsqr": (0, "Share of the close's variance over {} sessions that the straight line explains."),
    "resi": (0, "What the line through {} closes leaves of the newest one, over the close."),
    "max": (0, "Highest high of {} sessions over the close."),
    "min": (0, "Lowest low of {} sessions over the close."),
    "qtlu": (0, "The 0.8 quantile of {} closes over the close."),
    "qtld": (0, "The 0.2 quantile of {} closes over the close."),
    "rank": (0, "Rank of the close among {} closes, ties shared, 1 highest."),
    "rsv": (0, "Where the close lies between the low (0) and the high (1) of {} sessions."),
    "imax": (0, "Place of the highest high in {} sessions, counted from the oldest, over their number."),
    "imin": (0, "Place of the lowest low in {} sessions, counted from the oldest, over their number."),
    "imxd": (0, "Place of the highest high less place of the lowest low in {} sessions, over their number."),
    "corr": (0, "Correlation of the close with the logarithm of volume over {} sessions."),
    "cord": (1, "Correlation of the close's daily ratio with that of volume, logarithmic, over {} sessions."),
    "cntp": (1, "Share of {} sessions with a rise."),
    "cntn": (1, "Share of {} sessions with a fall."),
    "cntd": (1, "Share of rises less share of falls in {} sessions."),
    "sump": (1, "Rises of {} sessions summed, over all movement."),
    "sumn": (1, "Falls of {} sessions summed, over all movement."),
    "sumd": (1, "Rises less falls of {} sessions, over all movement."),
    "vma": (0, "Mean volume of {} sessions over the volume."),
    "vstd": (0, "Standard deviation of volume over {} sessions, over the volume."),
    "wvma": (1, "Deviation over mean of return size times volume in {} sessions."),
    "vsump": (1, "Rises of volume in {} sessions summed, over all change of volume."),
    "vsumn": (1, "Falls of volume in {} sessions summed, over all change of volume."),
    "vsumd": (1, "Rises less falls of volume in {} sessions, over all change of volume."),
}


def _features() -> tuple[Feature, ...]:
    of_the_day = [(f"alpha158_{name}", 1, sentence) for name, sentence in _OF_THE_DAY.items()]
    rolling = [
        (f"alpha158_{name}{window}", window + before, sentence.format(window))
        for window in _WINDOWS
        for name, (before, sentence) in _ROLLING.items()
    ]
    return tuple(Feature(name, "library", span, _INPUTS, told) for name, span, told in (*of_the_day, *rolling))


def alpha158(history: "PriceHistory", first: int) -> Singles:
    """Return the 158 features of the rows from `first` on, shape (158, n - first)."""
    from assets.features.alpha158_kernel import (  # noqa: PLC0415 - numba loads with the work, not with the definitions
        LONGEST,
        measures_of_the_day,
        rolling_measures,
    )

    rows, of_the_day = history.close.size - first, len(_OF_THE_DAY)
    past = min(first, LONGEST)
    bars = np.empty((5, LONGEST + rows))
    for row, series in enumerate((history.open, history.high, history.low, history.close, history.volume)):
        # Rows that would look at repeated values are null: their windows are not full.
        bars[row, : LONGEST - past] = series[0]
        bars[row, LONGEST - past :] = series[first - past :]
    out = np.empty((len(SET.features), rows), dtype=np.float32)
    measures_of_the_day(bars[:, LONGEST:], out[:of_the_day])
    rolling_measures(bars, first + 1, out[of_the_day:])
    return out


SET: Final = FeatureSet("alpha158", _features(), alpha158)
