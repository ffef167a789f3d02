"""What each night's upkeep came to: one small file per session, from which the rules see that the night is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson

from assets.maintenance.backup import BackupReport
from assets.maintenance.restore_drill import DrillReport
from execution.artifact_files import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What the faces of the backup call, bound to one home.

    Attributes:
        make_backup: copies the home to where its backups lie.
        drill: restores the newest backup in a process of its own; told whether to repeat a decision from raw parts.
        restore_seconds_max: how long a restore may take.
        root: folder of these files.
        databases: SQLite files that may be vacuumed; never the ledger.
    """

    make_backup: Callable[[], BackupReport]
    drill: Callable[[bool], DrillReport]
    restore_seconds_max: float
    root: Path
    databases: tuple[Path, ...] = ()


def record_night(root: Path, session: date, facts: Mapping[str, object]) -> None:
    """Write what a session's upkeep came to; the newest night of a session wins."""
    write_atomically(root / f"{session.isoformat()}.json", orjson.dumps(dict(facts), option=orjson.OPT_SORT_KEYS))


def upkept_sessions(root: Path) -> frozenset[date]:
    """Return the sessions whose upkeep was done, whatever it came to."""
    return frozenset(date.fromisoformat(path.stem) for path in root.glob("*-*-*.json"))


def newest_night(root: Path) -> Mapping[str, object] | None:
    """Return what the newest night came to; None before the first."""
    files = sorted(root.glob("*-*-*.json"))
    if not files:
        return None
    found: Mapping[str, object] = orjson.loads(files[-1].read_bytes())
    return {"session": files[-1].stem, **found}
