"""Which symbols exist, belong to an index or stand on a watchlist on a date; the delisted stay. The ports."""

from datetime import datetime
from typing import Protocol

import pyarrow as pa


class SecuritySource(Protocol):
    """Listings and sectors."""

    def securities(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/securities` that became known in (after, upto]; a delisting is a later row."""
        ...


class MembershipSource(Protocol):
    """Who belongs to an index, from a session to a session."""

    def membership(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/membership` that became known in (after, upto]; leaving is a later row."""
        ...


class WatchlistSource(Protocol):
    """Named lists of symbols, each from a session to a session."""

    def watchlists(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/watchlists` that became known in (after, upto]; leaving is a later row."""
        ...
