"""The event log over kept connections: the library's own files, read and written by either."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest

from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.kept_event_log import KeptEventLog


@dg.asset(check_specs=[dg.AssetCheckSpec("is_there", asset="thing")])
def thing() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    yield dg.MaterializeResult(metadata={"rows": 3})
    yield dg.AssetCheckResult(passed=True, check_name="is_there")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepare_instance(Home(tmp_path / "home"))


def test_new_home_keeps_its_events_over_open_connections(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert isinstance(instance.event_log_storage, KeptEventLog)


def test_library_without_kept_connections_reads_the_same_events(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        run_id = dg.materialize([thing], instance=instance).run_id
        told = [entry.get_dagster_event().event_type_value for entry in instance.all_logs(run_id)]
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(folder)) as plain:
        assert not isinstance(plain.event_log_storage, KeptEventLog)
        assert [entry.get_dagster_event().event_type_value for entry in plain.all_logs(run_id)] == told
        assert plain.fetch_materializations(dg.AssetKey("thing"), limit=1).records[0].run_id == run_id


def test_second_process_sees_events_while_the_first_keeps_its_connections(folder: Path) -> None:
    with (
        dg.DagsterInstance.from_config(str(folder)) as writing,
        dg.DagsterInstance.from_config(str(folder)) as reading,
    ):
        for _ in range(2):
            run_id = dg.materialize([thing], instance=writing).run_id
            seen = reading.fetch_materializations(dg.AssetKey("thing"), limit=1).records[0]
            assert seen.run_id == run_id


def test_home_moved_elsewhere_keeps_its_events(folder: Path, tmp_path: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        run_id = dg.materialize([thing], instance=instance).run_id
    moved = folder.rename(tmp_path / "moved")
    with dg.DagsterInstance.from_config(str(moved)) as instance:
        assert instance.all_logs(run_id)
    assert not folder.exists()


def test_events_of_more_runs_than_are_kept_open_stay_readable(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        run_ids = [dg.materialize([thing], instance=instance).run_id for _ in range(9)]
        assert all(instance.all_logs(run_id) for run_id in run_ids)


def test_wiped_log_holds_nothing_and_takes_new_events(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        old = dg.materialize([thing], instance=instance).run_id
        instance.wipe()
        assert not instance.all_logs(old)
        assert instance.all_logs(dg.materialize([thing], instance=instance).run_id)


def test_files_that_have_their_tables_are_opened_without_the_librarys_migrations(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        first = dg.materialize([thing], instance=instance).run_id
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        # From here on whoever looks at the migrations is found.
        monkeypatch.setattr("dagster._core.storage.event_log.sqlite.sqlite_event_log.check_alembic_revision", None)
        second = dg.materialize([thing], instance=instance).run_id
        told = [[entry.dagster_event_type for entry in instance.all_logs(run_id)] for run_id in (first, second)]
        assert told[0] == told[1] != []


def test_file_of_a_new_run_has_the_tables_and_the_version_the_library_gives(folder: Path) -> None:
    def laid_out(shard: Path) -> list[tuple[str, ...]]:
        with sqlite3.connect(shard) as file:
            tables = file.execute("select type, name, sql from sqlite_master order by type, name").fetchall()
            return [*tables, *file.execute("select version_num from alembic_version").fetchall()]

    with dg.DagsterInstance.from_config(str(folder)) as instance:
        run_id = dg.materialize([thing], instance=instance).run_id
    (plain := folder.parent / "plain").mkdir()
    (plain / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(plain)) as instance:
        plain_id = dg.materialize([thing], instance=instance).run_id
    ours, theirs = (
        laid_out(root / "history" / "runs" / f"{name}.db") for root, name in ((folder, run_id), (plain, plain_id))
    )
    assert ours == theirs


def test_file_begun_by_someone_who_never_ended_gets_its_tables(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        log = instance.event_log_storage
        assert isinstance(log, KeptEventLog)
        shard = Path(log.path_for_shard("begun"))
        with sqlite3.connect(shard) as file:
            file.execute("create table alembic_version (version_num varchar(32) not null)")
        assert log.get_logs_for_run("begun") == []


def test_disk_without_links_has_its_files_made_by_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise PermissionError("operation not permitted")

    monkeypatch.setattr("os.link", unknown)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        run_id = dg.materialize([thing], instance=instance).run_id
        assert instance.all_logs(run_id)


def test_two_that_begin_one_runs_file_at_once_write_into_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        dg.DagsterInstance.from_config(str(folder)) as one,
        dg.DagsterInstance.from_config(str(folder)) as other,
    ):
        run_id = dg.materialize([thing], instance=one).run_id
        log = other.event_log_storage
        assert isinstance(log, KeptEventLog)
        # As it looked to the other before the first one made the file.
        monkeypatch.setattr(Path, "exists", lambda path: path.suffix == ".shard")
        assert len(log.get_logs_for_run(run_id)) == len(one.all_logs(run_id)) > 0


def test_batch_is_stored_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        log = instance.event_log_storage
        run_id = dg.materialize([thing], instance=instance).run_id
        told = list(instance.all_logs(run_id))
        stored: list[dg.EventLogEntry] = []
        store_one = KeptEventLog.store_event

        def full_after_two(self: KeptEventLog, event: dg.EventLogEntry) -> None:
            if len(stored) == 2:
                raise OSError("no space left on device")
            stored.append(event)
            store_one(self, event)

        with monkeypatch.context() as broken:
            broken.setattr(KeptEventLog, "store_event", full_after_two)
            with pytest.raises(OSError, match="no space left"):
                log.store_event_batch(told)
        assert len(instance.all_logs(run_id)) == len(told)
        log.store_event_batch(told[-2:])
        assert len(instance.all_logs(run_id)) == len(told) + 2


def test_what_a_run_intends_arrives_as_one_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []
    store_many = KeptEventLog.store_event_batch

    def counted(self: KeptEventLog, events: Sequence[dg.EventLogEntry]) -> None:
        batches.append({event.get_dagster_event().event_type_value for event in events})
        store_many(self, events)

    monkeypatch.setattr(KeptEventLog, "store_event_batch", counted)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        dg.materialize([thing], instance=instance)
    assert batches == [{"ASSET_MATERIALIZATION_PLANNED", "ASSET_CHECK_EVALUATION_PLANNED"}]
