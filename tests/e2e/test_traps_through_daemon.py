"""Three ways to trade what was not proven for now, each tried on the real daemon. None yields an order."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.raw_store import RawStore
from assets.schemas import NEWS
from execution.artifact_files import FileArtifacts
from execution.domain.events import PlanHeld
from execution.ledger.why_rows import read_why_rows
from execution.signal_batch_store import SignalBatchStore
from tests.builders.faults import append_broken_ohlc
from tests.e2e.conftest import CALENDAR, SECONDS_OF_QUIET, SESSION, DaemonHome

pytestmark = pytest.mark.daemon
NEXT = CALENDAR.next(SESSION)


def append_late_headline(lived: DaemonHome, session: date) -> None:
    """Take in a headline that was known before the cut-off and arrived after the plan."""
    batches = SignalBatchStore(lived.home.artifacts)
    symbol = batches.load(batches.published(session)[0]).signals[0].symbol
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


def published(lived: DaemonHome, session: date) -> tuple[str, ...]:
    return SignalBatchStore(lived.home.artifacts).published(session)


def test_the_batch_of_a_past_session_yields_no_order(traded_day: DaemonHome, tmp_path: Path) -> None:
    lived = traded_day.copied_to(tmp_path / "home")
    before = lived.ledger.trading_hash()
    append_late_headline(lived, SESSION)
    lived.materialize_again("cycle", SESSION)
    lived.live(
        until=CALENDAR.bars_known_at(NEXT),
        is_over=lambda: len(published(lived, SESSION)) == 2,
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
    assert cycle.superseded == published(lived, SESSION)[1:]
    lived.live(
        until=CALENDAR.bars_known_at(NEXT),
        is_over=(lived.home.reports / f"{SESSION.isoformat()}.html").exists,
    )
    assert lived.ledger.trading_hash() == traded_day.ledger.trading_hash()


def test_a_red_session_stays_red_when_an_older_one_turns_green(traded_day: DaemonHome, tmp_path: Path) -> None:
    lived = traded_day.copied_to(tmp_path / "home")
    batches = SignalBatchStore(lived.home.artifacts)
    symbols = [signal.symbol for signal in batches.load(published(lived, SESSION)[0]).signals if signal.close_usd]
    append_broken_ohlc(RawStore(lived.home.raw), NEXT, symbols[:12])
    lived.live(until=CALENDAR.as_of(NEXT), is_over=lambda: bool(batches.certificates(NEXT)))
    lived.materialize_again("cycle", SESSION)
    green_before = len([c for c in batches.certificates(SESSION) if c.is_green])
    assert green_before >= 1
    after = CALENDAR.next(NEXT)
    lived.live(
        until=CALENDAR.bars_known_at(after),
        is_over=(lived.home.reports / f"{NEXT.isoformat()}.html").exists,
    )
    assert_held_for_a_red_gate(lived, stage="raw")


def test_a_red_feature_gate_holds_and_its_reason_stands_in_every_row(traded_day: DaemonHome, tmp_path: Path) -> None:
    lived = traded_day.copied_to(tmp_path / "home")
    with lived.home.settings.open("a", encoding="utf-8") as settings:
        settings.write("gates:\n  min_symbols: 100000\n")
    lived.live(
        until=CALENDAR.bars_known_at(CALENDAR.next(NEXT)),
        is_over=(lived.home.reports / f"{NEXT.isoformat()}.html").exists,
    )
    assert_held_for_a_red_gate(lived, stage="features")


def assert_held_for_a_red_gate(lived: DaemonHome, *, stage: str) -> None:
    cycle = next(cycle for cycle in lived.book.cycles.values() if cycle.session == NEXT)
    (certificate, *_) = reversed(SignalBatchStore(lived.home.artifacts).certificates(NEXT))
    rows = read_why_rows(FileArtifacts(lived.home.artifacts), cycle.why_rows[0].artifact_hash)
    assert (certificate.is_green, certificate.stage) == (False, stage)
    assert isinstance(cycle.plan, PlanHeld)
    assert certificate.failures[0].name in cycle.plan.reason
    assert not [r for r in lived.book.orders.values() if r.session == NEXT and r.order.leg == "entry"]
    assert all(row.stage == "gate" for row in rows if not row.held_shares)
