"""`touchstone backup`: a backup now."""

from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.upkeep.backup import make_backup


def backup_page(settings: Settings, home: Home, *, is_full: bool) -> str:
    """Make a backup and return what to say about it.

    Args:
        settings: the whole tree.
        home: the home to copy.
        is_full: write every piece again.
    """
    made = make_backup(settings, home, is_full=is_full)
    where = settings.backup.bucket or str(settings.backup.folder or home.backups)
    lines = [
        f"backup {made.name.rpartition('/')[2]}",
        f"{made.files} files of {made.size_bytes:,} bytes, {made.ledger_rows} rows of the ledger, {made.runs} runs",
        f"added {made.written_bytes:,} bytes to {where}, {'sealed' if settings.backup.secret else 'not encrypted'}",
        f"{made.backups} backups are kept; {made.removed_backups} went, with {made.removed_pieces} pieces",
    ]
    if settings.backup.bucket is None and settings.backup.folder is None:
        lines.append("warning: one accident takes home and backups; name another device in backup.folder")
    return "\n".join(lines)
