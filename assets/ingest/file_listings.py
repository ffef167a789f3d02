"""Listings from bars, and intervals as versions: what files of users do not say outright.

A folder of prices knows when a symbol first and last traded; that is its listing and its delisting here. A row with a
from and a to is two facts known at two times: joining, and leaving.
"""

from collections.abc import Callable
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.ingest.arrays import Days, Ints
from assets.ingest.columns import contract_rows, days, instants
from assets.ingest.known_times import KnownTimes
from assets.ingest.listings_of_bars import SILENT_SESSIONS
from assets.schemas import RawTable

_DAYS_OF_A_SYMBOL: Final = 10_000_000
"""More than a date can be apart from another."""
_NEVER: Final = np.iinfo(np.int64).max


def derived_securities(
    bars: pa.Table, described: pa.Table | None, known: KnownTimes, *, source: str, last: date
) -> pa.Table:
    """Return listings as the bars show them, with names and sectors where a file describes them.

    A symbol is listed with its first bar and known from that session's open on. When it has had no bar for ten sessions
    it is delisted with its last one, known when the tenth session's bars came without it: a missing bar is no end of a
    listing, and a file that lacks its newest bars is found by the gate. Symbols without a bar are no securities of this
    market. Each description is a version, known from the listing's open or from when it was told, whichever is later;
    until the first is known the symbol is listed without.

    Args:
        bars: rows of `raw/daily_bars`.
        described: symbol, name, sector, feed, known_at; None for no description.
        known: the calendar's rules.
        source: name of the source.
        last: the data's last session.
    """
    spans = bars.group_by("symbol").aggregate([("session", "min"), ("session", "max")]).sort_by("symbol")
    symbols = spans.column("symbol").combine_chunks()
    first = spans.column("session_min").to_numpy().astype("datetime64[D]")
    final = spans.column("session_max").to_numpy().astype("datetime64[D]")
    gone = np.flatnonzero(known.sessions_after(final, until=last) >= SILENT_SESSIONS)
    missed = np.full(len(symbols), _NEVER)
    missed[gone] = known.after_closes(final[gone], SILENT_SESSIONS)
    told = schemas.SECURITIES.schema.empty_table() if described is None else described
    told = told.filter(pc.is_in(told.column("symbol"), symbols)).sort_by("known_at")
    opens, of_told = known.at_open(first), pc.index_in(told.column("symbol"), symbols).to_numpy()
    told_at = np.maximum(told.column("known_at").cast(pa.int64()).to_numpy(), opens[of_told])
    # Listed, described, delisted: in this order where they fall on one instant, and then the last one counts.
    who = np.concatenate([np.arange(len(symbols)), of_told, gone]).astype(np.int64)
    when = np.concatenate([opens, told_at, missed[gone]])
    words = np.concatenate([np.full(len(symbols), -1), np.arange(told.num_rows), np.full(len(gone), -1)])
    who, when, words = _in_force(who, when, words)
    described_by = pa.array(words, mask=words < 0)
    columns = {
        "symbol": symbols.take(pa.array(who)),
        **{name: told.column(name).combine_chunks().take(described_by) for name in ("name", "sector")},
        "listed_session": days(first[who]),
        "delisted_session": days(np.where(when >= missed[who], final[who], np.datetime64("NaT"))),
    }
    return contract_rows(schemas.SECURITIES, columns, source=source, feed=_feed_of_derived(described), known_at=when)


def _in_force(who: Ints, when: Ints, words: Ints) -> tuple[Ints, Ints, Ints]:
    """Return one entry per symbol and instant, the last, with the newest words told of the symbol by then.

    Args:
        who: the symbol's number.
        when: microseconds since 1970.
        words: the number of what describes the symbol; -1 for nothing new.
    """
    order = np.lexsort((when, who))
    who, when, words = who[order], when[order], words[order]
    is_first = np.diff(who, prepend=-1) != 0
    settled = np.maximum.accumulate(np.where(is_first | (words >= 0), np.arange(len(who)), 0))
    is_last = (np.diff(who, append=-1) != 0) | (np.diff(when, append=-1) != 0)
    return who[is_last], when[is_last], words[settled][is_last]


def _feed_of_derived(described: pa.Table | None) -> str:
    if described is None:
        return "bars"
    is_assumed = pc.any(pc.ends_with(described.column("feed"), "/assumed"), min_count=0).as_py()
    return "bars and securities" + ("/assumed" if is_assumed else "")


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

    A delisting is known from the close of the last session, or from when the row was told, whichever is later. An
    ended listing is left out where a later one of its symbol is known from the same instant, such as the data's start,
    or from before: the newest version of a symbol counts, and the symbol is the later listing's.

    Args:
        rows: listings with `listed_session` and `delisted_session`, known at their open or when they were told.
        known: the calendar's rules.
        start: first session of the data; nothing is known before it.
    """
    versions = _begun_and_ended(rows, "delisted_session", known.after_close, known, start=start)
    is_ended = pc.is_valid(versions.column("delisted_session"))
    return versions.filter(pc.invert(pc.and_(is_ended, _is_followed(versions))))


def _is_followed(versions: pa.Table) -> pa.Array:
    """Return whether a later listing of a version's symbol was known by the instant the version is."""
    who = versions.column("symbol").combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    since = versions.column("known_at").cast(pa.int64()).to_numpy()
    listed = versions.column("listed_session").cast(pa.int32()).to_numpy().astype(np.int64)
    order = np.lexsort((-listed, since, who))
    # A symbol's days lie above those of every symbol before it, so that one running maximum serves all.
    ranked = (listed + who * _DAYS_OF_A_SYMBOL)[order]
    is_followed = np.zeros(len(order), dtype=bool)
    is_followed[order] = ranked < np.maximum.accumulate(ranked)
    return pa.array(is_followed)


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
