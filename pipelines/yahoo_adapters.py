"""Settings to Yahoo as a source of data: alone in a home without keys for data, or standing in for splits."""

from collections.abc import Callable, Sequence
from datetime import date

from assets.ingest.sources import MarketSources
from assets.ingest.universe import WatchlistSource
from assets.ingest.yahoo import YahooData, yahoo_sources
from assets.ingest.yahoo_asking import yahoo_history
from execution.clock import SystemClock
from execution.domain.errors import SettingsRefused
from execution.request_budget import RequestBudget
from execution.trading_calendar import TradingCalendar
from pipelines.home import Home
from pipelines.provider_limits import breaker_of
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of


def read_from_yahoo(settings: Settings, home: Home, *, watchlists: WatchlistSource | None) -> MarketSources:
    """Return Yahoo as the one source of a paper home. Nothing is asked of it yet.

    Raises:
        SettingsRefused: the mode is live, settings name no symbol, or the extra is not installed.
    """
    if settings.mode != "paper":
        raise SettingsRefused(
            f"mode {settings.mode} and yahoo.use: prices: Yahoo promises nothing and is for paper homes; set "
            "yahoo.use: never and keys for Alpaca's data"
        )
    chosen = settings.yahoo
    if not chosen.symbols:
        raise SettingsRefused("yahoo.use is prices and yahoo.symbols names none: expected at least one symbol")
    symbols = list(dict.fromkeys(chosen.symbols))
    yahoo = yahoo_of(settings, home, symbols=lambda: symbols, first_session=chosen.first_session)
    return yahoo_sources(yahoo, watchlists=watchlists)


def yahoo_of(settings: Settings, home: Home, *, symbols: Callable[[], Sequence[str]], first_session: date) -> YahooData:
    """Return Yahoo's histories of some symbols.

    Raises:
        SettingsRefused: the extra is not installed.
    """
    # As for orders: quota and patience pass in the minutes of the wire.
    budget = RequestBudget(
        home.operations,
        provider="yahoo",
        clock=SystemClock(),
        per_minute=settings.yahoo.requests_per_minute,
        kept_for_orders=0,
        kept_for_cancels=0,
    )
    breaker = breaker_of(settings.alpaca, home, provider="yahoo")
    return YahooData(
        symbols,
        first_session=first_session,
        history=yahoo_history(home.provider_pages / "yahoo", budget=budget, breaker=breaker),
        # The one place where a home keeps which feed its bars began with, whoever tells them.
        feed_file=home.provider_pages / "alpaca" / "feed",
        clock=clock_of(settings.mode, home),
        calendar=TradingCalendar.shipped(),
    )
