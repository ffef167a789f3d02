"""Settings to news providers beside a mode's own source of headlines, each with a quota and a breaker of its own."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pyarrow.compute as pc

from assets import schemas
from assets.ingest.http_reading import HttpReader
from assets.ingest.merged_news import MergedNews
from assets.ingest.news_provider import NewsProvider, ProvidedNews
from assets.ingest.news_registry import providers_named
from assets.ingest.news_settings import NewsProviderSettings
from assets.ingest.sources import MarketSources
from assets.raw_store import RawStore
from execution.clock import SystemClock
from execution.domain.errors import SettingsRefused
from execution.ports import Clock
from execution.request_budget import RequestBudget
from execution.trading_calendar import TradingCalendar
from pipelines.home import Home
from pipelines.provider_limits import breaker_of
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of


def with_news_providers(told: MarketSources, settings: Settings, home: Home) -> MarketSources:
    """Return sources whose headlines are those of the mode and of every provider that is switched on.

    Raises:
        SettingsRefused: there is no provider of a name, one has no key and takes one, or a weight is of nobody here.
    """
    known = {told.name, *settings.news_providers}
    if nobody := sorted(settings.features.news.weights.keys() - known):
        raise SettingsRefused(
            f"features.news.weights names {', '.join(nobody)}, expected some of {', '.join(sorted(known))}: the "
            "weight of a provider that tells nothing weighs nothing"
        )
    if not settings.news_providers:
        return told
    provided = [
        _provided(provider, settings, home, told) for provider in providers_named(settings.news_providers.keys())
    ]
    return replace(told, news=MergedNews([*([told.news] if told.news else []), *provided]))


def _provided(provider: NewsProvider, settings: Settings, home: Home, told: MarketSources) -> ProvidedNews:
    chosen = settings.news_providers[provider.name]
    clock = clock_of(settings.mode, home)
    return ProvidedNews(
        provider,
        reader=_reader(provider, chosen, settings, home),
        symbols=(lambda: chosen.symbols) if chosen.symbols else partial(_read_of, RawStore(home.raw), clock),
        first_session=lambda: told.first_session,
        folder=home.provider_pages / provider.name,
        clock=clock,
        calendar=TradingCalendar.shipped(),
    )


def _reader(provider: NewsProvider, chosen: NewsProviderSettings, settings: Settings, home: Home) -> HttpReader:
    key = chosen.key.get_secret_value() if chosen.key else ""
    if provider.key_header and not key:
        raise SettingsRefused(
            f"news_providers names {provider.name}, which takes a key, and found none: "
            f"set TOUCHSTONE__NEWS_PROVIDERS__{provider.name.upper()}__KEY"
        )
    # As for orders: quota and patience pass in the minutes of the wire.
    wire = SystemClock()
    return HttpReader(
        provider.address,
        headers={provider.key_header: key} if provider.key_header else {},
        secrets=(key,),
        budget=RequestBudget(
            home.operations,
            provider=f"news {provider.name}",
            clock=wire,
            per_minute=chosen.requests_per_minute or provider.requests_per_minute,
            kept_for_orders=0,
            kept_for_cancels=0,
        ),
        breaker=breaker_of(settings.alpaca, home, provider=f"news {provider.name}"),
        clock=wire,
    )


def _read_of(raw_store: RawStore, clock: Clock) -> Sequence[str]:
    """Return the securities this home has read of; they are taken in before headlines are."""
    listed = raw_store.read(schemas.SECURITIES, as_of=clock.now(), columns=("symbol", "known_at"))
    return sorted(pc.unique(listed.column("symbol")).to_pylist())
