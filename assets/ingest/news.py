"""Headlines, stamped when they were first to be seen: the port and its rule."""

from datetime import datetime, timedelta
from typing import Final, Protocol

import pyarrow as pa

NEWS_KNOWN_AFTER: Final = timedelta(minutes=1)


class NewsSource(Protocol):
    """Headlines per symbol."""

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/news` that became known in (after, upto].

        A headline is known one minute after its publication, or when the feed delivered it where that is later. The
        same id with another text is a correction.
        """
        ...
