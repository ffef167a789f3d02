"""Filings keyed by the time they were filed, never by the end of their period: the port and its rules."""

from datetime import datetime
from typing import Final, Protocol

import pyarrow as pa

METRICS: Final = (
    "revenue",
    "net_income",
    "equity",
    "assets",
    "liabilities",
    "operating_cash_flow",
    "eps_diluted",
    "shares_outstanding",
    "eps_estimate_next",
)


class FundamentalsSource(Protocol):
    """Figures of quarterly and annual reports, and what analysts expect of the next."""

    def filings(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return rows of `raw/filings` that became known in (after, upto].

        A filing is known at its acceptance; with only a date, at the next session's open. A restatement and a revised
        estimate are later rows of the same fact.
        """
        ...
