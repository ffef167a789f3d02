"""Dagster's record of sensors and their ticks in SQLite, the same file and tables, over a connection that stays open.

The library makes an engine and opens a connection for each of some twenty statements that a look of a sensor takes,
asks each time which tables there are, and waits for the disk. That is most of what a daemon does while nothing is due.
A crash of the machine may lose the last ticks, of the process nothing; no order hangs on either.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
import sqlalchemy as db

# Dagster has no public name for what it stores ticks with; `pyproject.toml` pins the version this is written for.
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._serdes import ConfigurableClassData

from pipelines.kept_event_log import engine_with_one_connection, has_version


class KeptSchedules(SqliteScheduleStorage):
    """The ticks of the instance that registers it, under that instance's own folder."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        # The folder is known when an instance registers; until then nothing is opened.
        self._inst_data = inst_data
        self._kept: db.Engine | None = None
        self._one_at_a_time = threading.RLock()
        self._known: set[str] = set()

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
        """Bind to an instance: its folder holds the file, where the library's own storage would put it."""
        folder = Path(instance.root_directory) / "schedules"
        folder.mkdir(parents=True, exist_ok=True)
        address = create_db_conn_string(str(folder), "schedules")
        self._kept = engine_with_one_connection(address)
        if not has_version(self._kept):
            # The library's own makes the tables, over a connection of its own.
            self._kept.dispose()
            self._kept = None
            SqliteScheduleStorage.from_local(str(folder))
        super().__init__(address, self._inst_data)
        super().register_instance(instance)

    def has_instigators_table(self) -> bool:
        """Return whether there is a table of sensors; it is asked several times a look, and tables do not go away."""
        return self._is_known("instigators", super().has_instigators_table)

    def has_secondary_index_table(self) -> bool:
        """Return whether there is a table of migrations; as above."""
        return self._is_known("secondary_indexes", super().has_secondary_index_table)

    def has_built_index(self, migration_name: str) -> bool:
        """Return whether a migration was made; none is ever taken back."""
        return self._is_known(
            f"built {migration_name}", lambda: super(KeptSchedules, self).has_built_index(migration_name)
        )

    def dispose(self) -> None:
        """Close what is open."""
        with self._one_at_a_time:
            if self._kept is not None:
                self._kept.dispose()
                self._kept = None
        super().dispose()

    @contextmanager
    def connect(self) -> Iterator[db.Connection]:
        """Give the one connection, and commit when the block ends."""
        with self._one_at_a_time:
            if self._kept is None:
                self._kept = engine_with_one_connection(self._conn_string)
            with self._kept.connect() as connection, connection.begin():
                yield connection

    def _is_known(self, name: str, ask: Any) -> bool:
        if name not in self._known and ask():
            self._known.add(name)
        return name in self._known
