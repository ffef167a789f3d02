"""Alpaca's daily bars, raw, page by page and never with a gap.

One feed per home: every row names it, and a home that began with one refuses another. A session without a single bar is
no session yet: nothing of it is taken in until the provider has it. A symbol that misses a session between two others
is asked for again by itself before the hole is believed; one that trades and missed any of the three sessions before is
asked for once more, and what comes late is known from then.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.ingest import alpaca_parsing as parsing
from assets.ingest.alpaca_pages import SOURCE, AlpacaPages
from assets.ingest.alpaca_settings import AlpacaDataSettings
from assets.ingest.columns import contract_rows, day_numbers, days, instants, micros
from assets.ingest.prices import bars_known_at, keep_to_feed
from execution.domain.errors import VenueUnavailable
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

_NEW_YORK: Final = ZoneInfo("America/New_York")
_PATH: Final = "/v2/stocks/bars"
_PER_PAGE: Final = "10000"
_LOOKED_BACK_SESSIONS: Final = 3


class AlpacaBars:
    """Bars of one feed.

    Args:
        settings: feed and first session.
        pages: how pages are asked and kept.
        folder: where the feed is remembered.
        clock: nothing later than its instant is asked for.
        calendar: exchange sessions.
    """

    def __init__(
        self,
        settings: AlpacaDataSettings,
        *,
        pages: AlpacaPages,
        folder: Path,
        clock: Clock,
        calendar: TradingCalendar,
    ) -> None:
        self._settings = settings
        self._pages = pages
        self._folder = folder
        self._clock = clock
        self._calendar = calendar
        self._days = day_numbers(calendar.sessions)
        self._known = bars_known_at(calendar)

    @property
    def first_session(self) -> date:
        """The first session with bars."""
        return self._calendar.between(self._settings.first_session, self._calendar.sessions[-1])[0]

    def sessions(self, after: datetime | None, upto: datetime) -> list[date]:
        """Return the sessions whose bars became known in a span, as far as the clock has come."""
        calendar = self._calendar
        end = micros(min(upto, self._clock.now()))
        begin = calendar.index(self.first_session)
        if after is not None:
            begin = max(begin, int(np.searchsorted(self._known, micros(after), side="right")))
        return list(calendar.sessions[begin : int(np.searchsorted(self._known, end, side="right"))])

    def rows(self, sessions: Sequence[date], symbols: Sequence[str]) -> pa.Table:
        """Return the bars of sessions, in no particular order.

        Raises:
            VenueUnavailable: the provider has no bar at all of a session.
            SettingsRefused: this home began with another feed.
        """
        keep_to_feed(self._folder / "feed", self._settings.feed)
        tables = [self._chunk(chunk, symbols) for chunk in self._chunks(sessions)]
        return pa.concat_tables([schemas.DAILY_BARS.schema.empty_table(), *tables])

    def late(self, sessions: Sequence[date], symbols: Sequence[str], *, is_whole_past: bool) -> pa.Table:
        """Return bars that were not there yet when their session was read, known with the session that missed them.

        Args:
            sessions: as they were read by `rows`.
            symbols: as they were read.
            is_whole_past: nothing before the sessions was read.
        """
        singly = [chunk[0] for chunk in self._chunks(sessions) if len(chunk) == 1]
        tables = [schemas.DAILY_BARS.schema.empty_table()]
        found: set[tuple[str, date]] = set()
        for session in singly:
            last = self._calendar.index(session)
            first = max(self._calendar.index(self.first_session), last - _LOOKED_BACK_SESSIONS)
            traded = _symbols(self._read(session, session, symbols))
            for day in self._calendar.sessions[first:last]:
                if is_whole_past and day not in singly:
                    continue
                had = _symbols(self._read(day, day, symbols))
                missing = [symbol for symbol in sorted(traded - had) if (symbol, day) not in found]
                if missing:
                    rows = self._read(day, day, missing, moment=session.isoformat())
                    found |= {(symbol, day) for symbol in _symbols(rows)}
                    known = instants(np.repeat(self._known[last], rows.num_rows))
                    place = rows.schema.get_field_index("known_at")
                    tables.append(rows.set_column(place, rows.schema.field(place), known))
        return pa.concat_tables(tables)

    def told(self, pages: Iterable[bytes]) -> pa.Table:
        """Return the bars that pages tell, as rows of the contract.

        Raises:
            DataError: a page is no page of bars.
        """
        columns = parsing.bar_columns(pages)
        # A daily bar carries the beginning of its day in New York; there are few different ones.
        encoded = columns.pop("at").dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        told = day_numbers([datetime.fromisoformat(text).astimezone(_NEW_YORK).date() for text in texts])
        place = np.minimum(np.searchsorted(self._days, told), len(self._days) - 1)
        which = encoded.indices.to_numpy()
        known = self._known[place][which] if len(told) else np.zeros(0, np.int64)
        columns["session"] = days(told).take(encoded.indices)
        columns["is_halted"] = pa.array(np.zeros(len(which), dtype=bool))
        rows = contract_rows(
            schemas.DAILY_BARS,
            columns,
            source=SOURCE,
            feed=self._settings.feed,
            known_at=known,
        )
        # A day that is none of the exchange's has no place in any series.
        return rows.filter(pa.array((self._days[place] == told)[which])) if len(told) else rows

    def _chunks(self, sessions: Sequence[date]) -> Iterator[list[date]]:
        """Yield whole months, and the sessions of a month that is not whole one by one.

        The same questions then come back whatever the span, and are answered by what is stored.
        """
        for (year, month), group in groupby(sessions, key=lambda day: (day.year, day.month)):
            days_asked = list(group)
            first = date(year, month, 1)
            whole = self._calendar.between(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))
            if days_asked == list(whole):
                yield days_asked
            else:
                yield from ([day] for day in days_asked)

    def _chunk(self, sessions: list[date], symbols: Sequence[str]) -> pa.Table:
        rows = self._read(sessions[0], sessions[-1], symbols)
        for session in sessions:
            if not pc.any(pc.equal(rows.column("session"), pa.scalar(session, pa.date32()))).as_py():
                self._pages.forget(_PATH, self._questions(sessions[0], sessions[-1], symbols))
                raise VenueUnavailable(
                    f"{SOURCE} has no bar of {session} from feed {self._settings.feed}: expected some after its close; "
                    "nothing of it is taken in, ask again later"
                )
        for session, missing in _holes(rows, sessions).items():
            rows = pa.concat_tables([rows, self._read(session, session, missing)])
        return rows

    def _read(self, first: date, last: date, symbols: Sequence[str], *, moment: str = "") -> pa.Table:
        return self.told(self._pages.asked(_PATH, self._questions(first, last, symbols), moment=moment))

    def _questions(self, first: date, last: date, symbols: Sequence[str]) -> list[dict[str, str]]:
        return [
            {
                "symbols": ",".join(batch),
                "timeframe": "1Day",
                "start": first.isoformat(),
                "end": last.isoformat() + "T23:59:59Z",
                "limit": _PER_PAGE,
                "adjustment": "raw",
                "feed": self._settings.feed,
                "sort": "asc",
            }
            for batch in self._pages.batches(symbols)
        ]


def _symbols(rows: pa.Table) -> set[str]:
    return set(pc.unique(rows.column("symbol")).to_pylist())


def _holes(rows: pa.Table, sessions: Sequence[date]) -> dict[date, list[str]]:
    """Return, per session, the symbols that have bars before and after it but none on it."""
    if len(sessions) < 3:
        return {}
    had: dict[str, set[date]] = {}
    for symbol, session in zip(rows.column("symbol").to_pylist(), rows.column("session").to_pylist(), strict=True):
        had.setdefault(symbol, set()).add(session)
    found: dict[date, list[str]] = {}
    for symbol, present in sorted(had.items()):
        for session in sessions:
            if session not in present and min(present) < session < max(present):
                found.setdefault(session, []).append(symbol)
    return found
