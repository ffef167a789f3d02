"""One reading of a symbol's history as unbroken, adjusted series, one value per exchange session.

What TA-Lib and the windows need is a series without holes, so holes are settled here, once:

- A session without a usable bar (missing, or with a price that is not positive, as some feeds write for a halt) repeats
  the last close with no volume: nothing traded, so nothing changed. It gets no feature row unless a bar was reported.
- After more than `MAX_CARRIED_SESSIONS` such sessions the price is no longer evidence: the next bar begins a new
  history, and features are null until their look-back is full again.
- High and low are widened to include open and close where a feed rounded them apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from assets.features.adjustment import cash_dividends, split_ratios, total_returns
from assets.features.vintages import Vintage

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MAX_CARRIED_SESSIONS: Final = 5


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """Adjusted series of consecutive sessions; every array has shape (n,) and no NaN but the first return.

    Attributes:
        start: calendar position of the first value.
        is_reported: whether a bar was reported for the session.
        open, high, low, close: adjusted prices.
        volume: adjusted shares; 0 where carried.
        traded_usd: close times volume, which no split changes.
        factor: adjusted price over raw price.
        total_return: one-session return with splits and dividends; the first is NaN.
    """

    start: int
    is_reported: Bools
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    traded_usd: Floats
    factor: Floats
    total_return: Floats

    def until(self, size: int) -> "PriceHistory":
        """Return the first `size` sessions; series look back only, so their values stay what they are."""
        if size == self.close.size:
            return self
        cut = {field.name: getattr(self, field.name)[:size] for field in fields(self) if field.name != "start"}
        return PriceHistory(start=self.start, **cut)


def price_histories(vintage: Vintage) -> Iterator[PriceHistory]:
    """Yield the unbroken histories of a reading, oldest first; none when no bar is usable."""
    usable = np.minimum.reduce(vintage.bars[:4]) > 0
    if not usable.any():
        return
    positions, bars = vintage.bar_positions, vintage.bars
    if not usable.all():
        positions, bars = positions[usable], bars[:, usable]
    start = int(positions[0])
    size = int(vintage.bar_positions[-1]) - start + 1
    ratios = split_ratios(sessions=size, splits=_actions(vintage, start, is_split=True))
    factors = np.asarray(np.cumprod(ratios), dtype=np.float64)
    dividends = cash_dividends(sessions=size, dividends=_actions(vintage, start, is_split=False))
    is_reported = np.zeros(size, dtype=bool)
    is_reported[vintage.bar_positions[vintage.bar_positions >= start] - start] = True
    breaks = np.flatnonzero(np.diff(positions) > MAX_CARRIED_SESSIONS + 1) + 1
    for first, end in zip([0, *breaks], [*breaks, positions.size], strict=True):
        begin = int(positions[first]) - start
        # Reported sessions after the last usable bar are carried too, however the story goes on later: a session
        # inside a halt must read the same on its own evening as in a rebuild after it.
        carried_until = int(positions[end - 1]) - start + MAX_CARRIED_SESSIONS
        until = int(np.flatnonzero(is_reported[: carried_until + 1])[-1]) + 1
        own = slice(begin, until)
        yield _history(
            positions[first:end] - start - begin,
            bars[:, first:end],
            start=start + begin,
            ratios=ratios[own],
            factors=factors[own],
            dividends=dividends[own],
            is_reported=is_reported[own],
        )


def _actions(vintage: Vintage, start: int, *, is_split: bool) -> list[tuple[int, float]]:
    chosen = vintage.actions[0] == float(is_split)
    return [
        (int(position) - start, float(value))
        for position, value in zip(vintage.action_positions[chosen], vintage.actions[1, chosen], strict=True)
    ]


def _history(
    offsets: npt.NDArray[np.int64],
    bars: Floats,
    *,
    start: int,
    ratios: Floats,
    factors: Floats,
    dividends: Floats,
    is_reported: Bools,
) -> PriceHistory:
    series = _adjusted(offsets, bars, factors)
    carried = np.ones(factors.size, dtype=bool)
    carried[offsets] = False
    return PriceHistory(
        start=start,
        is_reported=is_reported,
        open=series[0],
        high=series[1],
        low=series[2],
        close=series[3],
        volume=series[4],
        traded_usd=series[5],
        factor=factors,
        total_return=total_returns(
            last_close_usd=series[6], is_carried=carried, ratios=ratios, dividends_usd=dividends
        ),
    )


@numba.njit(cache=True, error_model="numpy")
def _adjusted(offsets: npt.NDArray[np.int64], bars: Floats, factors: Floats) -> Floats:
    """Return the series of consecutive sessions, the last close carried where no bar is.

    Args:
        offsets: sessions with a bar, ascending, the first is 0; shape (m,).
        bars: raw open, high, low, close and volume; shape (5, m).
        factors: adjusted price over raw price; shape (n,).

    Returns:
        Shape (7, n): adjusted open, high, low, close and volume, traded dollars, raw close.
    """
    out = np.empty((7, factors.size))
    bar = 0
    for row in range(factors.size):
        if bar < offsets.size and offsets[bar] == row:
            factor = factors[row]
            opened, closed = bars[0, bar] * factor, bars[3, bar] * factor
            high, low = bars[1, bar] * factor, bars[2, bar] * factor
            out[0, row] = opened
            out[1, row] = max(opened, high, low, closed)
            out[2, row] = min(opened, high, low, closed)
            out[3, row] = closed
            out[4, row] = bars[4, bar] / factor
            out[5, row] = bars[3, bar] * bars[4, bar]
            out[6, row] = bars[3, bar]
            bar += 1
        else:
            out[:4, row] = out[3, row - 1]
            out[4:6, row] = 0.0
            out[6, row] = out[6, row - 1]
    return out
