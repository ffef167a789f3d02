"""Every price, volume, risk, indicator and level feature of one unbroken history, and the facts orders are sized by.

Element-wise series are computed over the whole history, windows only for the rows asked for. Nothing here knows what
was asked before, so one new session and a full rebuild give the same bits.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from assets.features import rolling
from assets.features.indicators import recursive_indicators, relative_strength
from assets.features.price_history import Floats, PriceHistory

FACTS: Final = ("split_factor", "total_return", "atr14_usd", "adv20_shares", "dollar_volume_20d_usd")
"""Columns beside the features: what marts need to size orders and to adjust fundamentals; not features."""
RANKED: Final = (
    *("return_5d", "return_20d", "return_60d", "momentum_12_1", "volatility_20d", "volume_ratio_5_20"),
    *("dollar_volume_20d_usd", "rsi_14", "beta_60d"),
)
"""What `ranked_measures` returns: the marts rank symbols by these."""


def price_measures(symbol: str, history: PriceHistory, market_return: Floats, *, first: int) -> Mapping[str, Floats]:
    """Return every measure of the rows from `first` on.

    Args:
        symbol: named in errors.
        history: one unbroken history of n sessions.
        market_return: the market's one-session returns of the same sessions, shape (n,).
        first: first row wanted.

    Returns:
        Per feature name and per name in `FACTS`: shape (n - first,), NaN or infinite where there is no value.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return {
            **_returns(history, first),
            **_positions(history, first),
            **_volumes(history, first),
            **_risks(history, first),
            **_against_market(history, market_return, first),
            **_indicators(symbol, history, first),
            **_levels(history, first),
            **_facts(history, first),
        }


def ranked_measures(history: PriceHistory, market_return: Floats, *, first: int) -> Mapping[str, Floats]:
    """Return only the measures the marts rank symbols by; arguments and values as in `price_measures`.

    A leakage check asks them of every symbol, where all measures would take four times as long.
    """
    returns, volume = history.total_return, history.volume
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = rolling.window_cross_moment(returns, market_return, 60, first)
        return {
            **{f"return_{days}d": rolling.window_growth(returns, 0, days, first) for days in (5, 20, 60)},
            "momentum_12_1": rolling.window_growth(returns, 21, 252, first),
            "volatility_20d": deviation(returns, 20, first),
            "volume_ratio_5_20": mean(volume, 5, first) / mean(volume, 20, first),
            "dollar_volume_20d_usd": mean(history.traded_usd, 20, first),
            "rsi_14": relative_strength(history.close, 14)[first:],
            "beta_60d": shared / rolling.window_cross_moment(market_return, market_return, 60, first),
        }


def mean(values: Floats, window: int, first: int) -> Floats:
    """Return the mean of the last `window` values."""
    return np.asarray(rolling.window_sum(values, window, first) / window)


def deviation(values: Floats, window: int, first: int) -> Floats:
    """Return the sample standard deviation of the last `window` values."""
    return np.asarray(np.sqrt(rolling.window_cross_moment(values, values, window, first) / (window - 1)))


def correlation(left: Floats, right: Floats, window: int, first: int) -> Floats:
    """Return the correlation of the last `window` pairs; NaN where a side does not vary."""
    cross = rolling.window_cross_moment(left, right, window, first)
    spread = rolling.window_cross_moment(left, left, window, first) * rolling.window_cross_moment(
        right, right, window, first
    )
    return np.asarray(cross / np.sqrt(spread))


def _returns(history: PriceHistory, first: int) -> dict[str, Floats]:
    returns = history.total_return
    return {
        "return_1d": returns[first:],
        **{f"return_{days}d": rolling.window_growth(returns, 0, days, first) for days in (5, 10, 20, 60, 120, 252)},
        "momentum_6_1": rolling.window_growth(returns, 21, 126, first),
        "momentum_12_1": rolling.window_growth(returns, 21, 252, first),
        "gap_1d": _over_previous(history.open, history.close)[first:],
        "return_intraday_1d": history.close[first:] / history.open[first:] - 1.0,
        "up_share_20d": mean(np.where(np.isnan(returns), np.nan, (returns > 0).astype(np.float64)), 20, first),
    }


def _positions(history: PriceHistory, first: int) -> dict[str, Floats]:
    close, now = history.close, history.close[first:]
    out = {f"close_to_sma_{days}d": now / mean(close, days, first) - 1.0 for days in (20, 60, 200)}
    for days in (20, 60):
        low, high = _lowest(history.low, days, first), rolling.window_max(history.high, days, first)
        out[f"position_in_range_{days}d"] = (now - low) / (high - low)
    out["close_to_high_252d"] = now / rolling.window_max(history.high, 252, first) - 1.0
    out["close_to_low_252d"] = now / _lowest(history.low, 252, first) - 1.0
    slope, fit = rolling.window_line(close, 60, first)
    out["trend_slope_60d"] = slope / mean(close, 60, first)
    out["trend_fit_60d"] = fit
    return out


def _volumes(history: PriceHistory, first: int) -> dict[str, Floats]:
    volume, size_of_return = history.volume, np.abs(history.total_return)
    typical = (history.high + history.low + history.close) / 3.0
    mean_20, mean_60 = mean(volume, 20, first), mean(volume, 60, first)
    million_usd = rolling.window_sum(history.traded_usd, 20, first) / 1e6
    vwap = rolling.window_sum(typical * volume, 20, first) / rolling.window_sum(volume, 20, first)
    return {
        "volume_ratio_1_20": volume[first:] / mean_20,
        "volume_ratio_5_20": mean(volume, 5, first) / mean_20,
        "volume_ratio_20_60": mean_20 / mean_60,
        "volume_zscore_60d": (volume[first:] - mean_60) / deviation(volume, 60, first),
        "volume_return_correlation_20d": correlation(volume, size_of_return, 20, first),
        "illiquidity_20d": 100.0 * rolling.window_sum(size_of_return, 20, first) / million_usd,
        "close_to_vwap_20d": history.close[first:] / vwap - 1.0,
    }


def _risks(history: PriceHistory, first: int) -> dict[str, Floats]:
    returns = history.total_return
    volatility = {days: deviation(returns, days, first) for days in (5, 20, 60, 120)}
    span = (history.high - history.low) / history.close
    # ln(high / low) to second order; a logarithm's last bit differs between processors, a ratio's does not.
    log_range = 2.0 * (history.high - history.low) / (history.high + history.low)
    downside = np.where(returns < 0, returns, np.where(np.isnan(returns), np.nan, 0.0))
    skewness, kurtosis = rolling.window_high_moments(returns, 60, first)
    lagged = np.full(returns.size, np.nan)
    lagged[1:] = returns[:-1]
    return {
        **{f"volatility_{days}d": value for days, value in volatility.items()},
        "volatility_ratio_5_60": volatility[5] / volatility[60],
        "volatility_ratio_20_120": volatility[20] / volatility[120],
        "downside_volatility_60d": np.sqrt(mean(downside * downside, 60, first)),
        "range_1d": span[first:],
        "range_mean_20d": mean(span, 20, first),
        "range_volatility_20d": np.sqrt(mean(log_range * log_range, 20, first) / _FOUR_LN_2),
        "skewness_60d": skewness,
        "kurtosis_60d": kurtosis,
        "drawdown_60d": rolling.window_drawdown(history.close, 60, first),
        "return_autocorrelation_60d": correlation(returns, lagged, 60, first),
    }


_FOUR_LN_2: Final = 2.772588722239781  # Parkinson (1980), J. Business 53(1), 61-65


def _against_market(history: PriceHistory, market_return: Floats, first: int) -> dict[str, Floats]:
    returns = history.total_return
    out = {}
    for days in (60, 252):
        cross = rolling.window_cross_moment(returns, market_return, days, first)
        out[f"beta_{days}d"] = cross / rolling.window_cross_moment(market_return, market_return, days, first)
    share = correlation(returns, market_return, 60, first)
    # Rounding can carry a perfect correlation past one; the unexplained share is then nothing.
    unexplained = np.maximum(1.0 - share * share, 0.0)
    out["correlation_60d"] = share
    out["idiosyncratic_volatility_60d"] = deviation(returns, 60, first) * np.sqrt(unexplained)
    out["relative_return_20d"] = rolling.window_growth(returns, 0, 20, first) - rolling.window_growth(
        market_return, 0, 20, first
    )
    return out


def _indicators(symbol: str, history: PriceHistory, first: int) -> dict[str, Floats]:
    found = recursive_indicators(symbol=symbol, high=history.high, low=history.low, close=history.close)
    rows = {name: values[first:] for name, values in found.items()}
    close = history.close[first:]
    mean_20 = mean(history.close, 20, first)
    spread = np.sqrt(rolling.window_cross_moment(history.close, history.close, 20, first) / 20)
    percent_of_close = {"atr_14_pct": rows["atr_14"], "macd_pct": rows["macd"], "macd_signal_pct": rows["macd_signal"]}
    return {
        **{name: rows[name] for name in ("rsi_14", "rsi_5", "adx_14", "plus_di_14", "minus_di_14")},
        **{name: 100.0 * value / close for name, value in percent_of_close.items()},
        "macd_histogram_pct": 100.0 * (rows["macd"] - rows["macd_signal"]) / close,
        "close_to_ema_20": close / rows["ema_20"] - 1.0,
        "ema_12_26_ratio": rows["ema_12"] / rows["ema_26"] - 1.0,
        "ema_50_200_ratio": rows["ema_50"] / rows["ema_200"] - 1.0,
        "bollinger_position_20": (close - mean_20) / (2.0 * spread),
        "atr14_usd": rows["atr_14"] / history.factor[first:],
    }


def _levels(history: PriceHistory, first: int) -> dict[str, Floats]:
    high, low, close = history.high, history.low, history.close
    pivot = (high + low + close) / 3.0
    return {
        "close_to_previous_high": _over_previous(close, high)[first:],
        "close_to_previous_low": _over_previous(close, low)[first:],
        "close_to_pivot": _over_previous(close, pivot)[first:],
        "close_to_resistance_1": _over_previous(close, 2.0 * pivot - low)[first:],
        "close_to_support_1": _over_previous(close, 2.0 * pivot - high)[first:],
        "previous_close_position": _previous((close - low) / (high - low))[first:],
    }


def _facts(history: PriceHistory, first: int) -> dict[str, Floats]:
    factor = history.factor[first:]
    return {
        "split_factor": factor,
        "total_return": history.total_return[first:],
        # Adjusted volume times today's factor is volume in today's shares.
        "adv20_shares": np.floor(mean(history.volume, 20, first) * factor),
        "dollar_volume_20d_usd": mean(history.traded_usd, 20, first),
    }


def _lowest(values: Floats, window: int, first: int) -> Floats:
    return np.asarray(-rolling.window_max(-values, window, first))


def _previous(values: Floats) -> Floats:
    shifted = np.full(values.size, np.nan)
    shifted[1:] = values[:-1]
    return shifted


def _over_previous(values: Floats, levels: Floats) -> Floats:
    return np.asarray(values / _previous(levels) - 1.0)
