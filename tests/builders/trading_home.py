"""A home in which the trading half alone lives: its real code location over a few plain days, no analysis beside it."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from execution.brokers.simulated import SimulatedBroker
from execution.clock import FileClock
from execution.ledger.sqlite_ledger import SqliteLedger
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.trading import build_definitions
from pipelines.trading_adapters import open_desk
from pipelines.trading_settings import TradingSettings, load_trading_settings
from sensors.rules import Act
from tests.builders.trading_days import CALENDAR, FIRST, TradingDays

SETTINGS = """\
mode: simulated
strategy: momentum
sizing:
  entry_top_fraction: 0.5
  hold_top_fraction: 0.7
"""
EVENING = CALENDAR.as_of(FIRST)
MORNING, DEADLINE = CALENDAR.submit_window(FIRST)
NEXT_CLOSE = CALENDAR.bars_known_at(CALENDAR.next(FIRST))


class TradingHome:
    """The first decision session of `TradingDays`, with a Dagster instance of its own."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        if not self.home.settings.exists():
            days = TradingDays(root, is_on_files=True)
            days.publish(days.a_batch())
            # Opened with other settings than the location's own.
            self.home.ledger.unlink()
            self.home.venue.unlink()
            self.home.settings.write_text(SETTINGS, encoding="utf-8")
            self.home.create()
            FileClock(self.home.clock).initialise(EVENING)
            prepare_instance(self.home)

    @property
    def settings(self) -> TradingSettings:
        return load_trading_settings(self.home.settings, {})

    @property
    def ledger(self) -> SqliteLedger:
        return SqliteLedger(self.home.ledger)

    @property
    def venue(self) -> SimulatedBroker:
        broker = open_desk(self.settings, self.home).broker
        assert isinstance(broker, SimulatedBroker)
        return broker

    @property
    def location(self) -> dg.RepositoryDefinition:
        return build_definitions(self.settings, self.home).get_repository_def()

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.home.dagster))

    @property
    def now(self) -> datetime:
        return FileClock(self.home.clock).now()

    def move_to(self, instant: datetime) -> None:
        FileClock(self.home.clock).advance_to(instant)

    def by_hand(self, instance: dg.DagsterInstance, act: Act, session: date = FIRST, **named: Any) -> Any:
        """Materialize what a job of this location materializes, as a person at the page would."""
        job = self.location.get_job(str(act))
        return job.execute_in_process(instance=instance, partition_key=session.isoformat(), **named)

    def tick(self, instance: dg.DagsterInstance, sensor: str) -> list[dg.RunRequest]:
        """Evaluate a sensor once and return what it asks for."""
        context = dg.build_sensor_context(instance=instance, repository_def=self.location)
        return list(self.location.get_sensor_def(sensor).evaluate_tick(context).run_requests or [])

    def asked(self, instance: dg.DagsterInstance, request: dg.RunRequest) -> Any:
        """Run what a sensor asked for, under the tags the daemon would give it."""
        job = self.location.get_job(str(request.job_name))
        return job.execute_in_process(
            instance=instance, partition_key=request.partition_key, run_config=request.run_config, tags=request.tags
        )


def trading_job(root: str, act: str) -> dg.JobDefinition:
    """Return a job of a home's trading location, for those who can only name a function."""
    return TradingHome(Path(root)).location.get_job(act)
