"""Live through sessions in one process, without the daemon: the same rules, the same jobs, the same clock.

For tests, benchmarks and the command line. What the daemon adds is only who asks and when.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import dagster as dg

from execution.clock import FileClock
from execution.domain.errors import TouchstoneError
from execution.trading_calendar import TradingCalendar
from sensors.rules import Act, Work, next_instant


class WorkFailed(TouchstoneError):
    """A run failed; the day cannot go on in this process."""


def live_in_process(
    *,
    definitions: Mapping[str, dg.Definitions],
    job_locations: Mapping[Act, str],
    run_config: Callable[[Work], Mapping[str, object]],
    due: Callable[[], tuple[Work, ...]],
    instance: dg.DagsterInstance,
    clock: FileClock,
    until: datetime,
    calendar: TradingCalendar,
    may_fail: Callable[[Work], bool] = lambda _work: False,
) -> Iterator[tuple[Work, dg.ExecuteInProcessResult]]:
    """Run what is due and move the clock to its next event, again and again, up to an instant.

    Args:
        definitions: each code location by its name.
        job_locations: which location carries each act's job.
        run_config: configuration of a piece of work.
        due: all due work of both locations, most urgent first.
        instance: where runs are recorded.
        clock: moved here and nowhere else.
        until: the last instant to go to.
        calendar: where the next event is found.
        may_fail: whether a failed run is an honest end of its work (a red gate), not a defect.

    Yields:
        Each piece of work with its result, as it ends.

    Raises:
        WorkFailed: a run failed that may not, or its work is due again although it succeeded.
    """
    done: set[str] = set()
    while True:
        waiting = due()
        if not waiting:
            instant = next_instant(now=clock.now(), calendar=calendar)
            if instant > until:
                return
            clock.advance_to(instant)
            continue
        work = waiting[0]
        if work.name in done:
            raise WorkFailed(f"{work.name} ran and is due again: look at its run in the instance")
        done.add(work.name)
        job = definitions[job_locations[work.act]].resolve_job_def(str(work.act))
        result = job.execute_in_process(
            instance=instance,
            partition_key=work.session.isoformat() if job.partitions_def is not None else None,
            run_config=dict(run_config(work)),
            tags={"touchstone/work": work.name},
            raise_on_error=not may_fail(work),
        )
        yield work, result
