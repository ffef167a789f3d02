"""`touchstone migrate`: a home's databases to Postgres, or back into the home."""

from functools import partial
from pathlib import Path
from typing import Final

import dagster as dg

from execution.domain.errors import LedgerError, SettingsRefused
from execution.ledger.hash_chain import ChainHead
from execution.ledger.postgres_ledger import PostgresDriver
from execution.ledger.sql_driver import SqlDriver
from execution.ledger.sqlite_ledger import SqliteDriver
from pipelines.dagster_instance import (
    POSTGRES_VARIABLE,
    is_in_postgres,
    postgres_url,
    prepare_instance,
    write_instance,
)
from pipelines.home import Home
from pipelines.ledger_opening import Place, anchoring_of, note_place, noted_place, postgres_driver
from pipelines.moving.history_move import HistoryCopied, copy_history, refuse_living
from pipelines.moving.ledger_move import move_ledger
from pipelines.trading_settings import TradingSettings

_DSN: Final = "TOUCHSTONE__LEDGER__POSTGRES_DSN"
_JOURNALS: Final = ("", "-wal", "-shm", "-journal")


def migrated_home(settings: TradingSettings, home: Home, *, to: Place) -> str:
    """Move ledger and run history, and return what was proven and what to do next.

    Args:
        settings: name the ledger's Postgres database, whichever way the move goes.
        home: its daemon must be stopped.
        to: where both are afterwards.

    Raises:
        SettingsRefused: no database is named.
        LedgerError: there is no ledger, an act is under way, or the new place holds another ledger.
        ChainBroken: one side does not hold what was written; the old place stays the ledger.
        DataError: runs are under way, or a daemon lives.
    """
    dsn = settings.ledger.postgres_dsn
    if dsn is None:
        raise SettingsRefused(f"migrate needs the ledger's Postgres database: set {_DSN}")
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        refuse_living(instance)
    ledger = _moved_ledger(settings, home, postgres_driver(dsn.get_secret_value()), to=to)
    return "\n".join([ledger, _copied_history(home, to=to), _next(to)])


def _moved_ledger(settings: TradingSettings, home: Home, postgres: PostgresDriver, *, to: Place) -> str:
    if (noted_place(home) or "home") == to:
        return f"ledger        in {to} already"
    if to == "postgres" and not home.ledger.exists():
        raise LedgerError(f"there is no ledger at {home.ledger.name}: an empty home needs no move, only {_DSN}")
    file = SqliteDriver(home.ledger)
    source, target = (file, postgres) if to == "postgres" else (postgres, file)
    moved = move_ledger(
        source,
        target,
        anchors=anchoring_of(settings, home).anchors,
        set_aside=partial(_set_aside, home.ledger),
        note=partial(note_place, home, to),
    )
    return (
        f"ledger        {moved.head.sequence} rows, head {moved.head.hash}, equal on both sides\n"
        f"              trading events {moved.trading_hash}, {moved.anchors_matched} signed heads found"
    )


def _set_aside(file: Path, driver: SqlDriver, head: ChainHead) -> None:
    suffix = f"moved_{head.sequence}"
    if isinstance(driver, PostgresDriver):
        driver.set_aside(suffix)
        return
    for journal in _JOURNALS:
        path = file.with_name(file.name + journal)
        if path.exists():
            path.rename(path.with_name(f"{file.stem}_{suffix}{file.suffix}{journal}"))


def _copied_history(home: Home, *, to: Place) -> str:
    if is_in_postgres(home.dagster) == (to == "postgres"):
        return f"run history   in {to} already"
    if not postgres_url():
        return f"run history   stays where it is: {POSTGRES_VARIABLE} names no database"
    copied = _history_to_postgres(home) if to == "postgres" else _history_to_home(home)
    return f"run history   {copied.runs} runs with {copied.events} events"


def _history_to_postgres(home: Home) -> HistoryCopied:
    with _other_instance(home, "postgres") as target, _instance(home.dagster) as source:
        copied = copy_history(source, target)
    write_instance(home.dagster, place="postgres")
    return copied


def _history_to_home(home: Home) -> HistoryCopied:
    with _other_instance(home, "home") as target, _instance(home.dagster) as source:
        copied = copy_history(source, target)
    for name in ("history", "schedules"):
        old, new = home.dagster / name, _other_folder(home) / name
        if old.exists():
            old.rename(_free(old.with_name(f"{name}-before-move")))
        if new.exists():
            new.rename(old)
    write_instance(home.dagster, place="home")
    return copied


def _other_instance(home: Home, place: Place) -> dg.DagsterInstance:
    folder = _other_folder(home)
    folder.mkdir(exist_ok=True)
    write_instance(folder, place=place)
    return _instance(folder)


def _other_folder(home: Home) -> Path:
    return home.root / "dagster-moving"


def _instance(folder: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(folder))


def _free(path: Path) -> Path:
    numbered = (path.with_name(f"{path.name}-{number}") for number in range(2, 1_000))
    return next(candidate for candidate in (path, *numbered) if not candidate.exists())


def _next(to: Place) -> str:
    if to == "postgres":
        return f"next          keep {_DSN} set for daemon, page and command line; the old file lies beside, renamed"
    return f"next          take {_DSN} away; the old schema is kept beside, renamed"
