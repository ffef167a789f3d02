"""Copy the orchestrator's history into another instance: runs with their events, and which sensors are on.

Nothing in it is an authority, so this is a copy, not a move: the old history stays where it was.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

# Dagster has no public name for what a run refers to; `pyproject.toml` pins the version this is written for.
from dagster._core.instance import DagsterInstance

from execution.domain.errors import DataError
from pipelines.dagster_instance import daemons_beating


@dataclass(frozen=True, slots=True)
class HistoryCopied:
    """What was copied.

    Attributes:
        runs: runs, all of them ended.
        events: events of these runs.
    """

    runs: int
    events: int


def copy_history(source: DagsterInstance, target: DagsterInstance) -> HistoryCopied:
    """Copy every ended run that the target does not hold whole, and return how many are there now.

    Raises:
        DataError: runs are under way, or a copied run has another number of events.
    """
    refuse_living(source)
    # Oldest first, so that the newest materialization of an asset is the last that was written.
    records = list(reversed(source.get_run_records()))
    events = sum(_copy_run(source, target, record) for record in records)
    known = {state.instigator_origin_id for state in target.all_instigator_state()}
    for state in source.all_instigator_state():
        if state.instigator_origin_id not in known:
            target.add_instigator_state(state)
    return HistoryCopied(runs=len(records), events=events)


def refuse_living(instance: DagsterInstance) -> None:
    """Refuse while runs are queued or under way, or a daemon's heart beats.

    Raises:
        DataError: there is one of these.
    """
    ended = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
    living = [status for status in dg.DagsterRunStatus if status not in ended]
    if count := instance.get_runs_count(dg.RunsFilter(statuses=living)):
        raise DataError(f"{count} runs are not over: wait for them, or end them in `make ui`")
    if daemons_beating(instance):
        raise DataError("a daemon's heart beat a moment ago: stop `make ui`, wait for two minutes, and try again")


def _copy_run(source: DagsterInstance, target: DagsterInstance, record: dg.RunRecord) -> int:
    run = record.dagster_run
    entries = source.all_logs(run.run_id)
    if target.has_run(run.run_id):
        if len(target.all_logs(run.run_id)) == len(entries):
            return len(entries)
        # A copy that was killed left a part of it.
        target.delete_run(run.run_id)
    if run.job_snapshot_id is not None and not target.run_storage.has_job_snapshot(run.job_snapshot_id):
        target.run_storage.add_job_snapshot(source.run_storage.get_job_snapshot(run.job_snapshot_id))
    plan = run.execution_plan_snapshot_id
    if plan is not None and not target.run_storage.has_execution_plan_snapshot(plan):
        target.run_storage.add_execution_plan_snapshot(source.run_storage.get_execution_plan_snapshot(plan))
    target.run_storage.add_historical_run(run, record.create_timestamp)
    for entry in entries:
        target.event_log_storage.store_event(entry)
        if entry.is_dagster_event and entry.get_dagster_event().is_job_event:
            # By it start and end of the run become known; its last one leaves the status the run had.
            target.run_storage.handle_run_event(
                run.run_id, entry.get_dagster_event(), datetime.fromtimestamp(entry.timestamp, UTC)
            )
    if len(target.all_logs(run.run_id)) != len(entries):
        raise DataError(f"run {run.run_id}: not every event arrived; try again")
    return len(entries)
