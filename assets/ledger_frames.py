"""The hashed ledger export as frames, believed only after every byte was hashed again.

Money columns stay exact: they arrive as `decimal.Decimal` objects, never as floats.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from execution.domain.errors import CorruptArtifact, DataError
from execution.ledger.export import FOLDER, MANIFEST

if TYPE_CHECKING:
    import pandas as pd

TABLES: Final = ("orders", "fills", "positions", "equity", "decisions")


@dataclass(frozen=True, slots=True)
class LedgerFrames:
    """One ledger export: what was ordered, executed, held and decided, up to a session.

    Attributes:
        hash: the export's content hash, its folder's name.
        upto_session: the newest session in it.
        orders: one row per order sent.
        fills: one row per execution.
        positions: one row per session and symbol held.
        equity: one row per settled session.
        decisions: one row per session and symbol: what happened and why.
    """

    hash: str
    upto_session: date
    orders: "pd.DataFrame"
    fills: "pd.DataFrame"
    positions: "pd.DataFrame"
    equity: "pd.DataFrame"
    decisions: "pd.DataFrame"


def load_export(folder: Path) -> LedgerFrames:
    """Return an export's tables as frames, after proving them equal to what its manifest says.

    Args:
        folder: `artifacts/ledger_export/<hash>`.

    Raises:
        DataError: there is no manifest in the folder.
        CorruptArtifact: a table is missing, unnamed by the manifest, or its bytes have another hash.
    """
    manifest = _manifest(folder)
    frames = {name: _verified_table(folder, name, manifest["tables"]) for name in TABLES}
    return LedgerFrames(hash=folder.name, upto_session=date.fromisoformat(manifest["upto_session"]), **frames)


def latest_export(root: Path, session: date) -> Path:
    """Return the folder of the newest export that reaches a session, the shortest reach first.

    Args:
        root: the artifacts folder of the home.
        session: the export must reach at least this session.

    Raises:
        DataError: no export reaches the session yet.
    """
    # The manifest is written last: a folder without one is not an export yet.
    whole = (path.parent for path in (root / FOLDER).glob(f"*/{MANIFEST}"))
    reaches = [(date.fromisoformat(_manifest(folder)["upto_session"]), folder) for folder in whole]
    reaching = sorted((upto, folder) for upto, folder in reaches if upto >= session)
    if not reaching:
        raise DataError(
            f"no ledger export reaches session {session}: expected a folder in {FOLDER}/; "
            "materialize trading/ledger_export of the session first"
        )
    return reaching[0][1]


def newest_export(root: Path) -> Path | None:
    """Return the folder of the export that reaches furthest; None before the first.

    Args:
        root: the artifacts folder of the home.
    """
    whole = [path.parent for path in (root / FOLDER).glob(f"*/{MANIFEST}")]
    return max(whole, key=lambda folder: (_manifest(folder)["upto_session"], folder.name), default=None)


def chosen_batch(published: Sequence[str], named: str | None) -> str | None:
    """Return the batch a session was decided from: the one its decisions name, or else the newest published one.

    Args:
        published: hashes of the session's batches in publication order.
        named: `batch_hash` of the session's decisions; None where there are none, or none was decided from a batch.
    """
    return named if named in published else (published[-1] if published else None)


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a frame's rows as plain values: what is missing is None, whatever the column's type."""
    import pandas as pd  # noqa: PLC0415 - definitions import this module; the library loads when a page is drawn

    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def of_session(frame: "pd.DataFrame", session: date) -> list[dict[str, Any]]:
    """Return a frame's rows of one session as plain values, in stored order."""
    return records(frame[frame["session"] == session])


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(f"ledger export {folder.name} has no {MANIFEST}: export the ledger again")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != folder.name:
        raise CorruptArtifact(
            f"the manifest of ledger export {folder.name} has SHA-256 {found}: expected the hash in "
            "its folder's name; restore it from a backup or export the ledger again"
        )
    manifest: dict[str, Any] = orjson.loads(content)
    return manifest


def _verified_table(folder: Path, name: str, tables: dict[str, Any]) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 - definitions import this module; the library loads when a page is drawn

    entry = tables.get(name)
    path = folder / f"{name}.parquet"
    if entry is None or not path.is_file():
        raise CorruptArtifact(f"ledger export {folder.name} lacks table {name}: expected it in manifest and folder")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        raise CorruptArtifact(
            f"table {name} of ledger export {folder.name} has SHA-256 {found}, its manifest says {entry['sha256']}: "
            "restore it from a backup or export the ledger again"
        )
    # Arrow-backed columns keep decimals, whole numbers and absent values as they were written.
    frame: pd.DataFrame = pq.read_table(pa.BufferReader(content), use_threads=False).to_pandas(
        types_mapper=pd.ArrowDtype
    )
    return frame
