"""Training sets as artifacts: Parquet by content hash, and for each cut-off the newest one."""

import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from assets.ml.dataset import TrainingSet
from execution.artifact_files import read_by_hash, write_atomically, write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact, DataError

_OWN_COLUMNS = ("session", "symbol", "label", "net_return", "label_end", "volatility_20d")


class TrainingSetStore:
    """Training sets under one folder: `<file hash>.parquet` beside `<cut-off>.json`, which names the newest."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, training_set: TrainingSet) -> str:
        """Store a training set, make it its cut-off's newest and return its hash; publishing again changes nothing."""
        dataset_hash = training_set.hash
        file_hash = write_by_hash(self._root, _parquet(training_set), suffix=".parquet")
        note = {"cut_off": training_set.cut_off, "dataset_hash": dataset_hash, "file_hash": file_hash}
        write_atomically(self._root / f"{training_set.cut_off}.json", canonical_bytes(note))
        return dataset_hash

    def newest(self, cut_off: date) -> TrainingSet:
        """Return the newest training set of a cut-off, verified byte for byte.

        Raises:
            DataError: none was made for that cut-off.
            CorruptArtifact: its bytes or its rows are not what its names say.
        """
        try:
            note = orjson.loads((self._root / f"{cut_off}.json").read_bytes())
        except FileNotFoundError as absent:
            raise DataError(
                f"found no training set for {cut_off}, expected one: materialize ml/training_set before ml/model"
            ) from absent
        data = read_by_hash(self._root, note["file_hash"], suffix=".parquet")
        training_set = _training_set(pq.read_table(io.BytesIO(data), use_threads=False))
        if training_set.hash != note["dataset_hash"]:
            raise CorruptArtifact(
                f"found rows with hash {training_set.hash} for {cut_off}, expected {note['dataset_hash']}: "
                "materialize ml/training_set again"
            )
        return training_set


def _parquet(training_set: TrainingSet) -> bytes:
    columns: dict[str, Any] = {
        "session": pa.array(training_set.sessions.astype("datetime64[D]")),
        "symbol": pa.array(training_set.symbols.tolist(), pa.string()),
        "label": pa.array(training_set.label),
        "net_return": pa.array(training_set.net_return),
        "label_end": pa.array(training_set.label_end.astype("datetime64[D]")),
        "volatility_20d": pa.array(training_set.volatility_20d),
    }
    for position, name in enumerate(training_set.feature_names):
        columns[f"feature:{name}"] = pa.array(training_set.features[:, position])
    table = pa.table(columns).replace_schema_metadata(
        {
            "cut_off": training_set.cut_off.isoformat(),
            "horizon_sessions": str(training_set.horizon_sessions),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=["session", "symbol", "label_end"])
    return sink.getvalue()


def _training_set(table: pa.Table) -> TrainingSet:
    metadata: Mapping[bytes, bytes] = table.schema.metadata
    names = tuple(name.removeprefix("feature:") for name in table.column_names if name not in _OWN_COLUMNS)
    features = np.empty((table.num_rows, len(names)), dtype=np.float32)
    for position, name in enumerate(names):
        features[:, position] = table.column(f"feature:{name}").to_numpy()
    return TrainingSet(
        cut_off=date.fromisoformat(metadata[b"cut_off"].decode()),
        horizon_sessions=int(metadata[b"horizon_sessions"]),
        feature_names=names,
        sessions=table.column("session").to_numpy().astype("datetime64[D]"),
        symbols=np.asarray(table.column("symbol").to_pylist(), dtype=np.object_),
        features=features,
        label=table.column("label").to_numpy(),
        net_return=table.column("net_return").to_numpy(),
        label_end=table.column("label_end").to_numpy().astype("datetime64[D]"),
        volatility_20d=table.column("volatility_20d").to_numpy(),
    )
