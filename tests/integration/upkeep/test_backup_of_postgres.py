"""A ledger kept in Postgres is backed up as one file, and comes back as the same chain."""

from pathlib import Path

from pydantic import SecretStr

from execution.ledger.postgres_ledger import DEFAULT_SCHEMA, PostgresDriver
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from execution.ledger.transplanting import transplant
from pipelines.cli.restore import restored_page
from pipelines.upkeep.backup import make_backup
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
