"""Settings to Alpaca and the SEC as sources of data; Alpaca's quota and breakers are those trading shares."""

from dataclasses import replace
from typing import Final

from assets.ingest.alpaca_data import AlpacaData, alpaca_sources
from assets.ingest.edgar import EdgarSource
from assets.ingest.http_reading import HttpReader
from assets.ingest.sources import MarketSources
from assets.ingest.standing_in import StandingIn
from assets.ingest.universe import WatchlistSource
from execution.brokers.alpaca_policy import AlpacaPolicy
from execution.clock import SystemClock
from execution.domain.errors import SettingsRefused
from execution.ports import Clock
from execution.request_budget import RequestBudget
from execution.trading_calendar import TradingCalendar
from pipelines.alpaca_adapters import refuse_told_time
from pipelines.home import Home
from pipelines.provider_limits import breaker_of, budget_of
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of

# Ten a second are allowed to a sender; eight leave room for a person who looks at the site meanwhile.
_SEC_REQUESTS_PER_MINUTE: Final = 480


def read_from_alpaca(settings: Settings, home: Home, *, watchlists: WatchlistSource | None) -> MarketSources:
    """Return the sources of modes paper and live. Nothing is asked of them yet.

    Raises:
        SettingsRefused: there are no keys for market data, or an address is not on the list.
    """
    clock = clock_of(settings.mode, home)
    refuse_told_time(settings.alpaca, clock)
    alpaca = AlpacaData(
        settings.alpaca_data,
        data=_reader(settings, home, "alpaca data", settings.alpaca.data_address(settings.mode)),
        # Which account lists the securities does not matter; the data keys are of a paper account at most.
        trading=_reader(settings, home, "alpaca trading", _listing_address(settings)),
        folder=home.provider_pages / "alpaca",
        clock=clock,
        calendar=TradingCalendar.shipped(),
    )
    told = alpaca_sources(alpaca, fundamentals=_filings(settings, home, clock, alpaca), watchlists=watchlists)
    return _with_stand_in(told, alpaca, settings, home) if settings.yahoo.use == "stand_in" else told


def _with_stand_in(told: MarketSources, alpaca: AlpacaData, settings: Settings, home: Home) -> MarketSources:
    """Return the sources with Yahoo asked for splits and dividends while Alpaca does not tell them."""
    from pipelines.yahoo_adapters import yahoo_of  # noqa: PLC0415 - an extra, seldom used

    second = yahoo_of(settings, home, symbols=alpaca.symbols, first_session=alpaca.first_session)
    actions = StandingIn(alpaca, second, memory=home.provider_pages / "alpaca" / "actions-revision")
    return replace(told, corporate_actions=actions, revisions=actions.revision)


def _filings(settings: Settings, home: Home, clock: Clock, alpaca: AlpacaData) -> EdgarSource | None:
    """Return the SEC as a source; None when settings name no sender, for it demands one."""
    sender = settings.edgar.sender
    if sender is None:
        return None
    data, site = (
        HttpReader(
            address,
            headers={"User-Agent": sender},
            budget=RequestBudget(
                home.operations,
                provider="edgar",
                clock=clock,
                per_minute=_SEC_REQUESTS_PER_MINUTE,
                kept_for_orders=0,
                kept_for_cancels=0,
            ),
            breaker=breaker_of(settings.alpaca, home, provider="edgar"),
            clock=clock,
        )
        for address in ("https://data.sec.gov", "https://www.sec.gov")
    )
    return EdgarSource(
        data=data,
        site=site,
        symbols=alpaca.symbols,
        first_session=alpaca.first_session,
        folder=home.provider_pages / "edgar",
        clock=clock,
        calendar=TradingCalendar.shipped(),
    )


def _reader(settings: Settings, home: Home, provider: str, address: str) -> HttpReader:
    # As for orders: quota and patience pass in the minutes of the wire.
    chosen, policy, clock = settings.alpaca_data, settings.alpaca, SystemClock()
    if chosen.key_id is None or chosen.secret_key is None:
        raise SettingsRefused(
            f"mode {settings.mode} reads from Alpaca and found no keys for it: set TOUCHSTONE__ALPACA_DATA__KEY_ID and "
            "TOUCHSTONE__ALPACA_DATA__SECRET_KEY; a paper account's will do, and analysis never sees the trading keys"
        )
    key_id, secret_key = chosen.key_id.get_secret_value(), chosen.secret_key.get_secret_value()
    return HttpReader(
        address,
        headers={"APCA-API-KEY-ID": key_id, "APCA-API-SECRET-KEY": secret_key},
        secrets=(key_id, secret_key),
        budget=budget_of(policy, home, clock, provider=provider),
        breaker=breaker_of(policy, home, provider=provider),
        clock=clock,
    )


def _listing_address(settings: Settings) -> str:
    is_live = settings.mode == "live"
    return AlpacaPolicy().trading_address("paper") if is_live else settings.alpaca.trading_address("paper")
