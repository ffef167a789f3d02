"""A deterministic synthetic market from a seed: bars, actions, listings, news, filings, events, indices.

The same seed gives the same bytes on any day and in any process, and the market up to a session does not depend on the
last session asked for. Nothing in it is real: every row carries source `simulated` and feed `synthetic`.
"""

from datetime import date, datetime, timedelta
from typing import Final, Self

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from assets.ingest.arrays import Floats
from assets.ingest.columns import known_between, micros, micros_of
from assets.ingest.prices import bars_known_at
from assets.ingest.simulation.companies import Companies, companies
from assets.ingest.simulation.draws import BLOCK_SESSIONS, block_count
from assets.ingest.simulation.earnings import EarningsQuarter, earnings_quarters
from assets.ingest.simulation.event_rows import earnings_event_rows, macro_event_rows
from assets.ingest.simulation.headlines import LATEST_SESSIONS
from assets.ingest.simulation.news_flow import news_flow
from assets.ingest.simulation.price_paths import EX_AFTER_SESSIONS, price_paths
from assets.ingest.simulation.price_rows import Timeline
from assets.ingest.simulation.world import World
from execution.brokers.tape import TapeRow
from execution.domain.errors import DataError
from execution.trading_calendar import TradingCalendar

# Headlines and dates of reports come before the prices that react to them: build a little past what is asked.
_SESSIONS_AHEAD: Final = 3
_DAYS_AHEAD: Final = timedelta(days=45)


class SimulatedMarketSettings(BaseModel):
    """What identifies a synthetic market. Two markets with equal settings are equal to the byte."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=20_260_101, ge=0, lt=2**63, description="Where every number of the market comes from.")
    symbols: int = Field(default=500, ge=1, le=9_999, description="How many companies list sooner or later.")
    first_session: date = Field(
        default=date(2021, 1, 4), ge=date(2006, 1, 3), le=date(2028, 12, 29), description="First session with bars."
    )
    last_session: date = Field(
        default=date(2026, 12, 31), ge=date(2006, 1, 3), le=date(2028, 12, 29), description="Last session with bars."
    )
    signal_strength: float = Field(
        default=1.0,
        ge=0.0,
        le=5.0,
        description="Size of the planted signal: 0 for none, 1 for a rank correlation near 0.06 if known exactly.",
    )

    @model_validator(mode="after")
    def _span_is_ordered(self) -> Self:
        calendar = TradingCalendar.shipped()
        for name in ("first_session", "last_session"):
            day = getattr(self, name)
            if not calendar.is_session(day):
                raise ValueError(f"{name} {day} is no exchange session; weekends and holidays are none")
        if self.first_session > self.last_session:
            raise ValueError(f"first_session {self.first_session} is after last_session {self.last_session}")
        return self


class SimulatedMarket:
    """Every port of ingest over one synthetic market; it is computed when first asked and kept."""

    def __init__(self, settings: SimulatedMarketSettings, calendar: TradingCalendar | None = None) -> None:
        self._settings = settings
        self._calendar = calendar or TradingCalendar.shipped()
        self._first = self._calendar.index(settings.first_session)
        self._sessions = self._calendar.index(settings.last_session) - self._first + 1
        self._opens = micros_of(self._calendar.opens)
        self._closes = micros_of(self._calendar.closes)
        self._bars_known = bars_known_at(self._calendar)
        self._world: World | None = None
        self._events: pa.Table | None = None

    @property
    def first_session(self) -> date:
        """The first session with bars."""
        return self._settings.first_session

    @property
    def last_session(self) -> date:
        """The last session with bars."""
        return self._settings.last_session

    @property
    def identity(self) -> str:
        """What makes it this market and no other; not its end, up to which all longer ones are equal."""
        made = self._settings
        return (
            f"the simulated market of seed {made.seed} with {made.symbols} symbols from {made.first_session} on, "
            f"signal_strength {made.signal_strength}"
        )

    def bars(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the bars and corrections of bars that became known in (after, upto]."""
        first = 0 if after is None else self._sessions_known(after)
        return self._upto(upto).bars(first, max(first, self._sessions_known(upto)))

    def corporate_actions(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the splits and dividends declared in (after, upto]."""
        return known_between(self._upto(upto).corporate_actions, after=after, upto=upto)

    def indices(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return closes of `spy` and `vix_stand_in` that became known in (after, upto]."""
        return known_between(self._upto(upto).indices, after=after, upto=upto)

    def securities(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return listings and delistings that became known in (after, upto]."""
        return known_between(self._upto(upto).securities, after=after, upto=upto)

    def membership(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return who joined and left the large-cap index in (after, upto]."""
        return known_between(self._upto(upto).membership, after=after, upto=upto)

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the headlines that became known in (after, upto]."""
        known_before = 0 if after is None else self._sessions_known(after)
        # A headline may be known two sessions before the session it is about counts as known, and days after it.
        first, stop = max(0, known_before - LATEST_SESSIONS), self._sessions_known(upto) + 2
        return known_between(self._upto(upto).headlines(first, stop), after=after, upto=upto)

    def filings(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the figures that became known in (after, upto]."""
        return known_between(self._upto(upto).filings, after=after, upto=upto)

    def events(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the earnings and macro dates that were announced in (after, upto]."""
        if self._events is None:
            firms = self._upto(upto).firms
            quarters = self._quarters(firms, self.last_session)
            earnings = earnings_event_rows(firms, quarters, first_index=self._first, opens=self._opens)
            year_after = date(min(self.last_session.year + 1, self._calendar.sessions[-1].year), 12, 31)
            macro = macro_event_rows(first=self.first_session, last=year_after, calendar=self._calendar)
            self._events = pa.concat_tables([earnings, macro]).combine_chunks()
        return known_between(self._events, after=after, upto=upto)

    def tape_rows(self, session: date) -> tuple[TapeRow, ...]:
        """Return what really traded in a session, misprints aside, in symbol order.

        Raises:
            DataError: the session lies outside the market.
        """
        if not self.first_session <= session <= self.last_session:
            raise DataError(
                f"the simulated market has no session {session}: it runs from {self.first_session} "
                f"to {self.last_session}"
            )
        index = self._calendar.index(session) - self._first
        return self._upto(self._calendar.as_of(session)).tape(session, index)

    def planted_signal(self) -> tuple[tuple[str, ...], Floats]:
        """Return the symbols and their expected own returns, shape (n_sessions, n_symbols), known before each session.

        This is the truth that tests of learning compare with; no asset reads it.
        """
        world = self._upto(self._calendar.as_of(self.last_session))
        return world.firms.symbols, world.paths.planted

    def _sessions_known(self, instant: datetime) -> int:
        known = self._bars_known[self._first : self._first + self._sessions]
        return int(np.searchsorted(known, micros(instant), side="right"))

    def _quarters(self, firms: Companies, last: date) -> tuple[EarningsQuarter, ...]:
        return earnings_quarters(
            self._settings.seed, firms, first=self.first_session, last=last + _DAYS_AHEAD, calendar=self._calendar
        )

    def _upto(self, instant: datetime) -> World:
        wanted = min(self._sessions_known(instant) + _SESSIONS_AHEAD, self._sessions)
        if self._world is None or self._world.timeline.sessions < wanted:
            # One look needs no more than its own blocks; whoever comes back for more lives on, and gets it all.
            is_first = self._world is None
            blocks = -(-wanted // BLOCK_SESSIONS) if is_first else block_count(self._sessions)
            self._world = self._build(min(blocks * BLOCK_SESSIONS, self._sessions))
        return self._world

    def _build(self, sessions: int) -> World:
        settings, stop = self._settings, self._first + sessions + EX_AFTER_SESSIONS
        firms = companies(settings.seed, settings.symbols)
        quarters = self._quarters(firms, self._calendar.sessions[self._first + sessions - 1])
        news = news_flow(settings.seed, firms, quarters, first_index=self._first, sessions=sessions)
        paths = price_paths(settings.seed, firms, news, sessions=sessions, signal_strength=settings.signal_strength)
        timeline = Timeline(
            days=np.array(self._calendar.sessions[self._first : stop], dtype="datetime64[D]"),
            bars_known=self._bars_known[self._first : stop],
            sessions=sessions,
        )
        return World(
            seed=settings.seed,
            firms=firms,
            quarters=quarters,
            news=news,
            paths=paths,
            timeline=timeline,
            first_index=self._first,
            opens=self._opens,
            closes=self._closes,
        )
