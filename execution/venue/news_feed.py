"""What the venue needs of a source of headlines."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsItem:
    """One headline: `content` is HTML, as vendors send it; `updated_at` is not before `created_at`."""

    news_id: int
    headline: str
    symbols: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    content: str = ""
    source: str = "simulated"


NewsFeed = Callable[[datetime], Iterable[NewsItem]]
"""Every headline that could be read at an instant, in its newest version."""


def no_news(now: datetime) -> Iterable[NewsItem]:  # noqa: ARG001 - a feed is asked for an instant
    """Return nothing: a venue without a feed."""
    return ()
