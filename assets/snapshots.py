"""What a session could know: the list of raw parts it rests on, pinned when its cycle starts.

A later re-run of the session reads the pinned list, so data that arrived since then cannot change what was decided.
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import orjson

from execution.domain.canonical import canonical_bytes, content_hash
from execution.domain.errors import CorruptArtifact, DataError
from execution.durable_files import DurableFiles


@dataclass(frozen=True, slots=True)
class DataSnapshot:
    """The raw parts a session may read.

    Attributes:
        session: the session whose cycle reads them.
        as_of: the cut-off; rows of these parts that became known later are filtered out by every reader.
        parts: per raw table, sorted by name, the hashes of its parts, sorted; tables without parts have an empty list.
    """

    session: date
    as_of: datetime
    parts: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def hash(self) -> str:
        """Content hash of the snapshot: session, cut-off and every part."""
        return content_hash(self)

    def hashes(self, table: str) -> tuple[str, ...]:
        """Return the part hashes of one table, empty when it has none."""
        return dict(self.parts).get(table, ())


class SnapshotStore:
    """One small file per session: `<root>/<session>.json`. The newest pin of a session wins."""

    def __init__(self, root: Path, files: DurableFiles | None = None) -> None:
        self._root = root
        self._files = files or DurableFiles()

    def pin(self, snapshot: DataSnapshot) -> None:
        """Write the snapshot as its session's; atomic, and pinning the same again changes no byte."""
        self._root.mkdir(parents=True, exist_ok=True)
        body = canonical_bytes({"hash": snapshot.hash, "snapshot": snapshot})
        self._files.publish(self._path(snapshot.session), lambda path: _write(path, body))

    def pinned(self, session: date) -> DataSnapshot:
        """Return the snapshot pinned for a session.

        Raises:
            DataError: the session has none.
            CorruptArtifact: the file does not have the hash it states.
        """
        path = self._path(session)
        try:
            stored = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            raise DataError(
                f"no data snapshot is pinned for {session}: materialize raw/snapshot of that session first"
            ) from None
        except orjson.JSONDecodeError as error:
            raise CorruptArtifact(f"{path.name} is no JSON ({error}): materialize raw/snapshot of {session}") from error
        body = stored["snapshot"]
        snapshot = DataSnapshot(
            session=date.fromisoformat(body["session"]),
            as_of=datetime.fromisoformat(body["as_of"]),
            parts=tuple((name, tuple(hashes)) for name, hashes in body["parts"]),
        )
        if snapshot.hash != stored["hash"] or snapshot.session != session:
            raise CorruptArtifact(
                f"{path.name} does not have the hash it states: materialize raw/snapshot of {session}"
            )
        return snapshot

    def newest_cut_off(self, *, now: datetime) -> datetime | None:
        """Return the cut-off of the newest session with a pin; None while none has one.

        A pin that lists no part at all does not count, and neither does one whose cut-off has not come: nothing can
        have been decided on it.

        Args:
            now: where the clock stands.

        Raises:
            CorruptArtifact: the newest pin does not have the hash it states.
        """
        for path in sorted(self._root.glob("????-??-??.json"), reverse=True):
            newest = self.pinned(date.fromisoformat(path.stem))
            if newest.as_of <= now and any(hashes for _, hashes in newest.parts):
                return newest.as_of
        return None

    def _path(self, session: date) -> Path:
        return self._root / f"{session.isoformat()}.json"


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)
