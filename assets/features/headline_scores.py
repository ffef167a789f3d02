"""Headlines to scored rows of the sessions that could first use them: what `features/news_sentiment` stores."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.policy import NewsWeighing
from assets.features.same_stories import told_before
from assets.features.sentiment import HeadlineScorer
from assets.schemas import INSTANT
from execution.domain.canonical import content_hash
from execution.trading_calendar import TradingCalendar

HEADLINE_COLUMNS: Final = ("news_id", "symbol", "headline", "source", "known_at")
SCORE_SCHEMA: Final = pa.schema(
    [
        pa.field("session", pa.date32(), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("news_id", pa.string(), nullable=False),
        pa.field("known_at", INSTANT, nullable=False),
        # Calendar position of the session that could first use any version of the headline: its age is counted from it.
        pa.field("first_position", pa.int32(), nullable=False),
        pa.field("sentiment_milli", pa.int32(), nullable=False),
        # Of the provider that told it: sums over a window are of weight times thousandths.
        pa.field("weight", pa.int32(), nullable=False),
        # The id under which another provider told the same story first; such a row counts for nothing.
        pa.field("same_story_as", pa.string()),
        # Of whatever scored it, a word list or a model, and of how providers are weighed.
        pa.field("lexicon_hash", pa.string(), nullable=False),
    ]
)


def usable_positions(news: pa.Table, calendar: TradingCalendar) -> npt.NDArray[np.int64]:
    """Return per row the calendar position of the first session whose cut-off knew it, shape (n,)."""
    known = news.column("known_at").cast(INSTANT).cast(pa.int64()).to_numpy()
    positions: npt.NDArray[np.int64] = np.searchsorted(_cut_offs_us(calendar), known).astype(np.int64)
    return positions


def scored_headlines(
    news: pa.Table,
    *,
    sessions: Sequence[date],
    calendar: TradingCalendar,
    scorer: HeadlineScorer,
    weighing: NewsWeighing,
) -> pa.Table:
    """Return a scored row per version of a headline that became usable in one of the sessions.

    Args:
        news: columns `HEADLINE_COLUMNS`, every version known so far, any order.
        sessions: sessions wanted.
        calendar: the exchange calendar.
        scorer: makes a number of each.
        weighing: what a provider's word weighs, and when two tell the same story.

    Returns:
        Schema `SCORE_SCHEMA`, ordered by session, symbol, id and instant.
    """
    positions = usable_positions(news, calendar)
    rows = np.flatnonzero(np.isin(positions, [calendar.index(session) for session in sessions]))
    chosen = news.take(pa.array(rows))
    repeats = told_before(news, within=timedelta(minutes=weighing.same_story_minutes))
    # Of the years of headlines only the other versions of the chosen ones matter: they say when each was usable first.
    is_version = pc.is_in(news.column("news_id"), value_set=pc.unique(chosen.column("news_id"))).to_numpy()
    versions = np.flatnonzero(is_version)
    first: dict[tuple[str, str], int] = {}
    for key, position in zip(_ids(news.take(pa.array(versions))), positions[versions].tolist(), strict=True):
        first[key] = min(first.get(key, position), position)
    table = pa.Table.from_arrays(
        [
            pa.array([calendar.sessions[position] for position in positions[rows].tolist()], pa.date32()),
            chosen.column("symbol"),
            chosen.column("news_id"),
            chosen.column("known_at").cast(INSTANT),
            pa.array([first[key] for key in _ids(chosen)], pa.int32()),
            pa.array([scorer.milli(text) for text in chosen.column("headline").to_pylist()], pa.int32()),
            pa.array([weighing.weight(source) for source in chosen.column("source").to_pylist()], pa.int32()),
            pa.array([repeats.get(key) for key in _ids(chosen)], pa.string()),
            pa.repeat(scored_by(scorer, weighing), len(rows)),
        ],
        schema=SCORE_SCHEMA,
    )
    return table.sort_by([(name, "ascending") for name in ("session", "symbol", "news_id", "known_at")])


def scored_by(scorer: HeadlineScorer, weighing: NewsWeighing) -> str:
    """Return one hash of what makes a history of scores: the scorer's own where every provider weighs alike."""
    weights = {provider: weight for provider, weight in weighing.weights.items() if weight != 1}
    told = weighing.model_copy(update={"weights": weights})
    is_plain = told == NewsWeighing()
    return scorer.hash if is_plain else content_hash({"scorer": scorer.hash, **told.model_dump()})


def _ids(news: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(news.column("news_id").to_pylist(), news.column("symbol").to_pylist(), strict=True)


@cache
def _cut_offs_us(calendar: TradingCalendar) -> npt.NDArray[np.int64]:
    # Asking for thousands of cut-offs takes longer than scoring a session, and a process knows one calendar.
    return np.array([int(calendar.as_of(day).timestamp()) * 1_000_000 for day in calendar.sessions], dtype=np.int64)
