"""Listings, delistings and membership of the simulated large-cap index as rows, each known when it happened."""

from typing import Final

import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest.arrays import Ints
from assets.ingest.columns import contract_rows, days, named
from assets.ingest.simulation.companies import NO_SECTOR, SECTORS, Companies
from assets.ingest.simulation.price_rows import FEED, SOURCE, Timeline

INDEX_NAME: Final = "simulated_large_cap"
_NEVER: Final = np.datetime64("NaT")


def security_rows(firms: Companies, timeline: Timeline, *, opens: Ints, closes: Ints) -> pa.Table:
    """Return one row per listing, known at its open, and one more per delisting, known at the last session's close."""
    listed, gone = _lives(firms, timeline)
    symbol = np.append(listed, gone)
    last = np.full(len(symbol), _NEVER, dtype="datetime64[D]")
    last[len(listed) :] = timeline.days[firms.delisted[gone]]
    sectors = pa.array([*SECTORS, None], pa.string())
    position = np.where(firms.sectors[symbol] == NO_SECTOR, len(SECTORS), firms.sectors[symbol])
    columns = {
        "symbol": named(firms.symbols, symbol),
        "name": named(firms.names, symbol),
        "sector": sectors.take(pa.array(position)),
        "listed_session": days(timeline.days[firms.listed[symbol]]),
        "delisted_session": days(last),
    }
    known = np.append(opens[firms.listed[listed]], closes[firms.delisted[gone]])
    return contract_rows(schemas.SECURITIES, columns, source=SOURCE, feed=FEED, known_at=known)


def membership_rows(firms: Companies, timeline: Timeline, *, opens: Ints) -> pa.Table:
    """Return one row per member of the index from its listing on, and one more when it leaves with its delisting."""
    listed, gone = _lives(firms, timeline)
    joined, left = listed[firms.is_large[listed]], gone[firms.is_large[gone]]
    symbol = np.append(joined, left)
    until = np.full(len(symbol), _NEVER, dtype="datetime64[D]")
    until[len(joined) :] = timeline.days[firms.delisted[left] + 1]
    columns = {
        "index_name": pa.repeat(INDEX_NAME, len(symbol)),
        "symbol": named(firms.symbols, symbol),
        "from_session": days(timeline.days[firms.listed[symbol]]),
        "to_session": days(until),
    }
    known = np.append(opens[firms.listed[joined]], opens[firms.delisted[left] + 1])
    return contract_rows(schemas.MEMBERSHIP, columns, source=SOURCE, feed=FEED, known_at=known)


def _lives(firms: Companies, timeline: Timeline) -> tuple[Ints, Ints]:
    listed = np.flatnonzero(firms.listed < timeline.sessions)
    return listed, np.flatnonzero(firms.delisted < timeline.sessions)
