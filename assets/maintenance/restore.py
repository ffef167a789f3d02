"""Put a backup's files into an empty place: every hash compared, and the place appears only when all are there."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assets.maintenance import backup as backups
from assets.maintenance.backup import Backup, KeptFile
from assets.maintenance.backup_store import BackupStore
from assets.maintenance.sealing import Sealing
from execution.domain.errors import CorruptArtifact, DataError
from execution.durable_files import DurableFiles


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A restored place that nobody can mistake for a home yet.

    Attributes:
        folder: where the files are now.
        place: where `publish` puts them.
    """

    folder: Path
    place: Path

    def publish(self) -> None:
        """Give the folder its name; whoever looks sees all of it or nothing."""
        # A name may replace an empty folder, never one in which something came to lie meanwhile.
        self.folder.rename(self.place)
        DurableFiles().sync_folder(self.place.parent)

    def discard(self) -> None:
        """Remove the folder, as when what came back cannot be believed."""
        shutil.rmtree(self.folder, ignore_errors=True)


def restore_files(store: BackupStore, sealing: Sealing, backup: Backup, *, place: Path) -> Unfinished:
    """Write every file of a backup beside a place and return where; what a killed restore left there is removed.

    Args:
        store: where backups lie.
        sealing: how they stand there.
        backup: which one.
        place: must not exist, or be an empty folder.

    Raises:
        DataError: the place is not empty, or cannot be written.
        CorruptArtifact: a piece is gone or was changed, or a file would lie outside of the place.
    """
    refuse_occupied(place)
    unfinished = place.with_name(f".{place.name}.restoring")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    try:
        unfinished.mkdir(mode=0o700, parents=True)
        for file in backup.manifest.files:
            _write(_target(unfinished, file), backups.content(store, sealing, file))
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise DataError(f"{place} cannot be written ({error.strerror}): make room, or name another place") from error
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Unfinished(unfinished, place)


def refuse_occupied(place: Path) -> None:
    """Do nothing when a place is free.

    Raises:
        DataError: something lies there.
    """
    if place.is_symlink() or (place.exists() and (not place.is_dir() or any(place.iterdir()))):
        raise DataError(f"{place} is not empty: a restore writes over nothing; name an empty place")


def _target(folder: Path, file: KeptFile) -> Path:
    target = folder / file.path
    if not target.resolve().is_relative_to(folder.resolve()):
        raise CorruptArtifact(f"{file.path!r} of the backup lies outside of the home: it was not written by us")
    return target


def _write(target: Path, content: Iterator[bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as stream:
        for data in content:
            stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
