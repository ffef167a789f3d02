"""What each night's upkeep came to: one small file per session, from which the rules see that the night is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import orjson

from assets.maintenance.backup import BackupReport
from assets.maintenance.health import HealthPolicy, HealthReport
from assets.maintenance.restore_drill import DrillReport
from execution.artifact_files import write_atomically
from execution.domain.errors import CorruptArtifact

_BACKUP: Final = "backup.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What the faces of the backup call, bound to one home.

    Attributes:
        make_backup: copies the home to where its backups lie.
        drill: restores the newest backup in a process of its own; told whether to repeat a decision from raw parts.
        restore_seconds_max: how long a restore may take.
        root: folder of these files.
        health: how well the home has run.
        health_policy: what it promises.
        home_bytes: what the home takes on its disk, without backups and logs.
        merge_parts: writes the small parts of whole months before a session's as one each, and returns how many went.
        databases: SQLite files that may be vacuumed; never the ledger.
        postgres: addresses of Postgres databases that may be vacuumed, asked for when a night begins.
    """

    make_backup: Callable[[], BackupReport]
    drill: Callable[[bool], DrillReport]
    restore_seconds_max: float
    root: Path
    health: Callable[[], HealthReport]
    health_policy: HealthPolicy
    home_bytes: Callable[[], int]
    merge_parts: Callable[[date], int]
    databases: tuple[Path, ...] = ()
    postgres: Callable[[], Mapping[str, str]] = dict


def record_night(root: Path, session: date, facts: Mapping[str, object]) -> None:
    """Write what a session's upkeep came to; the newest night of a session wins."""
    write_atomically(root / f"{session.isoformat()}.json", orjson.dumps(dict(facts), option=orjson.OPT_SORT_KEYS))


def upkept_sessions(root: Path) -> frozenset[date]:
    """Return the sessions whose upkeep was done, whatever it came to."""
    return frozenset(date.fromisoformat(path.stem) for path in root.glob("*-*-*.json"))


def note_backup(root: Path, facts: Mapping[str, object]) -> None:
    """Write what the newest backup came to, whoever asked for it."""
    write_atomically(root / _BACKUP, orjson.dumps(dict(facts), option=orjson.OPT_SORT_KEYS))


def newest_backup(root: Path) -> Mapping[str, object] | None:
    """Return what the newest backup came to; None before the first.

    Raises:
        CorruptArtifact: the file cannot be read.
    """
    return _facts_in(root / _BACKUP) if (root / _BACKUP).exists() else None


def night_of(root: Path, session: date) -> Mapping[str, object]:
    """Return what a session's night came to.

    Raises:
        FileNotFoundError: there was none.
        CorruptArtifact: the file cannot be read.
    """
    return _facts_in(root / f"{session.isoformat()}.json")


def newest_night(root: Path) -> Mapping[str, object] | None:
    """Return what the newest night came to; None before the first.

    Raises:
        CorruptArtifact: the file cannot be read.
    """
    files = sorted(root.glob("*-*-*.json"))
    return {"session": files[-1].stem, **_facts_in(files[-1])} if files else None


def _facts_in(path: Path) -> Mapping[str, object]:
    try:
        found: Mapping[str, object] = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise CorruptArtifact(
            f"{path.parent.name}/{path.name} cannot be read: {error}; remove it, the next one is written whole"
        ) from error
    return found
