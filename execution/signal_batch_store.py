"""The hand-over on disk: signal batches, gate certificates and reasons to hold by hash, and what was published when.

Analysis writes here, trading reads. The publication log of a session is a folder of numbered files, each made once
and never changed, so that two writers cannot tear it and the newest entry is always the last. Nothing is believed
because of its place: every read hashes the bytes again.
"""

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Final, Literal

import msgspec
import orjson

from execution.artifact_files import read_by_hash, write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import BatchRefused, CertificateRefused
from execution.domain.provenance import GateCertificate
from execution.domain.signals import SignalBatch
from execution.durable_files import DurableFiles

BATCHES_FOLDER: Final = "signal_batches"
CERTIFICATES_FOLDER: Final = "gate_certificates"
HOLDS_FOLDER: Final = "holds"
PUBLICATIONS_FOLDER: Final = "publications"
_JSON: Final = ".json"
_Kind = Literal["batch", "certificate", "hold"]


class SignalBatchStore:
    """Batches, certificates and holds below one folder, each in a file named by its content hash."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, batch: SignalBatch) -> str:
        """Store a batch, note its publication and return its hash; publishing the newest batch again adds nothing."""
        digest = write_by_hash(self._root / BATCHES_FOLDER, canonical_bytes(batch), suffix=_JSON)
        self._note(batch.session, "batch", digest)
        return digest

    def load(self, batch_hash: str) -> SignalBatch:
        """Return the batch of a hash.

        Raises:
            CorruptArtifact: the file is missing, or its bytes have another hash.
            BatchRefused: the bytes are whole but are no signal batch of this version.
        """
        data = read_by_hash(self._root / BATCHES_FOLDER, batch_hash, suffix=_JSON)
        try:
            # Not strict: canonical JSON writes floats and decimals as text, so that no reader's parser changes them.
            return msgspec.convert(orjson.loads(data), SignalBatch, strict=False)
        except (msgspec.ValidationError, orjson.JSONDecodeError) as error:
            raise BatchRefused(
                f"artifact {batch_hash} is no signal batch: {error}; "
                "expected the schema of execution.domain.signals, publish the batch again with this version"
            ) from error

    def published(self, session: date) -> tuple[str, ...]:
        """Return the hashes of a session's batches in publication order; the newest is the last."""
        return self._noted(session, "batch")

    def sessions(self) -> tuple[date, ...]:
        """Return every session something was published for, oldest first."""
        folder = self._root / PUBLICATIONS_FOLDER
        return tuple(sorted(date.fromisoformat(path.name) for path in folder.glob("*-*-*")))

    def publish_certificate(self, certificate: GateCertificate) -> str:
        """Store a certificate, green or red, note it and return its hash; the newest one again adds nothing."""
        digest = write_by_hash(self._root / CERTIFICATES_FOLDER, canonical_bytes(certificate), suffix=_JSON)
        self._note(certificate.session, "certificate", digest)
        return digest

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return a session's certificates in publication order; the newest is the last.

        Raises:
            CorruptArtifact: a file is missing, or its bytes have another hash.
            CertificateRefused: the bytes are whole but are no certificate of this version.
        """
        return tuple(self._certificate(digest) for digest in self._noted(session, "certificate"))

    def publish_hold(self, session: date, reason: str) -> str:
        """Say why a session whose data passed gets no batch; return the hash, and the newest one again adds nothing."""
        said = canonical_bytes({"session": session, "reason": reason})
        digest = write_by_hash(self._root / HOLDS_FOLDER, said, suffix=_JSON)
        self._note(session, "hold", digest)
        return digest

    def held(self, session: date) -> str:
        """Return why analysis published no batch of a session whose data passed; empty when it said nothing.

        Raises:
            CorruptArtifact: what it said is missing, or its bytes have another hash.
        """
        noted = self._noted(session, "hold")
        if not noted:
            return ""
        return str(orjson.loads(read_by_hash(self._root / HOLDS_FOLDER, noted[-1], suffix=_JSON))["reason"])

    def _certificate(self, digest: str) -> GateCertificate:
        data = read_by_hash(self._root / CERTIFICATES_FOLDER, digest, suffix=_JSON)
        try:
            return msgspec.convert(orjson.loads(data), GateCertificate, strict=False)
        except (msgspec.ValidationError, orjson.JSONDecodeError) as error:
            raise CertificateRefused(
                f"artifact {digest} is no gate certificate: {error}; expected the schema of execution.domain.provenance"
            ) from error

    def _noted(self, session: date, kind: _Kind) -> tuple[str, ...]:
        folder = self._root / PUBLICATIONS_FOLDER / session.isoformat()
        if not folder.is_dir():
            return ()
        entries = [path.read_text(encoding="ascii").split() for path in sorted(folder.glob("[0-9]*"))]
        return tuple(digest for noted_kind, digest in entries if noted_kind == kind)

    def _note(self, session: date, kind: _Kind, digest: str) -> None:
        folder = self._root / PUBLICATIONS_FOLDER / session.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            if self._noted(session, kind)[-1:] == (digest,):
                return
            number = 1 + sum(1 for _ in folder.glob("[0-9]*"))
            if _create_exclusively(folder / f"{number:06d}", f"{kind} {digest}\n"):
                return


def _create_exclusively(path: Path, text: str) -> bool:
    """Create a whole file under a name nobody has yet; False when another writer was first."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    finally:
        Path(temporary).unlink(missing_ok=True)
    DurableFiles().sync_folder(path.parent)
    return True
