"""Where the volume went: the money flow index, and on-balance volume as a share of what was traded.

Both are sums over whole windows, each from scratch, so that one new session has the bits of a rebuild. On-balance
volume itself has no such form: it is a running total whose level says when the history began.

Source:
    Quong and Soudack (1989), "Volume-Weighted RSI: Money Flow", Technical Analysis of Stocks & Commodities 7:3;
    Granville (1963), "Granville's New Key to Stock Market Profits".
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from assets.feature_catalogue import Feature
from assets.features.feature_set import FeatureSet, Singles

if TYPE_CHECKING:
    from assets.features.price_history import PriceHistory

Floats = npt.NDArray[np.float64]

_INPUTS: Final = ("daily_bars", "corporate_actions")
_INDEX_SESSIONS: Final = 14
_BALANCE_SESSIONS: Final = 20


def money_flow(history: "PriceHistory", first: int) -> Singles:
    """Return the two features of the rows from `first` on, shape (2, n - first)."""
    from assets.features.rolling import window_sum  # noqa: PLC0415 - numba loads with the work

    typical = (history.high + history.low + history.close) / 3.0
    rising, falling = _split_by_change(typical, typical * history.volume)
    gained, lost = (window_sum(flow, _INDEX_SESSIONS, first) for flow in (rising, falling))
    up, down = _split_by_change(history.close, history.volume)
    balance = window_sum(up - down, _BALANCE_SESSIONS, first)
    traded = window_sum(history.volume, _BALANCE_SESSIONS, first)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Nothing flowed, or nothing was traded: there is no value.
        return np.stack([100.0 * gained / (gained + lost), balance / traded]).astype(np.float32)


def _split_by_change(price: Floats, amount: Floats) -> tuple[Floats, Floats]:
    """Return the amounts of sessions that rose, 0 in the others, and of those that fell; NaN in the first."""
    change = np.diff(price, prepend=np.nan)
    rose, fell = (np.where(is_so, amount, 0.0) for is_so in (change > 0.0, change < 0.0))
    rose[:1] = fell[:1] = np.nan
    return rose, fell


SET: Final = FeatureSet(
    "money_flow",
    (
        Feature(
            "money_flow_index_14",
            "library",
            _INDEX_SESSIONS + 1,
            _INPUTS,
            "Typical price times volume of 14 sessions: what rose over what rose and fell, 0 to 100.",
        ),
        Feature(
            "money_flow_on_balance_20d",
            "library",
            _BALANCE_SESSIONS + 1,
            _INPUTS,
            "On-balance volume gained in 20 sessions over the volume traded in them, -1 to 1.",
        ),
    ),
    money_flow,
)
