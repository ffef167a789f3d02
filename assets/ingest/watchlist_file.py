"""Watchlists as YAML: a list of rows, each a watchlist, a symbol, the first session in and the first session out.

- {watchlist: core, symbol: AAPL, from: 2015-01-02}
- {watchlist: core, symbol: MSFT, from: 2015-01-02, to: 2016-03-01}
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import yaml

from assets import schemas
from assets.ingest.columns import contract_rows, days, known_between
from assets.ingest.file_listings import versions_of_intervals
from assets.ingest.file_reading import FileLimits, bad_file, located
from assets.ingest.file_rules import broken_rules
from assets.ingest.known_times import KnownTimes
from execution.trading_calendar import TradingCalendar

_LIMITS: Final = FileLimits(max_bytes=5_000_000, max_rows=100_000)
_ALLOWED: Final = frozenset({"watchlist", "symbol", "from", "to"})
_FEED: Final = "watchlists"


class WatchlistFile:
    """The port of watchlists over one YAML file, for markets whose other rows come from elsewhere."""

    def __init__(self, path: Path, *, first_session: date, calendar: TradingCalendar | None = None) -> None:
        self._path = path
        self._first = first_session
        self._known = KnownTimes(calendar or TradingCalendar.shipped())

    def watchlists(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return watchlist rows that began or ended in (after, upto].

        Raises:
            BadSourceFile: the file is unusable.
        """
        path = located(self._path.parent, self._path.name, limits=_LIMITS)
        rows = watchlist_rows(path, self._path.name, source="files", known=self._known)
        versions = versions_of_intervals(schemas.WATCHLISTS, rows, self._known, start=self._first)
        return known_between(versions, after=after, upto=upto)


def watchlist_rows(path: Path, file: str, *, source: str, known: KnownTimes) -> pa.Table:
    """Return the rows of a watchlist file as intervals, known at the open of their first session.

    Raises:
        BadSourceFile: the file is no list of such rows; it names file, row and column.
    """
    rows = [_row(file, number, row) for number, row in enumerate(_listed(path, file), start=1)]
    begin = np.array([row["from"] for row in rows], dtype="datetime64[D]")
    until = np.array([row["to"] or "NaT" for row in rows], dtype="datetime64[D]")
    columns = {
        "watchlist": pa.array([row["watchlist"] for row in rows], pa.string()),
        "symbol": pa.array([row["symbol"] for row in rows], pa.string()),
        "from_session": days(begin),
        "to_session": days(until),
    }
    table = contract_rows(schemas.WATCHLISTS, columns, source=source, feed=_FEED, known_at=known.at_open(begin))
    for broken in broken_rules(schemas.WATCHLISTS, table):
        position = int(broken.rows.argmax())
        raise bad_file(
            file, f"found {rows[position]}, expected {broken.demand}", row=position + 1, column=broken.column
        )
    return table


def _listed(path: Path, file: str) -> list[Any]:
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        # A day the calendar does not have, and text that is no UTF-8, are plain ValueErrors.
        raise bad_file(file, f"it is no YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(stated, list) or not stated:
        raise bad_file(file, "expected a list of rows such as {watchlist: core, symbol: AAPL, from: 2015-01-02}")
    return stated


def _row(file: str, number: int, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict) or not row.keys() <= _ALLOWED:
        raise bad_file(file, f"found {str(row)[:80]}, expected watchlist, symbol, from and perhaps to", row=number)
    for column in ("watchlist", "symbol"):
        if not isinstance(row.get(column), str) or not row[column].strip():
            raise bad_file(
                file, f"found {row.get(column)!r}, expected text (quote it if need be)", row=number, column=column
            )
    for column in ("from", "to"):
        value = row.get(column)
        if (value is None and column == "to") or (isinstance(value, date) and not isinstance(value, datetime)):
            continue
        raise bad_file(file, f"found {value!r}, expected a day such as 2015-01-02", row=number, column=column)
    return {
        "watchlist": row["watchlist"].strip(),
        "symbol": row["symbol"].strip(),
        "from": row["from"],
        "to": row.get("to"),
    }
