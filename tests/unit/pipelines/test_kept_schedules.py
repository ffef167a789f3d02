"""What sensors did, over a kept connection: the library's own file, read and written by either."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorTick, TickData, TickStatus

from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.kept_schedules import KeptSchedules


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepare_instance(Home(tmp_path / "home"))


@pytest.fixture
def kept(folder: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def tick(instance: dg.DagsterInstance, second: int = 1) -> InstigatorTick:
    return instance.create_tick(
        TickData(
            instigator_origin_id="origin",
            instigator_name="session_clock",
            instigator_type=InstigatorType.SENSOR,
            status=TickStatus.STARTED,
            timestamp=float(second),
            selector_id="selector",
        )
    )


def seconds_of(instance: dg.DagsterInstance) -> list[float]:
    return sorted(each.timestamp for each in instance.get_ticks("origin", "selector"))


def deleted_and_failed(storage: KeptSchedules) -> None:
    with storage.connect() as connection:
        connection.exec_driver_sql("delete from job_ticks")
        connection.exec_driver_sql("select nothing from nowhere")


def test_new_home_keeps_its_ticks_over_an_open_connection(kept: dg.DagsterInstance) -> None:
    assert isinstance(kept.schedule_storage, KeptSchedules)


def test_library_without_a_kept_connection_reads_and_writes_the_same_ticks(
    folder: Path, kept: dg.DagsterInstance
) -> None:
    tick(kept, 1)
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(folder)) as plain:
        assert not isinstance(plain.schedule_storage, KeptSchedules)
        assert seconds_of(plain) == [1.0]
        tick(plain, 2)
        assert seconds_of(kept) == [1.0, 2.0]


def test_what_a_look_came_to_is_seen_by_another_process(folder: Path, kept: dg.DagsterInstance) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as other:
        kept.update_tick(tick(kept).with_status(TickStatus.SKIPPED, skip_reason="nothing is due"))
        (seen,) = other.get_ticks("origin", "selector")
    assert (seen.status, seen.skip_reason) == (TickStatus.SKIPPED, "nothing is due")


def test_threads_of_one_daemon_write_one_after_the_other(kept: dg.DagsterInstance) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda second: tick(kept, second), range(40)))
    assert seconds_of(kept) == [float(second) for second in range(40)]


def test_a_write_that_fails_changes_nothing_and_the_next_one_succeeds(kept: dg.DagsterInstance) -> None:
    storage = kept.schedule_storage
    assert isinstance(storage, KeptSchedules)
    tick(kept, 6)
    with pytest.raises(sqlalchemy.exc.OperationalError):
        deleted_and_failed(storage)
    assert seconds_of(kept) == [6.0]
    tick(kept, 7)
    assert seconds_of(kept) == [6.0, 7.0]


def test_home_moved_elsewhere_keeps_its_ticks(folder: Path, tmp_path: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        tick(instance)
    moved = folder.rename(tmp_path / "moved")
    with dg.DagsterInstance.from_config(str(moved)) as instance:
        assert seconds_of(instance) == [1.0]
    assert not folder.exists()


def test_wiped_ticks_are_gone_and_new_ones_are_taken(kept: dg.DagsterInstance) -> None:
    tick(kept)
    storage = kept.schedule_storage
    assert storage is not None
    storage.wipe()
    assert seconds_of(kept) == []
    tick(kept, 3)
    assert seconds_of(kept) == [3.0]


def test_file_that_has_its_tables_is_opened_without_the_librarys_migrations(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        tick(instance)
    # From here on whoever looks at the migrations is found.
    module = "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage"
    monkeypatch.setattr(f"{module}.check_alembic_revision", None)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert len(instance.get_ticks("origin", "selector")) == 1
