"""The files of a running home as one moment: what refers to something is copied before what it refers to.

The ledger names artifacts, pins name raw parts, an index names its parts, and all of these are written before their
name is. So whatever a copied file names was there when the copies after it were made.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from execution.domain.errors import DataError

_SQLITE: Final = b"SQLite format 3\x00"
# Locks, journals and unfinished files belong to the processes that hold them.
_LEFT_OUT: Final = (".lock", ".tmp", "-wal", "-shm", "-journal")
_BUSY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFiles:
    """What of a home is copied.

    Attributes:
        root: the home; paths of a backup are below it.
        made: files that stand elsewhere, by their path in the backup: the ledger's copy first.
        places: files and folders below the root, in the order they are copied; those that do not exist are left out.
    """

    root: Path
    made: Mapping[str, Path]
    places: tuple[Path, ...]

    def copies(self, scratch: Path) -> Iterator[tuple[str, Path]]:
        """Yield each file's path in the backup and where its bytes stand until the next is asked for.

        Args:
            scratch: a folder for copies of databases.
        """
        yield from self.made.items()
        for path in (path for place in self.places for path in _files(place)):
            name = path.relative_to(self.root).as_posix()
            if name in self.made:
                continue
            try:
                is_database = _begins_with(path, _SQLITE)
            except FileNotFoundError:
                continue  # removed since it was listed: it belongs to no later moment
            if not is_database:
                yield name, path
                continue
            copied = scratch / "database"
            copy_database(path, copied)
            yield name, copied
            copied.unlink()


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite database as it stands between two transactions, whoever writes it meanwhile.

    Raises:
        DataError: it is damaged, or somebody holds it for half a minute.
    """
    try:
        with (
            closing(sqlite3.connect(source, timeout=_BUSY_SECONDS)) as written,
            closing(sqlite3.connect(target, isolation_level=None)) as copied,
        ):
            written.backup(copied)
            # One file: a copy in write-ahead mode would want a second one beside it.
            copied.execute("pragma journal_mode = delete")
    except sqlite3.Error as error:
        raise DataError(f"database {source.name} cannot be copied: {error}; the backup was not made") from error


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for folder, folders, names in os.walk(place):
        folders.sort()
        # An index before its parts.
        for name in sorted(names, key=lambda name: (not name.endswith(".jsonl"), name)):
            path = Path(folder) / name
            if not name.startswith(".") and not name.endswith(_LEFT_OUT) and path.is_file() and not path.is_symlink():
                yield path


def _begins_with(path: Path, beginning: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(beginning)) == beginning
