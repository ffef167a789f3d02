"""Dagster's event log in SQLite, the same files and tables, without secrets and over connections that stay open.

The library opens a connection for each of the several statements an event takes and checkpoints the file when it closes
it: eight milliseconds an event, half of a warm cycle. Here a shard keeps one connection, and a commit waits for no disk
(WAL with `synchronous=NORMAL`: a crash of the process loses nothing, one of the machine the last events). What a run
intends, a hundred events, goes into one transaction. That is fit for a log that is no authority; the ledger keeps its
own rules.

Nor does it read the library's history of its own tables, some forty scripts, before each file it opens: a file that
carries a version has its tables, and a run's file begins as a copy of an empty one.
"""

import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import dagster as dg
import sqlalchemy as db

# Dagster has no public name for what it stores events with; `pyproject.toml` pins the version this is written for.
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData, deserialize_value, serialize_value
from sqlalchemy.pool import StaticPool

from pipelines.logging_setup import process_mask

# The index of all runs, the run under way, and a few that a page of the UI shows beside it.
_SHARDS_KEPT_OPEN: Final = 8
# Dagster hands the events of a batch over together where this variable says how many at most.
_BATCH_SIZE: Final = ("DAGSTER_EVENT_BATCH_SIZE", "1000")


class KeptEventLog(SqliteEventLogStorage):
    """The event log of the instance that registers it, under that instance's own folder."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        # The folder is known when an instance registers; until then nothing is opened.
        self._inst_data = inst_data
        self._kept: OrderedDict[str, db.Engine] = OrderedDict()
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        # While a batch is stored: the thread that stores it, and its connections, each in a transaction.
        self._batching: int | None = None
        self._in_batch: dict[str, db.Connection] = {}

    @classmethod
    def config_type(cls) -> Any:
        """Return the configuration it takes: none, so that a home can be moved."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Return the storage Dagster asks for when it reads `dagster.yaml`."""
        del config_value
        return cls(inst_data)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Bind to an instance: its folder holds the files, where the library's own storage would put them."""
        super().__init__(str(Path(instance.root_directory) / "history" / "runs"), self._inst_data)
        super().register_instance(instance)
        os.environ.setdefault(*_BATCH_SIZE)

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event without the secrets this process knows: in a message, an exception, metadata."""
        super().store_event(without_secrets_known(event))

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events one after the other, in one transaction per file: none is there when one cannot be stored."""
        shards = dict.fromkeys((INDEX_SHARD_NAME, *(event.run_id for event in events)))
        with self._db_lock, ExitStack() as transactions:
            for shard in shards:
                connection = transactions.enter_context(self._engine(shard).connect())
                transactions.enter_context(connection.begin())
                self._in_batch[shard] = connection
            self._batching = threading.get_ident()
            try:
                super().store_event_batch(events)
            finally:
                self._batching = None
                self._in_batch.clear()

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has a table; it is asked for each event, and tables do not go away."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_col_on_connection(self, conn: db.Connection, column_name: str) -> bool:
        # Asked for each event of an asset, and columns do not go away.
        if column_name not in self._columns and super()._has_asset_key_col_on_connection(conn, column_name):
            self._columns.add(column_name)
        return column_name in self._columns

    def wipe(self) -> None:
        """Delete every shard; what is open is closed first."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        self._close()
        super().dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        if self._batching == threading.get_ident():
            yield self._in_batch[shard]
            return
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> db.Engine:
        if shard not in self._kept:
            if shard != INDEX_SHARD_NAME:
                self._begin_as_copy(Path(self.path_for_shard(shard)))
            engine = engine_with_one_connection(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            self._kept[shard] = engine
            while len(self._kept) > _SHARDS_KEPT_OPEN:
                self._kept.popitem(last=False)[1].dispose()
        self._kept.move_to_end(shard)
        return self._kept[shard]

    def _initdb(self, engine: db.Engine, for_index_shard: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's
        if not has_version(engine):
            super()._initdb(engine, for_index_shard)

    def _begin_as_copy(self, shard: Path) -> None:
        """Make a run's file, unless there is one, of the empty file that the library made for this instance once."""
        if shard.exists():
            return
        shard.parent.mkdir(parents=True, exist_ok=True)
        # Another version of the library may have other tables.
        empty = shard.parent.parent / f"empty-{dg.__version__}.shard"
        with TemporaryDirectory(dir=shard.parent.parent, prefix=".shard-") as folder:
            begun = Path(folder) / shard.name
            if not empty.exists():
                engine = engine_with_one_connection(f"sqlite:///{begun}")
                super()._initdb(engine)
                # Closed, the file stands alone: what was written beside it is in it.
                engine.dispose()
                begun.replace(empty)
            shutil.copyfile(empty, begun)
            with suppress(OSError):
                # Another process may have begun the same run's file meanwhile, and written to it; where the disk knows
                # no links, the library makes the file.
                os.link(begun, shard)

    def _close(self) -> None:
        with self._db_lock:
            while self._kept:
                self._kept.popitem()[1].dispose()


def without_secrets_known(event: dg.EventLogEntry) -> dg.EventLogEntry:
    """Return an event in which every secret this process knows is masked: in a message, an exception, metadata."""
    mask = process_mask()
    if mask is None:
        return event
    said = serialize_value(event)
    masked = mask.without_known(said)
    return event if masked == said else deserialize_value(masked, dg.EventLogEntry)


def has_version(engine: db.Engine) -> bool:
    """Return whether a SQLite file of the library's carries the version of its tables; the library writes it last."""
    try:
        with engine.connect() as connection:
            return connection.execute(db.text("select 1 from alembic_version")).first() is not None
    except db.exc.OperationalError:
        # There is no such table, or someone is making it: the library knows what to do.
        return False


def engine_with_one_connection(address: str) -> db.Engine:
    """Return an engine of a SQLite file that keeps one connection open, whose commits wait for no disk."""
    # Threads share the connection one after the other, under the storage's lock.
    arguments = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    engine = db.create_engine(address, poolclass=StaticPool, connect_args=arguments)

    @db.event.listens_for(engine, "connect")
    def relax(connection: Any, _record: object) -> None:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")

    return engine
