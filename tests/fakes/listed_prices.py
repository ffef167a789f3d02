"""Prices a test wrote down: last trades by symbol, closes by symbol and session; what is not listed is unknown."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal


class ListedPrices:
    """The port `Quotes` over two tables."""

    def __init__(
        self,
        last: Mapping[str, Decimal] | None = None,
        closes: Mapping[tuple[str, date], Decimal] | None = None,
    ) -> None:
        self.last = dict(last or {})
        self.closes = dict(closes or {})
        self.asked: list[str] = []

    def last_usd(self, symbol: str) -> Decimal | None:
        self.asked.append(symbol)
        return self.last.get(symbol)

    def close_usd(self, symbol: str, session: date) -> Decimal | None:
        return self.closes.get((symbol, session))
