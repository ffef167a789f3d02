"""What a red gate leaves on the real daemon: no new position, a reason in every row, and no way round it."""

from pathlib import Path

import pytest

from assets.raw_store import RawStore
from execution.artifact_files import FileArtifacts
from execution.domain.events import PlanHeld
from execution.ledger.why_rows import read_why_rows
from tests.builders.faults import append_broken_ohlc
from tests.e2e.conftest import CALENDAR, SESSION, DaemonHome

pytestmark = pytest.mark.daemon
NEXT = CALENDAR.next(SESSION)


def test_a_red_session_stays_red_when_an_older_one_turns_green(traded_day: DaemonHome, tmp_path: Path) -> None:
    lived = traded_day.copied_to(tmp_path / "home")
    batch = lived.batches.load(lived.batches.published(SESSION)[0])
    symbols = [signal.symbol for signal in batch.signals if signal.close_usd]
    append_broken_ohlc(RawStore(lived.home.raw), NEXT, symbols[:12])
    lived.live(until=CALENDAR.as_of(NEXT), is_over=lambda: bool(lived.batches.certificates(NEXT)))
    lived.materialize_again("cycle", SESSION)
    green_before = len([c for c in lived.batches.certificates(SESSION) if c.is_green])
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
    (certificate, *_) = reversed(lived.batches.certificates(NEXT))
    rows = read_why_rows(FileArtifacts(lived.home.artifacts), cycle.why_rows[0].artifact_hash)
    assert (certificate.is_green, certificate.stage) == (False, stage)
    assert isinstance(cycle.plan, PlanHeld)
    assert certificate.failures[0].name in cycle.plan.reason
    assert not [r for r in lived.book.orders.values() if r.session == NEXT and r.order.leg == "entry"]
    assert all(row.stage == "gate" for row in rows if not row.held_shares)
