"""The child of a restore drill: a process that knows a store of backups and an empty place, and nothing of the home.

It is started with an empty environment in another folder; what it may know comes on its standard input, and what it may
read the kernel bounds, where it can. It restores the newest backup, compares the ledger with an anchor that was written
before the backup and kept elsewhere, folds every table again, opens the run history and counts it, lets nothing out,
and makes the newest decision again from the batch it was made of.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import dagster as dg
import orjson
from pydantic import BaseModel, ConfigDict

from assets.maintenance.backup import Backup, newest
from assets.maintenance.backup_policy import BackupPolicy
from assets.maintenance.restore_drill import DrillReport
from assets.maintenance.sealing import open_store
from execution.artifact_files import FileArtifacts
from execution.clock import SystemClock
from execution.domain.errors import ChainBroken, CorruptArtifact, Halted, TouchstoneError
from execution.domain.events import PlanMissed
from execution.ledger.anchors import key_id, parsed
from execution.ledger.book import Book, CycleRecord
from execution.replay import Step, replay_plan
from execution.session.approval import PLANS_FOLDER
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.ledger_opening import open_ledger
from pipelines.replay_analysis import replay_analysis
from pipelines.settings import load_settings
from pipelines.trading_adapters import open_desk
from pipelines.upkeep.confinement import confine_reading
from pipelines.upkeep.restore import Restored, public_key, restore_home

_CIRCUMSTANCES = frozenset({"code", "settings", "limits"})


class DrillOrder(BaseModel):
    """What the child is told.

    Attributes:
        policy: where backups lie, with its secrets in clear: it comes through a pipe and is written nowhere.
        folder: where they lie when the policy names no place.
        place: an empty place.
        anchors: lines of the ledger's anchors, kept outside of the backup.
        is_from_raw: whether the decision is made again from its raw parts, not only from its batch.
        readable: all that may be read from here on; the home is not among it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: BackupPolicy
    folder: Path
    place: Path
    anchors: tuple[str, ...]
    is_from_raw: bool
    readable: tuple[Path, ...]


def drill(order: DrillOrder) -> DrillReport:
    """Restore, compare, repeat, and return what was found; a failure is a red report, not an error."""
    started = time.monotonic()
    seen: dict[str, object] = {"confined": confine_reading(order.readable)}
    try:
        store = order.policy.store(order.folder)
        sealing = open_store(store, order.policy.secret)
        backup = newest(store, sealing)
        seen |= {"backup": backup.name.rpartition("/")[2], "files": len(backup.manifest.files)}
        seen["size_bytes"] = backup.manifest.size_bytes
        epoch = int(SystemClock().now().timestamp())
        restored = restore_home(
            store, sealing, backup, place=order.place, actor="restore drill", epoch=epoch, has_own_anchors=True
        )
        seen["restore_seconds"] = round(time.monotonic() - started, 3)
        seen |= {"ledger_rows": restored.rows, "anchors_matched": _compared(order, backup, restored)}
        _check_databases(restored.home)
        seen["runs"] = _counted_runs(backup, restored.home)
        if restored.rows:
            seen |= _repeated(restored.home, is_from_raw=order.is_from_raw)
    except TouchstoneError as error:
        return DrillReport(passed=False, reason=str(error), **seen)  # type: ignore[arg-type]  # each key is a field of its own type
    return DrillReport(passed=True, reason="", **seen)  # type: ignore[arg-type]  # as above


def _compared(order: DrillOrder, backup: Backup, restored: Restored) -> int:
    """Compare the restored chain with every anchor kept elsewhere that is not newer than the backup."""
    if not restored.rows:
        return 0
    ledger = open_ledger(load_settings(restored.home.settings), restored.home)
    # A former key's anchors may be of rows that an earlier restore lost.
    name = key_id(public_key(backup.manifest))
    known = [anchor for line in order.anchors if (anchor := parsed(line)) is not None and anchor.key_id == name]
    if order.anchors and not known:
        raise ChainBroken(f"no anchor kept elsewhere is of the backup's key {name}: it is a backup of another ledger")
    older = [anchor for anchor in known if anchor.sequence <= restored.rows]
    if known and not older:
        raise ChainBroken(
            f"the backup has {restored.rows} rows, and the oldest anchor kept elsewhere says row "
            f"{min(anchor.sequence for anchor in known)}: the backup is of another ledger or too old"
        )
    for anchor in older:
        found = ledger.hash_at(anchor.sequence)
        if found != anchor.hash:
            raise ChainBroken(
                f"row {anchor.sequence} was anchored as {anchor.hash[:12]}, the restored ledger has "
                f"{found[:12] if found else 'no such row'}: {backup.name} is not a backup of this ledger"
            )
    ledger.rebuild_projections()
    ledger.verify_projections()
    return len(older)


def _check_databases(home: Home) -> None:
    for path in sorted(home.root.rglob("*.db")):
        with closing(sqlite3.connect(path)) as database:
            found = database.execute("pragma integrity_check").fetchone()[0]
        if found != "ok":
            raise CorruptArtifact(f"database {path.name} came back damaged: {found}; use an older backup")


def _counted_runs(backup: Backup, home: Home) -> int:
    """Open the restored run history as the orchestrator does, and return how many runs it holds."""
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        found = instance.get_runs_count()
        ended = instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1)
        silent = [run.run_id for run in ended if not instance.all_logs(run.run_id)]
    if backup.manifest.runs not in (None, found):
        raise CorruptArtifact(
            f"the run history came back with {found} runs, its backup was made of {backup.manifest.runs}: "
            "use an older backup"
        )
    if silent:
        raise CorruptArtifact(f"run {silent[0]} came back without its events: use an older backup")
    return found


def _repeated(home: Home, *, is_from_raw: bool) -> dict[str, object]:
    """Make the newest decision again and return what the report says of it."""
    settings = load_settings(home.settings)
    book = open_ledger(settings, home).book()
    _refuse_sending(home, book)
    desk = open_desk(settings, home, actor="restore drill")
    cycle = _newest_decision(book)
    if cycle is None:
        return {"decision": "none was made yet"}
    frozen = orjson.loads(desk.artifacts.read(PLANS_FOLDER, cycle.plan_hash or "", suffix=".json"))
    if frozen["settings_hash"] != settings.settings_hash:
        # Another size is another plan: that would be no fault of the backup.
        return {"decision": f"{cycle.session} was made under other settings, so it is not made again"}
    beside = home.root.with_name("again")
    # Each half beside the program that made it: an upgrade may lie between batch and plan.
    halves: list[tuple[str, tuple[Step, ...]]] = []
    if is_from_raw and cycle.batch_hash is not None:
        batch = desk.batches.load(cycle.batch_hash)
        halves.append((batch.code_hash, replay_analysis(settings, home, batch, beside=beside / "home")))
    halves.append((frozen["code_hash"], replay_plan(desk, cycle, beside=FileArtifacts(beside / "artifacts"))))
    count = sum(len(steps) for _, steps in halves)
    differing = [name for code, steps in halves if code == desk.code_hash for name in _differing(steps)]
    if differing:
        raise CorruptArtifact(f"the decision of {cycle.session} differs at {', '.join(differing)} in the restored home")
    otherwise = [name for _, steps in halves for name in _differing(steps)]
    if otherwise:
        # Every byte came back by its hash: what differs is what an upgrade changed, and no fault of the backup.
        told = f"was made by another version of the program; differs at {', '.join(otherwise)}"
        return {"decision": f"{cycle.session} {told}", "steps": count}
    return {"decision": f"{cycle.session}: {count} steps, bit for bit", "steps": count}


def _differing(steps: Sequence[Step]) -> list[str]:
    return [step.name for step in steps if not step.is_equal and step.name not in _CIRCUMSTANCES]


def _refuse_sending(home: Home, book: Book) -> None:
    control = book.control
    if control is None or control.state != "halted":
        raise Halted(
            f"the restored ledger in {home.root.name} is not halted: it must not trade before a person resumes"
        )


def _newest_decision(book: Book) -> CycleRecord | None:
    decided = [cycle for cycle in book.cycles.values() if not isinstance(cycle.plan, PlanMissed)]
    return max(decided, key=lambda cycle: cycle.session, default=None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the order, do it, and print the report as the last line."""
    del arguments
    report = drill(DrillOrder.model_validate_json(sys.stdin.read()))
    print(json.dumps(report.facts))  # noqa: T201 - the parent reads it
    return 0


if __name__ == "__main__":
    sys.exit(main())
