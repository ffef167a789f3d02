"""`touchstone restore`: a home from a backup, in an empty place, in recovery."""

from pathlib import Path

from assets.maintenance.backup import load, manifest_names, newest
from assets.maintenance.sealing import open_store
from execution.clock import SystemClock
from execution.domain.errors import DataError, NotArmed
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.upkeep.restore import restore_home


def restored_page(settings: Settings, home: Home, *, to: Path, name: str, actor: str) -> str:
    """Restore a backup and return what to say and what to do next.

    Args:
        settings: name the store; the restored home goes on with its own.
        home: the home of these settings, whose folder of backups is meant where they name no other.
        to: an empty place.
        name: a backup's name or its beginning; empty for the newest.
        actor: the person who restores.

    Raises:
        NotArmed: nobody is named.
        DataError: there is no such backup, or the place is not empty.
        CorruptArtifact: a byte of the backup was changed.
        LedgerError: a newer version wrote the ledger in it.
    """
    if not actor.strip():
        raise NotArmed("restore wants the name of the person who restores: give --by")
    store = settings.backup.store(home.backups)
    sealing = open_store(store, settings.backup.secret)
    if name:
        found = [kept for kept in manifest_names(store) if kept.rpartition("/")[2].startswith(name)]
        if len(found) != 1:
            raise DataError(f"{len(found)} backups are named {name!r}: give more of the name, or none for the newest")
        backup = load(store, sealing, found[0])
    else:
        backup = newest(store, sealing)
    # By the machine's time: also a second restore of the same backup begins an epoch nobody used.
    epoch = int(SystemClock().now().timestamp())
    restored = restore_home(store, sealing, backup, place=to.expanduser().absolute(), actor=actor, epoch=epoch)
    place, files = restored.home.root, len(backup.manifest.files)
    before, now = restored.ledger_schemas or (0, 0)
    return "\n".join(
        [
            f"restored {backup.name.rpartition('/')[2]} to {place}: {files} files, every hash right",
            f"ledger        {restored.rows} rows, {restored.anchors_matched} signed heads found among them",
            *([f"tables        ledger schema {before} to {now}, folded again from the rows"] if before != now else []),
            "trading       halted, in recovery: nothing is sent until ledger and venue agree and a person resumes",
            f"next          TOUCHSTONE_HOME={place} touchstone resume",
        ]
    )
