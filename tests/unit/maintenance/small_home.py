"""A small folder that stands for a home: a database, a grown file, and a few small ones."""

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from assets.maintenance.backup import Backup, Pieces, finish
from assets.maintenance.backup_store import BackupStore
from assets.maintenance.home_files import HomeFiles
from assets.maintenance.sealing import Plain, Sealing

MADE_AT = datetime(2024, 3, 5, 23, 0, tzinfo=UTC)


def noise(size: int, seed: bytes = b"a part") -> bytes:
    """Return bytes of which no piece equals another."""
    return hashlib.shake_128(seed).digest(size)


def a_home(root: Path) -> Path:
    (root / "raw").mkdir(parents=True)
    (root / "raw" / "part.parquet").write_bytes(noise(2_300_000))
    (root / "raw" / "parts.jsonl").write_text('{"hash": "part"}\n', encoding="utf-8")
    (root / "empty").touch()
    with closing(sqlite3.connect(root / "venue.db")) as venue:
        venue.execute("pragma journal_mode = wal")
        venue.execute("create table fill (shares integer)")
        venue.execute("insert into fill values (7)")
        venue.commit()
    return root


def files_of(root: Path, **changes: object) -> HomeFiles:
    places = (root / "venue.db", root / "raw", root / "empty", root / "absent")
    return HomeFiles(**{"root": root, "made": {}, "places": places, **changes})


def a_backup(
    store: BackupStore, home: Path, scratch: Path, *, sealing: Sealing | None = None, at: datetime = MADE_AT
) -> Backup:
    scratch.mkdir(exist_ok=True)
    pieces = Pieces.of(store, sealing or Plain())
    kept = [pieces.keep(name, path) for name, path in files_of(home).copies(scratch)]
    return finish(pieces, kept, made_at=at, account="main", ledger=(0, ""), anchor_key="", runs=0)


def contents(root: Path) -> dict[str, bytes]:
    """Return every file's bytes; of databases, their rows instead."""
    return {path.relative_to(root).as_posix(): _content(path) for path in sorted(_files(root))}


def _files(root: Path) -> Iterable[Path]:
    return (path for path in root.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))


def _content(path: Path) -> bytes:
    if path.suffix != ".db":
        return path.read_bytes()
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump()).encode()
