"""What each table of a home holds now: rows and bytes, read from indexes and footers alone."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq

from assets import schemas
from assets.maintenance.archive import Archive
from assets.maintenance.holdings import Holding
from assets.raw_store import RawStore
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, open_ledger
from pipelines.settings import Settings


def holdings_of(settings: Settings, home: Home, instance: dg.DagsterInstance) -> dict[str, Holding]:
    """Return by its name what each table of a home holds; folders that do not exist are left out."""
    return dict(_holdings(settings, home, instance))


def bytes_of(home: Home) -> int:
    """Return what a home takes on its disk, without backups and logs, which have ages of their own."""
    left_out = (home.backups, home.logs)
    files = (path for path in home.root.rglob("*") if not any(path.is_relative_to(folder) for folder in left_out))
    return sum(_size(path) for path in files)


def _holdings(settings: Settings, home: Home, instance: dg.DagsterInstance) -> Iterator[tuple[str, Holding]]:
    store = RawStore(home.raw)
    for table in schemas.ALL:
        rows = sum(part.rows for part in store.parts(table))
        yield f"raw/{table.name}", _holding(rows, (home.raw / table.name).rglob("*"))
    for folder in sorted(path for path in home.features.glob("*") if path.is_dir()):
        parts = list(folder.glob("*.parquet"))
        yield f"features/{folder.name}", _holding(sum(pq.read_metadata(part).num_rows for part in parts), parts)
    for name, folder in (("artifacts", home.artifacts), ("logs", home.logs), ("reports", home.reports)):
        files = [path for path in folder.rglob("*") if path.is_file()]
        yield name, _holding(len(files), files)
    if has_ledger(settings, home):
        yield "ledger", _holding(open_ledger(settings, home).head().sequence, [home.ledger])
    yield "run_history", _holding(instance.get_runs_count(), (home.dagster / "history").rglob("*"))
    archived = Archive(home.archive).lines()
    yield "archive", _holding(sum(int(str(line["rows"])) for line in archived), home.archive.rglob("*"))


def _holding(rows: int, files: Iterable[Path]) -> Holding:
    return Holding(rows=rows, size_bytes=sum(_size(path) for path in files))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0  # a journal that ended meanwhile
