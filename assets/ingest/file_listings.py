"""Listings from bars, and intervals as versions: what files of users do not say outright.

A folder of prices knows when a symbol first and last traded; that is its listing and its delisting here. A row with a
from and a to is two facts known at two times: joining, and leaving.
"""

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.ingest.arrays import Days, Ints
from assets.ingest.columns import contract_rows, days, instants
from assets.ingest.known_times import KnownTimes
from assets.ingest.listings_of_bars import SILENT_SESSIONS
from assets.schemas import RawTable


def derived_securities(
    bars: pa.Table, described: pa.Table | None, known: KnownTimes, *, source: str, last: date
) -> pa.Table:
    """Return listings as the bars show them, with names and sectors where a file describes them.

    A symbol is listed with its first bar and known from that session's open on. When it has had no bar for ten sessions
    it is delisted with its last one, known when the tenth session's bars came without it: a missing bar is no end of a
    listing, and a file that lacks its newest bars is found by the gate. Symbols without a bar are no securities of this
    market.

    Args:
        bars: rows of `raw/daily_bars`.
        described: symbol, name, sector; None for no description.
        known: the calendar's rules.
        source: name of the source.
        last: the data's last session.
    """
    spans = bars.group_by("symbol").aggregate([("session", "min"), ("session", "max")]).sort_by("symbol")
    symbols, first = spans.column("symbol").combine_chunks(), spans.column("session_min").to_numpy()
    final = spans.column("session_max").to_numpy()
    gone = np.flatnonzero(known.sessions_after(final, until=last) >= SILENT_SESSIONS)
    order = np.append(np.arange(len(symbols)), gone)
    left = np.full(len(order), np.datetime64("NaT"), dtype="datetime64[D]")
    left[len(symbols) :] = final[gone]
    told = _described(symbols.take(pa.array(order)), described)
    columns = {
        **told,
        "listed_session": days(first[order].astype("datetime64[D]")),
        "delisted_session": days(left),
    }
    missed = known.after_closes(final[gone].astype("datetime64[D]"), SILENT_SESSIONS)
    when = np.append(known.at_open(first.astype("datetime64[D]")), missed)
    feed = "bars" if described is None else "bars and securities/assumed"
    return contract_rows(schemas.SECURITIES, columns, source=source, feed=feed, known_at=when)


def _described(symbols: pa.Array, described: pa.Table | None) -> dict[str, pa.Array]:
    if described is None:
        blank = pa.nulls(len(symbols), pa.string())
        return {"symbol": symbols, "name": blank, "sector": blank}
    at = pc.index_in(symbols, described.column("symbol").combine_chunks())
    told = {name: described.column(name).combine_chunks().take(at) for name in ("name", "sector")}
    return {"symbol": symbols, **told}


def versions_of_intervals(table: RawTable, rows: pa.Table, known: KnownTimes, *, start: date) -> pa.Table:
    """Return membership or watchlist rows as versions: joined, open-ended; and later, where it ended, with its end.

    Intervals that ended by the data's start are left out; those that began before it are known from its start. An end
    is known from the open of the first session out, or from when the interval was told, whichever is later; where the
    interval was told after its end, nobody ever knew it without.

    Args:
        table: the contract.
        rows: intervals with `from_session` and `to_session`, known at the open of the first or when they were told.
        known: the calendar's rules.
        start: first session of the data.
    """
    over = pc.fill_null(pc.less_equal(rows.column("to_session"), pa.scalar(start, pa.date32())), False)  # noqa: FBT003 - by position only
    rows = rows.filter(pc.invert(over))
    return _begun_and_ended(rows, "to_session", known.at_open, known, start=start).cast(table.schema)


def versions_of_listings(rows: pa.Table, known: KnownTimes, *, start: date) -> pa.Table:
    """Return listings a file tells as versions: listed; and later, with its last session, where it is delisted.

    A delisting is known from the close of the last session, or from when the row was told, whichever is later.

    Args:
        rows: listings with `listed_session` and `delisted_session`, known at their open or when they were told.
        known: the calendar's rules.
        start: first session of the data; nothing is known before it.
    """
    return _begun_and_ended(rows, "delisted_session", known.after_close, known, start=start)


def _begun_and_ended(
    rows: pa.Table, end: str, known_end: Callable[[Days], Ints], known: KnownTimes, *, start: date
) -> pa.Table:
    begin = known.at_open(np.array([start], dtype="datetime64[D]"))
    since = np.maximum(rows.column("known_at").cast(pa.int64()).to_numpy(), begin)
    has_end = rows.column(end).is_valid().to_numpy()
    until = rows.column(end).to_numpy().astype("datetime64[D]")
    out = np.where(has_end, np.maximum(known_end(until), since), np.iinfo(np.int64).max)
    is_begun = pa.array(since < out)
    begun = _with(rows, end, pa.nulls(rows.num_rows, pa.date32()))
    begun = _with(begun, "known_at", instants(since)).filter(is_begun)
    ended = rows.filter(pa.array(has_end))
    ended = _with(ended, "known_at", instants(out[has_end]))
    return pa.concat_tables([begun, ended])


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    index = rows.schema.get_field_index(name)
    return rows.set_column(index, pa.field(name, values.type), values)
