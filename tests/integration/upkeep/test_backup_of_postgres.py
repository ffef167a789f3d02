"""What is kept in Postgres is backed up as files: the ledger comes back as the same chain, runs with their events."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from assets.maintenance.backup import newest
from assets.maintenance.sealing import Plain
from execution.domain.errors import DataError
from execution.ledger.postgres_ledger import DEFAULT_SCHEMA, PostgresDriver
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from execution.ledger.transplanting import transplant
from pipelines.cli.restore import restored_page
from pipelines.dagster_instance import POSTGRES_VARIABLE, is_in_postgres, postgres_url, prepare_instance
from pipelines.home import Home
from pipelines.upkeep import carried_history
from pipelines.upkeep.backup import make_backup
from pipelines.upkeep.carried_history import carry_history
from pipelines.upkeep.drill import run_drill
from tests.builders.postgres import a_database, a_schema, postgres_dsn
from tests.builders.trading_days import FIRST
from tests.integration.upkeep.traded_home import TradedHome


def test_a_ledger_goes_to_postgres_and_back_unchanged(tmp_path: Path) -> None:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    there = PostgresDriver(postgres_dsn(), schema=a_schema())
    head = transplant(SqliteDriver(traded.home.ledger), there)
    SqlLedger(there).verify_projections()
    assert transplant(there, SqliteDriver(tmp_path / "back.db")) == head == SqliteLedger(traded.home.ledger).head()


def test_a_home_whose_ledger_is_in_postgres_is_backed_up_with_it(tmp_path: Path) -> None:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    traded.tell_the_clock()
    assert traded.days.desk.anchoring is not None
    dsn = a_database()
    head = transplant(SqliteDriver(traded.home.ledger), PostgresDriver(dsn, schema=DEFAULT_SCHEMA))
    traded.home.ledger.unlink()
    ledger = traded.settings.ledger.model_copy(update={"postgres_dsn": SecretStr(dsn)})
    settings = traded.settings.model_copy(update={"ledger": ledger})
    assert make_backup(settings, traded.home).ledger_rows == head.sequence
    restored_page(traded.settings, traded.home, to=tmp_path / "back", name="", actor="A. Person")
    assert SqliteLedger(tmp_path / "back" / "ledger.db").hash_at(head.sequence) == head.hash


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["first", "second"]))
def a_fact() -> dg.MaterializeResult[None]:
    """Be a fact."""
    return dg.MaterializeResult(metadata={"rows": 3}, tags={"kind": "fact"})


@dg.asset_check(asset=a_fact)
def is_a_fact() -> dg.AssetCheckResult:
    """Fail, which a person may want to read later."""
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


@pytest.fixture
def with_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TradedHome:
    """Return a home whose run history is in Postgres, with two runs."""
    # A home that is made while this is set has its history there.
    monkeypatch.setenv(POSTGRES_VARIABLE, a_database())
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    traded.tell_the_clock()
    assert is_in_postgres(traded.home.dagster)
    with opened(traded.home) as instance:
        live_run(instance, "first")
        live_run(instance, "second")
    return traded


@contextmanager
def opened(home: Home) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        yield instance


def live_run(instance: dg.DagsterInstance, partition: str) -> None:
    dg.materialize([a_fact, is_a_fact], instance=instance, partition_key=partition, tags={"told": partition})


def everything(instance: dg.DagsterInstance) -> dict[str, object]:
    """Return what a person can ask of a history: runs, events, the newest of each asset, checks, ticks."""
    check = dg.AssetCheckKey(a_fact.key, "is_a_fact")
    (evaluated,) = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)
    records = instance.fetch_materializations(a_fact.key, limit=10).records
    return {
        "runs": [(one.dagster_run, one.create_timestamp, one.end_time) for one in instance.get_run_records()],
        "events": {run.run_id: instance.all_logs(run.run_id) for run in instance.get_runs()},
        "materializations": [(one.storage_id, one.event_log_entry) for one in records],
        "tags": sorted(instance.get_event_tags_for_asset(a_fact.key), key=str),
        "partitions": instance.get_materialized_partitions(a_fact.key),
        "check": (evaluated.status, evaluated.event),
        "job": instance.get_job_snapshot(instance.get_runs()[0].job_snapshot_id or ""),
    }


def test_a_run_history_in_postgres_comes_back_in_the_restored_folder(with_history: TradedHome, tmp_path: Path) -> None:
    with opened(with_history.home) as instance:
        before = everything(instance)
    assert make_backup(with_history.settings, with_history.home).runs == 2
    restored_page(with_history.settings, with_history.home, to=tmp_path / "back", name="", actor="A. Person")
    with opened(Home(tmp_path / "back")) as instance:
        assert everything(instance) == before
        live_run(instance, "first")
        assert instance.get_runs_count() == 3
    with opened(with_history.home) as instance:
        assert instance.get_runs_count() == 2  # the restored home writes nothing to the old one's database


def test_the_copy_is_of_one_moment_whatever_is_written_meanwhile(
    with_history: TradedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = carried_history._copy_tables

    def copied_while_runs_end(*tables: object) -> None:
        copied(*tables)  # type: ignore[arg-type]  # handed on as they came
        with opened(with_history.home) as instance:
            live_run(instance, "first")

    with opened(with_history.home) as instance:
        before = everything(instance)
    monkeypatch.setattr(carried_history, "_copy_tables", copied_while_runs_end)
    carry_history(postgres_url(), tmp_path / "carried")
    with dg.DagsterInstance.from_config(str(tmp_path / "carried")) as instance:
        assert everything(instance) == before


def test_a_drill_counts_the_runs_that_came_back(with_history: TradedHome) -> None:
    make_backup(with_history.settings, with_history.home)
    report = run_drill(with_history.settings, with_history.home)
    assert (report.reason, report.runs) == ("", 2)


def test_a_second_backup_of_the_same_history_adds_little(with_history: TradedHome) -> None:
    make_backup(with_history.settings, with_history.home)
    store = with_history.settings.backup.store(with_history.home.backups)
    first = {file.path: file for file in newest(store, Plain()).manifest.files}
    make_backup(with_history.settings, with_history.home)
    second = {file.path: file for file in newest(store, Plain()).manifest.files}
    shards = [path for path in first if path.startswith("dagster/history/runs/") and "index" not in path]
    assert len(shards) == 2
    assert [second[path] for path in shards] == [first[path] for path in shards]


def test_what_a_move_left_in_the_folder_is_not_taken_for_the_history(with_history: TradedHome, tmp_path: Path) -> None:
    left = with_history.home.dagster / "history" / "runs" / "0c3d1e2f.db"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"an old run")
    make_backup(with_history.settings, with_history.home)
    store = with_history.settings.backup.store(with_history.home.backups)
    assert left.name not in {Path(file.path).name for file in newest(store, Plain()).manifest.files}


def test_a_history_whose_database_nobody_names_stops_the_backup(
    with_history: TradedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(POSTGRES_VARIABLE)
    with pytest.raises(DataError, match=f"no database is named: set {POSTGRES_VARIABLE}"):
        make_backup(with_history.settings, with_history.home)


def test_a_history_that_cannot_be_reached_stops_the_backup_and_tells_no_password(
    with_history: TradedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_VARIABLE, "postgresql://me:hunter2-canary@127.0.0.1:1/nothing")
    with pytest.raises(DataError, match="cannot be read") as refused:
        make_backup(with_history.settings, with_history.home)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
