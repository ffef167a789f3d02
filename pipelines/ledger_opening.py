"""A home's ledger and what its heads are signed with: which database, which key, which folders."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import orjson

from execution.artifact_files import write_atomically
from execution.domain.errors import SettingsRefused
from execution.ledger.anchors import AnchorFile, Anchoring
from execution.ledger.hash_chain import ChainHead
from execution.ledger.signing_key import make_key, read_key
from execution.ledger.sql_driver import SqlDriver
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver
from pipelines.home import Home
from pipelines.trading_settings import TradingSettings

if TYPE_CHECKING:
    from execution.ledger.postgres_ledger import PostgresDriver

Place = Literal["home", "postgres"]
_PLACES: Final[dict[str, Place]] = {"home": "home", "postgres": "postgres"}


def ledger_driver(settings: TradingSettings, home: Home) -> SqlDriver:
    """Return the database of a home's ledger, whatever its schema: for migrations.

    Raises:
        SettingsRefused: the settings name another place than where the ledger is.
    """
    _refuse_other_place(settings, home)
    dsn = settings.ledger.postgres_dsn
    if dsn is None:
        return SqliteDriver(home.ledger)
    return postgres_driver(dsn.get_secret_value())


def postgres_driver(dsn: str) -> "PostgresDriver":
    """Return the ledger's schema of a Postgres database."""
    # The driver is needed by those who keep their ledger there; others need not have it.
    from execution.ledger.postgres_ledger import PostgresDriver  # noqa: PLC0415 - as above

    return PostgresDriver(dsn)


def open_ledger(settings: TradingSettings, home: Home) -> SqlLedger:
    """Return the ledger of a home; an empty one is made when there is none.

    Raises:
        LedgerError: the database cannot be used, or has another schema.
    """
    return SqlLedger(ledger_driver(settings, home))


def has_ledger(settings: TradingSettings, home: Home) -> bool:
    """Return whether a home's ledger was ever written to its place; a database elsewhere counts as one.

    Raises:
        SettingsRefused: the settings name another place than where the ledger is.
    """
    _refuse_other_place(settings, home)
    return settings.ledger.postgres_dsn is not None or home.ledger.exists()


def note_place(home: Home, place: Place, head: ChainHead) -> None:
    """Say in the home where its ledger is from here on, and with which row it came there."""
    noted = {"place": place, "rows": head.sequence, "head": head.hash}
    write_atomically(home.ledger_place, orjson.dumps(noted, option=orjson.OPT_SORT_KEYS))


def noted_place(home: Home) -> Place | None:
    """Return where a home says its ledger is; None where it was never moved.

    Raises:
        SettingsRefused: the note is damaged.
    """
    try:
        return _PLACES[orjson.loads(home.ledger_place.read_bytes())["place"]]
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise SettingsRefused(f"{home.ledger_place.name} does not say where the ledger is; see docs/runbooks") from None


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


def _refuse_other_place(settings: TradingSettings, home: Home) -> None:
    noted = noted_place(home)
    if noted is not None and (noted == "postgres") != (settings.ledger.postgres_dsn is not None):
        remedy = "set" if noted == "postgres" else "take away"
        raise SettingsRefused(
            f"this home's ledger was moved and is in {noted} now: {remedy} TOUCHSTONE__LEDGER__POSTGRES_DSN, "
            "or bring it back with `touchstone migrate`"
        )
    if noted is None and settings.ledger.postgres_dsn is not None and home.ledger.exists():
        raise SettingsRefused(
            f"this home's ledger is in {home.ledger.name}, and TOUCHSTONE__LEDGER__POSTGRES_DSN names another place: "
            "move it with `touchstone migrate --to postgres`, or take the variable away"
        )


def _folders(settings: TradingSettings, home: Home) -> tuple[Path, ...]:
    return settings.ledger.anchor_folders or (home.anchors, home.second_anchors)
