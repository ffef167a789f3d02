"""Make a backup of a home: which of its files, in which order, and how long older backups live."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from assets.maintenance.backup import Backup, BackupReport, KeptFile, Pieces, finish, manifest_names, sweep
from assets.maintenance.backup_policy import outlived
from assets.maintenance.home_files import HomeFiles, copy_database
from assets.maintenance.nights import note_backup
from assets.maintenance.sealing import begin_store
from execution.domain.errors import DataError
from execution.ledger.anchors import FILE_NAME
from execution.ledger.hash_chain import GENESIS, ChainHead
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from execution.ledger.transplanting import transplant
from pipelines.dagster_instance import is_in_postgres, postgres_url
from pipelines.home import Home
from pipelines.ledger_opening import anchoring_of, has_ledger, ledger_driver
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of
from pipelines.upkeep.carried_history import carry_history

_LOCK_SECONDS: Final = 60
_RUNS: Final = "dagster/history/runs.db"


def make_backup(settings: Settings, home: Home, *, is_full: bool = False) -> BackupReport:
    """Copy a home as it stands and remove what the policy no longer keeps.

    Args:
        settings: the whole tree.
        home: only read, but for its own folder of backups.
        is_full: write every piece again, as after a drill found one damaged.

    Raises:
        DataError: another backup is under way, or the store cannot be written.
        ChainBroken: the ledger is not what was written: older backups stay the newest.
        SettingsRefused: the store was begun with another passphrase.
    """
    with tempfile.TemporaryDirectory(prefix="touchstone-backup-") as folder:
        try:
            # Sweeping would take the pieces of a backup that has no manifest yet.
            with FileLock(home.root / "backup.lock", timeout=_LOCK_SECONDS):
                return _made(settings, home, Path(folder), is_full=is_full)
        except Timeout:
            raise DataError("another backup of this home is under way: wait for it and try again") from None


def _made(settings: Settings, home: Home, scratch: Path, *, is_full: bool) -> BackupReport:
    store = settings.backup.store(home.backups)
    sealing = begin_store(store, settings.backup.secret)
    made_at = clock_of(settings.mode, home).now()
    head = _copied_ledger(settings, home, scratch / "ledger.db")
    pieces, kept, runs = Pieces.of(store, sealing, is_full=is_full), list[KeptFile](), 0
    for name, path in _copies(settings, home, scratch):
        kept.append(pieces.keep(name, path))
        if name == _RUNS:
            runs = _runs_in(path)
    backup: Backup = finish(
        pieces,
        kept,
        made_at=made_at,
        account=settings.account,
        ledger=(head.sequence, head.hash),
        anchor_key=anchoring_of(settings, home).anchors.key.public_bytes_raw().hex(),
        runs=runs,
    )
    gone = outlived(manifest_names(store), settings.backup)
    removed_pieces = sweep(store, sealing, gone)
    note_backup(
        home.upkeep, {"name": backup.name.rpartition("/")[2], "made_at": made_at.isoformat(), "rows": head.sequence}
    )
    return BackupReport(
        name=backup.name,
        files=len(backup.manifest.files),
        size_bytes=backup.manifest.size_bytes,
        written_bytes=backup.written_bytes,
        ledger_rows=head.sequence,
        runs=runs,
        backups=len(manifest_names(store)),
        removed_backups=len(gone),
        removed_pieces=removed_pieces,
    )


def _copies(settings: Settings, home: Home, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file of a backup; of a run history in Postgres, the files it is carried into, last."""
    is_carried = (home.dagster / "dagster.yaml").exists() and is_in_postgres(home.dagster)
    # What a move to Postgres left in the folder is older than the history, and is not it.
    dagster = home.dagster / "storage" if is_carried else home.dagster
    places = (*_places(home), dagster)
    yield from HomeFiles(root=home.root, made=_made_files(settings, home, scratch), places=places).copies(scratch)
    if is_carried:
        carried = scratch / home.dagster.name
        carry_history(postgres_url(), carried)
        yield from HomeFiles(root=scratch, made={}, places=(carried,)).copies(scratch)


def _runs_in(history: Path) -> int:
    with closing(sqlite3.connect(history)) as database:
        return int(database.execute("select count(*) from runs").fetchone()[0])


def _copied_ledger(settings: Settings, home: Home, target: Path) -> ChainHead:
    """Write the ledger as one SQLite file, whichever database keeps it, and return its verified head."""
    if not has_ledger(settings, home):
        return ChainHead(0, GENESIS)
    if settings.ledger.postgres_dsn is not None:
        return transplant(ledger_driver(settings, home), SqliteDriver(target))
    copy_database(home.ledger, target)
    return SqliteLedger(target).verify_chain()


def _made_files(settings: Settings, home: Home, scratch: Path) -> dict[str, Path]:
    """Return the files that are not copied from their place: the ledger, the settings, and anchors kept elsewhere."""
    made = {home.ledger.name: scratch / "ledger.db"} if (scratch / "ledger.db").exists() else {}
    # Not the home's own file: the tree may come from another, and no secret ever stands in this text.
    (scratch / "settings.yaml").write_text(settings.kept_text(), encoding="utf-8")
    made[home.settings.name] = scratch / "settings.yaml"
    for folder in settings.ledger.anchor_folders[:1]:
        if (folder / FILE_NAME).exists():
            made[f"{home.anchors.name}/{FILE_NAME}"] = folder / FILE_NAME
    return made


def _places(home: Home) -> tuple[Path, ...]:
    """Return what is copied, in order. What is left out is made again: the warehouse, dbt's files, logs."""
    return (
        home.clock,
        home.venue,
        home.operations,
        home.anchors,
        home.second_anchors,
        home.stop_requests,
        home.snapshots,
        home.raw,
        home.features,
        home.artifacts,
        home.tape,
        home.reports,
        home.upkeep,
        home.archive,
    )
