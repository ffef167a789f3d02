"""Immutable Parquet parts of what Python computes for the marts: written once, named by content.

One folder per kind: parts `<first>_<last>_<hash>.parquet`, a zero-row `_schema.parquet`, and an index with one line per
part that names the sessions it was written for. The newest line of a session decides which part serves it; a part
whose line was lost in a crash serves none, and its sessions are simply computed again.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from execution.domain.errors import CorruptArtifact, DataError
from execution.durable_files import DurableFiles

PRICE_FEATURES: Final = "price_features"
MARKET_SERIES: Final = "market_series"
NEWS_SENTIMENT: Final = "news_sentiment"
KINDS: Final = (PRICE_FEATURES, MARKET_SERIES, NEWS_SENTIMENT)
SCHEMA_PART: Final = "_schema"
_LOCK_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class FeaturePart:
    """One file and the session of it that is in force.

    Attributes:
        kind: what the rows are; one of `KINDS` as the marts call it, or the folder's name.
        part: the file's name without its ending.
        path: the file.
        session: the session it serves; None for the zero-row schema file.
    """

    kind: str
    part: str
    path: Path
    session: date | None


class FeatureParts:
    """The parts under one folder, `<home>/features`."""

    def __init__(self, root: Path, files: DurableFiles | None = None) -> None:
        self._root = root
        self._files = files or DurableFiles()

    def write(self, kind: str, rows: pa.Table, sessions: Sequence[date]) -> str:
        """Store rows as the part in force for some sessions and return the part's name.

        Args:
            kind: one of `KINDS`.
            rows: ordered rows with a `session` column; rows of other sessions are not served.
            sessions: every session the rows speak for, those without a row included; at least one.

        Raises:
            DataError: another process holds the kind for two minutes.
        """
        folder = self._folder(kind, rows.schema)
        body = _parquet(rows)
        digest = sha256(body).hexdigest()
        part = f"{min(sessions).isoformat()}_{max(sessions).isoformat()}_{digest[:32]}"
        path = folder / f"{part}.parquet"
        line = {"part": part, "sessions": [session.isoformat() for session in sorted(sessions)]}
        with self._locked(kind):
            if not path.exists():
                self._files.publish(path, lambda target: _write(target, body))
            if any(self._in_force(kind).get(session) != part for session in sessions):
                self._files.append_line(folder / "parts.jsonl", orjson.dumps(line))
        return part

    def retire(self, kind: str, part: str) -> None:
        """Remove a part that serves no session; one that came back into force since somebody looked stays."""
        with self._locked(kind):
            if part not in self.used(kind):
                (self._root / kind / f"{part}.parquet").unlink()

    def sessions(self, kind: str) -> frozenset[date]:
        """Return the sessions some part is in force for."""
        return frozenset(self._in_force(kind))

    def used(self, kind: str) -> frozenset[str]:
        """Return the names of the parts that are in force for some session."""
        return frozenset(self._in_force(kind).values())

    def in_force(self, kind: str, *, schema: pa.Schema, last: date) -> tuple[FeaturePart, ...]:
        """Return the zero-row file, so that no list is empty, then the part of every session up to a last one."""
        folder = self._folder(kind, schema)
        served = sorted((session, part) for session, part in self._in_force(kind).items() if session <= last)
        # Years of sessions are served by few parts: a path is made once for each.
        paths = {part: folder / f"{part}.parquet" for part in {SCHEMA_PART, *(part for _, part in served)}}
        return (
            FeaturePart(kind, SCHEMA_PART, paths[SCHEMA_PART], None),
            *(FeaturePart(kind, part, paths[part], session) for session, part in served),
        )

    def merge(self, *, before: date) -> int:
        """Write the small parts of each whole month as one, remove them, and return how many went.

        Every session serves the rows it served, which is looked at before a part is removed. A part that serves other
        months too, or has other columns than the newest, is left alone. Nobody may read or write meanwhile; killed in
        between, the parts that were not removed yet serve nobody and leave as such.

        Args:
            before: months before this day's are whole.
        """
        gone = 0
        for folder in sorted(path for path in self._root.glob("*") if (path / f"{SCHEMA_PART}.parquet").exists()):
            for sessions in self._months(folder.name, before):
                parts = [pq.read_table(folder / f"{part}.parquet") for part in sessions.values()]
                schema = pq.read_schema(folder / f"{SCHEMA_PART}.parquet")
                if not all(part.schema.equals(schema) for part in parts):
                    continue
                served = [_of(part, session) for session, part in zip(sessions, parts, strict=True)]
                whole = self.write(folder.name, pa.concat_tables(served).combine_chunks(), list(sessions))
                merged = pq.read_table(folder / f"{whole}.parquet")
                if not all(_of(merged, session).equals(rows) for session, rows in zip(sessions, served, strict=True)):
                    raise CorruptArtifact(f"{whole} of {folder.name} does not read back as its parts: check the disk")
                for part in set(sessions.values()) - {whole}:
                    (folder / f"{part}.parquet").unlink()
                    gone += 1
        return gone

    @contextmanager
    def _locked(self, kind: str) -> Iterator[None]:
        try:
            with FileLock(self._root / kind / ".lock", timeout=_LOCK_SECONDS):
                yield
        except Timeout:
            raise DataError(f"features/{kind} is being written by another process: wait for it and try again") from None

    def _months(self, kind: str, before: date) -> Iterator[dict[date, str]]:
        """Yield the sessions, each with its part, of every month that only parts of its own serve, two or more."""
        in_force, first = self._in_force(kind), before.replace(day=1)
        months: dict[str, set[date]] = {}
        for session, part in in_force.items():
            months.setdefault(part, set()).add(session.replace(day=1))
        by_month: dict[date, dict[date, str]] = {}
        for session, part in sorted(in_force.items()):
            if session < first and len(months[part]) == 1:
                by_month.setdefault(session.replace(day=1), {})[session] = part
        yield from (sessions for sessions in by_month.values() if len(set(sessions.values())) > 1)

    def _in_force(self, kind: str) -> dict[date, str]:
        try:
            lines = (self._root / kind / "parts.jsonl").read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        found: dict[date, str] = {}
        for line in lines:
            try:
                stored = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue  # empty, or cut short by a crash: its sessions are computed again
            found.update((date.fromisoformat(session), stored["part"]) for session in stored["sessions"])
        return found

    def _folder(self, kind: str, schema: pa.Schema) -> Path:
        folder = self._root / kind
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{SCHEMA_PART}.parquet"
        body = _parquet(schema.empty_table())
        # A program with more features reads its older parts through the new schema file only if that file is renewed.
        if not path.exists() or path.read_bytes() != body:
            self._files.publish(path, lambda target: _write(target, body))
        return folder


def _of(rows: pa.Table, session: date) -> pa.Table:
    return rows.filter(pc.field("session") == pa.scalar(session, rows.schema.field("session").type))


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd", version="2.6")
    return sink.getvalue()


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)
