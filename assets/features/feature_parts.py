"""Immutable Parquet parts of what Python computes for the marts: written once, named by content.

One folder per kind: parts `<first>_<last>_<hash>.parquet`, a zero-row `_schema.parquet`, and an index with one line per
part that names the sessions it was written for. The newest line of a session decides which part serves it; a part
whose line was lost in a crash serves none, and its sessions are simply computed again.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from execution.durable_files import DurableFiles

PRICE_FEATURES: Final = "price_features"
MARKET_SERIES: Final = "market_series"
NEWS_SENTIMENT: Final = "news_sentiment"
KINDS: Final = (PRICE_FEATURES, MARKET_SERIES, NEWS_SENTIMENT)
SCHEMA_PART: Final = "_schema"


@dataclass(frozen=True, slots=True)
class FeaturePart:
    """One file and the session of it that is in force.

    Attributes:
        kind: what the rows are; one of `KINDS`.
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
        """
        folder = self._folder(kind, rows.schema)
        body = _parquet(rows)
        digest = sha256(body).hexdigest()
        part = f"{min(sessions).isoformat()}_{max(sessions).isoformat()}_{digest[:32]}"
        path = folder / f"{part}.parquet"
        if not path.exists():
            self._files.publish(path, lambda target: _write(target, body))
        line = {"part": part, "sessions": [session.isoformat() for session in sorted(sessions)]}
        if any(self._in_force(kind).get(session) != part for session in sessions):
            self._files.append_line(folder / "parts.jsonl", orjson.dumps(line))
        return part

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
        return (
            FeaturePart(kind, SCHEMA_PART, folder / f"{SCHEMA_PART}.parquet", None),
            *(FeaturePart(kind, part, folder / f"{part}.parquet", session) for session, part in served),
        )

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


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd", version="2.6")
    return sink.getvalue()


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)
