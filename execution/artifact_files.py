"""Files named by the hash of their bytes: written once, never changed, verified on every read.

A crash leaves either no file or the whole file (`durable_files`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from execution.domain.errors import CorruptArtifact
from execution.durable_files import DurableFiles

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class FileArtifacts:
    """The port `Artifacts` on a folder of folders.

    Attributes:
        root: folder of all artifacts; made when the first is written.
    """

    root: Path

    def write(self, folder: str, data: bytes, *, suffix: str) -> str:
        """Store bytes in a folder and return their hash; storing the same bytes again changes nothing."""
        return write_by_hash(self.root / folder, data, suffix=suffix)

    def read(self, folder: str, digest: str, *, suffix: str) -> bytes:
        """Return the bytes stored under a hash.

        Raises:
            CorruptArtifact: there is no such file, or its bytes have another hash.
        """
        return read_by_hash(self.root / folder, digest, suffix=suffix)

    def keep(self, folder: str, value: Value, encode: Callable[[Value], bytes], *, suffix: str) -> str:
        """Store the bytes of a value and return their hash."""
        return self.write(folder, encode(value), suffix=suffix)

    def kept(self, folder: str, digest: str, decode: Callable[[bytes], Value], *, suffix: str) -> Value:
        """Return the value whose bytes are stored under a hash.

        Raises:
            CorruptArtifact: there is no such file, or its bytes have another hash.
        """
        return decode(self.read(folder, digest, suffix=suffix))


def write_by_hash(folder: Path, data: bytes, *, suffix: str) -> str:
    """Store bytes under their SHA-256 and return it; storing the same bytes again changes nothing.

    Args:
        folder: made when it does not exist.
        data: the whole content.
        suffix: the file's ending with its dot: `.json`.
    """
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest}{suffix}"
    if not path.exists():
        write_atomically(path, data)
    return digest


def read_by_hash(folder: Path, digest: str, *, suffix: str) -> bytes:
    """Return the bytes stored under a hash.

    Raises:
        CorruptArtifact: there is no such file, or its bytes have another hash.
    """
    path = folder / f"{digest}{suffix}"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CorruptArtifact(
            f"no file {path.name} in {folder.name}/: expected the artifact of that hash; "
            "restore it from a backup or make it again from the same inputs"
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise CorruptArtifact(
            f"{folder.name}/{path.name} holds bytes with hash {found}: expected the hash it is named by; "
            "the file was changed after it was written, restore it from a backup"
        )
    return data


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file so that a reader sees the old content or the new, never a part; parents are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    DurableFiles().publish(path, lambda temporary: _fill(temporary, data))


def _fill(path: Path, data: bytes) -> None:
    path.write_bytes(data)
