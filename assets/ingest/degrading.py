"""What ingest does while a source is away: go on with the last good rows, or stop the day. docs/degradation.md has all.

Prices, splits and listings stop it: nothing may be decided without them. Every other table keeps what it had, and the
gate judges how old that is (`max_news_silence_sessions` and its like); what was missed is asked for with the next
session that answers, and known from then. Refused keys and answers that cannot be read are never passed over: a person
must look.
"""

from collections.abc import Callable
from typing import Final

from assets import schemas
from assets.ingest.collect import Intake
from assets.raw_store import RawStore
from assets.schemas import RawTable
from execution.domain.errors import VenueUnavailable

INDISPENSABLE: Final = frozenset({schemas.DAILY_BARS.name, schemas.CORPORATE_ACTIONS.name, schemas.SECURITIES.name})
"""Tables without which no session is decided."""


def last_good(table: RawTable, store: RawStore, take: Callable[[], Intake]) -> Intake | str:
    """Take a table in, or say why its last good rows stand in for what its source does not tell.

    Raises:
        VenueUnavailable: the table is indispensable, or there are no rows to go on with.
    """
    try:
        return take()
    except VenueUnavailable as silence:
        latest = store.latest_session(table)
        if table.name in INDISPENSABLE or latest is None:
            raise
        return f"its source is away, rows up to {latest} stand: {silence}"
