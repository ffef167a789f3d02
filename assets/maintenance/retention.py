"""What may leave the home: decided first, shown, checked, archived as hashed Parquet, read back, and only then removed.

Nothing leaves that a decision inside the replay horizon stands on. A decision stands on every raw part its pin lists;
it stands on no run log and on no feature part that its session does not use, since both are made again.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from assets.maintenance.retention_policy import RetentionPolicy
from execution.domain.errors import CorruptArtifact
from execution.durable_files import DurableFiles

RUNS: Final = "run_history"
FEATURES: Final = "superseded_features"
NEWS: Final = "news"
INDEX: Final = "archived.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that could leave.

    Attributes:
        kind: `RUNS`, `FEATURES` or `NEWS`.
        name: a run id, or a path below the home.
        day: the session it is of, or the last day anything in it became known.
        rows: rows or events in it; 0 where nobody counted.
        size_bytes: what it takes in the home.
    """

    kind: str
    name: str
    day: date
    rows: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """What leaves, and what is old enough and stays.

    Attributes:
        leaving: oldest first.
        held: old enough, with the newest decision session that stands on it.
    """

    leaving: tuple[Item, ...]
    held: tuple[tuple[Item, date], ...]

    def table(self) -> str:
        """Return per kind how much leaves and how much is held, as Markdown."""
        lines = ["| kind | leaving | rows | bytes | held by decisions |", "|---|---|---|---|---|"]
        for kind in (RUNS, FEATURES, NEWS):
            own = [item for item in self.leaving if item.kind == kind]
            held = sum(item.kind == kind for item, _ in self.held)
            rows, size = sum(item.rows for item in own), sum(item.size_bytes for item in own)
            lines.append(f"| {kind} | {len(own)} | {rows:,} | {size:,} | {held} |")
        return "\n".join(lines)


def plan_retention(
    items: Iterable[Item], *, today: date, policy: RetentionPolicy, stood_on: Mapping[str, date]
) -> RetentionPlan:
    """Return what leaves.

    Args:
        items: everything that could leave.
        today: the home's day.
        policy: how long things stay.
        stood_on: by an item's name, the newest decision session inside the horizon that stands on it.
    """
    days = {
        RUNS: policy.run_history_days,
        FEATURES: policy.superseded_features_days,
        NEWS: policy.news_days,
    }
    old = [item for item in items if item.day < today - timedelta(days=days[item.kind])]
    ordered = sorted(old, key=lambda item: (item.day, item.kind, item.name))
    return RetentionPlan(
        leaving=tuple(item for item in ordered if item.name not in stood_on),
        held=tuple((item, stood_on[item.name]) for item in ordered if item.name in stood_on),
    )


def decisions_hurt(leaving: Sequence[Item], pinned: Mapping[date, Collection[str]]) -> tuple[str, ...]:
    """Return each thing that would leave though a decision stands on it, with its session; asked apart from the plan.

    Args:
        leaving: what a plan names.
        pinned: by decision session inside the horizon, the names its pin lists.
    """
    names = {item.name for item in leaving}
    return tuple(
        f"{name} is listed by the decision of {session}"
        for session in sorted(pinned, reverse=True)
        for name in sorted(names.intersection(pinned[session]))
    )


class Keeper(Protocol):
    """The retention of one home, as the face calls it; the instance is the orchestrator's own."""

    @property
    def is_scheduled(self) -> bool:
        """Whether a night carries its plan out, or only shows it."""
        ...

    def plan(self, instance: Any) -> RetentionPlan:
        """Return what would leave now; changes nothing."""
        ...

    def hurt(self, plan: RetentionPlan) -> tuple[str, ...]:
        """Return what a plan would take from under a decision."""
        ...

    def carry_out(self, instance: Any, plan: RetentionPlan) -> dict[str, int]:
        """Archive what a plan names, remove it, and return how much of each kind left."""
        ...


class Archive:
    """Parquet files and one line for each, in a folder of the home; nothing here is ever removed or rewritten."""

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

    def _note(self, kind: str, digest: str, rows: int, names: Sequence[str], at: datetime) -> None:
        line = {"at": at.isoformat(), "kind": kind, "sha256": digest, "rows": rows, "names": list(names)}
        DurableFiles().append_line(self._root / INDEX, orjson.dumps(line, option=orjson.OPT_SORT_KEYS))


def archive_files(
    archive: Archive, home: Path, items: Iterable[Item], *, at: datetime, remove: Callable[[Path], None] = Path.unlink
) -> int:
    """Archive files of a home, remove each when its copy is proven, and return how many bytes left.

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


def _fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)
