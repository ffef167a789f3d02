"""Headlines of several providers as one source: every telling is kept, in the order in which it could be read.

Two providers that tell one story are two rows, each under its provider's name; features count it once. While one of
them is away none is taken in, for what the others told would move the table past what was missed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pyarrow as pa

from assets.ingest.news import NewsSource

_ORDER: Final = [(name, "ascending") for name in ("known_at", "source", "news_id", "symbol")]


class MergedNews:
    """Several sources of headlines as one."""

    def __init__(self, sources: Sequence[NewsSource]) -> None:
        self._sources = tuple(sources)

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return what any of them told that became known in (after, upto].

        Raises:
            VenueUnavailable: one of them does not answer.
        """
        return pa.concat_tables([source.news(after=after, upto=upto) for source in self._sources]).sort_by(_ORDER)
