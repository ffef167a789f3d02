"""A home's ledger and run history go to Postgres and come back, proven on both sides; nothing is ever in two places."""

import time
from pathlib import Path

import dagster as dg
import pytest

# What a daemon leaves as its sign of life has no public name; `pyproject.toml` pins the version.
from dagster._daemon.types import DaemonHeartbeat
from pydantic import SecretStr

from execution.domain.errors import DataError, LedgerError, SettingsRefused
from execution.ledger.lease import Lease
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.session.lease_of_act import ACT_LEASE
from pipelines.cli.migrate import migrated_home
from pipelines.cli.status import status_page
from pipelines.dagster_instance import POSTGRES_VARIABLE, prepare_instance
from pipelines.ledger_opening import open_ledger
from pipelines.moving.history_move import refuse_living
from pipelines.settings import Settings
from pipelines.upkeep.backup import make_backup
from tests.builders.postgres import a_database
from tests.builders.trading_days import FIRST
from tests.integration.upkeep.traded_home import TradedHome

RUN = "0c3d1e2f-0000-4000-8000-000000000001"


@dg.asset
def a_fact() -> None:
    """Be a fact."""


@pytest.fixture
def traded(tmp_path: Path) -> TradedHome:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    with dg.DagsterInstance.from_config(str(prepare_instance(traded.home))) as instance:
        dg.materialize([a_fact], instance=instance, tags={"told": "here"})
    return traded


@pytest.fixture
def dsn(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an empty database, of which the environment tells the orchestrator too."""
    dsn = a_database()
    monkeypatch.setenv(POSTGRES_VARIABLE, dsn)
    return dsn


def with_dsn(traded: TradedHome, dsn: str) -> Settings:
    ledger = traded.settings.ledger.model_copy(update={"postgres_dsn": SecretStr(dsn)})
    return traded.settings.model_copy(update={"ledger": ledger})


def told_runs(traded: TradedHome) -> list[tuple[str, str, str, int]]:
    with dg.DagsterInstance.from_config(str(traded.home.dagster)) as instance:
        return [
            (run.run_id, run.status.value, run.tags["told"], len(instance.all_logs(run.run_id)))
            for run in instance.get_runs()
        ]


def test_a_home_goes_to_postgres_and_back_with_every_row_and_run(traded: TradedHome, dsn: str) -> None:
    before = SqliteLedger(traded.home.ledger)
    head, trading, runs = before.head(), before.trading_hash(), told_runs(traded)
    said = migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")
    assert f"{head.sequence} rows, head {head.hash}" in said
    there = open_ledger(with_dsn(traded, dsn), traded.home)
    assert (there.verify_chain(), there.trading_hash(), told_runs(traded)) == (head, trading, runs)
    migrated_home(with_dsn(traded, dsn), traded.home, to="home")
    back = open_ledger(traded.settings, traded.home)
    back.verify_projections()
    assert (back.verify_chain(), back.trading_hash(), told_runs(traded)) == (head, trading, runs)


def test_a_materialization_is_known_after_the_move(traded: TradedHome, dsn: str) -> None:
    migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")
    with dg.DagsterInstance.from_config(str(traded.home.dagster)) as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("a_fact")) is not None


def test_the_old_place_is_refused_after_the_move(traded: TradedHome, dsn: str) -> None:
    migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")
    with pytest.raises(SettingsRefused, match="is in postgres now: set TOUCHSTONE__LEDGER__POSTGRES_DSN"):
        open_ledger(traded.settings, traded.home)
    migrated_home(with_dsn(traded, dsn), traded.home, to="home")
    with pytest.raises(SettingsRefused, match="is in home now: take away"):
        open_ledger(with_dsn(traded, dsn), traded.home)


def test_a_place_the_ledger_was_never_moved_to_is_no_empty_ledger(traded: TradedHome, dsn: str) -> None:
    with pytest.raises(SettingsRefused, match=r"is in ledger.db, and .* move it with `touchstone migrate --to"):
        status_page(with_dsn(traded, dsn), traded.home)
    with pytest.raises(SettingsRefused, match=r"is in ledger.db"):
        make_backup(with_dsn(traded, dsn), traded.home)


def test_a_daemon_that_stopped_two_minutes_ago_is_not_waited_for(traded: TradedHome, dsn: str) -> None:
    beat = DaemonHeartbeat(timestamp=time.time() - 30, daemon_type="SENSOR", daemon_id="one", errors=None)
    with dg.DagsterInstance.from_config(str(traded.home.dagster)) as instance:
        instance.add_daemon_heartbeat(beat)
        with pytest.raises(DataError, match="a daemon's heart beat a moment ago"):
            refuse_living(instance)
        instance.add_daemon_heartbeat(beat._replace(timestamp=time.time() - 120))
        refuse_living(instance)


def test_days_go_on_in_postgres(traded: TradedHome, dsn: str) -> None:
    rows = SqliteLedger(traded.home.ledger).head().sequence
    migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")
    ledger = open_ledger(with_dsn(traded, dsn), traded.home)
    lease = ledger.take_lease(ACT_LEASE, holder="a run", ttl_seconds=60)
    assert isinstance(lease, Lease)
    assert ledger.head().sequence == rows


def test_a_killed_move_is_begun_again(traded: TradedHome, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.cli.migrate.note_place", killed)
        with pytest.raises(KeyboardInterrupt):
            migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")
    head = open_ledger(traded.settings, traded.home).head()
    lease = SqliteLedger(traded.home.ledger).take_lease(ACT_LEASE, holder="nobody", ttl_seconds=0)
    assert lease is None  # who copied last still holds it, until it runs out
    expire_leases(traded)
    assert head.hash in migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")


def expire_leases(traded: TradedHome) -> None:
    with SqliteLedger(traded.home.ledger).driver.writing() as connection:
        connection.execute("update lease set expires_at_milliseconds = 0")


def test_another_ledger_in_the_way_is_never_touched(traded: TradedHome, dsn: str, tmp_path: Path) -> None:
    other = TradedHome(tmp_path / "other")
    other.days.live(FIRST)
    migrated_home(with_dsn(other, dsn), other.home, to="postgres")
    with pytest.raises(LedgerError, match="holds another ledger"):
        migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")
    assert SqliteLedger(traded.home.ledger).head().sequence > 0


def test_a_move_waits_for_runs_to_end(traded: TradedHome, dsn: str) -> None:
    with dg.DagsterInstance.from_config(str(traded.home.dagster)) as instance:
        instance.add_run(dg.DagsterRun(job_name="plan", run_id=RUN, status=dg.DagsterRunStatus.STARTED))
    with pytest.raises(DataError, match="1 runs are not over"):
        migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")


def test_a_move_while_an_act_is_under_way_is_refused(traded: TradedHome, dsn: str) -> None:
    SqliteLedger(traded.home.ledger).take_lease(ACT_LEASE, holder="a run", ttl_seconds=60)
    with pytest.raises(LedgerError, match="another process acts"):
        migrated_home(with_dsn(traded, dsn), traded.home, to="postgres")


def test_a_move_without_a_database_is_refused(traded: TradedHome) -> None:
    with pytest.raises(SettingsRefused, match="set TOUCHSTONE__LEDGER__POSTGRES_DSN"):
        migrated_home(traded.settings, traded.home, to="postgres")
