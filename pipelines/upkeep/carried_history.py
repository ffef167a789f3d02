"""A run history in Postgres, carried row by row into an instance in files, as it stood at one moment.

So every backup has one form, and a restored home opens its history without any server. Rows keep their numbers: what
refers to an event by its number, as a check's verdict does, still finds it.
"""

import shutil
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import dagster as dg
import sqlalchemy as db

# Dagster has no public names for its tables and for what it repeats of a run's events in the index of all runs;
# `pyproject.toml` pins the version.
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata, SqlEventLogStorageTable
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

from execution.domain.errors import DataError
from pipelines.dagster_instance import POSTGRES_VARIABLE, write_instance
from pipelines.kept_event_log import KeptEventLog

_PAGE_ROWS: Final = 1_000
# Which migrations a database has had; a new one has had all.
_OF_EACH_DATABASE: Final = "secondary_indexes"
_EMPTY: Final = "empty"
_OF_ALL_RUNS: Final = sorted(
    kind.value for kind in {*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS}
)


def carry_history(address: str, folder: Path) -> None:
    """Copy runs with their events, sensors and ticks out of Postgres into an empty folder, as an instance in files.

    Args:
        address: of the database, a secret; it is only read, in one transaction, so all tables are of one moment.
        folder: becomes the instance's folder.

    Raises:
        DataError: no database is named, or it cannot be read.
    """
    if not address:
        raise DataError(f"the run history is in Postgres and no database is named: set {POSTGRES_VARIABLE}")
    folder.mkdir()
    write_instance(folder, place="home")
    one_moment = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True, "yield_per": _PAGE_ROWS}
    engine = db.create_engine(address, poolclass=db.NullPool, execution_options=one_moment)
    try:
        with engine.connect() as source:
            with dg.DagsterInstance.from_config(str(folder)) as target:
                _carry_tables(source, target)
            _carry_runs(source, folder / "history" / "runs")
    except db.exc.OperationalError as error:
        # Its words may hold the address.
        kind = type(error.orig).__name__
        raise DataError(f"the run history in Postgres cannot be read ({kind}): see that the server runs") from None


def _carry_tables(source: db.Connection, target: dg.DagsterInstance) -> None:
    """Fill the tables of all runs, which Dagster made, and leave an empty file of one run to copy."""
    events = target.event_log_storage
    assert isinstance(events, KeptEventLog)  # noqa: S101 - as `write_instance` wrote it
    runs: Any = target.run_storage
    schedules: Any = target.schedule_storage
    with runs.connect() as written:
        _copy_tables(source, written, RunStorageSqlMetadata)
    with schedules.connect() as written:
        _copy_tables(source, written, ScheduleStorageSqlMetadata)
    with events.index_connection() as written:
        _copy_tables(source, written, SqlEventLogStorageMetadata)
    with events.run_connection(_EMPTY):
        pass


def _carry_runs(source: db.Connection, folder: Path) -> None:
    """Write each run's events into a file of its own; Dagster would take a fifth of a second to make each file."""
    empty, table = folder / f"{_EMPTY}.db", SqlEventLogStorageTable
    by_run = source.execute(db.select(table).order_by(table.c.run_id, table.c.id)).mappings()
    for run_id, rows in groupby(by_run, key=lambda row: str(row["run_id"])):
        shutil.copyfile(empty, folder / f"{run_id}.db")
        with db.create_engine(f"sqlite:///{folder / run_id}.db", poolclass=db.NullPool).begin() as written:
            # A copy of a copy: after a crash all of it is made again.
            written.exec_driver_sql("pragma synchronous = off")
            written.execute(db.insert(table), [dict(row) for row in rows])
    empty.unlink()


def _copy_tables(source: db.Connection, target: db.Connection, tables: db.MetaData) -> None:
    """Copy the tables of one storage; of events, those that the index of all runs repeats."""
    for table in tables.sorted_tables:
        if table.name == _OF_EACH_DATABASE:
            continue
        wanted = db.select(table).order_by(*table.primary_key.columns)
        if table is SqlEventLogStorageTable:
            wanted = wanted.where(table.c.dagster_event_type.in_(_OF_ALL_RUNS))
        for page in source.execute(wanted).mappings().partitions():
            target.execute(db.insert(table), [dict(row) for row in page])
