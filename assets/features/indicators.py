"""Recursive indicators by TA-Lib, always computed from the history's first bar.

An exponential mean never forgets its first value, so a shorter warm-up gives other numbers: there is one warm-up, the
whole history. TA-Lib answers one NaN with a relative strength of 0 for ever, a permanent fake "oversold", so anything
but finite, positive prices is refused before the call.
"""

from collections.abc import Mapping

import numba
import numpy as np
import numpy.typing as npt

from execution.domain.errors import DataError

Floats = npt.NDArray[np.float64]


def recursive_indicators(*, symbol: str, high: Floats, low: Floats, close: Floats) -> Mapping[str, Floats]:
    """Return every indicator of one unbroken history.

    Args:
        symbol: named in errors.
        high: adjusted highs, shape (n,), oldest first, one per session without gaps.
        low: adjusted lows, shape (n,).
        close: adjusted closes, shape (n,).

    Returns:
        Shape (n,) each, NaN until an indicator's look-back is full: rsi_14, rsi_5, atr_14, macd, macd_signal, adx_14,
        plus_di_14, minus_di_14, ema_12, ema_20, ema_26, ema_50, ema_200; prices on the scale of `close`.

    Raises:
        DataError: a price is not finite or not positive.
    """
    import talib  # noqa: PLC0415 - definitions import this module; the library loads when a session is computed

    refuse_gaps(symbol=symbol, high=high, low=low, close=close)
    macd, macd_signal, _ = talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)
    return {
        "rsi_14": relative_strength(close, 14),
        "rsi_5": relative_strength(close, 5),
        "atr_14": talib.ATR(high, low, close, timeperiod=14),
        "macd": macd,
        "macd_signal": macd_signal,
        "adx_14": talib.ADX(high, low, close, timeperiod=14),
        "plus_di_14": talib.PLUS_DI(high, low, close, timeperiod=14),
        "minus_di_14": talib.MINUS_DI(high, low, close, timeperiod=14),
        **{f"ema_{span}": talib.EMA(close, timeperiod=span) for span in (12, 20, 26, 50, 200)},
    }


def relative_strength(close: Floats, sessions: int) -> Floats:
    """Return Wilder's relative strength index of finite, positive closes, 0 to 100; NaN where nothing moved."""
    import talib  # noqa: PLC0415 - as in `recursive_indicators`

    return _null_where_flat(talib.RSI(close, timeperiod=sessions), close, sessions + 1)


def refuse_gaps(*, symbol: str, **prices: Floats) -> None:
    """Refuse a history that would poison a recursive indicator.

    Raises:
        DataError: a value is NaN, infinite or not positive; names the symbol, the column and the first position.
    """
    for name, values in prices.items():
        position = _first_unsound(values)
        if position < values.size:
            raise DataError(
                f"{symbol}: {name} is {values[position]} at position {position} of {values.size}; expected positive "
                "finite prices without gaps, carry the last price over missing sessions first"
            )


@numba.njit(cache=True)
def _first_unsound(prices: Floats) -> int:
    for position in range(prices.size):
        if not (0.0 < prices[position] < np.inf):
            return position
    return prices.size


@numba.njit(cache=True)
def _null_where_flat(strength: Floats, close: Floats, bars: int) -> Floats:
    # Without any movement gains and losses are both nothing; TA-Lib says 0, which reads as "oversold".
    last_move = 0
    for row in range(close.size):
        if row > 0 and close[row] != close[row - 1]:
            last_move = row
        if row - last_move >= bars - 1:
            strength[row] = np.nan
    return strength
