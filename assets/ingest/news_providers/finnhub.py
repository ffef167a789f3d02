"""Finnhub's company news: one symbol a question, whole days, 60 questions a minute with a free key.

Source: https://finnhub.io/docs/api/company-news
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from assets.ingest.news_provider import Headline, NewsProvider, Question


class _Article(msgspec.Struct):
    id: int
    datetime: int
    headline: str


def _question(symbols: Sequence[str], first: date, last: date) -> Question:
    return "/api/v1/company-news", {"symbol": symbols[0], "from": first.isoformat(), "to": last.isoformat()}


def _headlines(page: bytes, symbols: Sequence[str]) -> Iterator[Headline]:
    for article in msgspec.json.decode(page, type=list[_Article]):
        at = datetime.fromtimestamp(article.datetime, UTC)
        yield Headline(news_id=str(article.id), symbols=tuple(symbols), published_at=at, text=article.headline)


PROVIDER: Final = NewsProvider(
    name="finnhub",
    address="https://finnhub.io",
    key_header="X-Finnhub-Token",
    requests_per_minute=55,
    symbols_per_question=1,
    question=_question,
    headlines=_headlines,
)
