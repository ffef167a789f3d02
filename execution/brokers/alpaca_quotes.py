"""Prices from Alpaca's market data API behind the Quotes port: raw dollars, last trades and official closes."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from execution.brokers.alpaca_mapping import NEW_YORK, instant, number, record
from execution.brokers.alpaca_wire import AlpacaWire
from execution.domain.errors import DataError
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

# A last trade older than this many sessions is no price.
_SESSIONS_LOOKED_BACK: Final = 20


class AlpacaQuotes:
    """Prices of Alpaca's feeds.

    Args:
        wire: the way to the market data API.
        clock: the time.
        calendar: exchange sessions.
        last_price_feed: feed of last trades. Closes are of the consolidated tape, which is free once it is old enough.
    """

    def __init__(self, wire: AlpacaWire, *, clock: Clock, calendar: TradingCalendar, last_price_feed: str) -> None:
        self._wire = wire
        self._clock = clock
        self._calendar = calendar
        self._feed = last_price_feed
        self._closes: dict[tuple[str, date], Decimal] = {}

    def last_usd(self, symbol: str) -> Decimal | None:
        """Return the last trade's price, or None without one in the last 20 sessions.

        Raises:
            VenueUnavailable: the API does not answer.
        """
        told = self._wire.read("/stocks/trades/latest", {"symbols": symbol, "feed": self._feed}, may_be_absent=True)
        trade = _of_symbol(told, "trades", symbol)
        if trade is None:
            return None
        now = self._clock.now()
        newest = self._calendar.last_closed(now)
        if newest is None or instant(trade, "t", of="trade") < self._calendar.opens_at(
            self._calendar.offset(newest, -_SESSIONS_LOOKED_BACK)
        ):
            return None
        return number(trade, "p", of="trade")

    def close_usd(self, symbol: str, session: date) -> Decimal | None:
        """Return the close of an ended session, or None when the symbol did not trade.

        Raises:
            DataError: the session has not ended by the clock.
            VenueUnavailable: the API does not answer.
        """
        known = self._closes.get((symbol, session))
        if known is not None:
            return known
        closes_at, now = self._calendar.closes_at(session), self._clock.now()
        if now < closes_at:
            raise DataError(
                f"the close of {session} is not known at {now.isoformat()}: it ends at {closes_at.isoformat()}"
            )
        query = {
            "symbols": symbol,
            "timeframe": "1Day",
            "start": session.isoformat(),
            # A daily bar is stamped with its midnight: up to the close it is found, and nothing newer is asked for.
            "end": closes_at.isoformat(),
            "adjustment": "raw",
            "feed": "sip",
            # As the session knew the name: a later change of symbol must not fetch another company.
            "asof": session.isoformat(),
            "limit": "10",
        }
        for bar in _of_symbol(self._wire.read("/stocks/bars", query), "bars", symbol) or []:
            if instant(bar, "t", of="bar").astimezone(NEW_YORK).date() == session:
                close = number(bar, "c", of="bar")
                # Within the first minutes a bar may still be corrected.
                if now >= closes_at + timedelta(minutes=15):
                    self._closes[symbol, session] = close
                return close
        return None


def _of_symbol(told: Any, kind: str, symbol: str) -> Any:
    # The API answers null where there is nothing at all.
    return None if told is None else record(record(told, of=kind).get(kind) or {}, of=kind).get(symbol)
