"""A home's ledger and what its heads are signed with: which database, which key, which folders."""

from pathlib import Path

from execution.ledger.anchor_key import make_key, read_key
from execution.ledger.anchors import AnchorFile, Anchoring
from execution.ledger.sql_driver import SqlDriver
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver
from pipelines.home import Home
from pipelines.trading_settings import TradingSettings


def ledger_driver(settings: TradingSettings, home: Home) -> SqlDriver:
    """Return the database of a home's ledger, whatever its schema: for migrations."""
    dsn = settings.ledger.postgres_dsn
    if dsn is None:
        return SqliteDriver(home.ledger)
    # The driver is needed by those who keep their ledger there; others need not have it.
    from execution.ledger.postgres_ledger import PostgresDriver  # noqa: PLC0415 - as above

    return PostgresDriver(dsn.get_secret_value())


def open_ledger(settings: TradingSettings, home: Home) -> SqlLedger:
    """Return the ledger of a home; an empty one is made when there is none.

    Raises:
        LedgerError: the database cannot be used, or has another schema.
    """
    return SqlLedger(ledger_driver(settings, home))


def has_ledger(settings: TradingSettings, home: Home) -> bool:
    """Return whether a home's ledger was ever written to its place; a database elsewhere counts as one."""
    return settings.ledger.postgres_dsn is not None or home.ledger.exists()


def anchoring_of(settings: TradingSettings, home: Home) -> Anchoring:
    """Return key and places of a home's anchors; a home that has no key yet gets one.

    A key that was taken away after it signed is not replaced in silence: its anchors stay, and no longer fit.

    Raises:
        LedgerError: the key can be read by others, or is no key.
    """
    make_key(home.anchor_key)
    sinks = [AnchorFile(folder) for folder in _folders(settings, home)]
    return Anchoring(signer=read_key(home.anchor_key), sinks=sinks)


def is_one_device(settings: TradingSettings, home: Home) -> bool:
    """Return whether all anchor folders that exist lie on one device, where one accident takes them all."""
    return len({folder.stat().st_dev for folder in _folders(settings, home) if folder.exists()}) <= 1


def _folders(settings: TradingSettings, home: Home) -> tuple[Path, ...]:
    return settings.ledger.anchor_folders or (home.anchors, home.second_anchors)
