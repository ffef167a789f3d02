"""Two ways to trade what was proven for another time, each tried on the real daemon. None yields an order."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.raw_store import RawStore
from assets.schemas import NEWS
from tests.e2e.conftest import CALENDAR, SECONDS_OF_QUIET, SESSION, DaemonHome

pytestmark = pytest.mark.daemon
NEXT = CALENDAR.next(SESSION)


def append_late_headline(lived: DaemonHome, session: date) -> None:
    """Take in a headline that was known before the cut-off and arrived after the plan."""
    symbol = lived.batches.load(lived.batches.published(session)[0]).signals[0].symbol
    row = {
        "news_id": "late-1",
        "symbol": symbol,
        "published_at": CALENDAR.as_of(session) - timedelta(minutes=30),
        "headline": f"{symbol} profit rose sharply, outlook raised",
        "source": "late",
        "feed": "late",
        "known_at": CALENDAR.as_of(session) - timedelta(minutes=29),
    }
    rows = pa.Table.from_pylist([row], schema=NEWS.schema)
    RawStore(lived.home.raw).append(NEWS, rows, session=session, recorded_at=CALENDAR.as_of(session))


def test_the_batch_of_a_past_session_yields_no_order(traded_day: DaemonHome, tmp_path: Path) -> None:
    lived = traded_day.copied_to(tmp_path / "home")
    before = lived.ledger.trading_hash()
    append_late_headline(lived, SESSION)
    lived.materialize_again("cycle", SESSION)
    lived.live(
        until=CALENDAR.bars_known_at(NEXT),
        is_over=lambda: len(lived.batches.published(SESSION)) == 2,
        seconds_of_quiet=SECONDS_OF_QUIET,
    )
    assert lived.ledger.trading_hash() == before


def test_a_second_batch_after_a_late_headline_is_superseded_not_traded(
    planned_day: DaemonHome, traded_day: DaemonHome, tmp_path: Path
) -> None:
    lived = planned_day.copied_to(tmp_path / "home")
    append_late_headline(lived, SESSION)
    lived.materialize_again("cycle", SESSION)
    lived.live(until=CALENDAR.as_of(SESSION), is_over=lambda: any(c.superseded for c in lived.book.cycles.values()))
    (cycle,) = lived.book.cycles.values()
    assert cycle.superseded == lived.batches.published(SESSION)[1:]
    lived.live(
        until=CALENDAR.bars_known_at(NEXT),
        is_over=(lived.home.reports / f"{SESSION.isoformat()}.html").exists,
    )
    assert lived.ledger.trading_hash() == traded_day.ledger.trading_hash()
