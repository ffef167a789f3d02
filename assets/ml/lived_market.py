"""What lived days are put beside, whoever lived them: the same stocks alike, indices, closes; and what flaws the data.

What is wrong with the data is found, not asked: a market that was made, and a year of stocks of which none ever left
the exchange, which only a list of survivors shows.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from assets import schemas
from assets.identity import RunIdentity
from assets.ml.forward_returns import ForwardReturns
from assets.ml.lived_facts import Floats
from assets.performance import SESSIONS_PER_YEAR
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.trading_calendar import TradingCalendar

EVERY_STOCK: Final = "every stock alike"
SYNTHETIC: Final = "synthetic market"
SURVIVORS: Final = "survivorship biased"
_VOLATILITY: Final = "vix"
_HASH_SHOWN: Final = 12


def every_stock(warehouse: Warehouse, sessions: Sequence[date]) -> Floats:
    """Return the growth of one dollar in every stock with a bar, in equal parts each day and free of costs."""
    told = ForwardReturns.read(warehouse, grid=sessions, calendar=TradingCalendar.shipped())
    return in_equal_parts(np.where(told.has_bar, told.growth, np.nan))


def indices(raw: RawStore, sessions: Sequence[date]) -> dict[str, Floats]:
    """Return the growth of one dollar in each index that has a close on every session; prices alone, no dividends.

    A volatility index is left out: nobody holds it.
    """
    calendar = TradingCalendar.shipped()
    before = calendar.previous(sessions[0])
    told = raw.read(schemas.INDICES, as_of=calendar.as_of(sessions[-1])).sort_by("known_at").to_pylist()
    closes: dict[str, dict[date, float]] = defaultdict(dict)
    for row in told:
        if not row["index_name"].startswith(_VOLATILITY):
            closes[row["index_name"]][row["session"]] = row["close"]
    return {
        f"{name}, price only": np.array([by_session[session] / by_session[before] for session in sessions])
        for name, by_session in sorted(closes.items())
        if by_session.keys() >= {before, *sessions}
    }


def closes_of(warehouse: Warehouse, symbols: Collection[str]) -> dict[str, dict[date, Decimal]]:
    """Return some symbols' closes by session, in dollars, not adjusted."""
    rows = warehouse.read(
        "select session, symbol, close_usd from marts.fct_trading_facts "
        "where list_contains($symbols, symbol) order by symbol, session",
        {"symbols": sorted(symbols)},
    )
    closes: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for row in rows.to_pylist():
        closes[row["symbol"]][row["session"]] = row["close_usd"]
    return dict(closes)


def in_equal_parts(growth: Floats) -> Floats:
    """Return what a dollar became that was spread over all known columns anew in each row.

    A NaN is left out: a first bar, which has no return, and a stock not yet listed, already delisted or without trades.
    """
    is_known = np.isfinite(growth)
    gained = np.where(is_known, growth - 1.0, 0.0).sum(axis=1) / np.maximum(1, is_known.sum(axis=1))
    became: Floats = np.cumprod(1.0 + gained)
    return became


def stamps_of(raw: RawStore, sessions: Sequence[date], *, is_synthetic: bool) -> tuple[str, ...]:
    """Return what must be said of the data on every page."""
    as_of = TradingCalendar.shipped().as_of(sessions[-1])
    delisted = raw.read(schemas.SECURITIES, as_of=as_of).column("delisted_session")
    is_biased = len(sessions) >= SESSIONS_PER_YEAR and delisted.null_count == len(delisted)
    return tuple(stamp for stamp, applies in ((SYNTHETIC, is_synthetic), (SURVIVORS, is_biased)) if applies)


def identity_told(identity: RunIdentity) -> dict[str, str]:
    """Return names and hashes of what ran, as every page says them."""
    return {
        "mode": identity.mode,
        "strategy": identity.strategy,
        "settings": identity.settings_hash[:_HASH_SHOWN],
        "code": identity.code_hash[:_HASH_SHOWN],
    }
