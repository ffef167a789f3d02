"""Splits and dividends with the instant they became known: the port and its rule of thumb for undated sources.

They stand beside raw prices and never inside them: dbt adjusts from these rows, as of a session.
"""

from datetime import datetime
from typing import Final, Protocol

import pyarrow as pa

SPLIT: Final = "split"
DIVIDEND: Final = "dividend"


class CorporateActionSource(Protocol):
    """Splits (new shares per old) and dividends (dollars per share before the ex-session's open)."""

    def corporate_actions(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/corporate_actions` that became known in (after, upto].

        A source without a date of declaration states the open of the ex-session: the price shows it then at the latest.
        """
        ...
