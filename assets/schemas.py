"""Column contracts of every raw table: what a source must deliver and what staging may rely on.

Prices are raw (unadjusted) dollars per share, volumes raw shares. Every table ends with three columns of origin:
`source` (which adapter), `feed` (which of its feeds) and `known_at` (when the world could first have known the row, in
UTC). The hash of the part a row came in is its file's name. A correction is a new row with the same key and a later
`known_at`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pyarrow as pa

from assets import keys

PRICE_USD: Final = pa.decimal128(18, 6)
INSTANT: Final = pa.timestamp("us", tz="UTC")
_ORIGIN: Final = (
    pa.field("source", pa.string(), nullable=False),
    pa.field("feed", pa.string(), nullable=False),
    pa.field("known_at", INSTANT, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RawTable:
    """One raw table.

    Attributes:
        key: its asset key.
        schema: its columns in order.
        fact_key: the columns that name a fact; a correction repeats them.
        published_within: how much later than the instant a row is known from a source that goes on may first tell it.
    """

    key: keys.Key
    schema: pa.Schema
    fact_key: tuple[str, ...]
    published_within: timedelta = timedelta(0)

    @property
    def name(self) -> str:
        """The table's own name, the last part of its asset key."""
        return self.key[-1]


def _table(
    key: keys.Key, fact_key: tuple[str, ...], *columns: pa.Field, published_within: timedelta = timedelta(0)
) -> RawTable:
    return RawTable(key, pa.schema([*columns, *_ORIGIN]), fact_key, published_within)


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


DAILY_BARS: Final = _table(
    keys.RAW_DAILY_BARS,
    ("symbol", "session"),
    _required("symbol", pa.string()),
    _required("session", pa.date32()),
    _required("open_usd", PRICE_USD),
    _required("high_usd", PRICE_USD),
    _required("low_usd", PRICE_USD),
    _required("close_usd", PRICE_USD),
    _required("volume_shares", pa.int64()),
    _required("is_halted", pa.bool_()),
)

CORPORATE_ACTIONS: Final = _table(
    keys.RAW_CORPORATE_ACTIONS,
    ("symbol", "ex_session", "action"),
    _required("symbol", pa.string()),
    _required("ex_session", pa.date32()),
    # split: new shares per old; dividend: dollars per share before the ex-session's open.
    _required("action", pa.string()),
    _required("value", PRICE_USD),
)

SECURITIES: Final = _table(
    keys.RAW_SECURITIES,
    ("symbol",),
    _required("symbol", pa.string()),
    pa.field("name", pa.string()),
    pa.field("sector", pa.string()),
    _required("listed_session", pa.date32()),
    # The last session it traded; null while it is listed. Known from that session's close on, as a correction.
    pa.field("delisted_session", pa.date32()),
)

MEMBERSHIP: Final = _table(
    keys.RAW_MEMBERSHIP,
    ("index_name", "symbol", "from_session"),
    _required("index_name", pa.string()),
    _required("symbol", pa.string()),
    _required("from_session", pa.date32()),
    # First session it was no longer a member; null while it is.
    pa.field("to_session", pa.date32()),
)

WATCHLISTS: Final = _table(
    keys.RAW_WATCHLISTS,
    ("watchlist", "symbol", "from_session"),
    _required("watchlist", pa.string()),
    _required("symbol", pa.string()),
    _required("from_session", pa.date32()),
    pa.field("to_session", pa.date32()),
)

NEWS: Final = _table(
    keys.RAW_NEWS,
    ("news_id", "symbol"),
    _required("news_id", pa.string()),
    _required("symbol", pa.string()),
    _required("published_at", INSTANT),
    _required("headline", pa.string()),
)

FILINGS: Final = _table(
    keys.RAW_FILINGS,
    ("symbol", "form", "period_end", "metric"),
    _required("symbol", pa.string()),
    # 10-Q or 10-K.
    _required("form", pa.string()),
    _required("period_end", pa.date32()),
    # revenue, net_income, equity, assets, liabilities, operating_cash_flow: dollars; eps_diluted: dollars per share;
    # shares_outstanding: shares; eps_estimate_next: analysts' mean for the next quarter, dollars per share.
    _required("metric", pa.string()),
    _required("value", pa.float64()),
    # Months the value covers: 0 for a balance at the period's end, 3 for a quarter, 12 for a year.
    _required("duration_months", pa.int16()),
    # The SEC dates a report by its acceptance, lists it after that, and its figures later still.
    published_within=timedelta(days=7),
)

EVENTS: Final = _table(
    keys.RAW_EVENTS,
    ("symbol", "kind", "scheduled_at"),
    # "*" for the whole market (macro releases).
    _required("symbol", pa.string()),
    # earnings or macro.
    _required("kind", pa.string()),
    _required("scheduled_at", INSTANT),
)

INDICES: Final = _table(
    keys.RAW_INDICES,
    ("index_name", "session"),
    # vix, spy, or vix_stand_in where a source has none of its own.
    _required("index_name", pa.string()),
    _required("session", pa.date32()),
    _required("close", pa.float64()),
)

ALL: Final[tuple[RawTable, ...]] = (
    DAILY_BARS,
    CORPORATE_ACTIONS,
    SECURITIES,
    MEMBERSHIP,
    WATCHLISTS,
    NEWS,
    FILINGS,
    EVENTS,
    INDICES,
)
BY_NAME: Final = {table.name: table for table in ALL}
