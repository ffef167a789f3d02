"""Move a clock that moves when told to its next event, once the former event's work is done, and begin the next work.

What is due is asked for in the same tick where this location carries its job, so that in told time one sensor looks
every second instead of four: a look costs the daemon some hundredths of a second.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import dagster as dg

# What a switch of the page leaves has no public name; `pyproject.toml` pins the version.
from dagster._core.definitions.run_request import InstigatorType

# The type of an asset job has no public name; it is only named here, never constructed.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.scheduler.instigation import InstigatorStatus

from execution.trading_calendar import TradingCalendar
from sensors import attempts
from sensors.due_work import SECONDS_BETWEEN_TICKS, next_request
from sensors.rules import Act, Work, next_instant


def session_clock(
    *,
    now: Callable[[], datetime],
    until: Callable[[], datetime],
    data_end: Callable[[], datetime | None],
    advance_to: Callable[[datetime], object],
    due: Callable[[], tuple[Work, ...]],
    jobs: Mapping[Act, UnresolvedAssetJobDefinition],
    calendar: TradingCalendar,
    starts_running: bool,
) -> dg.SensorDefinition:
    """Return the sensor that lets simulated days pass.

    Args:
        now: the clock's instant.
        until: the instant past which nobody has asked it to go.
        data_end: cut-off of the last session with data so far, past which nothing can be planned; None for data that go
            on. Asked at each tick, for files grow.
        advance_to: moves the clock.
        due: all due work of both code locations.
        jobs: the jobs of this location; the work of others is waited for.
        calendar: where the next event is found.
        starts_running: whether it ticks without being switched on.
    """

    def tick(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        def outstanding() -> tuple[Work, ...]:
            return tuple(work for work in due() if not attempts.is_exhausted(context.instance, work))

        told, end = "", data_end()
        # Events at which nothing falls due are passed in the same tick: a tick is a second of somebody's life.
        while not (waiting := outstanding()):
            instant = next_instant(now=now(), calendar=calendar)
            if end is not None and instant > end:
                return dg.SkipReason(f"{told}the data end at {end.isoformat()}, and so does the clock")
            if instant > until():
                return dg.SkipReason(f"{told}may go no further than {until().isoformat()}: `touchstone clock live`")
            if not told and attempts.anything_runs(context.instance):
                return dg.SkipReason("waiting for a run to end")
            advance_to(instant)
            told = f"moved to {instant.isoformat()}; "
        begun = next_request(context, waiting, jobs, lambda _work: {})
        if isinstance(begun, dg.RunRequest):
            return begun
        off = _switched_off(context.instance) if any(work.act not in jobs for work in waiting) else ""
        return dg.SkipReason(f"{told}waiting for {', '.join(work.name for work in waiting)}{off}")

    return dg.SensorDefinition(
        name="session_clock",
        description="Moves the simulated clock to its next event when the work of the former is done.",
        evaluation_fn=tick,
        jobs=list(jobs.values()),
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING if starts_running else dg.DefaultSensorStatus.STOPPED,
    )


def _switched_off(instance: dg.DagsterInstance) -> str:
    """Return what to say of sensors somebody has switched off, one of which may be the one that is waited for."""
    states = instance.all_instigator_state(instigator_statuses={InstigatorStatus.STOPPED})
    names = sorted(state.name for state in states if state.instigator_type is InstigatorType.SENSOR)
    return f"; switched off: {', '.join(names)}" if names else ""
