"""Runs of the orchestrator that are old enough to leave: listed, written out whole, and then deleted from the instance.

The ledger notes every run that touched it, so nothing of an audit is only here.
"""

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg
import pyarrow as pa
from dagster._serdes import serialize_value

from assets.maintenance.retention import RUNS, Item
from sensors.attempts import WORK_TAG, session_of

_ENDED: Final = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
SCHEMA: Final = pa.schema(
    [
        ("run_id", pa.string()),
        ("job", pa.string()),
        ("status", pa.string()),
        ("number", pa.int64()),
        ("body", pa.string()),
    ]
)
"""One row per event, in order; row 0 of a run is the run itself."""


def ended_runs(instance: dg.DagsterInstance, *, today: date, now: datetime, is_told: bool) -> Iterator[Item]:
    """Yield every run that ended, dated by the home's day when it ran.

    Where time is told, a year passes in an hour of the machine's. A run of a session is then as old as the newest
    session that runs up to it were of, and never older than the first one a rule asked for: so a run by hand of an old
    session is not. A run of no session is dated as many days before the home's day as the machine says it is old.

    Args:
        instance: whose runs they are.
        today: the home's day.
        now: the machine's instant.
        is_told: whether the home's day is told, not the machine's.
    """
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=_ENDED), ascending=True)
    asked_for = [record.dagster_run.tags for record in records if WORK_TAG in record.dagster_run.tags]
    reached = min(filter(None, map(session_of, asked_for)), default=date.min)
    for record in records:
        age = now - record.create_timestamp.replace(tzinfo=UTC)
        day = today - timedelta(days=age.days)
        session = session_of(record.dagster_run.tags) if is_told else None
        if session is not None:
            day = max(session, reached)
            # A home may be asked for a session to come, and has not reached it by that.
            reached = day if session <= today else reached
        yield Item(kind=RUNS, name=record.dagster_run.run_id, day=day)


def rows_of(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> pa.Table:
    """Return runs and all their events as the instance stores them, which masks every secret before it does."""
    found: list[dict[str, object]] = []
    for run_id in run_ids:
        run = instance.get_run_by_id(run_id)
        if run is None:
            continue
        bodies = [serialize_value(run), *(serialize_value(event) for event in instance.all_logs(run_id))]
        shared = {"run_id": run_id, "job": run.job_name, "status": run.status.value}
        found += [{**shared, "number": number, "body": body} for number, body in enumerate(bodies)]
    return pa.Table.from_pylist(found, schema=SCHEMA)


def delete_runs(instance: dg.DagsterInstance, run_ids: Sequence[str], folder: Path) -> int:
    """Delete runs, their event files and their output, and return how many bytes the files took.

    Args:
        instance: whose runs they are.
        run_ids: runs that were archived.
        folder: the instance's folder.
    """
    freed = 0
    for run_id in run_ids:
        instance.delete_run(run_id)
        for path in sorted((folder / "history" / "runs").glob(f"{run_id}.db*")):
            freed += path.stat().st_size
            path.unlink()
        output = folder / "storage" / run_id
        freed += sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
        shutil.rmtree(output, ignore_errors=True)
    return freed
