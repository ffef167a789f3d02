"""A folder of Parquet or CSV as a market: every port over the user's own files.

Each table is read, checked and converted whole before its first row leaves this module, so a bad file gives one error
and nothing of it is taken in. What was read is kept until the file changes.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.carried_actions import NO_ACTIONS, BarActions, carried_to_bars
from assets.ingest.columns import known_between
from assets.ingest.file_listings import derived_securities, versions_of_intervals, versions_of_listings
from assets.ingest.file_reading import FileLimits, bad_file, file_digest, located
from assets.ingest.file_rules import Refusal, repeated
from assets.ingest.file_table import FileContext, FileRows, file_rows
from assets.ingest.files_settings import FilesSourceSettings, TableFile
from assets.ingest.known_times import KnownTimes
from assets.ingest.listings_of_bars import SILENT_SESSIONS
from assets.ingest.watchlist_file import watchlist_rows
from assets.schemas import RawTable
from execution.brokers.tape import TapeRow
from execution.domain.canonical import content_hash
from execution.domain.errors import BadSourceFile
from execution.trading_calendar import TradingCalendar

_STORIES: Final = replace(schemas.NEWS, fact_key=(*schemas.NEWS.fact_key, "published_at", "headline"))
_INTERVALS: Final = frozenset({"membership", "watchlists"})


class FilesSource:
    """Every port of ingest over one folder of files."""

    def __init__(self, settings: FilesSourceSettings, calendar: TradingCalendar | None = None) -> None:
        self._settings = settings
        self._calendar = calendar or TradingCalendar.shipped()
        self._known = KnownTimes(self._calendar)
        self._limits = FileLimits(max_bytes=settings.max_file_mb * 1_000_000, max_rows=settings.max_rows)
        # Per table: the state of the files it was read from, its rows, and the rows left out.
        self._read: dict[str, tuple[str, pa.Table, tuple[Refusal, ...]]] = {}
        self._digests: dict[tuple[Path, int, int], str] = {}

    @property
    def name(self) -> str:
        """Name of the source, as on every row."""
        return self._settings.name

    @property
    def first_session(self) -> date:
        """The first session with a bar within the stated span."""
        first: date = pc.min(self._bars.column("session")).as_py()
        return first

    @property
    def last_session(self) -> date:
        """The last session with a bar within the stated span."""
        last: date = pc.max(self._bars.column("session")).as_py()
        return last

    def has(self, table: RawTable) -> bool:
        """Return whether the mapping names a source of a raw table; listings always follow from the bars."""
        if table == schemas.WATCHLISTS and self._settings.watchlists_file is not None:
            return True
        return table == schemas.SECURITIES or bool(self._settings.tables.get(table.name))  # type: ignore[call-overload] # any text may be asked for

    def bars(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return bars that became known in (after, upto]."""
        return self._rows(schemas.DAILY_BARS, after, upto)

    def corporate_actions(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return splits and dividends that became known in (after, upto]."""
        return self._rows(schemas.CORPORATE_ACTIONS, after, upto)

    def indices(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return index closes that became known in (after, upto]."""
        return self._rows(schemas.INDICES, after, upto)

    def securities(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return listings and delistings that became known in (after, upto]."""
        return self._rows(schemas.SECURITIES, after, upto)

    def membership(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return index members that joined or left in (after, upto]."""
        return self._rows(schemas.MEMBERSHIP, after, upto)

    def watchlists(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return watchlist rows that began or ended in (after, upto]."""
        return self._rows(schemas.WATCHLISTS, after, upto)

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return headlines that became known in (after, upto]."""
        return self._rows(schemas.NEWS, after, upto)

    def filings(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return figures that became known in (after, upto]."""
        return self._rows(schemas.FILINGS, after, upto)

    def events(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return events whose date became known in (after, upto]."""
        return self._rows(schemas.EVENTS, after, upto)

    def check(self) -> dict[str, int]:
        """Read every table and return its number of rows: the whole folder is good, or the first fault is told.

        Raises:
            BadSourceFile: a file is unusable.
        """
        return {table.name: self._loaded(table)[0].num_rows for table in schemas.ALL if self.has(table)}

    def quarantined(self, table: str) -> tuple[Refusal, ...]:
        """Return the rows of a table's files that were left out, file by file, in the files' order."""
        return self._loaded(schemas.BY_NAME[table])[1]

    def revision(self, table: str) -> str:
        """Return the state of the files behind a table: it changes when one of them or the mapping does."""
        specs = [*self._settings.tables.get(table, ())]  # type: ignore[call-overload] # any text may be asked for
        behind = [spec.file for spec in specs]
        if table == "securities":
            behind += [spec.file for spec in self._settings.tables["daily_bars"]]
        if table == "watchlists" and self._settings.watchlists_file is not None:
            behind.append(self._settings.watchlists_file)
        if not behind:
            return ""
        mapping = [spec.model_dump(mode="json") for spec in specs]
        return content_hash({"files": [self._digest(file) for file in behind], "mapping": mapping})[:16]

    def tape_rows(self, session: date) -> tuple[TapeRow, ...]:
        """Return the bars of a session as the venue sees them, in symbol order.

        With each come the splits and dividends that went ex since the symbol's bar before it. A delisting comes with
        the symbol's last bar, and once more in a halt at its close, ten silent sessions later: who lived through the
        last bar while the files ended there learns of it then.
        """
        day = self._on(self._bars, "session", session).sort_by("symbol")
        acting = self._acting_on(session)
        told = self._delistings_told
        rows = [
            TapeRow(
                session=session,
                symbol=row["symbol"],
                open_usd=row["open_usd"],
                high_usd=row["high_usd"],
                low_usd=row["low_usd"],
                close_usd=row["close_usd"],
                volume_shares=row["volume_shares"],
                is_halted=row["is_halted"],
                split_ratio=acting.get(row["symbol"], NO_ACTIONS).split_ratio,
                dividend_usd=acting.get(row["symbol"], NO_ACTIONS).dividend_usd,
                is_last_session=row["symbol"] in told and told[row["symbol"]][0] == session,
            )
            for row in day.to_pylist()
        ]
        gone = {symbol: last for symbol, (last, told_on) in told.items() if told_on == session}
        rows += [self._halted_at_the_close(symbol, last, session) for symbol, last in gone.items()]
        return tuple(sorted(rows, key=lambda row: row.symbol))

    @property
    def _bars(self) -> pa.Table:
        return self._loaded(schemas.DAILY_BARS)[0]

    @property
    def _delistings_told(self) -> Mapping[str, tuple[date, date]]:
        """By delisted symbol, the session of its last bar and the tenth without one."""
        spans = self._bars.group_by("symbol").aggregate([("session", "max")])
        ended = pc.less(spans.column("session_max"), pa.scalar(self.last_session, pa.date32()))
        told = {
            row["symbol"]: (row["session_max"], self._calendar.offset(row["session_max"], SILENT_SESSIONS))
            for row in spans.filter(ended).to_pylist()
        }
        return {symbol: days for symbol, days in told.items() if days[1] <= self.last_session}

    def _halted_at_the_close(self, symbol: str, last: date, session: date) -> TapeRow:
        bars = self._on(self._bars, "session", last)
        (close,) = bars.filter(pc.equal(bars.column("symbol"), symbol)).column("close_usd").to_pylist()
        return TapeRow(
            session=session,
            symbol=symbol,
            open_usd=close,
            high_usd=close,
            low_usd=close,
            close_usd=close,
            volume_shares=0,
            is_halted=True,
            split_ratio=NO_ACTIONS.split_ratio,
            dividend_usd=NO_ACTIONS.dividend_usd,
            is_last_session=True,
        )

    def _acting_on(self, session: date) -> Mapping[str, BarActions]:
        """Return by symbol the splits and dividends that act on its bar of a session."""
        bars, actions = self._bars, self._loaded(schemas.CORPORATE_ACTIONS)[0]
        day = pa.scalar(session, pa.date32())
        earlier = bars.filter(pc.less(bars.column("session"), day)).group_by("symbol").aggregate([("session", "max")])
        upto = actions.filter(pc.less_equal(actions.column("ex_session"), day)).join(earlier, "symbol")
        ex_session = upto.column("ex_session")
        is_since = pc.or_kleene(pc.greater(ex_session, upto.column("session_max")), pc.equal(ex_session, day))
        since = defaultdict(list)
        for row in upto.filter(is_since).to_pylist():
            since[row["symbol"], row["session_max"]].append(row)
        return {
            symbol: carried_to_bars(rows, [before, session] if before else [session])[session]
            for (symbol, before), rows in since.items()
        }

    def _on(self, rows: pa.Table, column: str, session: date) -> pa.Table:
        return rows.filter(pc.equal(rows.column(column), pa.scalar(session, pa.date32())))

    def _rows(self, table: RawTable, after: datetime | None, upto: datetime) -> pa.Table:
        return known_between(self._loaded(table)[0], after=after, upto=upto)

    def _loaded(self, table: RawTable) -> tuple[pa.Table, tuple[Refusal, ...]]:
        state = self.revision(table.name) + self.revision("daily_bars")
        if table.name not in self._read or self._read[table.name][0] != state:
            self._read[table.name] = (state, *self._load(table))
        return self._read[table.name][1:]

    def _load(self, table: RawTable) -> tuple[pa.Table, tuple[Refusal, ...]]:
        specs = self._settings.tables.get(table.name, ())  # type: ignore[call-overload] # any text may be asked for
        context = self._context(table)
        found = [(spec.file, file_rows(table, spec, context)) for spec in specs]
        refusals = tuple(refusal for _, file in found for refusal in file.refusals)
        rows = _joined(table, found)
        if table == schemas.DAILY_BARS and rows is not None and rows.num_rows == 0:
            raise self._no_bars(specs, is_quarantined=bool(refusals))
        if table == schemas.SECURITIES and (rows is None or "listed_session" not in rows.column_names):
            name, last = self._settings.name, self.last_session
            return derived_securities(self._bars, rows, self._known, source=name, last=last), refusals
        if table == schemas.WATCHLISTS and self._settings.watchlists_file is not None:
            file = self._settings.watchlists_file
            told = watchlist_rows(
                located(self._settings.folder, file, limits=self._limits),
                file,
                source=context.source,
                known=self._known,
            )
            rows = told if rows is None else pa.concat_tables([rows, told])
        if rows is None:
            return table.schema.empty_table(), ()
        if table.name in _INTERVALS:
            rows = versions_of_intervals(table, rows, self._known, start=self.first_session)
        if table == schemas.SECURITIES:
            rows = versions_of_listings(rows, self._known, start=self.first_session)
            _refuse_rivals(rows, ", ".join(spec.file for spec in specs))
        return rows.cast(table.schema), refusals

    def _no_bars(self, specs: Sequence[TableFile], *, is_quarantined: bool) -> BadSourceFile:
        """Return the error of bars of which no row is left: a market has a first and a last session."""
        settings = self._settings
        causes = [
            *(["skip_where"] if any(spec.skip_where for spec in specs) else []),
            *(["quarantine"] if is_quarantined else []),
            *([f"first_session {settings.first_session}"] if settings.first_session else []),
            *([f"last_session {settings.last_session}"] if settings.last_session else []),
        ]
        files = ", ".join(spec.file for spec in specs)
        fault = f"none of its rows is left, expected at least one bar; correct {', '.join(causes)}"
        return bad_file(files, fault)

    def _context(self, table: RawTable) -> FileContext:
        is_bars = table == schemas.DAILY_BARS
        return FileContext(
            folder=self._settings.folder,
            limits=self._limits,
            source=self._settings.name,
            known=self._known,
            first=self._settings.first_session if is_bars else self.first_session,
            last=self._settings.last_session if is_bars else self.last_session,
        )

    def _digest(self, file: str) -> str:
        path = located(self._settings.folder, file, limits=self._limits)
        found = path.stat()
        key = (path, found.st_mtime_ns, found.st_size)
        if key not in self._digests:
            self._digests[key] = file_digest(path)
        return self._digests[key]


def _refuse_rivals(listings: pa.Table, file: str) -> None:
    """Refuse two listings of one symbol known from one instant: nobody could say which of them counts."""
    versions = listings.select(["symbol", "known_at"]).group_by(["symbol", "known_at"]).aggregate([([], "count_all")])
    rivals = versions.filter(pc.greater(versions.column("count_all"), 1)).sort_by("symbol").to_pylist()
    if rivals:
        symbol, since = rivals[0]["symbol"], rivals[0]["known_at"]
        fault = f"found two rows of {symbol} in force from {since}, expected one"
        raise bad_file(file, f"{fault}; give the earlier listing its delisted_session or leave it out")


def _joined(table: RawTable, found: list[tuple[str, FileRows]]) -> pa.Table | None:
    if not found:
        return None
    rows = pa.concat_tables([file.rows for _, file in found]).combine_chunks()
    if len(found) == 1:
        return rows
    again = repeated(table, rows)
    # Feeds overlap: a headline that two files tell in the same words is one headline.
    is_same_story = repeated(_STORIES, rows) if table == schemas.NEWS else np.zeros(rows.num_rows, dtype=bool)
    again &= ~is_same_story
    if again.any():
        position = int(again.argmax())
        for file, kept in found:
            if position < kept.rows.num_rows:
                row = kept.rows.slice(position, 1).select(list(table.fact_key)).to_pylist()[0]
                raise bad_file(
                    file, f"another file of raw/{table.name} has {row} too", row=kept.places[position].as_py()
                )
            position -= kept.rows.num_rows
    return rows.filter(pa.array(~is_same_story)).combine_chunks()
