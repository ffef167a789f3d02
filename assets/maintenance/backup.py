"""Copy a home into a store of backups, piece by piece, and write down last what makes them whole.

A file is cut into pieces, each stored under the hash of its stored bytes, so what a store has already is not written
again. The manifest lists every file with its hash and pieces; it is written when everything else is there. A backup
that was killed has no manifest and is none.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from assets.maintenance.backup_store import BackupStore
from assets.maintenance.sealing import Sealing
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact, DataError

PIECE_BYTES: Final = 1 << 20
"""A database grows at its end and changes a few pages: of such a piece, most are what they were yesterday."""
_PIECES: Final = "pieces/"
_MANIFESTS: Final = "manifests/"
_STAMP: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One file of a home.

    Attributes:
        path: below the home, with slashes.
        size_bytes: its length.
        sha256: of the whole file.
        pieces: names of its pieces, in order.
    """

    path: str
    size_bytes: int
    sha256: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a whole backup holds.

    Attributes:
        made_at: the home's instant when it was begun, UTC.
        account: of the home.
        ledger_rows: rows of the copied ledger's chain; 0 without a ledger.
        ledger_head: hash of the last row; empty without a ledger.
        anchor_key: public half of the key that signed the ledger's heads, in hex; the private half is never copied.
        files: sorted by path.
        runs: of the orchestrator's history; None in a manifest that was written before they were counted.
    """

    made_at: datetime
    account: str
    ledger_rows: int
    ledger_head: str
    anchor_key: str
    files: tuple[KeptFile, ...]
    runs: int | None = None

    @property
    def size_bytes(self) -> int:
        """Length of all files together."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A whole backup in a store.

    Attributes:
        name: the manifest's name: an instant, a number that rises, and a hash.
        manifest: what it says.
        written_bytes: what was added to the store for it; 0 for one that was only looked up.
    """

    name: str
    manifest: Manifest
    written_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup came to.

    Attributes:
        name: of the new backup.
        files: in it.
        size_bytes: of all its files together.
        written_bytes: what was added to the store.
        ledger_rows: rows of the copied chain.
        runs: of the orchestrator's history, wherever it is kept.
        backups: how many whole ones the store holds now.
        removed_backups: how many outlived the policy and went.
        removed_pieces: pieces nobody needs any more.
    """

    name: str
    files: int
    size_bytes: int
    written_bytes: int
    ledger_rows: int
    runs: int
    backups: int
    removed_backups: int
    removed_pieces: int


@dataclass(slots=True)
class Pieces:
    """The pieces of a store, and how many bytes were added to them.

    Attributes:
        present: names that need not be written again.
    """

    store: BackupStore
    sealing: Sealing
    present: set[str]
    written_bytes: int = 0

    @classmethod
    def of(cls, store: BackupStore, sealing: Sealing, *, is_full: bool = False) -> "Pieces":
        """Return a store's pieces.

        Args:
            store: where they lie.
            sealing: how they stand there.
            is_full: write all of them again, as after a drill found one damaged.
        """
        return cls(store, sealing, set() if is_full else set(store.names(_PIECES)))

    def keep(self, path: str, source: Path) -> KeptFile:
        """Store a file's pieces and return what the manifest says of it."""
        digest, size, names = hashlib.sha256(), 0, []
        with source.open("rb") as stream:
            while data := stream.read(PIECE_BYTES):
                digest.update(data)
                size += len(data)
                names.append(self._put(data))
        return KeptFile(path=path, size_bytes=size, sha256=digest.hexdigest(), pieces=tuple(names))

    def _put(self, data: bytes) -> str:
        stored = self.sealing.seal(data)
        digest = hashlib.sha256(stored).hexdigest()
        name = f"{_PIECES}{digest[:2]}/{digest}"
        if name not in self.present:
            self.store.put(name, stored)
            self.present.add(name)
            self.written_bytes += len(stored)
        return name


def finish(
    pieces: Pieces,
    files: Iterable[KeptFile],
    *,
    made_at: datetime,
    account: str,
    ledger: tuple[int, str],
    anchor_key: str,
    runs: int,
) -> Backup:
    """Write the manifest of files whose pieces are stored, which makes the backup whole, and return it.

    Args:
        pieces: where the pieces were put.
        files: in any order.
        made_at: the home's instant when the backup was begun, UTC.
        account: of the home.
        ledger: rows and head of the copied chain.
        anchor_key: public half of the ledger's key, in hex.
        runs: of the copied run history.
    """
    manifest = Manifest(
        made_at=made_at,
        account=account,
        ledger_rows=ledger[0],
        ledger_head=ledger[1],
        anchor_key=anchor_key,
        files=tuple(sorted(files, key=lambda file: file.path)),
        runs=runs,
    )
    stored = pieces.sealing.seal(canonical_bytes(manifest))
    # A home's clock may stand still between two backups: the number says which is the newer one.
    number = 1 + max((int(name.split("-")[1]) for name in manifest_names(pieces.store)), default=0)
    name = f"{_MANIFESTS}{made_at.strftime(_STAMP)}-{number:06d}-{hashlib.sha256(stored).hexdigest()}"
    pieces.store.put(name, stored)
    return Backup(name=name, manifest=manifest, written_bytes=pieces.written_bytes + len(stored))


def manifest_names(store: BackupStore) -> tuple[str, ...]:
    """Return the names of all whole backups, oldest first."""
    return tuple(sorted(store.names(_MANIFESTS)))


def load(store: BackupStore, sealing: Sealing, name: str) -> Backup:
    """Return a whole backup.

    Raises:
        CorruptArtifact: its manifest is gone or was changed.
    """
    stored = store.get(name)
    if hashlib.sha256(stored).hexdigest() != name.rpartition("-")[2]:
        raise CorruptArtifact(f"{name} does not have the hash it is named by: it was changed; use an older backup")
    manifest = msgspec.json.decode(sealing.unseal(stored), type=Manifest)
    return Backup(name=name, manifest=manifest)


def newest(store: BackupStore, sealing: Sealing) -> Backup:
    """Return the newest whole backup.

    Raises:
        DataError: there is none.
        CorruptArtifact: its manifest was changed.
    """
    names = manifest_names(store)
    if not names:
        raise DataError("the backup store holds no whole backup: make one with `touchstone backup`")
    return load(store, sealing, names[-1])


def content(store: BackupStore, sealing: Sealing, file: KeptFile) -> Iterator[bytes]:
    """Yield a file's bytes, each piece compared with its name and all of them with the file's hash at the end.

    Raises:
        CorruptArtifact: a piece is gone or was changed.
    """
    digest = hashlib.sha256()
    for name in file.pieces:
        stored = store.get(name)
        if hashlib.sha256(stored).hexdigest() != name.rpartition("/")[2]:
            raise CorruptArtifact(
                f"a piece of {file.path} does not have the hash it is named by: the backup was changed; use an older "
                "one, and make a whole one anew with `touchstone backup --full`"
            )
        data = sealing.unseal(stored)
        digest.update(data)
        yield data
    if digest.hexdigest() != file.sha256:
        raise CorruptArtifact(f"{file.path} does not have the hash its manifest states: use an older backup")


def made_at_of(name: str) -> datetime:
    """Return the instant in a manifest's name, to the second."""
    stamp = name.removeprefix(_MANIFESTS).partition("-")[0]
    return datetime.strptime(f"{stamp}+0000", f"{_STAMP}%z")


def sweep(store: BackupStore, sealing: Sealing, names: Iterable[str]) -> int:
    """Remove whole backups, then every piece that no other backup needs, and return how many pieces went.

    Manifests go first: one that is there always has its pieces. Nobody else may write meanwhile.

    Args:
        store: where they lie.
        sealing: how they stand there.
        names: manifests to remove; none removes only what killed backups left behind.
    """
    for name in names:
        store.delete(name)
    needed = {
        piece
        for name in manifest_names(store)
        for file in load(store, sealing, name).manifest.files
        for piece in file.pieces
    }
    useless = store.names(_PIECES) - needed
    for name in sorted(useless):
        store.delete(name)
    return len(useless)
