"""Every price, volume, risk, indicator and level feature of one unbroken history, and the facts orders are sized by.

Recursive indicators run over the whole history, everything else over as much of it as the longest window reaches.
Nothing here knows what was asked before, so one new session and a full rebuild give the same bits. The windows are
compiled; what is made of them is not: compiled expressions over arrays would save a tenth of a second of a day, and
cost a minute where nothing is cached yet.

Each function returns its measures in the order of the names above it.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from assets.features.indicators import recursive_indicators, relative_strength
from assets.features.price_history import Floats, PriceHistory
from assets.features.rolling import (
    window_cross_moment,
    window_drawdown,
    window_growth,
    window_high_moments,
    window_line,
    window_max,
    window_sum,
)

Columns = tuple[Floats, ...]

# So many sessions before a row its windows may look at.
_REACH: Final = 252
_FOUR_LN_2: Final = 2.772588722239781  # Parkinson (1980), J. Business 53(1), 61-65
# What `_indicators` reads of them, in this order.
_RECURSIVE: Final = (
    *("rsi_14", "rsi_5", "adx_14", "plus_di_14", "minus_di_14", "atr_14", "macd", "macd_signal"),
    *("ema_12", "ema_20", "ema_26", "ema_50", "ema_200"),
)


def price_measures(symbol: str, history: PriceHistory, market_return: Floats, *, first: int) -> Floats:
    """Return every measure of the rows from `first` on.

    Args:
        symbol: named in errors.
        history: one unbroken history of n sessions.
        market_return: the market's one-session returns of the same sessions, shape (n,).
        first: first row wanted.

    Returns:
        Shape (measures, n - first) in the order of `MEASURES`, NaN or infinite where there is no value.
    """
    found = recursive_indicators(symbol=symbol, high=history.high, low=history.low, close=history.close)
    recursive = tuple(found[name][first:] for name in _RECURSIVE)
    near, row = _near(history, market_return, first)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _measures(near, recursive, row)


def ranked_measures(history: PriceHistory, market_return: Floats, *, first: int) -> Mapping[str, Floats]:
    """Return only the measures the marts rank symbols by; arguments and values as in `price_measures`.

    A leakage check asks them of every symbol, where all measures would take four times as long.
    """
    near, row = _near(history, market_return, first)
    volume, traded_usd, returns, market = near[-4:]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ranked = dict(zip(_RANKED, _ranked(volume, traded_usd, returns, market, row), strict=True))
    return {**ranked, "rsi_14": relative_strength(history.close, 14)[first:]}


def _near(history: PriceHistory, market_return: Floats, first: int) -> tuple[Columns, int]:
    """Return the series from where the windows of the first row begin, and that row's place in them."""
    begin = max(0, first - _REACH)
    series = (
        *(history.factor, history.open, history.high, history.low, history.close),
        *(history.volume, history.traded_usd, history.total_return, market_return),
    )
    return tuple(values[begin:] for values in series), first - begin


_RANKED: Final = (
    *("return_5d", "return_20d", "return_60d", "momentum_12_1", "volatility_20d", "volume_ratio_5_20"),
    *("dollar_volume_20d_usd", "beta_60d"),
)
RANKED: Final = (*_RANKED, "rsi_14")
"""What `ranked_measures` returns: the marts rank symbols by these."""


def _ranked(volume: Floats, traded_usd: Floats, returns: Floats, market_return: Floats, first: int) -> Columns:
    return (
        window_growth(returns, 0, 5, first),
        window_growth(returns, 0, 20, first),
        window_growth(returns, 0, 60, first),
        window_growth(returns, 21, 252, first),
        deviation(returns, 20, first),
        mean(volume, 5, first) / mean(volume, 20, first),
        mean(traded_usd, 20, first),
        _beta(returns, market_return, 60, first),
    )


def mean(values: Floats, window: int, first: int) -> Floats:
    """Return the mean of the last `window` values."""
    return window_sum(values, window, first) / window


def deviation(values: Floats, window: int, first: int) -> Floats:
    """Return the sample standard deviation of the last `window` values."""
    return np.sqrt(window_cross_moment(values, values, window, first) / (window - 1))


def correlation(left: Floats, right: Floats, window: int, first: int) -> Floats:
    """Return the correlation of the last `window` pairs; NaN where a side does not vary."""
    cross = window_cross_moment(left, right, window, first)
    spread = window_cross_moment(left, left, window, first) * window_cross_moment(right, right, window, first)
    return cross / np.sqrt(spread)


def _beta(returns: Floats, market_return: Floats, window: int, first: int) -> Floats:
    cross = window_cross_moment(returns, market_return, window, first)
    return cross / window_cross_moment(market_return, market_return, window, first)


_RETURNS: Final = (
    *("return_1d", "return_5d", "return_10d", "return_20d", "return_60d", "return_120d", "return_252d"),
    *("momentum_6_1", "momentum_12_1", "gap_1d", "return_intraday_1d", "up_share_20d"),
)


def _returns(start: Floats, close: Floats, returns: Floats, first: int) -> Columns:
    return (
        returns[first:],
        window_growth(returns, 0, 5, first),
        window_growth(returns, 0, 10, first),
        window_growth(returns, 0, 20, first),
        window_growth(returns, 0, 60, first),
        window_growth(returns, 0, 120, first),
        window_growth(returns, 0, 252, first),
        window_growth(returns, 21, 126, first),
        window_growth(returns, 21, 252, first),
        _over_previous(start, close)[first:],
        close[first:] / start[first:] - 1.0,
        mean(np.where(np.isnan(returns), np.nan, np.where(returns > 0, 1.0, 0.0)), 20, first),
    )


_POSITIONS: Final = (
    *("close_to_sma_20d", "close_to_sma_60d", "close_to_sma_200d", "position_in_range_20d", "position_in_range_60d"),
    *("close_to_high_252d", "close_to_low_252d", "trend_slope_60d", "trend_fit_60d"),
)


def _positions(high: Floats, low: Floats, close: Floats, first: int) -> Columns:
    slope, fit = window_line(close, 60, first)
    now, mean_60 = close[first:], mean(close, 60, first)
    return (
        now / mean(close, 20, first) - 1.0,
        now / mean_60 - 1.0,
        now / mean(close, 200, first) - 1.0,
        _position_in_range(high, low, close, 20, first),
        _position_in_range(high, low, close, 60, first),
        now / window_max(high, 252, first) - 1.0,
        now / _lowest(low, 252, first) - 1.0,
        slope / mean_60,
        fit,
    )


def _position_in_range(high: Floats, low: Floats, close: Floats, window: int, first: int) -> Floats:
    bottom, top = _lowest(low, window, first), window_max(high, window, first)
    return (close[first:] - bottom) / (top - bottom)


_VOLUMES: Final = (
    *("volume_ratio_1_20", "volume_ratio_5_20", "volume_ratio_20_60", "volume_zscore_60d"),
    *("volume_return_correlation_20d", "illiquidity_20d", "close_to_vwap_20d"),
)


def _volumes(  # noqa: PLR0917 - series, all of a kind
    high: Floats, low: Floats, close: Floats, volume: Floats, traded_usd: Floats, returns: Floats, first: int
) -> Columns:
    size_of_return = np.abs(returns)
    typical = (high + low + close) / 3.0
    mean_20, mean_60 = mean(volume, 20, first), mean(volume, 60, first)
    million_usd = window_sum(traded_usd, 20, first) / 1e6
    vwap = window_sum(typical * volume, 20, first) / window_sum(volume, 20, first)
    return (
        volume[first:] / mean_20,
        mean(volume, 5, first) / mean_20,
        mean_20 / mean_60,
        (volume[first:] - mean_60) / deviation(volume, 60, first),
        correlation(volume, size_of_return, 20, first),
        100.0 * window_sum(size_of_return, 20, first) / million_usd,
        close[first:] / vwap - 1.0,
    )


_RISKS: Final = (
    *("volatility_5d", "volatility_20d", "volatility_60d", "volatility_120d", "volatility_ratio_5_60"),
    *("volatility_ratio_20_120", "downside_volatility_60d", "range_1d", "range_mean_20d", "range_volatility_20d"),
    *("skewness_60d", "kurtosis_60d", "drawdown_60d", "return_autocorrelation_60d"),
)


def _risks(high: Floats, low: Floats, close: Floats, returns: Floats, first: int) -> Columns:
    of_5, of_20 = deviation(returns, 5, first), deviation(returns, 20, first)
    of_60, of_120 = deviation(returns, 60, first), deviation(returns, 120, first)
    span = (high - low) / close
    # ln(high / low) to second order; a logarithm's last bit differs between processors, a ratio's does not.
    log_range = 2.0 * (high - low) / (high + low)
    downside = np.where(returns < 0, returns, np.where(np.isnan(returns), np.nan, 0.0))
    skewness, kurtosis = window_high_moments(returns, 60, first)
    return (
        of_5,
        of_20,
        of_60,
        of_120,
        of_5 / of_60,
        of_20 / of_120,
        np.sqrt(mean(downside * downside, 60, first)),
        span[first:],
        mean(span, 20, first),
        np.sqrt(mean(log_range * log_range, 20, first) / _FOUR_LN_2),
        skewness,
        kurtosis,
        window_drawdown(close, 60, first),
        correlation(returns, _previous(returns), 60, first),
    )


_AGAINST_MARKET: Final = (
    *("beta_60d", "beta_252d", "correlation_60d", "idiosyncratic_volatility_60d", "relative_return_20d"),
)


def _against_market(returns: Floats, market_return: Floats, first: int) -> Columns:
    share = correlation(returns, market_return, 60, first)
    # Rounding can carry a perfect correlation past one; the unexplained share is then nothing.
    unexplained = np.maximum(1.0 - share * share, 0.0)
    return (
        _beta(returns, market_return, 60, first),
        _beta(returns, market_return, 252, first),
        share,
        deviation(returns, 60, first) * np.sqrt(unexplained),
        window_growth(returns, 0, 20, first) - window_growth(market_return, 0, 20, first),
    )


_INDICATORS: Final = (
    *("rsi_14", "rsi_5", "adx_14", "plus_di_14", "minus_di_14", "atr_14_pct", "macd_pct", "macd_signal_pct"),
    *("macd_histogram_pct", "close_to_ema_20", "ema_12_26_ratio", "ema_50_200_ratio", "bollinger_position_20"),
    "atr14_usd",
)


def _indicators(recursive: Columns, close: Floats, factor: Floats, first: int) -> Columns:
    rsi_14, rsi_5, adx_14, plus_di_14, minus_di_14, atr_14, macd, macd_signal = recursive[:8]
    ema_12, ema_20, ema_26, ema_50, ema_200 = recursive[8:]
    now = close[first:]
    spread = np.sqrt(window_cross_moment(close, close, 20, first) / 20)
    return (
        rsi_14,
        rsi_5,
        adx_14,
        plus_di_14,
        minus_di_14,
        100.0 * atr_14 / now,
        100.0 * macd / now,
        100.0 * macd_signal / now,
        100.0 * (macd - macd_signal) / now,
        now / ema_20 - 1.0,
        ema_12 / ema_26 - 1.0,
        ema_50 / ema_200 - 1.0,
        (now - mean(close, 20, first)) / (2.0 * spread),
        atr_14 / factor[first:],
    )


_LEVELS: Final = (
    *("close_to_previous_high", "close_to_previous_low", "close_to_pivot", "close_to_resistance_1"),
    *("close_to_support_1", "previous_close_position"),
)


def _levels(high: Floats, low: Floats, close: Floats, first: int) -> Columns:
    pivot = (high + low + close) / 3.0
    return (
        _over_previous(close, high)[first:],
        _over_previous(close, low)[first:],
        _over_previous(close, pivot)[first:],
        _over_previous(close, 2.0 * pivot - low)[first:],
        _over_previous(close, 2.0 * pivot - high)[first:],
        _previous((close - low) / (high - low))[first:],
    )


_FACTS: Final = ("split_factor", "total_return", "adv20_shares", "dollar_volume_20d_usd")
FACTS: Final = ("split_factor", "total_return", "atr14_usd", "adv20_shares", "dollar_volume_20d_usd")
"""Columns beside the features: what marts need to size orders and to adjust fundamentals; not features."""


def _facts(factor: Floats, volume: Floats, traded_usd: Floats, returns: Floats, first: int) -> Columns:
    return (
        factor[first:],
        returns[first:],
        # Adjusted volume times today's factor is volume in today's shares.
        np.floor(mean(volume, 20, first) * factor[first:]),
        mean(traded_usd, 20, first),
    )


MEASURES: Final = (
    *(*_RETURNS, *_POSITIONS, *_VOLUMES, *_RISKS),
    *(*_AGAINST_MARKET, *_INDICATORS, *_LEVELS, *_FACTS),
)
"""The names of what `price_measures` returns, in its order."""


def _measures(near: Columns, recursive: Columns, first: int) -> Floats:
    factor, start, high, low, close, volume, traded_usd, returns, market_return = near
    columns = (
        _returns(start, close, returns, first)
        + _positions(high, low, close, first)
        + _volumes(high, low, close, volume, traded_usd, returns, first)
        + _risks(high, low, close, returns, first)
        + _against_market(returns, market_return, first)
        + _indicators(recursive, close, factor, first)
        + _levels(high, low, close, first)
        + _facts(factor, volume, traded_usd, returns, first)
    )
    return np.array(columns)


def _lowest(values: Floats, window: int, first: int) -> Floats:
    return -window_max(-values, window, first)


def _previous(values: Floats) -> Floats:
    shifted = np.full(values.size, np.nan)
    shifted[1:] = values[:-1]
    return shifted


def _over_previous(values: Floats, levels: Floats) -> Floats:
    return values / _previous(levels) - 1.0
