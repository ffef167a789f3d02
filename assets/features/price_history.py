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

import numba
import numpy as np
import numpy.typing as npt

from assets.carried_actions import MAX_CARRIED_SESSIONS
from assets.features.adjustment import cash_dividends, split_ratios, total_returns
from assets.features.vintages import Ints, Vintage

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


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
    # A kernel is compiled anew, for seconds, for each memory layout it meets, and a reading has the layout of the panel
    # it was cut from: many symbols, one, or one with late rows. In one layout it is compiled once.
    bars = np.ascontiguousarray(vintage.bars)
    oldest = _first_usable(bars)
    if oldest == vintage.bar_positions.size:
        return
    start = int(vintage.bar_positions[oldest])
    size = int(vintage.bar_positions[-1]) - start + 1
    series, is_reported, begins, ends = _settled(
        vintage.bar_positions - start,
        bars,
        oldest,
        split_ratios(sessions=size, splits=_actions(vintage, start, is_split=True)),
        cash_dividends(sessions=size, dividends=_actions(vintage, start, is_split=False)),
    )
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        yield PriceHistory(start + begin, is_reported[begin:end], *series[:, begin:end])


def _actions(vintage: Vintage, start: int, *, is_split: bool) -> list[tuple[int, float]]:
    return [
        (position - start, value)
        for position, kind, value in zip(vintage.action_positions.tolist(), *vintage.actions.tolist(), strict=True)
        if kind == float(is_split)
    ]


@numba.njit(cache=True, error_model="numpy")
def _first_usable(bars: Floats) -> int:
    size: int = bars.shape[1]
    for bar in range(size):
        if _is_usable(bars, bar):
            return bar
    return size


@numba.njit(cache=True, error_model="numpy")
def _is_usable(bars: Floats, bar: int) -> bool:
    return bool(bars[0, bar] > 0 and bars[1, bar] > 0 and bars[2, bar] > 0 and bars[3, bar] > 0)


@numba.njit(cache=True, error_model="numpy")
def _settled(
    offsets: Ints, bars: Floats, oldest: int, ratios: Floats, dividends_usd: Floats
) -> tuple[Floats, Bools, Ints, Ints]:
    """Return the series of consecutive sessions, which of them were reported, and where histories begin and end.

    Args:
        offsets: sessions with a reported bar, ascending, counted from that of the oldest usable one; shape (m,).
        bars: raw open, high, low, close and volume; shape (5, m).
        oldest: the oldest usable bar; those before it are not read.
        ratios: from `split_ratios`, shape (n,).
        dividends_usd: from `cash_dividends`, shape (n,).

    Returns:
        Shapes (8, n), the series in the order of `PriceHistory`, which mean nothing between histories, (n,), and twice
        (histories,).
    """
    sessions = ratios.size
    out = np.empty((8, sessions))
    last_close_usd = np.empty(sessions)
    is_reported, is_carried = np.zeros(sessions, dtype=np.bool_), np.zeros(sessions, dtype=np.bool_)
    begins, ends = np.zeros(sessions, dtype=np.int64), np.zeros(sessions, dtype=np.int64)
    bar, last_usable, newest, factor = oldest, 0, 0, 1.0
    for row in range(sessions):
        factor *= ratios[row]
        out[6, row] = factor
        is_reported[row] = offsets[bar] == row
        if is_reported[row] and _is_usable(bars, bar):
            if row - last_usable > MAX_CARRIED_SESSIONS + 1:
                newest += 1
                begins[newest] = ends[newest] = row
            last_usable = row
            opened, closed = bars[0, bar] * factor, bars[3, bar] * factor
            high, low = bars[1, bar] * factor, bars[2, bar] * factor
            out[0, row] = opened
            out[1, row] = max(opened, high, low, closed)
            out[2, row] = min(opened, high, low, closed)
            out[3, row] = closed
            out[4, row] = bars[4, bar] / factor
            out[5, row] = bars[3, bar] * bars[4, bar]
            last_close_usd[row] = bars[3, bar]
        else:
            for price in range(4):
                out[price, row] = out[3, row - 1]
            out[4, row] = out[5, row] = 0.0
            last_close_usd[row] = last_close_usd[row - 1]
            is_carried[row] = True
        # Reported sessions after the last usable bar are carried too, however the story goes on later: a session
        # inside a halt must read the same on its own evening as in a rebuild after it.
        if is_reported[row] and row - last_usable <= MAX_CARRIED_SESSIONS:
            ends[newest] = row + 1
        bar += is_reported[row]
    for history in range(newest + 1):
        begin, end = begins[history], ends[history]
        returns = total_returns(
            last_close_usd[begin:end], is_carried[begin:end], ratios[begin:end], dividends_usd[begin:end]
        )
        for row in range(end - begin):
            out[7, begin + row] = returns[row]
    return out, is_reported, begins[: newest + 1], ends[: newest + 1]
