"""`touchstone venue`: the simulated venue over HTTP on this machine's loopback, to rehearse a paper account offline."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette

from assets.ingest.news import NEWS_KNOWN_AFTER
from assets.ingest.sources import MarketSources
from assets.schemas import NEWS
from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape, TapeRow
from execution.clock import FileClock, SystemClock
from execution.domain.canonical import content_hash
from execution.domain.errors import DataError, SettingsRefused
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar
from execution.venue.app import venue_app
from execution.venue.faults import FaultPlan
from execution.venue.faulty_tape import FaultyTape
from execution.venue.news_feed import NewsItem
from execution.venue.order_sheet import OrderSheet
from pipelines.analysis_adapters import sources_of
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import is_clock_told

LOOPBACK: Final = "127.0.0.1"
KEY_ID: Final = "REHEARSAL-KEY"
SECRET_KEY: Final = "REHEARSAL-SECRET"  # noqa: S105 - the same for everyone, printed on the screen, worth nothing
_SESSIONS_KEPT: Final = 64


class SourceTape(Tape):
    """The tape a source would write, without a cycle having taken it in."""

    def __init__(self, sources: MarketSources, home: Home) -> None:
        super().__init__(home.tape)
        self._sources = sources
        self._known: dict[date, dict[str, TapeRow]] = {}

    def has(self, session: date) -> bool:
        """Return whether the source has a session."""
        last = self._sources.last_session
        return self._sources.first_session <= session and (last is None or session <= last)

    def rows(self, session: date) -> Mapping[str, TapeRow]:
        """Return every row of a session by symbol.

        Raises:
            DataError: the source has no such session.
        """
        if not self.has(session):
            raise DataError(f"{self._sources.name} has no session {session}: it begins {self._sources.first_session}")
        if session not in self._known:
            while len(self._known) >= _SESSIONS_KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[session] = {row.symbol: row for row in self._sources.tape_rows(session)}
        return self._known[session]


class SourceNews:
    """A source's headlines as the venue tells them: one item per headline, in its newest version."""

    def __init__(self, sources: MarketSources) -> None:
        self._sources = sources
        self._asked_at: datetime | None = None
        self._items: dict[str, NewsItem] = {}

    def __call__(self, now: datetime) -> Iterable[NewsItem]:
        """Return what could be read at an instant."""
        if self._asked_at is None or now > self._asked_at:
            for row in self._sources.rows(NEWS, after=self._asked_at, upto=now).sort_by("known_at").to_pylist():
                self._add(row["news_id"], row["symbol"], row["headline"], row["published_at"], row["known_at"])
            self._asked_at = now
        return tuple(self._items.values())

    def _add(self, news_id: str, symbol: str, headline: str, published_at: datetime, known_at: datetime) -> None:
        before = self._items.get(news_id)
        self._items[news_id] = NewsItem(
            # Alpaca's ids are numbers.
            news_id=int(content_hash(news_id)[:12], 16),
            headline=headline,
            symbols=tuple(sorted({*(before.symbols if before else ()), symbol})),
            created_at=published_at,
            updated_at=max(published_at, known_at - NEWS_KNOWN_AFTER),
            content=f"<p>{headline}</p>",
            source=self._sources.name,
        )


def rehearsal_app(
    settings: Settings,
    home: Home,
    *,
    faults: FaultPlan,
    by_wall_clock: bool = False,
    told_by: Path | None = None,
    requests_per_minute: int | None = None,
) -> Starlette:
    """Return the venue of a home: its market, its clock and its simulated account.

    Args:
        settings: of mode simulated or files.
        home: whose market it is, and clock and account; in another time an account of its own, for times do not mix.
        faults: what goes wrong.
        by_wall_clock: live in the machine's own time, as a home in paper mode does.
        told_by: live in the time of this home instead, whose clock moves when told.
        requests_per_minute: above it requests are answered with 429; None for no limit.

    Raises:
        SettingsRefused: the mode has no market that could be served.
    """
    if not is_clock_told(settings.mode):
        raise SettingsRefused(f"mode {settings.mode} has no market to serve: only simulated and files have one")
    clock: Clock = FileClock(home.clock)
    folder = home.root
    if by_wall_clock:
        clock, folder = SystemClock(), home.root / "rehearsal"
    elif told_by is not None:
        clock, folder = FileClock(Home(told_by).clock), home.root / "rehearsal-told"
    folder.mkdir(parents=True, exist_ok=True)
    sources, calendar = sources_of(settings, home), TradingCalendar.shipped()
    tape = FaultyTape(SourceTape(sources, home), faults)
    path = folder / home.venue.name
    broker = SimulatedBroker(
        path, tape, clock, calendar, settings.costs, settings.initial_cash_usd, links_wait_for_whole=True
    )
    return venue_app(
        broker,
        tape=tape,
        clock=clock,
        calendar=calendar,
        key_id=KEY_ID,
        secret_key=SECRET_KEY,
        faults=faults,
        sheet=OrderSheet(folder / "venue-orders.db"),
        news=SourceNews(sources),
        requests_per_minute=requests_per_minute,
    )


def venue_page(port: int) -> str:
    """Return how a home in paper mode is pointed at a venue on a port."""
    url = f"http://{LOOPBACK}:{port}"
    return "\n".join(
        [
            f"venue at {url}, until Ctrl-C; nothing outside of this machine can reach it",
            "in another terminal, with a home of its own:",
            "  export TOUCHSTONE__MODE=paper",
            f"  export TOUCHSTONE__ALPACA__TRADING_URL={url} TOUCHSTONE__ALPACA__DATA_URL={url}",
            f"  export TOUCHSTONE__BROKER_KEYS__KEY_ID={KEY_ID} TOUCHSTONE__BROKER_KEYS__SECRET_KEY={SECRET_KEY}",
            f"  export TOUCHSTONE__ALPACA_DATA__KEY_ID={KEY_ID} TOUCHSTONE__ALPACA_DATA__SECRET_KEY={SECRET_KEY}",
            f"stream ws://{LOOPBACK}:{port}/stream; faults: POST {url}/__faults__; what arrived: {url}/__wire__",
        ]
    )


def serve_venue(
    settings: Settings,
    home: Home,
    *,
    port: int,
    by_wall_clock: bool = False,
    told_by: Path | None = None,
    fault_seed: int | None = None,
    fault_rate: float = 0.0,
    requests_per_minute: int | None = None,
    tell: Callable[[str], None] = print,
) -> None:
    """Serve the venue of a home on loopback until it is interrupted.

    Args:
        settings: as for `rehearsal_app`.
        home: as for `rehearsal_app`.
        port: on loopback.
        by_wall_clock: as for `rehearsal_app`.
        told_by: as for `rehearsal_app`.
        fault_seed: of faults on the wire; None for none.
        fault_rate: part of requests that meet a fault, in [0, 1].
        requests_per_minute: as for `rehearsal_app`.
        tell: takes what a person at the terminal should read.
    """
    plan = FaultPlan(seed=fault_seed, rate=fault_rate)
    app = rehearsal_app(
        settings,
        home,
        faults=plan,
        by_wall_clock=by_wall_clock,
        told_by=told_by,
        requests_per_minute=requests_per_minute,
    )
    tell(venue_page(port))
    uvicorn.run(app, host=LOOPBACK, port=port, log_level="warning", lifespan="off", ws="websockets-sansio")
