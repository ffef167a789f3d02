"""Headlines in Alpaca's words: newest first by their last change, content only when asked for."""

from typing import Any, Final

from execution.venue.answering import Asked, count_asked, instant_asked
from execution.venue.news_feed import NewsItem
from execution.venue.order_words import INVALID, Refusal, instant_text

_MOST: Final = 50


def news(asked: Asked) -> object:
    """GET /v1beta1/news."""
    start, end = instant_asked(asked, "start"), instant_asked(asked, "end")
    wanted = {symbol for symbol in asked.query.get("symbols", "").split(",") if symbol}
    is_ascending = asked.query.get("sort") == "asc"
    told = [
        item
        for item in asked.floor.news(asked.floor.clock.now())
        if (start is None or item.updated_at >= start) and (end is None or item.updated_at <= end)
        if not wanted or wanted & set(item.symbols)
    ]
    told.sort(key=lambda item: (item.updated_at, item.news_id), reverse=not is_ascending)
    token = asked.query.get("page_token")
    if token:
        ids = [str(item.news_id) for item in told]
        if token not in ids:
            raise Refusal(400, INVALID, f"invalid page_token {token}")
        told = told[ids.index(token) + 1 :]
    limit = count_asked(asked, "limit", default=10, most=_MOST)
    with_content = (asked.query.get("include_content") or "").lower() == "true"
    page = told[:limit]
    return {
        "news": [_told(item, with_content=with_content) for item in page],
        "next_page_token": str(page[-1].news_id) if len(told) > limit else None,
    }


def _told(item: NewsItem, *, with_content: bool) -> dict[str, Any]:
    return {
        "id": item.news_id,
        "headline": item.headline,
        "author": item.source,
        "created_at": instant_text(item.created_at),
        "updated_at": instant_text(item.updated_at),
        "summary": item.headline,
        "content": item.content if with_content else "",
        "images": [],
        "symbols": list(item.symbols),
        "source": item.source,
        "url": None,
    }
