"""Where backups lie: a folder, or a bucket of any S3-compatible store. Each name is written whole or not at all.

Nothing here knows what the bytes are; `backup.py` names them by their hash, so a store need not be believed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from execution.domain.errors import CorruptArtifact, DataError
from execution.durable_files import DurableFiles

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_LIST_PAGE: Final = 1_000
_BELOW: Final = "store"
"""The folder of backups within a home's folder `backups`, which people name instead of it."""


class BackupStore(Protocol):
    """Names to bytes. A name is a few words of letters, digits, dots and dashes with slashes between."""

    def put(self, name: str, data: bytes) -> None:
        """Store bytes; a reader sees all of them or nothing.

        Raises:
            DataError: the store cannot be written.
        """
        ...

    def get(self, name: str) -> bytes:
        """Return stored bytes.

        Raises:
            CorruptArtifact: there is nothing of that name.
            DataError: the store cannot be read.
        """
        ...

    def names(self, prefix: str) -> frozenset[str]:
        """Return every name that begins with a prefix, which ends with a slash."""
        ...

    def delete(self, name: str) -> None:
        """Remove a name; harmless when it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder that its owner alone may read; made when the first thing is stored."""

    root: Path

    def put(self, name: str, data: bytes) -> None:
        """Store bytes and wait until they are on the device."""
        path = self.root / name
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            DurableFiles().publish(path, lambda temporary: _fill(temporary, data))
        except OSError as error:
            raise DataError(
                f"the backup folder {self.root} cannot be written ({error.strerror}): make room, or name another in "
                "backup.folder"
            ) from error

    def get(self, name: str) -> bytes:
        """Return stored bytes."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            if (self.root / _BELOW / name).is_file():
                raise DataError(
                    f"{name} is not in {self.root}, it is in its folder {_BELOW}: name {self.root / _BELOW} in "
                    "backup.folder"
                ) from None
            raise _gone(name) from None
        except OSError as error:
            raise DataError(f"{name} cannot be read from the backup folder {self.root}: {error.strerror}") from error

    def names(self, prefix: str) -> frozenset[str]:
        """Return every name that begins with a prefix; files left by a killed writer are none."""
        found = (path for path in (self.root / prefix).rglob("*") if path.is_file() and path.name[0] != ".")
        return frozenset(path.relative_to(self.root).as_posix() for path in found)

    def delete(self, name: str) -> None:
        """Remove a file."""
        (self.root / name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class BucketStore:
    """A bucket, or a folder of one, behind obstore."""

    bucket: "ObjectStore"

    def put(self, name: str, data: bytes) -> None:
        """Upload bytes; the store shows an object when it is whole."""
        import obstore  # noqa: PLC0415 - the library loads where a bucket is used

        with _told("written"):
            obstore.put(self.bucket, name, data)

    def get(self, name: str) -> bytes:
        """Download bytes."""
        import obstore  # noqa: PLC0415 - as above

        with _told("read"):
            try:
                return bytes(obstore.get(self.bucket, name).bytes())
            except FileNotFoundError:
                raise _gone(name) from None

    def names(self, prefix: str) -> frozenset[str]:
        """List every object below a prefix."""
        import obstore  # noqa: PLC0415 - as above

        with _told("listed"):
            return frozenset(
                found["path"]
                for page in obstore.list(self.bucket, prefix.rstrip("/"), chunk_size=_LIST_PAGE)
                for found in page
            )

    def delete(self, name: str) -> None:
        """Remove an object."""
        import obstore  # noqa: PLC0415 - as above

        with _told("written"):
            obstore.delete(self.bucket, name)


@contextmanager
def _told(deed: str) -> Iterator[None]:
    """Translate what the library raises; its messages may hold addresses, so only their kind is told."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

    try:
        yield
    except (BaseError, OSError) as error:
        raise DataError(
            f"the backup bucket cannot be {deed} ({type(error).__name__}): check backup.bucket, its endpoint and keys"
        ) from None


def _gone(name: str) -> CorruptArtifact:
    return CorruptArtifact(f"{name} is gone from the backup store: use an older backup, and make a whole one anew")


def _fill(path: Path, data: bytes) -> None:
    path.write_bytes(data)
