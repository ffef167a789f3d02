"""Alpaca market data and news as rows of the raw tables: bars, corporate actions, listings, headlines.

What cannot change any more is kept page by page as it came, headlines with their content, so a long reading goes on
where it broke off. Corporate actions are told late at times, so they are asked whole again each time.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest import alpaca_parsing as parsing
from assets.ingest.alpaca_bars import AlpacaBars
from assets.ingest.alpaca_pages import SOURCE, AlpacaPages
from assets.ingest.alpaca_settings import AlpacaDataSettings
from assets.ingest.columns import contract_rows, day_numbers, days, known_between, micros, micros_of
from assets.ingest.corporate_actions import DIVIDEND, SPLIT
from assets.ingest.http_reading import HttpReader
from assets.ingest.listings_of_bars import listings
from assets.ingest.news import NEWS_KNOWN_AFTER, headline_rows
from assets.ingest.page_store import PageStore
from assets.ingest.sec_filings import FundamentalsSource
from assets.ingest.sources import MarketSources
from assets.ingest.universe import WatchlistSource
from assets.table_content import canonical_order, table_hash
from execution.artifact_files import write_atomically
from execution.domain.errors import VenueUnavailable
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

_NEWS, _ACTIONS, _ASSETS = "/v1beta1/news", "/v1/corporate-actions", "/v2/assets"
_NEWS_PER_PAGE, _ACTIONS_PER_PAGE = "50", "1000"
_ACTION_KINDS: Final = "forward_split,reverse_split,cash_dividend,stock_dividend"
_EXCHANGES: Final = frozenset({"NYSE", "NASDAQ", "AMEX", "ARCA", "NYSEARCA", "BATS"})
_MICRO: Final = 1_000_000


class AlpacaData:
    """The ports of ingest over Alpaca's market data.

    Args:
        settings: symbols, feed and first session.
        data: the way to the market data API.
        trading: the way to the trading API, which lists the securities.
        folder: where pages are kept; made when absent.
        clock: nothing later than its instant is asked for.
        calendar: exchange sessions.
    """

    def __init__(
        self,
        settings: AlpacaDataSettings,
        *,
        data: HttpReader,
        trading: HttpReader,
        folder: Path,
        clock: Clock,
        calendar: TradingCalendar,
    ) -> None:
        self._settings = settings
        self._trading = trading
        self._folder = folder
        self._pages = AlpacaPages(
            data,
            PageStore(folder / "pages"),
            concurrent_requests=settings.concurrent_requests,
            symbols_per_request=settings.symbols_per_request,
        )
        self._bars = AlpacaBars(settings, pages=self._pages, folder=folder, clock=clock, calendar=calendar)
        self._clock = clock
        self._calendar = calendar
        self._listed: tuple[date, dict[str, str | None]] | None = None

    @property
    def first_session(self) -> date:
        """The first session with bars."""
        return self._bars.first_session

    def bars(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the bars that became known in (after, upto].

        Raises:
            VenueUnavailable: the provider has no bar at all of a session that has closed.
            SettingsRefused: this home began with another feed.
        """
        sessions, symbols = self._bars.sessions(after, upto), self.symbols()
        rows = self._bars.rows(sessions, symbols)
        late = self._bars.late(sessions, symbols, is_whole_past=after is None)
        return known_between(pa.concat_tables([rows, late]), after=after, upto=upto)

    def corporate_actions(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return splits and dividends whose ex-session opened in (after, upto]."""
        return known_between(self._actions(upto), after=after, upto=upto)

    def securities(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return what the bars told of listings in (after, upto]."""
        sessions = self._bars.sessions(None, upto)
        if not sessions:
            return schemas.SECURITIES.schema.empty_table()
        told = listings(
            self._bars.rows(sessions, self.symbols()),
            self._names(),
            calendar=self._calendar,
            last=sessions[-1],
            source=SOURCE,
            feed=self._settings.feed,
        )
        return known_between(told, after=after, upto=upto)

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the headlines that were last changed in (after, upto], a minute later."""
        begin = self._calendar.opens_at(self.first_session) if after is None else after - NEWS_KNOWN_AFTER
        end = min(upto, self._clock.now()) - NEWS_KNOWN_AFTER
        if end <= begin:
            return schemas.NEWS.schema.empty_table()
        questions = [
            {
                "symbols": ",".join(batch),
                "start": _text(first),
                "end": _text(last),
                "limit": _NEWS_PER_PAGE,
                "sort": "asc",
                "include_content": "true",
            }
            for first, last in _months(begin, end)
            for batch in self._pages.batches(self.symbols())
        ]
        return known_between(self._headlines(self._pages.asked(_NEWS, questions)), after=after, upto=upto)

    def revision(self, table: str) -> str:
        """Return which state a table's past is in: actions are told late at times, so theirs is a hash of all."""
        if table != schemas.CORPORATE_ACTIONS.name:
            return ""
        actions = self._actions(self._clock.now())
        return table_hash(schemas.CORPORATE_ACTIONS, canonical_order(schemas.CORPORATE_ACTIONS, actions))

    def _actions(self, upto: datetime) -> pa.Table:
        until = min(upto, self._clock.now())
        told: list[tuple[str, date, str, Decimal]] = []
        for batch in self._pages.batches(self.symbols()):
            question = {
                "symbols": ",".join(batch),
                "types": _ACTION_KINDS,
                "start": self.first_session.isoformat(),
                "end": until.date().isoformat(),
                "limit": _ACTIONS_PER_PAGE,
                "sort": "asc",
            }
            for page in self._pages.fresh(_ACTIONS, question):
                told += _action_rows(parsing.actions_of(page))
        return self._action_table(sorted(set(told)))

    def _action_table(self, told: Sequence[tuple[str, date, str, Decimal]]) -> pa.Table:
        sessions, ex = day_numbers(self._calendar.sessions), day_numbers([day for _, day, _, _ in told])
        place = np.minimum(np.searchsorted(sessions, ex), len(sessions) - 1)
        columns = {
            "symbol": pa.array([symbol for symbol, _, _, _ in told], pa.string()),
            "ex_session": days(sessions[place]),
            "action": pa.array([action for _, _, action, _ in told], pa.string()),
            "value": pa.array([value for _, _, _, value in told], schemas.PRICE_USD),
        }
        opens = micros_of(self._calendar.opens)[place]
        return contract_rows(
            schemas.CORPORATE_ACTIONS, columns, source=SOURCE, feed="corporate_actions", known_at=opens
        )

    def _headlines(self, pages: Iterable[bytes]) -> pa.Table:
        ours = set(self.symbols())
        told: dict[tuple[str, str, int], tuple[int, str]] = {}
        for page in pages:
            for item in parsing.news_of(page):
                known = micros(max(item.created_at, item.updated_at).astimezone(UTC) + NEWS_KNOWN_AFTER)
                for symbol in ours.intersection(item.symbols or ()) if item.headline else ():
                    told[str(item.id), symbol, known] = (micros(item.created_at.astimezone(UTC)), item.headline)
        return headline_rows(told, source=SOURCE, feed="benzinga")

    def symbols(self) -> list[str]:
        """Return the symbols that are read, in the order they are asked in."""
        return list(dict.fromkeys(self._settings.symbols)) or list(self._names())

    def _names(self) -> dict[str, str | None]:
        """Return the name of each symbol that trades, or ever did while this home looked, in order of appearance.

        What is gone is remembered: the provider's own list forgets it, and a history without it would only know
        survivors.
        """
        today = self._clock.now().date()
        if self._listed is None or self._listed[0] != today:
            self._listed = (today, self._names_anew())
        return self._listed[1]

    def _names_anew(self) -> dict[str, str | None]:
        path = self._folder / "securities.json"
        known: dict[str, str | None] = json.loads(path.read_bytes()) if path.exists() else {}
        body = self._trading.read(_ASSETS, {"status": "active", "asset_class": "us_equity"})
        for asset in sorted(parsing.assets_of(body), key=lambda asset: asset.symbol):
            if asset.tradable is not False and asset.exchange in _EXCHANGES:
                known[asset.symbol] = asset.name
        if not known:
            raise VenueUnavailable(f"{SOURCE} lists no security that trades: expected some; ask again later")
        write_atomically(path, json.dumps(known).encode())
        return known


def alpaca_sources(
    alpaca: AlpacaData, *, fundamentals: FundamentalsSource | None = None, watchlists: WatchlistSource | None = None
) -> MarketSources:
    """Return the ports Alpaca's market data has, and filings from elsewhere; it goes on, and its venue is real."""
    return MarketSources(
        name="alpaca",
        is_synthetic=False,
        span=lambda: (alpaca.first_session, None),
        prices=alpaca,
        corporate_actions=alpaca,
        securities=alpaca,
        news=alpaca,
        fundamentals=fundamentals,
        watchlists=watchlists,
        revisions=alpaca.revision,
    )


def _action_rows(told: parsing.ActionsJson) -> Iterator[tuple[str, date, str, Decimal]]:
    for split in (*told.forward_splits, *told.reverse_splits):
        if split.new_rate > 0 and split.old_rate > 0:
            yield split.symbol, split.ex_date, SPLIT, _millionths(split.new_rate / split.old_rate)
    for dividend in told.cash_dividends:
        if dividend.rate > 0:
            yield dividend.symbol, dividend.ex_date, DIVIDEND, _millionths(dividend.rate)
    for dividend in told.stock_dividends:
        if dividend.rate > 0:
            yield dividend.symbol, dividend.ex_date, SPLIT, _millionths(1 + dividend.rate)


def _millionths(value: float) -> Decimal:
    return Decimal(round(value * _MICRO)) / _MICRO


def _months(begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield a span in pieces that end where a month ends."""
    while begin < end:
        first = begin.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (first + timedelta(days=32)).replace(day=1)
        yield begin, min(following, end)
        begin = following


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
