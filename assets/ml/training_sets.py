"""Training sets as artifacts: Parquet by content hash, and for each cut-off the newest one."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from assets.memory import give_back
from assets.ml.dataset import StillHeld, TrainingSet
from assets.ml.policy import JUDGED_HORIZONS
from execution.artifact_files import read_by_hash, write_atomically, write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact, DataError

_ROWS_PER_GROUP: Final = 131_072
_FORWARD: Final = tuple(f"forward_return_{horizon}" for horizon in JUDGED_HORIZONS)
_OWN_COLUMNS: Final = (
    *("session", "symbol", "label", "net_return", "label_end", "volatility_20d", "sector"),
    *_FORWARD,
)


class TrainingSetStore:
    """Training sets in one folder: `<file hash>.parquet`, named by `<dataset hash>.json`; by cut-off, the newest."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, training_set: TrainingSet) -> str:
        """Store a training set, make it its cut-off's newest and return its hash; publishing again changes nothing."""
        dataset_hash = training_set.hash
        file_hash = write_by_hash(self._root, _parquet(training_set), suffix=".parquet")
        note = {"cut_off": training_set.cut_off, "dataset_hash": dataset_hash, "file_hash": file_hash}
        write_atomically(self._root / f"{dataset_hash}.json", canonical_bytes(note))
        write_atomically(self._root / f"{training_set.cut_off}.json", canonical_bytes(note))
        return dataset_hash

    def refuse(self, cut_off: date, reason: str) -> None:
        """Note that a cut-off has nothing to learn from, and why; what was made for it before is not asked any more."""
        write_atomically(self._root / f"{cut_off}.json", canonical_bytes({"cut_off": cut_off, "refused": reason}))

    def newest(self, cut_off: date) -> TrainingSet:
        """Return the newest training set of a cut-off, verified byte for byte.

        Raises:
            DataError: none was made for that cut-off, or there was nothing to learn from; then the reason.
            CorruptArtifact: its bytes or its rows are not what its names say.
        """
        try:
            note = orjson.loads((self._root / f"{cut_off}.json").read_bytes())
        except FileNotFoundError as absent:
            raise DataError(
                f"found no training set for {cut_off}, expected one: materialize ml/training_set before ml/model"
            ) from absent
        if "refused" in note:
            raise DataError(note["refused"])
        return self._load(note)

    def of(self, dataset_hash: str) -> TrainingSet:
        """Return the training set of a hash, verified byte for byte, whatever was made for its cut-off later.

        Raises:
            DataError: it has left the home.
            CorruptArtifact: its bytes or its rows are not what its names say.
        """
        # Sets from before they were named by hash stand under their cut-off alone.
        for path in (self._root / f"{dataset_hash}.json", *sorted(self._root.glob("????-??-??.json"))):
            note = orjson.loads(path.read_bytes()) if path.exists() else {}
            if note.get("dataset_hash") == dataset_hash and (self._root / f"{note['file_hash']}.parquet").exists():
                return self._load(note)
        raise DataError(
            f"found no training set {dataset_hash[:12]} in {self._root.name}/, expected the rows it names: restore it "
            "from a backup, or train a new model"
        )

    def _load(self, note: Mapping[str, str]) -> TrainingSet:
        data = read_by_hash(self._root, note["file_hash"], suffix=".parquet")
        training_set = _training_set(pq.ParquetFile(io.BytesIO(data)))
        if training_set.hash != note["dataset_hash"]:
            raise CorruptArtifact(
                f"found rows with hash {training_set.hash} for {note['cut_off']}, expected {note['dataset_hash']}: "
                "materialize ml/training_set again"
            )
        return training_set


def _parquet(training_set: TrainingSet) -> bytes:
    # Rows group by group: the whole table beside the arrays it is made of would double them.
    sink = io.BytesIO()
    dictionaries = ["session", "symbol", "label_end", "sector"]
    first = _rows(training_set, slice(0, _ROWS_PER_GROUP))
    with pq.ParquetWriter(sink, first.schema, compression="zstd", use_dictionary=dictionaries) as writer:
        writer.write_table(first)
        for begin in range(_ROWS_PER_GROUP, len(training_set.label), _ROWS_PER_GROUP):
            writer.write_table(_rows(training_set, slice(begin, begin + _ROWS_PER_GROUP)))
    # Allocators keep what is no longer needed, and training, which comes next in the same process, needs it more.
    del first, writer
    give_back()
    return sink.getvalue()


def _rows(training_set: TrainingSet, chosen: slice) -> pa.Table:
    columns: dict[str, Any] = {
        "session": pa.array(training_set.sessions[chosen].astype("datetime64[D]")),
        "symbol": pa.array(training_set.symbols[chosen].tolist(), pa.string()),
        "label": pa.array(training_set.label[chosen]),
        "net_return": pa.array(training_set.net_return[chosen]),
        "label_end": pa.array(training_set.label_end[chosen].astype("datetime64[D]")),
        "volatility_20d": pa.array(training_set.volatility_20d[chosen]),
        "sector": pa.array(training_set.sectors[chosen].tolist(), pa.string()),
    }
    for position, name in enumerate(_FORWARD):
        columns[name] = pa.array(training_set.forward_returns[chosen, position])
    for position, name in enumerate(training_set.feature_names):
        columns[f"feature:{name}"] = pa.array(training_set.features[chosen, position])
    return pa.table(columns).replace_schema_metadata(
        {
            "cut_off": training_set.cut_off.isoformat(),
            "horizon_sessions": str(training_set.horizon_sessions),
            "feature_versions": orjson.dumps(dict(training_set.feature_versions)).decode(),
            "built_by": orjson.dumps(dict(training_set.built_by)).decode(),
            "still_held": orjson.dumps(_still_held_rows(training_set.still_held)).decode(),
        }
    )


def _training_set(file: pq.ParquetFile) -> TrainingSet:
    schema = file.schema_arrow
    metadata: Mapping[bytes, bytes] = schema.metadata
    names = tuple(name.removeprefix("feature:") for name in schema.names if name not in _OWN_COLUMNS)
    own = file.read(columns=list(_OWN_COLUMNS), use_threads=False)
    features = np.empty((own.num_rows, len(names)), dtype=np.float32)
    for position, name in enumerate(names):
        column = f"feature:{name}"
        features[:, position] = file.read(columns=[column], use_threads=False).column(column).to_numpy()
    give_back()
    return TrainingSet(
        cut_off=date.fromisoformat(metadata[b"cut_off"].decode()),
        horizon_sessions=int(metadata[b"horizon_sessions"]),
        feature_names=names,
        sessions=own.column("session").to_numpy().astype("datetime64[D]"),
        symbols=np.asarray(own.column("symbol").to_pylist(), dtype=np.object_),
        features=features,
        label=own.column("label").to_numpy(),
        net_return=own.column("net_return").to_numpy(),
        label_end=own.column("label_end").to_numpy().astype("datetime64[D]"),
        volatility_20d=own.column("volatility_20d").to_numpy(),
        sectors=np.asarray(own.column("sector").to_pylist(), dtype=np.object_),
        forward_returns=np.column_stack([own.column(name).to_numpy() for name in _FORWARD]),
        feature_versions=orjson.loads(metadata.get(b"feature_versions", b"{}")),
        built_by=orjson.loads(metadata.get(b"built_by", b"{}")),
        # Absent in sets from before it was kept: what left the universe earned the market there.
        still_held=_still_held(orjson.loads(metadata.get(b"still_held", b"[]"))),
    )


def _still_held_rows(held: StillHeld) -> list[tuple[str, str, float]]:
    told = (held.sessions.astype(str).tolist(), held.symbols.tolist(), held.one_session_return.tolist())
    return list(zip(*told, strict=True))


def _still_held(rows: Sequence[tuple[str, str, float]]) -> StillHeld:
    if not rows:
        return StillHeld.none()
    sessions, symbols, returns = zip(*rows, strict=True)
    return StillHeld(
        sessions=np.array(sessions, dtype="datetime64[D]"),
        symbols=np.array(symbols, dtype=np.object_),
        one_session_return=np.array(returns),
    )
