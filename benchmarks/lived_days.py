"""Live whole trading days in this process and note what every run used. `cycle.py` starts it once per process measured.

A process that was just started shows what the first cycle of a run worker pays; one that has lived a few days is warm.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import dagster as dg
import psutil
from bench_homes import CALENDAR, BenchHome, bench_home
from measuring import Stopwatch, as_text

from pipelines import analysis, trading
from pipelines.jobs import JOBS
from pipelines.live_in_process import live_in_process
from pipelines.trading_adapters import clock_of

# Where the time of a step belongs; what is not named here is real work.
_KINDS: Final = {
    "dbt_base": "dbt",
    "dbt_marts": "dbt",
    "raw_gate": "checks",
    "gate_certificate": "checks",
}
KINDS: Final = ("Dagster", "dbt", "checks", "work")


class TimedJob:
    """A job that notes what each of its runs used and how long each step took."""

    def __init__(self, job: Any, act: str, notes: list[dict[str, Any]]) -> None:
        self._job, self._act, self._notes = job, act, notes

    def __getattr__(self, name: str) -> Any:
        # Whatever else is asked of a job is asked of the real one.
        return getattr(self._job, name)

    def execute_in_process(self, **arguments: Any) -> Any:
        watch = Stopwatch()
        result = self._job.execute_in_process(**arguments)
        usage = watch.stop()
        steps = {
            event.step_key: event.step_success_data.duration_ms / 1000
            for event in result.all_events
            if event.is_step_success
        }
        self._notes.append(
            {
                "act": self._act,
                "session": arguments.get("partition_key") or "",
                "usage": usage,
                "steps": {name: round(taken, 4) for name, taken in steps.items()},
                "by_kind": by_kind(usage.wall_seconds, steps),
            }
        )
        return result


class TimedDefinitions:
    """Definitions whose jobs are resolved once, as a long-lived process has them, and timed."""

    def __init__(self, definitions: Any, notes: list[dict[str, Any]]) -> None:
        self._definitions, self._notes, self._jobs = definitions, notes, dict[str, Any]()

    def resolve_job_def(self, name: str) -> TimedJob:
        if name not in self._jobs:
            self._jobs[name] = self._definitions.resolve_job_def(name)
        return TimedJob(self._jobs[name], name, self._notes)


def by_kind(wall_seconds: float, steps: Mapping[str, float]) -> dict[str, float]:
    """Split a run's wall seconds: what lies outside of steps is Dagster's own."""
    split = dict.fromkeys(KINDS, 0.0)
    for name, taken in steps.items():
        split[_KINDS.get(name, "work")] += taken
    split["Dagster"] = max(wall_seconds - sum(steps.values()), 0.0)
    return {kind: round(taken, 4) for kind, taken in split.items()}


def live_days(bench: BenchHome, first_day: int, days: int) -> dict[str, Any]:
    """Live whole days in this process and return what every run used."""
    notes: list[dict[str, Any]] = []
    settings, home = bench.settings, bench.home
    definitions: Any = {
        "analysis": TimedDefinitions(analysis.build_definitions(settings, home), notes),
        "trading": TimedDefinitions(trading.build_definitions(settings, home), notes),
    }
    clock: Any = clock_of(settings.mode, home)
    ends = []
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        started = time.perf_counter()
        for day in range(first_day, first_day + days):
            until = CALENDAR.bars_known_at(CALENDAR.next(bench.session(day)))
            clock.live_until(until)
            for _ in live_in_process(
                definitions=definitions,
                job_locations={row.act: row.location for row in JOBS},
                run_config=trading.run_config,
                due=analysis.all_due_work(settings, home),
                instance=instance,
                clock=clock,
                until=until,
                calendar=CALENDAR,
            ):
                pass
            ends.append(round(time.perf_counter() - started, 3))
        runs_of_nothing = empty_run(instance, steps=10)
    return {"runs": notes, "day_ends_seconds": ends, "empty_run_10_steps": runs_of_nothing}


def empty_run(instance: Any, *, steps: int) -> Any:
    """Measure a chain of steps that do nothing on the same instance: the floor under Dagster's share."""

    def make(number: int) -> Any:
        @dg.asset(name=f"nothing_{number}", deps=[f"nothing_{number - 1}"] if number else [])
        def nothing() -> None: ...

        return nothing

    job = dg.Definitions(
        assets=[make(number) for number in range(steps)],
        jobs=[dg.define_asset_job("nothing", executor_def=dg.in_process_executor)],
    ).resolve_job_def("nothing")
    job.execute_in_process(instance=instance)
    watch = Stopwatch()
    job.execute_in_process(instance=instance)
    return watch.stop()


def main() -> None:
    """Live the days asked for and write what they used."""
    parser = argparse.ArgumentParser(description="Live trading days in this process.")
    for name in ("--home", "--answer"):
        parser.add_argument(name, type=Path, required=True)
    for name in ("--symbols", "--first-day", "--days"):
        parser.add_argument(name, type=int, required=True)
    asked = parser.parse_args()
    # Interpreter and imports: everything before the first line of work.
    start = {
        "wall_seconds": time.time() - psutil.Process().create_time(),
        "cpu_seconds": time.process_time(),
    }
    bench = bench_home(asked.home, symbols=asked.symbols)
    lived = live_days(bench, asked.first_day, asked.days)
    asked.answer.write_text(as_text({"start": start, **lived}), encoding="utf-8")


if __name__ == "__main__":
    main()
