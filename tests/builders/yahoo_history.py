"""A market's days as yfinance tells them: adjusted by every later split, in fractions of 32 bits."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd

from assets import schemas
from assets.ingest.sources import MarketSources
from assets.row_versions import newest_versions
from execution.trading_calendar import TradingCalendar

COLUMNS = {"open_usd": "Open", "high_usd": "High", "low_usd": "Low", "close_usd": "Close", "volume_shares": "Volume"}


def history_of(told: MarketSources, last: date) -> Callable[[str, date], pd.DataFrame]:
    """Return how the days of a market are asked, symbol by symbol, as they are told after its last session."""
    until = TradingCalendar.shipped().as_of(last)

    def rows(table: schemas.RawTable) -> pd.DataFrame:
        return newest_versions(table, told.rows(table, after=None, upto=until)).to_pandas()

    bars, actions = rows(schemas.DAILY_BARS), rows(schemas.CORPORATE_ACTIONS)

    def ask(symbol: str, first: date) -> pd.DataFrame:
        own = bars[(bars["symbol"] == symbol) & (bars["session"] >= first)]
        own = own.sort_values("session").set_index("session")
        frame = own[list(COLUMNS)].astype(float).rename(columns=COLUMNS)
        for name, action in (("Stock Splits", "split"), ("Dividends", "dividend")):
            of_kind = actions[(actions["symbol"] == symbol) & (actions["action"] == action)]
            values = of_kind.set_index("ex_session")["value"].astype(float)
            frame[name] = values.reindex(frame.index).fillna(0.0)
        ratios = frame["Stock Splits"].replace(0.0, 1.0).to_numpy()
        later = np.append(np.cumprod(ratios[::-1])[::-1][1:], 1.0)[: len(ratios)]
        for name in ("Open", "High", "Low", "Close", "Dividends"):
            frame[name] = (frame[name] / later).astype(np.float32).astype(float)
        frame["Volume"] = (frame["Volume"] * later).round()
        frame["Adj Close"] = frame["Close"]
        frame.index = pd.DatetimeIndex(pd.to_datetime(frame.index)).tz_localize("America/New_York")
        return frame

    return ask
