"""Everything ingest may ask of the world, grouped as one value that the composition root makes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import pyarrow as pa

from assets import keys, schemas
from assets.ingest.corporate_actions import CorporateActionSource
from assets.ingest.events import EventSource
from assets.ingest.file_rules import Refusal
from assets.ingest.files_source import FilesSource
from assets.ingest.news import NewsSource
from assets.ingest.prices import IndexSource, PriceSource
from assets.ingest.sec_filings import FundamentalsSource
from assets.ingest.simulated_market import SimulatedMarket
from assets.ingest.universe import MembershipSource, SecuritySource, WatchlistSource
from assets.schemas import RawTable
from execution.brokers.tape import TapeRow

RowSource = Callable[..., pa.Table]
TapeSource = Callable[[date], tuple[TapeRow, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSources:
    """One source per port; None where there is none, and then its table stays empty.

    Attributes:
        name: where the rows come from, for pages and metadata.
        is_synthetic: the market is made, not observed.
        span: asked for the first session with bars and the last one, None for a source that goes on. Files are opened
            for it, and they grow.
        prices: bars.
        corporate_actions: splits and dividends.
        securities: listings.
        membership: index members.
        indices: closes of market indices.
        news: headlines.
        fundamentals: filings.
        events: the calendar of events.
        watchlists: named lists of symbols.
        market: what identifies a made market, whatever its last session; None for an observed one.
        tape: what really traded in a session, for the simulated venue; None where the venue is real.
        revisions: per raw table a text that changes when the source's past may have changed; for files only.
        refusals: per raw table the rows its files held and that were left out; for files only.
    """

    name: str
    is_synthetic: bool
    span: Callable[[], tuple[date, date | None]]
    prices: PriceSource
    corporate_actions: CorporateActionSource | None = None
    securities: SecuritySource
    membership: MembershipSource | None = None
    indices: IndexSource | None = None
    news: NewsSource | None = None
    fundamentals: FundamentalsSource | None = None
    events: EventSource | None = None
    watchlists: WatchlistSource | None = None
    market: str | None = None
    tape: TapeSource | None = None
    revisions: Callable[[str], str] | None = None
    refusals: Callable[[str], tuple[Refusal, ...]] | None = None

    @property
    def first_session(self) -> date:
        """The first session with bars."""
        return self.span()[0]

    @property
    def last_session(self) -> date | None:
        """The last session with bars so far; None for a source that goes on."""
        return self.span()[1]

    def rows(self, table: RawTable, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the rows of a raw table that became known in (after, upto]; none where there is no source."""
        ask = self._asked(table)
        return table.schema.empty_table() if ask is None else ask(after=after, upto=upto)

    def has(self, table: RawTable) -> bool:
        """Return whether there is a source for a raw table at all."""
        return self._asked(table) is not None

    def revision(self, table: RawTable) -> str:
        """Return which state of its source a table would be read from now; empty for sources without states."""
        return self.revisions(table.name) if self.revisions is not None else ""

    def quarantined(self, table: RawTable) -> tuple[Refusal, ...]:
        """Return the rows of a table's files that were left out; empty for sources without files."""
        return self.refusals(table.name) if self.refusals is not None else ()

    def tape_rows(self, session: date) -> tuple[TapeRow, ...]:
        """Return what really traded in a session; empty past the last session or where the venue is real."""
        if self.tape is None or (self.last_session is not None and session > self.last_session):
            return ()
        return self.tape(session)

    def _asked(self, table: RawTable) -> RowSource | None:
        return _PORTS[table.key](self)


_PORTS: Final[dict[keys.Key, Callable[[MarketSources], RowSource | None]]] = {
    keys.RAW_DAILY_BARS: lambda it: it.prices.bars,
    keys.RAW_CORPORATE_ACTIONS: lambda it: it.corporate_actions.corporate_actions if it.corporate_actions else None,
    keys.RAW_SECURITIES: lambda it: it.securities.securities,
    keys.RAW_MEMBERSHIP: lambda it: it.membership.membership if it.membership else None,
    keys.RAW_WATCHLISTS: lambda it: it.watchlists.watchlists if it.watchlists else None,
    keys.RAW_NEWS: lambda it: it.news.news if it.news else None,
    keys.RAW_FILINGS: lambda it: it.fundamentals.filings if it.fundamentals else None,
    keys.RAW_EVENTS: lambda it: it.events.events if it.events else None,
    keys.RAW_INDICES: lambda it: it.indices.indices if it.indices else None,
}


def simulated_sources(market: SimulatedMarket, *, watchlists: WatchlistSource | None = None) -> MarketSources:
    """Return every port over one synthetic market; watchlists are the user's own and come from a file."""
    return MarketSources(
        name="simulated",
        is_synthetic=True,
        span=lambda: (market.first_session, market.last_session),
        prices=market,
        corporate_actions=market,
        securities=market,
        membership=market,
        indices=market,
        news=market,
        fundamentals=market,
        events=market,
        watchlists=watchlists,
        market=market.identity,
        tape=market.tape_rows,
    )


def files_sources(files: FilesSource) -> MarketSources:
    """Return the ports a folder of files has; a table without a file has none. No file is opened yet."""
    return MarketSources(
        name=files.name,
        is_synthetic=False,
        span=lambda: (files.first_session, files.last_session),
        prices=files,
        corporate_actions=files if files.has(schemas.CORPORATE_ACTIONS) else None,
        securities=files,
        membership=files if files.has(schemas.MEMBERSHIP) else None,
        indices=files if files.has(schemas.INDICES) else None,
        news=files if files.has(schemas.NEWS) else None,
        fundamentals=files if files.has(schemas.FILINGS) else None,
        events=files if files.has(schemas.EVENTS) else None,
        watchlists=files if files.has(schemas.WATCHLISTS) else None,
        tape=files.tape_rows,
        revisions=files.revision,
        refusals=files.quarantined,
    )
