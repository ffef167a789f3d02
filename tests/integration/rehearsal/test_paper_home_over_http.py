"""The whole cycle of a paper home over HTTP: prices, headlines and orders through Alpaca's adapters, faults on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from execution.venue.faults import FaultPlan
from pipelines.upkeep.backup import make_backup
from pipelines.upkeep.drill import run_drill
from tests.builders.lived_home import live_home
from tests.builders.rehearsal import Rehearsal, allowed_until, rehearsal

RATE = 0.05

# What the orchestrator warns of in a long-lived process is its own.
pytestmark = pytest.mark.filterwarnings("default")


def live(told: Rehearsal, sessions: int) -> None:
    """Live so many decided sessions, every run of which must succeed, and let the wire be well again."""
    live_home(told.home, told.settings, until=allowed_until(told, sessions))
    told.faults.clear()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    folder = tmp_path_factory.mktemp("rehearsal")
    with rehearsal(folder, faults=FaultPlan(seed=7, rate=RATE)) as told:
        live(told, 3)
        yield told


def test_three_sessions_settle_although_the_wire_fails(lived: Rehearsal) -> None:
    assert len([cycle for cycle in lived.book.cycles.values() if cycle.settled is not None]) == 3
    assert lived.book.fills
    assert len(lived.faults.met()) > 5


def test_the_ledger_ends_equal_to_the_venue(lived: Rehearsal) -> None:
    lived.assert_ledger_is_venue()


def test_the_venue_took_nothing_twice(lived: Rehearsal) -> None:
    lived.assert_nothing_twice()


def test_prices_and_headlines_came_over_the_wire(lived: Rehearsal) -> None:
    wire = lived.faults.wire()
    assert {"GET /v2/stocks/bars", "GET /v1beta1/news", "GET /v1/corporate-actions", "POST /v2/orders"} <= set(wire)


@pytest.mark.parametrize("is_from_raw", [False, True])
def test_a_drill_repeats_its_newest_decision_without_a_key_and_without_asking(
    lived: Rehearsal, *, is_from_raw: bool
) -> None:
    make_backup(lived.settings, lived.home)
    asked = lived.faults.wire()
    report = run_drill(lived.settings, lived.home, is_from_raw=is_from_raw)
    assert (report.reason, report.passed) == ("", True)
    assert report.decision.endswith("steps, bit for bit")
    assert lived.faults.wire() == asked


def test_no_key_is_in_anything_the_home_wrote(lived: Rehearsal) -> None:
    lived.assert_no_key_in("ledger.db", "operations.db", "settings.yaml", "warehouse.duckdb", "dagster", "artifacts")


@pytest.mark.campaign
def test_a_hundred_sessions_over_http_end_with_the_ledger_equal_to_the_venue(tmp_path: Path) -> None:
    with rehearsal(tmp_path, faults=FaultPlan(seed=11, rate=RATE)) as told:
        live(told, 100)
        assert len([cycle for cycle in told.book.cycles.values() if cycle.settled is not None]) == 100
        told.assert_nothing_twice()
        told.assert_ledger_is_venue()
