"""Every feature a model may see: its name, family, history and origin, in the order of the mart's columns.

A feature is a ratio, a share, a count or a level in points, never a dollar amount, so that a later split cannot change
it. It is null until its look-back is full, and finite otherwise. Windows count sessions of the symbol's own history up
to and with the session itself; all rows behind a value were known at the session's cut-off. `market` features are one
number per session, the same for every symbol.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["price", "volume", "risk", "indicator", "level", "rank", "market", "news", "fundamental", "library"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of `marts.fct_features`; family `library` is for what a user may switch on beside the catalogue.

    Attributes:
        name: column name; the suffix `_20d` counts sessions.
        family: what kind of fact it is; coverage and drift are told per family.
        look_back_sessions: sessions of history, the session itself included, before it can have a value. Recursive
            indicators go on weighing everything from the first bar.
        inputs: raw tables it rests on.
        description: one sentence, with the unit where it is not a plain ratio.
        version: rises whenever the same rows would give another value.
        owner: who answers for it.
    """

    name: str
    family: Family
    look_back_sessions: int
    inputs: tuple[str, ...]
    description: str
    version: int = 1
    owner: str = "touchstone"


_BARS: Final = ("daily_bars", "corporate_actions")
_MARKET: Final = ("daily_bars", "corporate_actions", "membership")
_FILINGS: Final = ("filings", "daily_bars", "corporate_actions")


def _family(family: Family, inputs: tuple[str, ...], *rows: tuple[str, int, str]) -> tuple[Feature, ...]:
    return tuple(Feature(name, family, sessions, inputs, description) for name, sessions, description in rows)


_PRICE = _family(
    "price",
    _BARS,
    ("return_1d", 2, "Total return of the session."),
    ("return_5d", 6, "Total return of 5 sessions."),
    ("return_10d", 11, "Total return of 10 sessions."),
    ("return_20d", 21, "Total return of 20 sessions."),
    ("return_60d", 61, "Total return of 60 sessions."),
    ("return_120d", 121, "Total return of 120 sessions."),
    ("return_252d", 253, "Total return of 252 sessions."),
    ("momentum_6_1", 127, "Total return from 126 to 21 sessions ago."),
    ("momentum_12_1", 253, "Total return from 252 to 21 sessions ago."),
    ("gap_1d", 2, "Open over the previous close, less one."),
    ("return_intraday_1d", 1, "Close over open, less one."),
    ("up_share_20d", 21, "Share of the last 20 sessions with a positive return."),
    ("close_to_sma_20d", 20, "Close over its mean of 20 sessions, less one."),
    ("close_to_sma_60d", 60, "Close over its mean of 60 sessions, less one."),
    ("close_to_sma_200d", 200, "Close over its mean of 200 sessions, less one."),
    ("position_in_range_20d", 20, "Where the close lies between the low (0) and the high (1) of 20 sessions."),
    ("position_in_range_60d", 60, "Where the close lies between the low (0) and the high (1) of 60 sessions."),
    ("close_to_high_252d", 252, "Close over the highest high of 252 sessions, less one."),
    ("close_to_low_252d", 252, "Close over the lowest low of 252 sessions, less one."),
    ("trend_slope_60d", 60, "Least-squares slope of the close over 60 sessions, per session, over its mean."),
    ("trend_fit_60d", 60, "Share of the close's variance over 60 sessions that the straight line explains."),
)

_VOLUME = _family(
    "volume",
    _BARS,
    ("volume_ratio_1_20", 20, "Volume over its mean of 20 sessions."),
    ("volume_ratio_5_20", 20, "Mean volume of 5 sessions over that of 20."),
    ("volume_ratio_20_60", 60, "Mean volume of 20 sessions over that of 60."),
    ("volume_zscore_60d", 60, "Volume less its mean of 60 sessions, in standard deviations."),
    ("volume_return_correlation_20d", 21, "Correlation of volume with the size of the return over 20 sessions."),
    ("illiquidity_20d", 21, "Size of 20 returns summed, in percent, per million dollars traded in those sessions."),
    ("close_to_vwap_20d", 20, "Close over the volume-weighted typical price of 20 sessions, less one."),
)

_RISK = _family(
    "risk",
    _BARS,
    ("volatility_5d", 6, "Standard deviation of the last 5 returns, not annualised."),
    ("volatility_20d", 21, "Standard deviation of the last 20 returns, not annualised."),
    ("volatility_60d", 61, "Standard deviation of the last 60 returns, not annualised."),
    ("volatility_120d", 121, "Standard deviation of the last 120 returns, not annualised."),
    ("volatility_ratio_5_60", 61, "Volatility of 5 sessions over that of 60."),
    ("volatility_ratio_20_120", 121, "Volatility of 20 sessions over that of 120."),
    ("downside_volatility_60d", 61, "Root mean square of the negative returns among the last 60."),
    ("range_1d", 1, "High less low, over the close."),
    ("range_mean_20d", 20, "Mean of high less low over the close, 20 sessions."),
    ("range_volatility_20d", 20, "Parkinson's volatility from high and low over 20 sessions, not annualised."),
    ("skewness_60d", 61, "Skewness of the last 60 returns."),
    ("kurtosis_60d", 61, "Excess kurtosis of the last 60 returns."),
    ("drawdown_60d", 60, "Deepest fall from a high close to a later one within 60 sessions, at most 0."),
    ("return_autocorrelation_60d", 62, "Correlation of each of the last 60 returns with the one before."),
) + _family(
    "risk",
    _MARKET,
    ("beta_60d", 61, "Slope of the return on the market's over 60 sessions."),
    ("beta_252d", 253, "Slope of the return on the market's over 252 sessions."),
    ("correlation_60d", 61, "Correlation of the return with the market's over 60 sessions."),
    ("idiosyncratic_volatility_60d", 61, "Standard deviation of the return not explained by the market, 60 sessions."),
    ("relative_return_20d", 21, "Total return of 20 sessions less the market's."),
)

_INDICATOR = _family(
    "indicator",
    _BARS,
    ("rsi_14", 15, "Relative strength index over 14 sessions, 0 to 100."),
    ("rsi_5", 6, "Relative strength index over 5 sessions, 0 to 100."),
    ("atr_14_pct", 15, "Average true range over 14 sessions, in percent of the close."),
    ("macd_pct", 34, "MACD line (12, 26), in percent of the close."),
    ("macd_signal_pct", 34, "MACD signal line (9), in percent of the close."),
    ("macd_histogram_pct", 34, "MACD line less its signal, in percent of the close."),
    ("adx_14", 28, "Average directional index over 14 sessions, 0 to 100."),
    ("plus_di_14", 15, "Positive directional indicator over 14 sessions, 0 to 100."),
    ("minus_di_14", 15, "Negative directional indicator over 14 sessions, 0 to 100."),
    ("close_to_ema_20", 20, "Close over its exponential mean of span 20, less one."),
    ("ema_12_26_ratio", 26, "Exponential mean of span 12 over that of span 26, less one."),
    ("ema_50_200_ratio", 200, "Exponential mean of span 50 over that of span 200, less one."),
    ("bollinger_position_20", 20, "Close less its mean of 20 sessions, in twice their standard deviation."),
)

_LEVEL = _family(
    "level",
    _BARS,
    ("close_to_previous_high", 2, "Close over the previous session's high, less one."),
    ("close_to_previous_low", 2, "Close over the previous session's low, less one."),
    ("close_to_pivot", 2, "Close over the pivot of the previous session, less one."),
    ("close_to_resistance_1", 2, "Close over the first resistance above that pivot, less one."),
    ("close_to_support_1", 2, "Close over the first support below that pivot, less one."),
    ("previous_close_position", 2, "Where the previous close lay between its session's low (0) and high (1)."),
)

_RANK = _family(
    "rank",
    _BARS,
    ("rank_return_5d", 6, "Rank of return_5d among the session's symbols, 0 lowest to 1 highest."),
    ("rank_return_20d", 21, "Rank of return_20d among the session's symbols, 0 to 1."),
    ("rank_return_60d", 61, "Rank of return_60d among the session's symbols, 0 to 1."),
    ("rank_momentum_12_1", 253, "Rank of momentum_12_1 among the session's symbols, 0 to 1."),
    ("rank_volatility_20d", 21, "Rank of volatility_20d among the session's symbols, 0 to 1."),
    ("rank_volume_ratio_5_20", 20, "Rank of volume_ratio_5_20 among the session's symbols, 0 to 1."),
    ("rank_dollar_volume_20d", 20, "Rank of mean dollar volume of 20 sessions among the session's symbols, 0 to 1."),
    ("rank_rsi_14", 15, "Rank of rsi_14 among the session's symbols, 0 to 1."),
    ("rank_beta_60d", 61, "Rank of beta_60d among the session's symbols, 0 to 1."),
) + _family(
    "rank",
    (*_BARS, "securities"),
    ("sector_rank_return_20d", 21, "Rank of return_20d among the session's symbols of the same sector, 0 to 1."),
    ("sector_rank_momentum_12_1", 253, "Rank of momentum_12_1 among symbols of the same sector, 0 to 1."),
)

_MARKET_WIDE = _family(
    "market",
    _MARKET,
    ("market_return_1d", 2, "Equal-weight mean return of the session's members, as first known."),
    ("market_return_20d", 21, "Compounded market return of 20 sessions."),
    ("market_volatility_20d", 21, "Standard deviation of the last 20 market returns, not annualised."),
    ("market_trend_200d", 200, "Market level over its mean of 200 sessions, less one."),
    ("market_breadth_1d", 2, "Share of the session's members with a positive return."),
    ("regime_is_bull", 200, "1 when the market's trend is up by the regime rule, else 0."),
    ("regime_is_volatile", 201, "1 when the market's volatility is high by the regime rule, else 0."),
) + _family(
    "market",
    ("indices", *_MARKET),
    ("vix_level", 1, "Volatility index in points, or its stand-in."),
    ("vix_change_5d", 6, "Change of the volatility index over 5 sessions, in points."),
)

_NEWS = _family(
    "news",
    ("news",),
    ("news_count_1d", 1, "Headlines that became known since the previous cut-off."),
    ("news_count_5d", 5, "Headlines that became known within 5 sessions."),
    ("news_count_20d", 20, "Headlines that became known within 20 sessions."),
    ("news_intensity_5_20", 20, "Headlines per session of 5 sessions over that of 20; null without headlines."),
    ("news_sentiment_1d", 1, "Mean sentiment of the session's headlines, -1 to 1; null without headlines."),
    ("news_sentiment_5d", 5, "Mean sentiment of 5 sessions' headlines, -1 to 1; null without headlines."),
    ("news_sentiment_20d", 20, "Mean sentiment of 20 sessions' headlines, -1 to 1; null without headlines."),
    ("news_sentiment_change", 20, "Sentiment of 5 sessions less that of 20."),
)

_FUNDAMENTAL = _family(
    "fundamental",
    _FILINGS,
    ("earnings_yield", 1, "Net income of the last four quarters over market value."),
    ("forward_earnings_yield", 1, "Four times the estimated earnings of the next quarter, over the close."),
    ("book_to_price", 1, "Shareholders' equity over market value."),
    ("sales_yield", 1, "Revenue of the last four quarters over market value."),
    ("cash_flow_yield", 1, "Operating cash flow of the last four quarters over market value."),
    ("rank_earnings_yield", 1, "Rank of earnings_yield among the session's symbols, 0 to 1."),
    ("rank_book_to_price", 1, "Rank of book_to_price among the session's symbols, 0 to 1."),
    ("rank_market_value", 1, "Rank of market value among the session's symbols, 0 to 1."),
) + _family(
    "fundamental",
    ("filings",),
    ("return_on_equity", 1, "Net income of the last four quarters over equity; null where equity is not positive."),
    ("return_on_assets", 1, "Net income of the last four quarters over assets."),
    ("net_margin", 1, "Net income over revenue, last four quarters."),
    ("leverage", 1, "Liabilities over assets."),
    ("asset_turnover", 1, "Revenue of the last four quarters over assets."),
    ("revenue_growth_yoy", 1, "Revenue of the latest quarter over that of a year before, less one."),
    ("net_income_growth_yoy", 1, "Change of the quarter's net income from a year before, over its size then."),
    ("eps_growth_yoy", 1, "Change of the quarter's diluted earnings per share from a year before, over its size then."),
    ("estimate_revision", 1, "Change of the next earnings estimate since it was first told, over its size then."),
    ("days_since_filing", 1, "Calendar days since the newest filing became known."),
)

FEATURES: Final[tuple[Feature, ...]] = (
    *_PRICE,
    *_VOLUME,
    *_RISK,
    *_INDICATOR,
    *_LEVEL,
    *_RANK,
    *_MARKET_WIDE,
    *_NEWS,
    *_FUNDAMENTAL,
)
"""All features, in the order of the columns of `marts.fct_features`."""

NAMES: Final = tuple(feature.name for feature in FEATURES)


def raised_versions(features: Iterable[Feature]) -> str:
    """Return one short hash of the features whose version was raised and of these versions; empty where none was."""
    raised = "\n".join(f"{feature.name} {feature.version}" for feature in features if feature.version > 1)
    return hashlib.sha256(raised.encode()).hexdigest()[:12] if raised else ""


def of_family(family: Family) -> tuple[Feature, ...]:
    """Return the features of one family, in column order."""
    return tuple(feature for feature in FEATURES if feature.family == family)
