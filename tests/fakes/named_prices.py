"""A venue's quotes, but for the last prices a test names."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from execution.ports import Quotes


class NamedPrices:
    """The port `Quotes`: closes are the venue's, and so are last prices nobody named; None is no price."""

    def __init__(self, venue: Quotes, named: Mapping[str, Decimal | None]) -> None:
        self._venue, self._named = venue, named

    def last_usd(self, symbol: str) -> Decimal | None:
        return self._named[symbol] if symbol in self._named else self._venue.last_usd(symbol)

    def close_usd(self, symbol: str, session: date) -> Decimal | None:
        return self._venue.close_usd(symbol, session)
