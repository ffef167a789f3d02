"""Headlines of the synthetic market: words for the news that moves its prices, mostly on time, mostly right.

A headline is published before or during the session that reacts to it, or on the evening before but past that
evening's cut-off, so that nothing but the planted drift can be traded. Some come hours after the fact, some reach the
feed late, some point the wrong way, and a few are corrected.
"""

from typing import Final

import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest.arrays import Bools, Floats, Ints
from assets.ingest.columns import contract_rows, instants, named
from assets.ingest.news import NEWS_KNOWN_AFTER
from assets.ingest.simulation.companies import Companies
from assets.ingest.simulation.draws import BLOCK_SESSIONS, Stream, block_count, generator
from assets.ingest.simulation.news_flow import NewsFlow
from assets.ingest.simulation.price_rows import FEED, SOURCE, Timeline

MINUTE: Final = 60_000_000
# How many sessions after its session a headline may still become known: late writing and a late feed together.
LATEST_SESSIONS: Final = 5

_GOOD: Final = (
    "{name} shares rise as new orders beat forecasts",
    "Analysts upgrade {name} on strong demand",
    "{name} wins large contract and lifts outlook",
    "{name} reports record growth in its main market",
    "{name} gains after regulator approval",
)
_BAD: Final = (
    "{name} shares fall as orders miss forecasts",
    "Analysts downgrade {name} on weak demand",
    "{name} loses large contract and cuts outlook",
    "{name} warns of decline in its main market",
    "{name} drops after regulator opens probe",
)
_FLAT: Final = (
    "{name} to present at industry conference",
    "{name} names new head of operations",
    "{name} opens office in third city",
    "{name} publishes annual sustainability report",
    "What to know about {name}",
)
_GOOD_FIGURES: Final = ("{name} beats quarterly earnings estimates", "{name} profit jumps, raises guidance")
_BAD_FIGURES: Final = ("{name} misses quarterly earnings estimates", "{name} profit slumps, lowers guidance")
_FLAT_FIGURES: Final = ("{name} quarterly results in line with estimates", "{name} reports quarterly results")
_ORDINARY: Final = (_BAD, _FLAT, _GOOD)
_FIGURES: Final = (_BAD_FIGURES, _FLAT_FIGURES, _GOOD_FIGURES)


def headline_rows(
    seed: int, firms: Companies, news: NewsFlow, timeline: Timeline, opens: Ints, *, first: int, stop: int
) -> pa.Table:
    """Return the headlines about sessions `first` to `stop` - 1, corrections included, whenever they became known."""
    tables = []
    for block in range(first // BLOCK_SESSIONS, block_count(stop)):
        draws = _Draws(seed, block, len(firms.symbols))
        start = block * BLOCK_SESSIONS
        rows = slice(max(first, start), min(stop, start + BLOCK_SESSIONS))
        tables.append(_block(firms, news, timeline, opens, draws, rows=rows))
    return pa.concat_tables(tables) if tables else schemas.NEWS.schema.empty_table()


class _Draws:
    def __init__(self, seed: int, block: int, count: int) -> None:
        shape = (BLOCK_SESSIONS, count)
        rng = generator(seed, Stream.HEADLINE, block)
        self.timing = rng.random(shape)
        self.minute = rng.random(shape)
        self.tone = rng.random(shape)
        self.template = rng.random(shape)
        self.delay = rng.random(shape)
        self.amended = rng.random(shape)


def _block(
    firms: Companies, news: NewsFlow, timeline: Timeline, opens: Ints, draws: _Draws, *, rows: slice
) -> pa.Table:
    row, symbol = np.nonzero(news.has_news[rows])
    session = row + rows.start
    is_listed = (firms.listed[symbol] <= session) & (session <= firms.delisted[symbol])
    session, symbol = session[is_listed], symbol[is_listed]
    at = (session % BLOCK_SESSIONS, symbol)
    published = opens[session] + _minutes_from_open(draws.timing[at], draws.minute[at]) * MINUTE
    tone = _tones(news.surprise[session, symbol], draws.tone[at])
    texts = _texts(firms, symbol, tone, draws.template[at], news.is_earnings[session, symbol])
    ids = [f"{day}-{firms.symbols[index]}" for day, index in zip(timeline.days[session], symbol, strict=True)]
    delay = draws.delay[at]
    # One in fifty reaches the feed 3 to 30 hours after its publication.
    late = np.where(delay < 0.02, 180 + np.rint(delay / 0.02 * 1620), 0).astype(np.int64) * MINUTE
    known = published + int(NEWS_KNOWN_AFTER.total_seconds() * 1_000_000) + late
    again = np.flatnonzero(draws.amended[at] < 0.005)
    order = np.append(np.arange(len(session)), again)
    columns = {
        "news_id": pa.array([ids[index] for index in order], pa.string()),
        "symbol": named(firms.symbols, symbol[order]),
        "published_at": instants(published[order]),
        "headline": pa.array([*texts, *(f"Corrected: {texts[index]}" for index in again)], pa.string()),
    }
    known = np.append(known, known[again] + 180 * MINUTE)
    return contract_rows(schemas.NEWS, columns, source=SOURCE, feed=FEED, known_at=known)


def _minutes_from_open(timing: Floats, minute: Floats) -> Ints:
    """Return when headlines are published, in whole minutes from the open of the session that reacts."""
    evening = -900 + 60 * minute
    dawn = -180 + 175 * minute
    during = 200 * minute
    after_the_fact = 400 + 1500 * minute
    chosen = np.select([timing < 0.1, timing < 0.55, timing < 0.93], [evening, dawn, during], after_the_fact)
    minutes: Ints = np.rint(chosen).astype(np.int64)
    return minutes


def _tones(surprise: Floats, luck: Floats) -> Ints:
    """Return 0 for bad, 1 for flat and 2 for good news: flat for small surprises, wrong in 6 of 100, vague in 6."""
    right = np.where(surprise > 0, 2, 0)
    told = np.select([luck < 0.06, luck < 0.12], [2 - right, 1], right)
    tones: Ints = np.where(np.abs(surprise) < 0.35, 1, told).astype(np.int64)
    return tones


def _texts(firms: Companies, symbol: Ints, tone: Ints, template: Floats, is_earnings: Bools) -> list[str]:
    texts = []
    for index, kind, luck, figures in zip(symbol, tone, template, is_earnings, strict=True):
        choice = (_FIGURES if figures else _ORDINARY)[kind]
        texts.append(choice[int(luck * len(choice))].format(name=firms.names[index]))
    return texts
