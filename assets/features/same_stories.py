"""Which headlines tell a story that another provider told before: whoever told it first counts, and nobody else.

A story is one symbol's headline, compared without case, punctuation and spacing; one without a letter or digit is
compared as it stands. Whether a headline repeats one is decided by its first version and by what was known before it,
so what comes later never changes what was decided.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NOT_WORDS = r"[^\p{L}\p{N}]+"


def told_before(news: pa.Table, *, within: timedelta) -> dict[tuple[str, str], str]:
    """Return, by news id and symbol of each headline that repeats another provider's, the id that told it first.

    Two headlines of one provider are two stories: it knows best whether it says something again.

    Args:
        news: columns news_id, symbol, headline, source and known_at; every version known so far, any order.
        within: longest time from the first telling to a repetition; zero for no repetitions at all.
    """
    if not within or len(pc.unique(news.column("source"))) < 2:
        return {}
    repeated: dict[tuple[str, str], str] = {}
    stories: dict[tuple[str, str], list[tuple[datetime, str, set[str]]]] = {}
    for row in _first_versions(news):
        told = stories.setdefault((row["symbol"], row["text"]), [])
        for since, first_id, sources in told:
            if row["known_at"] - since <= within and row["source"] not in sources:
                sources.add(row["source"])
                repeated[row["news_id"], row["symbol"]] = first_id
                break
        else:
            told.append((row["known_at"], row["news_id"], {row["source"]}))
    return repeated


def _first_versions(news: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the first version of each headline whose text several providers told, oldest first."""
    order = [(name, "ascending") for name in ("known_at", "source", "news_id", "symbol")]
    firsts = (
        news.select(["news_id", "symbol", "headline", "source", "known_at"])
        .sort_by(order)
        .group_by(["news_id", "symbol"], use_threads=False)
        .aggregate([("headline", "first"), ("source", "first"), ("known_at", "first")])
    )
    headline = firsts.column("headline_first")
    words = pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(headline), _NOT_WORDS, " "))
    told = pa.table(
        {
            "news_id": firsts.column("news_id"),
            "symbol": firsts.column("symbol"),
            "text": pc.if_else(pc.equal(words, ""), headline, words),
            "source": firsts.column("source_first"),
            "known_at": firsts.column("known_at_first"),
        }
    )
    shared = told.group_by(["symbol", "text"]).aggregate([("source", "count_distinct")])
    shared = shared.filter(pc.greater(shared.column("source_count_distinct"), 1)).select(["symbol", "text"])
    yield from told.join(shared, keys=["symbol", "text"], join_type="left semi").sort_by(order).to_pylist()
