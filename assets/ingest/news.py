"""Headlines, stamped when they were first to be seen: the port, its rule, and told headlines as rows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest.columns import contract_rows

NEWS_KNOWN_AFTER: Final = timedelta(minutes=1)


class NewsSource(Protocol):
    """Headlines per symbol."""

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/news` that became known in (after, upto].

        A headline is known one minute after its publication, or when the feed delivered it where that is later. The
        same id with another text is a correction.
        """
        ...


def headline_rows(told: Mapping[tuple[str, str, int], tuple[int, str]], *, source: str, feed: str) -> pa.Table:
    """Return rows of `raw/news`, ordered by id, symbol and instant.

    Args:
        told: id, symbol and known_at to published_at and text; instants in microseconds since 1970.
        source: who told it.
        feed: the feed it came by.
    """
    ids = sorted(told)
    columns = {
        "news_id": pa.array([news_id for news_id, _, _ in ids], pa.string()),
        "symbol": pa.array([symbol for _, symbol, _ in ids], pa.string()),
        "published_at": pa.array([told[key][0] for key in ids], pa.int64()).cast(schemas.INSTANT),
        "headline": pa.array([told[key][1] for key in ids], pa.string()),
    }
    known_at = np.array([known for _, _, known in ids], dtype=np.int64)
    return contract_rows(schemas.NEWS, columns, source=source, feed=feed, known_at=known_at)
