"""A session asked for at the page before its time: refused in a sentence, and the day then goes as if nobody had."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pytest

from assets.ml.model_registry import ModelRegistry
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from assets.snapshots import SnapshotStore
from execution.clock import FileClock
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from pipelines.analysis import build_definitions
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import load_settings
from sensors.attempts import MOST_ATTEMPTS

CALENDAR = TradingCalendar.shipped()
LIVED = date(2024, 1, 4)
TODAY = CALENDAR.next(LIVED)
FAR = date(2024, 3, 1)
IN_THE_MORNING = CALENDAR.opens_at(TODAY) + timedelta(minutes=15)
BARS_KNOWN, CUT_OFF = CALENDAR.bars_known_at(TODAY), CALENDAR.as_of(TODAY)
SETTINGS = f"""\
mode: simulated
first_cycle_session: {LIVED}
simulated: {{symbols: 5, first_session: 2023-11-01, last_session: 2024-04-30}}
backup: {{is_scheduled: false}}
"""

# What the orchestrator warns of in a long-lived process is its own.
pytestmark = pytest.mark.filterwarnings("default")


class AnalysisHome:
    """A home whose first session was taken in and held, and the location that carries its analysis."""

    def __init__(self, home: Home, instance: dg.DagsterInstance) -> None:
        settings_file = home.root.parent / "settings.yaml"
        settings_file.write_text(SETTINGS, encoding="utf-8")
        settings = load_settings(settings_file, {})
        create_home(settings, home)
        self._instance, self._clock = instance, FileClock(home.clock)
        self._location = build_definitions(settings, home).get_repository_def()
        self.raw_store, self.snapshots = RawStore(home.raw), SnapshotStore(home.snapshots)
        self.batches = SignalBatchStore(home.artifacts)
        self.move_to(CALENDAR.as_of(LIVED))
        assert self.asked_by_hand("ingest", LIVED).success
        self.batches.publish_hold(LIVED, "there is no champion")
        refused_at = CALENDAR.as_of(LIVED)
        ModelRegistry(home.artifacts).refuse(trained_as_of=refused_at, reason="too little history", at=refused_at)

    def move_to(self, instant: datetime) -> None:
        self._clock.advance_to(instant)

    def asked_by_hand(self, job: str, session: date, *steps: str) -> dg.ExecuteInProcessResult:
        """Launch a job as the page does: with a partition and without the tag of a sensor's work."""
        return self._location.get_job(job).execute_in_process(
            instance=self._instance,
            partition_key=session.isoformat(),
            asset_selection=[dg.AssetKey(step.split("/")) for step in steps] or None,
            raise_on_error=False,
        )

    def due(self) -> list[tuple[str | None, str | None]]:
        """Return job and run key of what the sensor asks for now."""
        context = dg.build_sensor_context(instance=self._instance, repository_def=self._location)
        asked = self._location.get_sensor_def("cycles").evaluate_tick(context).run_requests or []
        return [(request.job_name, request.run_key) for request in asked]

    def bars_known_until(self) -> datetime:
        rows = self.raw_store.read(DAILY_BARS, as_of=CALENDAR.as_of(FAR))
        known: datetime = pc.max(rows.column("known_at")).as_py()
        return known


@pytest.fixture
def home(tmp_path: Path) -> Iterator[AnalysisHome]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield AnalysisHome(Home(tmp_path / "home"), instance)


def refusals(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Return what each failed step of a run shows, by the step's name."""
    failed = [event for event in result.all_events if event.is_step_failure]
    told: dict[str, Any] = {str(event.step_key): event.step_failure_data.error for event in failed}
    return {step: error.message.strip() for step, error in told.items()}


def test_a_cycle_asked_for_before_its_cut_off_is_refused_and_the_days_own_cycle_is_asked_for_at_its_time(
    home: AnalysisHome,
) -> None:
    home.move_to(BARS_KNOWN)
    for _ in range(MOST_ATTEMPTS):
        (told,) = refusals(home.asked_by_hand("cycle", TODAY)).items()
        assert told[0] == "raw__snapshot"
        assert f"the cut-off of {TODAY} is {CUT_OFF.isoformat()}" in told[1]
    assert home.batches.certificates(TODAY) == ()
    assert home.due() == []
    home.move_to(CUT_OFF)
    assert home.due() == [("cycle", f"cycle:{TODAY}:0")]


def test_after_a_snapshot_was_asked_for_in_the_morning_the_days_bars_are_known_in_time(home: AnalysisHome) -> None:
    home.move_to(IN_THE_MORNING)
    assert set(refusals(home.asked_by_hand("cycle", TODAY, "raw/snapshot"))) == {"raw__snapshot"}
    home.move_to(BARS_KNOWN)
    assert home.due() == [("ingest", f"ingest:{TODAY}:0")]
    home.move_to(CUT_OFF)
    assert home.asked_by_hand("ingest", TODAY).success
    assert home.bars_known_until() == BARS_KNOWN
    assert home.asked_by_hand("cycle", TODAY, "raw/snapshot").success
    assert home.snapshots.pinned(TODAY).as_of == CUT_OFF


def test_a_far_session_asked_for_takes_nothing_in_and_the_days_own_intake_is_asked_for(home: AnalysisHome) -> None:
    home.move_to(IN_THE_MORNING)
    (told,) = refusals(home.asked_by_hand("ingest", FAR, "raw/daily_bars")).items()
    assert told[0] == "raw_tables"
    assert f"raw/daily_bars of {FAR} is taken in from" in told[1]
    assert set(refusals(home.asked_by_hand("cycle", TODAY))) == {"raw_tables"}
    assert home.raw_store.latest_session(DAILY_BARS) == LIVED
    home.move_to(BARS_KNOWN)
    assert home.due() == [("ingest", f"ingest:{TODAY}:0")]
    assert home.asked_by_hand("ingest", TODAY).success
    assert home.raw_store.latest_session(DAILY_BARS) == TODAY
