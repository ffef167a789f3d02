"""Code location 1, the data half: sources to a signal batch, and the pages. It may be wrong; it cannot trade."""

from collections.abc import Callable, Mapping
from datetime import datetime

import dagster as dg

# The type of an asset job has no public name; it is only named here, never constructed.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from assets.features.defs import DEFINITIONS as FEATURES
from assets.ingest.defs import DEFINITIONS as INGEST
from assets.maintenance.defs import DEFINITIONS as MAINTENANCE
from assets.ml.afterwards.defs import DEFINITIONS as AFTERWARDS
from assets.ml.defs import DEFINITIONS as ML
from assets.ml.tuning.defs import DEFINITIONS as TUNING
from assets.quality.defs import DEFINITIONS as QUALITY
from assets.reporting.defs import DEFINITIONS as REPORTING
from execution.clock import FileClock
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import analysis_facts_of, resources_of, sources_of
from pipelines.due_trading import due_trading_work
from pipelines.freshness import with_freshness
from pipelines.home import Home
from pipelines.jobs import JOBS, job_definitions
from pipelines.logging_setup import configure_logging
from pipelines.masked_errors import without_secrets
from pipelines.run_executor import run_executor
from pipelines.settings import Settings, load_settings
from pipelines.trading_adapters import clock_of
from sensors.due_work import SECONDS_BETWEEN_SECOND_LOOKS, due_work_schedule, due_work_sensor
from sensors.rules import Act, Work, analysis_due
from sensors.session_clock import session_clock

_SENSORS = (
    (
        "cycles",
        (Act.FIRST_CYCLE, Act.CYCLE, Act.INGEST, Act.TRAIN),
        "Starts cycles in order, and training once a week.",
    ),
    ("daily_reports", (Act.REPORT,), "Writes the page of each settled session."),
    ("nightly_upkeep", (Act.UPKEEP,), "Has the home backed up, and its restore tried, after each settled session."),
)


def build_definitions(settings: Settings, home: Home) -> dg.Definitions:
    """Return the analysis location bound to one home."""
    jobs = job_definitions("analysis")
    due = without_secrets(due_analysis_work(settings, home))
    all_due = without_secrets(all_due_work(settings, home))
    told = isinstance(clock_of(settings.mode, home), FileClock)
    sensors = [
        due_work_sensor(
            name=name,
            description=description,
            jobs={act: jobs[act] for act in acts},
            due=all_due,
            run_config=lambda _work: {},
            starts_running=told,
            # The clock asks for all of it; these are there for a clock that somebody has stopped.
            seconds_between_ticks=SECONDS_BETWEEN_SECOND_LOOKS,
        )
        for name, acts, description in _SENSORS
    ]
    schedules = [
        due_work_schedule(
            name=f"{row.act}_when_due",
            description=row.description,
            act=row.act,
            job=jobs[row.act],
            cron=row.cron,
            due=due,
            starts_running=not told,
        )
        for row in JOBS
        if row.cron is not None
    ]
    own = dg.Definitions(
        jobs=list(jobs.values()),
        sensors=[*sensors, *_clock_sensor(settings, home, jobs, all_due)],
        schedules=schedules,
        resources=resources_of(settings, home),
        executor=run_executor,
    )
    location = dg.Definitions.merge(INGEST, FEATURES, QUALITY, ML, AFTERWARDS, TUNING, REPORTING, MAINTENANCE, own)
    # Told time is another than the one the page counts by.
    return location if told else with_freshness(location)


def due_analysis_work(settings: Settings, home: Home) -> Callable[[], tuple[Work, ...]]:
    """Return the question "which analysis work is due?" for a home."""
    calendar, clock, sources = TradingCalendar.shipped(), clock_of(settings.mode, home), sources_of(settings, home)

    def due() -> tuple[Work, ...]:
        facts = analysis_facts_of(settings, home, sources)
        return analysis_due(now=clock.now(), calendar=calendar, facts=facts)

    return due


def all_due_work(settings: Settings, home: Home) -> Callable[[], tuple[Work, ...]]:
    """Return the question "what is due?" over both halves."""
    analysis, trading = due_analysis_work(settings, home), due_trading_work(settings, home)
    return lambda: (*analysis(), *trading())


def _clock_sensor(
    settings: Settings,
    home: Home,
    jobs: Mapping[Act, UnresolvedAssetJobDefinition],
    due: Callable[[], tuple[Work, ...]],
) -> list[dg.SensorDefinition]:
    clock, calendar = clock_of(settings.mode, home), TradingCalendar.shipped()
    if not isinstance(clock, FileClock):
        return []
    sources = sources_of(settings, home)

    def data_end() -> datetime | None:
        first, last = sources.span()
        return None if last is None else calendar.as_of(calendar.between(first, last)[-1])

    return [
        session_clock(
            now=clock.now,
            until=clock.until,
            data_end=data_end,
            advance_to=clock.advance_to,
            due=due,
            jobs=jobs,
            calendar=calendar,
            starts_running=True,
        )
    ]


@dg.definitions
def defs() -> dg.Definitions:
    """Return what Dagster loads: settings and home are read here, once."""
    settings, home = load_settings(), Home.from_environment()
    configure_logging(home, level=settings.log.level, secrets=settings.secrets(), console=False)
    return build_definitions(settings, home)
