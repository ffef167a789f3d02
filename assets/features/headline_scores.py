"""Headlines to scored rows of the sessions that could first use them: what `features/news_sentiment` stores."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.features.sentiment import HeadlineScorer
from assets.schemas import INSTANT
from execution.trading_calendar import TradingCalendar

HEADLINE_COLUMNS: Final = ("news_id", "symbol", "headline", "known_at")
SCORE_SCHEMA: Final = pa.schema(
    [
        pa.field("session", pa.date32(), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("news_id", pa.string(), nullable=False),
        pa.field("known_at", INSTANT, nullable=False),
        # Calendar position of the session that could first use any version of the headline: its age is counted from it.
        pa.field("first_position", pa.int32(), nullable=False),
        pa.field("sentiment_milli", pa.int32(), nullable=False),
        # Of whatever scored it, a word list or a model.
        pa.field("lexicon_hash", pa.string(), nullable=False),
    ]
)


def usable_positions(news: pa.Table, calendar: TradingCalendar) -> npt.NDArray[np.int64]:
    """Return per row the calendar position of the first session whose cut-off knew it, shape (n,)."""
    known = news.column("known_at").cast(INSTANT).cast(pa.int64()).to_numpy()
    positions: npt.NDArray[np.int64] = np.searchsorted(_cut_offs_us(calendar), known).astype(np.int64)
    return positions


def scored_headlines(
    news: pa.Table, *, sessions: Sequence[date], calendar: TradingCalendar, scorer: HeadlineScorer
) -> pa.Table:
    """Return a scored row per version of a headline that became usable in one of the sessions.

    Args:
        news: columns `HEADLINE_COLUMNS`, every version known so far, any order.
        sessions: sessions wanted.
        calendar: the exchange calendar.
        scorer: makes a number of each.

    Returns:
        Schema `SCORE_SCHEMA`, ordered by session, symbol, id and instant.
    """
    positions = usable_positions(news, calendar)
    ids = list(zip(news.column("news_id").to_pylist(), news.column("symbol").to_pylist(), strict=True))
    first: dict[tuple[str, str], int] = {}
    for key, position in zip(ids, positions.tolist(), strict=True):
        first[key] = min(first.get(key, position), position)
    wanted = np.isin(positions, [calendar.index(session) for session in sessions])
    rows = np.flatnonzero(wanted)
    chosen = news.take(pa.array(rows))
    table = pa.Table.from_arrays(
        [
            pa.array([calendar.sessions[position] for position in positions[rows].tolist()], pa.date32()),
            chosen.column("symbol"),
            chosen.column("news_id"),
            chosen.column("known_at").cast(INSTANT),
            pa.array([first[ids[row]] for row in rows.tolist()], pa.int32()),
            pa.array([scorer.milli(text) for text in chosen.column("headline").to_pylist()], pa.int32()),
            pa.repeat(scorer.hash, len(rows)),
        ],
        schema=SCORE_SCHEMA,
    )
    return table.sort_by([(name, "ascending") for name in ("session", "symbol", "news_id", "known_at")])


@cache
def _cut_offs_us(calendar: TradingCalendar) -> npt.NDArray[np.int64]:
    # Asking for thousands of cut-offs takes longer than scoring a session, and a process knows one calendar.
    return np.array([int(calendar.as_of(day).timestamp()) * 1_000_000 for day in calendar.sessions], dtype=np.int64)
