"""What left a home, as hashed Parquet with one line for each: nothing here is ever removed or rewritten."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from assets.maintenance.retention import Item
from execution.domain.errors import CorruptArtifact
from execution.durable_files import DurableFiles

INDEX: Final = "archived.jsonl"
BODIES: Final = pa.schema([("name", pa.string()), ("body", pa.binary())])
"""Files that are not Parquet themselves: path below the home, and every byte."""


class Archive:
    """Parquet files and one line for each, in a folder of the home."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep_table(self, kind: str, rows: pa.Table, *, names: Sequence[str], at: datetime) -> str:
        """Store rows, read them back, write down what they are, and return the file's hash.

        Args:
            kind: folder within the archive.
            rows: what to keep.
            names: the items they are of.
            at: the clock's instant.

        Raises:
            CorruptArtifact: what was written does not read back equal; nothing may be removed.
        """
        folder = self._root / kind
        folder.mkdir(parents=True, exist_ok=True)
        unnamed = folder / f".{at:%Y%m%dT%H%M%S}.tmp"
        pq.write_table(rows, unnamed, compression="zstd", version="2.6")
        digest = hashlib.sha256(unnamed.read_bytes()).hexdigest()
        path = folder / f"{digest}.parquet"
        DurableFiles().sync(unnamed)
        DurableFiles().rename(unnamed, path)
        DurableFiles().sync_folder(folder)
        if not pq.read_table(path).equals(rows):
            raise CorruptArtifact(f"archive {path.name} does not read back as it was written: check the disk")
        self._note(kind, digest, rows.num_rows, names, at)
        return digest

    def keep_file(self, kind: str, path: Path, *, name: str, at: datetime) -> str:
        """Store a Parquet file as it is, compare the bytes, write it down, and return its hash.

        Raises:
            CorruptArtifact: the copy differs; nothing may be removed.
        """
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        target = self._root / kind / f"{digest}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        DurableFiles().publish(target, lambda temporary: _fill(temporary, body))
        if hashlib.sha256(target.read_bytes()).hexdigest() != digest:
            raise CorruptArtifact(f"archive {target.name} does not read back as it was written: check the disk")
        self._note(kind, digest, pq.read_metadata(target).num_rows, [name], at)
        return digest

    def lines(self) -> list[dict[str, object]]:
        """Return what was archived, oldest first."""
        try:
            content = (self._root / INDEX).read_bytes()
        except FileNotFoundError:
            return []
        return [orjson.loads(line) for line in content.splitlines() if line]

    def read(self, kind: str, digest: str) -> pa.Table:
        """Return the rows of an archived file.

        Raises:
            CorruptArtifact: the file is gone, or does not have the hash it is named by.
        """
        path = self._root / kind / f"{digest}.parquet"
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            raise CorruptArtifact(f"archive {path.name} of {kind} is gone: restore it from a backup") from None
        if hashlib.sha256(body).hexdigest() != digest:
            raise CorruptArtifact(f"archive {path.name} of {kind} was changed: restore it from a backup")
        return pq.read_table(pa.BufferReader(body))

    def _note(self, kind: str, digest: str, rows: int, names: Sequence[str], at: datetime) -> None:
        line = {"at": at.isoformat(), "kind": kind, "sha256": digest, "rows": rows, "names": list(names)}
        DurableFiles().append_line(self._root / INDEX, orjson.dumps(line, option=orjson.OPT_SORT_KEYS))


def archive_files(
    archive: Archive, home: Path, items: Iterable[Item], *, at: datetime, remove: Callable[[Path], None] = Path.unlink
) -> int:
    """Archive Parquet files of a home, remove each when its copy is proven, and return how many bytes left.

    Killed in between, a file is there, or archived, or both; never neither.
    """
    freed = 0
    for item in items:
        path = home / item.name
        if path.exists():
            archive.keep_file(item.kind, path, name=item.name, at=at)
            remove(path)
            freed += item.size_bytes
    return freed


def archive_bodies(
    archive: Archive, home: Path, items: Sequence[Item], *, at: datetime, remove: Callable[[Path], None] = Path.unlink
) -> int:
    """Archive files of one kind that are not Parquet, as one table of their bytes; remove them, and return the bytes.

    Killed in between, each file is there, or archived, or both.
    """
    found = [(item.name, home / item.name) for item in items if (home / item.name).exists()]
    if not found:
        return 0
    bodies = [path.read_bytes() for _, path in found]
    names = [name for name, _ in found]
    rows = pa.Table.from_pydict({"name": names, "body": bodies}, schema=BODIES)
    archive.keep_table(items[0].kind, rows, names=names, at=at)
    for _, path in found:
        remove(path)
    return sum(map(len, bodies))


def _fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)
