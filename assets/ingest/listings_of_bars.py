"""Listings as a source of bars alone can tell them, session by session and never looking ahead.

A symbol is listed with its first bar. When it has had no bar for ten sessions it is told as delisted with its last
one; when bars come back later, so does the listing. What was told by a session does not depend on what came after it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest.columns import contract_rows, day_numbers, days
from assets.ingest.prices import bars_known_at
from execution.trading_calendar import TradingCalendar

SILENT_SESSIONS: Final = 10


def listings(
    bars: pa.Table, names: Mapping[str, str | None], *, calendar: TradingCalendar, last: date, source: str, feed: str
) -> pa.Table:
    """Return rows of `raw/securities`: when a symbol's bars begin, when they have stopped, and when they resume.

    Args:
        bars: `symbol` and `session` of every bar up to and with the last session.
        names: name by symbol, for symbols that have one.
        calendar: exchange sessions.
        last: the last session looked at.
        source: the adapter.
        feed: the feed the bars came from.
    """
    known = bars_known_at(calendar)
    last_index = calendar.index(last)
    all_days = day_numbers(calendar.sessions)
    encoded = bars.column("symbol").combine_chunks().dictionary_encode()
    symbols = np.array(encoded.dictionary.to_pylist(), dtype=object)
    who = encoded.indices.to_numpy().astype(np.int64)
    when = np.searchsorted(all_days, bars.column("session").to_numpy().astype("datetime64[D]"))
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    is_first = np.append(True, who[1:] != who[:-1]) if len(who) else np.zeros(0, bool)
    is_final = np.append(who[1:] != who[:-1], True) if len(who) else np.zeros(0, bool)
    until = np.where(is_final, last_index + 1, np.append(when[1:], 0) if len(who) else when)
    stopped = np.flatnonzero(until - when > SILENT_SESSIONS)
    began = when[np.maximum.accumulate(np.where(is_first, np.arange(len(who)), 0))] if len(who) else when
    resumed = stopped[~is_final[stopped]] + 1
    first = np.flatnonzero(is_first)
    rows = np.concatenate([first, stopped, resumed]).astype(np.int64)
    left = np.full(len(rows), np.datetime64("NaT"), dtype="datetime64[D]")
    left[len(first) : len(first) + len(stopped)] = all_days[when[stopped]]
    told_at = np.concatenate([known[when[first]], known[when[stopped] + SILENT_SESSIONS], known[when[resumed]]])
    columns = {
        "symbol": pa.array(symbols[who[rows]], pa.string()),
        "name": pa.array([names.get(symbol) for symbol in symbols[who[rows]]], pa.string()),
        "sector": pa.nulls(len(rows), pa.string()),
        "listed_session": days(all_days[began[rows]]),
        "delisted_session": days(left),
    }
    return contract_rows(schemas.SECURITIES, columns, source=source, feed=feed, known_at=told_at.astype(np.int64))
