"""A synthetic market told by the venue over HTTP, and Alpaca's data adapter reading it from there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from assets.ingest.alpaca_data import AlpacaData
from assets.ingest.alpaca_settings import AlpacaDataSettings
from assets.ingest.http_reading import HttpReader, ReadingPatience
from assets.ingest.sources import MarketSources
from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape
from execution.clock import SystemClock
from execution.ports import Clock
from execution.request_budget import RequestBudget
from execution.shared_breaker import SharedBreaker
from execution.venue.app import venue_app
from execution.venue.faults import FaultPlan
from execution.venue.news_feed import NewsFeed, no_news
from pipelines.cli.venue import SourceNews, SourceTape
from pipelines.home import Home
from tests.builders.http_venue import KEY_ID, SECRET_KEY, served
from tests.builders.venue import CALENDAR, CASH, NO_COSTS

PATIENCE = ReadingPatience(answer_seconds=5.0, attempts=3, longest_seconds=5.0)


@dataclass(frozen=True, slots=True)
class TellingVenue:
    """A venue that tells a market: its address and what goes wrong on the way."""

    url: str
    faults: FaultPlan


@contextmanager
def telling(tape: Tape, clock: Clock, *, news: NewsFeed = no_news) -> Iterator[TellingVenue]:
    faults = FaultPlan()
    broker = SimulatedBroker(":memory:", tape, clock, CALENDAR, NO_COSTS, Decimal(CASH))
    app = venue_app(
        broker,
        tape=tape,
        clock=clock,
        calendar=CALENDAR,
        key_id=KEY_ID,
        secret_key=SECRET_KEY,
        faults=faults,
        news=news,
    )
    with served(app) as url:
        yield TellingVenue(url, faults)


@contextmanager
def telling_of(sources: MarketSources, clock: Clock, folder: Path) -> Iterator[TellingVenue]:
    with telling(SourceTape(sources, Home(folder)), clock, news=SourceNews(sources)) as venue:
        yield venue


def reader(url: str, folder: Path, *, secret_key: str = SECRET_KEY, failures: int = 100) -> HttpReader:
    clock, path = SystemClock(), folder / "operations.db"
    return HttpReader(
        url,
        headers={"APCA-API-KEY-ID": KEY_ID, "APCA-API-SECRET-KEY": secret_key},
        secrets=(KEY_ID, secret_key),
        budget=RequestBudget(
            path, provider="data", clock=clock, per_minute=100_000, kept_for_orders=0, kept_for_cancels=0
        ),
        breaker=SharedBreaker(path, provider="data", failures=failures, reset_seconds=60.0),
        clock=clock,
        patience=PATIENCE,
    )


def alpaca_data(url: str, folder: Path, clock: Clock, *, first_session: date, **changes: Any) -> AlpacaData:
    folder.mkdir(parents=True, exist_ok=True)
    return AlpacaData(
        AlpacaDataSettings(first_session=first_session, **changes),
        data=reader(url, folder),
        trading=reader(url, folder),
        folder=folder,
        clock=clock,
        calendar=CALENDAR,
    )
