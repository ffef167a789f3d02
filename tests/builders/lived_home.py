"""A home lived in this process: the jobs, rules and clock the daemon uses, without the daemon."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import dagster as dg

from execution.clock import FileClock
from execution.trading_calendar import TradingCalendar
from pipelines.analysis import all_due_work
from pipelines.analysis import build_definitions as analysis_definitions
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.jobs import JOBS
from pipelines.live_in_process import live_in_process
from pipelines.settings import Settings
from pipelines.trading import build_definitions as trading_definitions
from pipelines.trading import run_config
from sensors.rules import Work


def live_home(
    home: Home, settings: Settings, *, until: datetime, may_fail: Callable[[Work], bool] = lambda _work: False
) -> None:
    """Do all work that falls due in a home up to an instant of its clock; every run must succeed but those that may."""
    clock = FileClock(home.clock)
    clock.live_until(until)
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        days = live_in_process(
            definitions={
                "analysis": analysis_definitions(settings, home),
                "trading": trading_definitions(settings, home),
            },
            job_locations={row.act: row.location for row in JOBS},
            run_config=run_config,
            due=all_due_work(settings, home),
            instance=instance,
            clock=clock,
            until=until,
            calendar=TradingCalendar.shipped(),
            may_fail=may_fail,
        )
        assert all(result.success or may_fail(work) for work, result in days)


def content_of(home: Home) -> dict[str, str]:
    """Return the hash of every file by which a day can be told again, by its name in the home.

    Databases and indexes are left out: a database's bytes depend on how it was written, an index gets a line with each
    attempt. The ledger has a hash of its own, and what an index lists is here.
    """
    folders = (home.raw, home.snapshots, home.features, home.artifacts, home.tape, home.reports)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    return {str(path.relative_to(home.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
