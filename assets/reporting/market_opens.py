"""What the market did before an order of the traded session met it: where it opened, and what was split by then."""

from datetime import date
from decimal import Decimal
from typing import Final

import pyarrow.compute as pc

from assets.raw_store import RawStore
from assets.row_versions import newest_versions
from assets.schemas import CORPORATE_ACTIONS, DAILY_BARS
from execution.trading_calendar import TradingCalendar

_COLUMNS: Final = ("session", "symbol", "open_usd", "known_at")


def opens_usd(raw_store: RawStore, session: date) -> dict[str, Decimal]:
    """Return the raw open per symbol of a session, as its bars were first known; a symbol without a bar is absent.

    A correction that arrived later is left out, so that a page made again has the same bytes.
    """
    known_at = TradingCalendar.shipped().bars_known_at(session)
    bars = raw_store.read(DAILY_BARS, as_of=known_at, columns=_COLUMNS)
    rows = newest_versions(DAILY_BARS, bars.filter(pc.field("session") == pc.scalar(session)))
    return {row["symbol"]: row["open_usd"] for row in rows.to_pylist()}


def split_ratios(raw_store: RawStore, session: date) -> dict[str, Decimal]:
    """Return new shares per old of each symbol that goes ex a split on a session, as it was known at the close."""
    known_at = TradingCalendar.shipped().bars_known_at(session)
    only = (pc.field("ex_session") == pc.scalar(session)) & (pc.field("action") == "split")
    rows = newest_versions(CORPORATE_ACTIONS, raw_store.read(CORPORATE_ACTIONS, as_of=known_at, only=only))
    return {row["symbol"]: row["value"] for row in rows.to_pylist()}
