"""Sensors and schedules that start the work a rule calls due, one bounded attempt after another."""

from collections.abc import Callable, Mapping
from typing import Final

import dagster as dg

# The type of an asset job has no public name; it is only named here, never constructed.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sensors import attempts
from sensors.rules import AFTER_TRADING, TRADING, Act, Work

SECONDS_BETWEEN_TICKS: Final = 1
SECONDS_BETWEEN_SECOND_LOOKS: Final = 30
"""Where something else asks for the same work and looks every second."""


def due_work_sensor(
    *,
    name: str,
    description: str,
    jobs: Mapping[Act, UnresolvedAssetJobDefinition],
    due: Callable[[], tuple[Work, ...]],
    run_config: Callable[[Work], Mapping[str, object]],
    starts_running: bool,
    seconds_between_ticks: int = SECONDS_BETWEEN_TICKS,
) -> dg.SensorDefinition:
    """Return a sensor that requests the most urgent due work among its jobs, one piece at a time.

    Args:
        name: as the UI shows it.
        description: one sentence for the UI.
        jobs: the job of each act this sensor may start; other acts are left to their own sensors.
        due: facts and rule together; called once a tick.
        run_config: the run's configuration for a piece of work.
        starts_running: whether it ticks without being switched on.
        seconds_between_ticks: least seconds from one tick to the next.

    Returns:
        A sensor whose ticks are safe to repeat: the same facts give the same run key.
    """

    def tick(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return next_request(context, due(), jobs, run_config)

    return dg.SensorDefinition(
        name=name,
        description=description,
        evaluation_fn=tick,
        jobs=list(jobs.values()),
        minimum_interval_seconds=seconds_between_ticks,
        default_status=dg.DefaultSensorStatus.RUNNING if starts_running else dg.DefaultSensorStatus.STOPPED,
    )


def due_work_schedule(
    *,
    name: str,
    description: str,
    act: Act,
    job: UnresolvedAssetJobDefinition,
    cron: str,
    due: Callable[[], tuple[Work, ...]],
    starts_running: bool,
) -> dg.ScheduleDefinition:
    """Return a schedule that asks on the wall clock, in New York time, whether one act is due.

    Cron knows no holiday and no early close, so it only asks; the rule, which knows both, answers.

    Args:
        name: as the UI shows it.
        description: one sentence for the UI.
        act: the act it may start.
        job: the job of that act.
        cron: when to ask.
        due: facts and rule together; called once a tick.
        starts_running: whether it ticks without being switched on.
    """

    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return next_request(context, due(), {act: job}, lambda _work: {})

    return dg.ScheduleDefinition(
        name=name,
        description=description,
        job=job,
        cron_schedule=cron,
        execution_timezone="America/New_York",
        execution_fn=tick,
        default_status=dg.DefaultScheduleStatus.RUNNING if starts_running else dg.DefaultScheduleStatus.STOPPED,
    )


def next_request(
    context: dg.SensorEvaluationContext | dg.ScheduleEvaluationContext,
    due: tuple[Work, ...],
    jobs: Mapping[Act, UnresolvedAssetJobDefinition],
    run_config: Callable[[Work], Mapping[str, object]],
) -> dg.RunRequest | dg.SkipReason:
    """Return the request for the most urgent due work among some jobs, or why there is none.

    What nobody waits for is not begun beside trading work that is due.

    Args:
        context: of the tick; its instance, where attempts are counted, is opened only when something is due.
        due: due work, most urgent first; acts without a job here are left to others.
        jobs: the job of each act that may be started.
        run_config: the run's configuration for a piece of work.
    """
    waiting = [work for work in due if work.act in jobs]
    for work in waiting:
        if attempts.is_running(context.instance, work):
            return dg.SkipReason(f"{work.name} is under way")
        if not attempts.is_exhausted(context.instance, work):
            if sooner := _sooner(context.instance, work, due):
                return dg.SkipReason(f"{work.name} waits for {sooner.name}")
            job_name = jobs[work.act].name
            return attempts.run_request(context.instance, work, job_name=job_name, run_config=run_config(work))
    if waiting:
        names = ", ".join(work.name for work in waiting)
        return dg.SkipReason(f"given up: {names}; see their runs")
    return dg.SkipReason("nothing is due")


def _sooner(instance: dg.DagsterInstance, work: Work, due: tuple[Work, ...]) -> Work | None:
    """Return the due trading work that a piece of work would make late; None where it may begin."""
    if work.act not in AFTER_TRADING:
        return None
    trading = (other for other in due if other.act in TRADING)
    return next((other for other in trading if not attempts.is_exhausted(instance, other)), None)
