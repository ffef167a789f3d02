"""A sensor that starts the work a rule calls due, one bounded attempt after another."""

from collections.abc import Callable, Mapping
from typing import Final

import dagster as dg

from sensors import attempts
from sensors.rules import Act, Work

SECONDS_BETWEEN_TICKS: Final = 1


def due_work(
    *,
    name: str,
    description: str,
    jobs: Mapping[Act, dg.UnresolvedAssetJobDefinition],
    due: Callable[[], tuple[Work, ...]],
    run_config: Callable[[Work], dict[str, object]],
    starts_running: bool,
) -> dg.SensorDefinition:
    """Return a sensor that requests the most urgent due work among its jobs, one piece at a time.

    Args:
        name: as the UI shows it.
        description: one sentence for the UI.
        jobs: the job of each act this sensor may start; other acts are left to their own sensors.
        due: facts and rule together; called once a tick.
        run_config: the run's configuration for a piece of work.
        starts_running: whether it ticks without being switched on.

    Returns:
        A sensor whose ticks are safe to repeat: the same facts give the same run key.
    """

    def tick(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        waiting = [work for work in due() if work.act in jobs]
        for work in waiting:
            if attempts.is_running(context.instance, work):
                return dg.SkipReason(f"{work.name} is under way")
            if not attempts.is_exhausted(context.instance, work):
                job_name = jobs[work.act].name
                return attempts.run_request(context.instance, work, job_name=job_name, run_config=run_config(work))
        if waiting:
            names = ", ".join(work.name for work in waiting)
            return dg.SkipReason(f"given up after {attempts.MOST_ATTEMPTS} attempts: {names}; see their runs")
        return dg.SkipReason("nothing is due")

    return dg.SensorDefinition(
        name=name,
        description=description,
        evaluation_fn=tick,
        jobs=list(jobs.values()),
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING if starts_running else dg.DefaultSensorStatus.STOPPED,
    )
