"""One computed stretch of the synthetic market: companies, news, prices, and the rows made of them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa

from assets.ingest.arrays import Ints
from assets.ingest.simulation.companies import Companies
from assets.ingest.simulation.earnings import EarningsQuarter
from assets.ingest.simulation.headlines import headline_rows
from assets.ingest.simulation.listing_rows import membership_rows, security_rows
from assets.ingest.simulation.news_flow import NewsFlow
from assets.ingest.simulation.price_paths import PricePaths
from assets.ingest.simulation.price_rows import Misprints, Timeline, action_rows, bar_rows, index_rows, misprints
from assets.ingest.simulation.report_rows import filing_rows
from execution.brokers.tape import TapeRow

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class World:
    """A market of some sessions; `first_index` is its first session's place in the calendar's whole table.

    Opening and closing instants are those of the calendar's whole table, in microseconds since 1970.
    """

    seed: int
    firms: Companies
    quarters: tuple[EarningsQuarter, ...]
    news: NewsFlow
    paths: PricePaths
    timeline: Timeline
    first_index: int
    opens: Ints
    closes: Ints

    @cached_property
    def misprints(self) -> Misprints:
        """Bars that are first told wrong."""
        return misprints(self.seed, self.paths)

    @cached_property
    def corporate_actions(self) -> pa.Table:
        """Every split and dividend declared."""
        return action_rows(self.paths, self.firms, self.timeline)

    @cached_property
    def indices(self) -> pa.Table:
        """Closes of every index."""
        return index_rows(self.paths, self.timeline)

    @cached_property
    def securities(self) -> pa.Table:
        """Listings and delistings."""
        opens, closes = self.opens[self.first_index :], self.closes[self.first_index :]
        return security_rows(self.firms, self.timeline, opens=opens, closes=closes)

    @cached_property
    def membership(self) -> pa.Table:
        """Who joined and left the large-cap index."""
        return membership_rows(self.firms, self.timeline, opens=self.opens[self.first_index :])

    @cached_property
    def filings(self) -> pa.Table:
        """Every figure of every report."""
        return filing_rows(
            self.seed,
            self.firms,
            self.quarters,
            self.paths,
            self.timeline,
            first_index=self.first_index,
            opens=self.opens,
        )

    def bars(self, first: int, stop: int) -> pa.Table:
        """Return what is told of bars after the closes of sessions `first` to `stop` - 1."""
        return bar_rows(self.paths, self.firms, self.timeline, self.misprints, first=first, stop=stop)

    def headlines(self, first: int, stop: int) -> pa.Table:
        """Return the headlines about sessions `first` to `stop` - 1."""
        opens = self.opens[self.first_index :]
        stop = min(stop, self.timeline.sessions)
        return headline_rows(self.seed, self.firms, self.news, self.timeline, opens, first=first, stop=stop)

    def tape(self, session: date, index: int) -> tuple[TapeRow, ...]:
        """Return what really traded in the session at an index, in symbol order."""
        paths = self.paths
        return tuple(
            TapeRow(
                session=session,
                symbol=self.firms.symbols[symbol],
                open_usd=int(paths.open_cents[index, symbol]) * _CENT,
                high_usd=int(paths.high_cents[index, symbol]) * _CENT,
                low_usd=int(paths.low_cents[index, symbol]) * _CENT,
                close_usd=int(paths.close_cents[index, symbol]) * _CENT,
                volume_shares=int(paths.volume_shares[index, symbol]),
                is_halted=bool(paths.is_halted[index, symbol]),
                split_ratio=Decimal(repr(float(paths.split_ratio[index, symbol]))),
                dividend_usd=int(paths.dividend_cents[index, symbol]) * _CENT,
                is_last_session=bool(self.firms.delisted[symbol] == index),
            )
            for symbol in np.flatnonzero(paths.is_listed[index])
        )
