"""SEC EDGAR as a source of reported figures: by the time a filing was accepted, never by the end of its period.

A company's list of filings is small and asked each time; its facts are large and asked again only when the list names
a report they were not yet read for. Bodies are kept as they came, so the past can be told again without asking.
"""

import gzip
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest.columns import contract_rows, day_numbers, days, known_between, micros
from assets.ingest.edgar_facts import Figure, Filing, accessions, figures, filings_of, older_pages
from assets.ingest.http_reading import HttpReader
from execution.artifact_files import write_atomically
from execution.domain.errors import DataError
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

SOURCE: Final = "edgar"
# Ten requests a second are allowed to all machines of one sender together.
_LEAST_SECONDS_BETWEEN: Final = 0.125
_YEARS_BEFORE: Final = timedelta(days=3 * 366)


class _Company(msgspec.Struct):
    cik_str: int
    ticker: str


class EdgarSource:
    """Reported figures of the companies behind some symbols.

    Args:
        data: the way to the SEC's data.
        site: the way to its site, where symbols are listed.
        symbols: whose figures are told.
        first_session: filings are read from three years before it on.
        folder: where bodies are kept; made when absent.
        clock: nothing accepted later than its instant is told.
        calendar: exchange sessions, for filings whose time of acceptance nobody told.
    """

    def __init__(
        self,
        *,
        data: HttpReader,
        site: HttpReader,
        symbols: Callable[[], Sequence[str]],
        first_session: date,
        folder: Path,
        clock: Clock,
        calendar: TradingCalendar,
    ) -> None:
        self._data = data
        self._site = site
        self._symbols = symbols
        self._since = first_session - _YEARS_BEFORE
        self._folder = folder
        self._clock = clock
        self._calendar = calendar
        self._asked_at: float | None = None
        self._figures: dict[int, tuple[datetime, list[Figure]]] = {}

    def filings(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the figures that became known in (after, upto]; a restatement is a later row of the same fact.

        Raises:
            AccessDenied: the SEC refuses the sender.
            VenueUnavailable: it does not answer.
            DataError: an answer is not what it publishes.
        """
        ciks, until = self._ciks(), min(upto, self._clock.now())
        told = [
            (symbol, figure)
            for symbol in self._symbols()
            if symbol in ciks
            for figure in self._figures_of(ciks[symbol])
            if figure.known_at <= until and figure.period_end >= self._since
        ]
        return known_between(_rows(told), after=after, upto=upto)

    def _figures_of(self, cik: int) -> list[Figure]:
        now = self._clock.now()
        known = self._figures.get(cik)
        if known is None or known[0] != now:
            known = (now, self._figures_anew(cik))
            self._figures[cik] = known
        return known[1]

    def _figures_anew(self, cik: int) -> list[Figure]:
        body = self._read(self._data, f"/submissions/CIK{cik:010d}.json")
        if not body:
            return []
        older = [self._kept(f"{cik}/{name}/{state}", f"/submissions/{name}") for name, state in self._older(body)]
        filings = filings_of(body, older)
        facts = self._facts(cik, filings)
        return figures(facts, filings, known_by_date=self._next_open) if facts else []

    def _next_open(self, filed: date) -> datetime:
        """Return when a filing counts as known of which only the day is: at the open of the session after it."""
        return self._calendar.opens_at(
            self._calendar.between(filed + timedelta(days=1), self._calendar.sessions[-1])[0]
        )

    def _older(self, body: bytes) -> list[tuple[str, str]]:
        return older_pages(body, since=self._since)

    def _facts(self, cik: int, filings: Mapping[str, Filing]) -> bytes:
        reports = [filing for filing in filings.values() if filing.period_end is not None]
        if not reports:
            return b""
        newest = max(reports, key=lambda filing: (filing.accepted_at, filing.accession)).accession
        path = self._folder / "facts" / f"{cik}" / f"{newest}.json.gz"
        if path.exists():
            return gzip.decompress(path.read_bytes())
        body = self._read(self._data, f"/api/xbrl/companyfacts/CIK{cik:010d}.json")
        # The facts may follow the list by minutes: kept under a report they do not hold yet, they would stay without.
        if body and newest in accessions(body):
            write_atomically(path, gzip.compress(body, compresslevel=1, mtime=0))
        return body

    def _kept(self, name: str, path: str) -> bytes:
        place = self._folder / "older" / f"{name.replace('/', '_').replace(':', '_')}.gz"
        if not place.exists():
            write_atomically(place, gzip.compress(self._read(self._data, path), compresslevel=1, mtime=0))
        return gzip.decompress(place.read_bytes())

    def _ciks(self) -> dict[str, int]:
        """Return the company number of each symbol; what is gone from the list is remembered."""
        path = self._folder / "symbols.json"
        known: dict[str, int] = msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}
        if set(self._symbols()) - known.keys() or not known:
            body = self._read(self._site, "/files/company_tickers.json")
            try:
                told = msgspec.json.decode(body, type=dict[str, _Company])
            except msgspec.MsgspecError as error:
                raise DataError(
                    f"the SEC's list of symbols is not what it publishes: {error}; ask again later"
                ) from error
            # The SEC writes share classes with a dash, the exchanges with a dot.
            known |= {company.ticker.replace("-", "."): company.cik_str for company in told.values()}
            write_atomically(path, msgspec.json.encode(known))
        return known

    def _read(self, reader: HttpReader, path: str) -> bytes:
        now = self._clock.monotonic_seconds()
        if self._asked_at is not None and now - self._asked_at < _LEAST_SECONDS_BETWEEN:
            self._clock.wait_seconds(_LEAST_SECONDS_BETWEEN - (now - self._asked_at))
        self._asked_at = self._clock.monotonic_seconds()
        return reader.read(path, may_be_absent=True)


def _rows(told: Sequence[tuple[str, Figure]]) -> pa.Table:
    columns = {
        "symbol": pa.array([symbol for symbol, _ in told], pa.string()),
        "form": pa.array([figure.form for _, figure in told], pa.string()),
        "period_end": days(day_numbers([figure.period_end for _, figure in told])),
        "metric": pa.array([figure.metric for _, figure in told], pa.string()),
        "value": pa.array([figure.value for _, figure in told], pa.float64()),
        "duration_months": pa.array([figure.months for _, figure in told], pa.int16()),
    }
    known_at = np.array([micros(figure.known_at.astimezone(UTC)) for _, figure in told], dtype=np.int64)
    rows = contract_rows(schemas.FILINGS, columns, source=SOURCE, feed="companyfacts", known_at=known_at)
    # Which of a filer's names the figure stood under.
    feeds = pa.array([figure.tag for _, figure in told], pa.string())
    return rows.set_column(rows.schema.get_field_index("feed"), schemas.FILINGS.schema.field("feed"), feeds)
