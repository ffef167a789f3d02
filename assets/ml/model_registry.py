"""Models by content hash, and which of them decides: an append-only record of every promotion and every refusal.

A model is a folder named by the hash of its three files. All bytes are verified before any of them is parsed. The
champion is never stored as a state: it is read from the record, so that a past session finds the champion it had.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import orjson

from assets.ml.calibration import Calibration
from assets.ml.train import ModelCard, TrainedModel
from execution.artifact_files import write_atomically
from execution.domain.canonical import canonical_bytes, content_hash
from execution.domain.errors import CorruptArtifact
from execution.durable_files import DurableFiles

MODEL_FILES: Final = ("calibration.json", "card.json", "model.txt")
MODELS: Final = "models"
CHAMPION_RECORD: Final = "champion.jsonl"
Verdict = Literal["promoted", "kept", "demoted", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A stored model whose bytes were verified.

    Attributes:
        model_hash: content hash of its three files.
        text: LightGBM's own text.
        calibration: what its scores mean.
        card: what it learned from and how it did.
    """

    model_hash: str
    text: str
    calibration: Calibration
    card: ModelCard

    def age_days(self, now: datetime) -> float:
        """Return days from the cut-off of its newest fact to an instant; negative when that lies ahead."""
        return (now - self.card.trained_as_of).total_seconds() / 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of promotion.

    Attributes:
        name: in words.
        found: what the model showed.
        asked: what is asked, in words.
        is_met: whether it is.
    """

    name: str
    found: float
    asked: str
    is_met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionEntry:
    """One line of the record.

    Attributes:
        verdict: `promoted`, `kept` when the champion stayed, `demoted` when it may no longer decide, or `refused` when
            nothing could be learned.
        model_hash: the model that was judged; empty when a training was refused.
        trained_as_of: cut-off of its newest fact.
        reason: why, one sentence.
        at: when, by the clock.
        conditions: what was asked of the model and what it showed; none on a line from before they were told.
    """

    verdict: Verdict
    model_hash: str
    trained_as_of: datetime
    reason: str
    at: datetime
    conditions: tuple[Condition, ...] = ()


class ModelRegistry:
    """Models below one folder: `models/<hash>/` with three files each, and the record `champion.jsonl` beside them."""

    def __init__(self, root: Path) -> None:
        self._models = root / MODELS
        self._record = root / MODELS / CHAMPION_RECORD

    def publish(self, model: TrainedModel) -> str:
        """Store a model and return its hash; storing the same model again changes nothing."""
        files = {
            "calibration.json": canonical_bytes(model.calibration),
            "card.json": canonical_bytes(model.card),
            "model.txt": model.text.encode(),
        }
        model_hash = _model_hash(files)
        for name, data in files.items():
            path = self._models / model_hash / name
            if not path.exists():
                write_atomically(path, data)
        return model_hash

    def load(self, model_hash: str) -> ModelRecord:
        """Return a model after verifying every byte; nothing is parsed before.

        Raises:
            CorruptArtifact: a file is missing, a byte changed, or the files are none of this version.
        """
        folder = self._models / model_hash
        try:
            files = {name: (folder / name).read_bytes() for name in MODEL_FILES}
        except FileNotFoundError as absent:
            raise CorruptArtifact(
                f"found no whole model {model_hash}, expected {', '.join(MODEL_FILES)}: "
                "restore it from a backup or train again"
            ) from absent
        found = _model_hash(files)
        if found != model_hash:
            raise CorruptArtifact(
                f"found bytes with hash {found} in the folder of model {model_hash}: a file was changed after it was "
                "written; restore it from a backup or train again"
            )
        try:
            # Not strict: canonical JSON writes floats as text, so that no reader's parser changes them.
            card = msgspec.convert(orjson.loads(files["card.json"]), ModelCard, strict=False)
        except msgspec.ValidationError as error:
            raise CorruptArtifact(
                f"the card of model {model_hash} is of another version: {error}; train again"
            ) from error
        return ModelRecord(
            model_hash=model_hash,
            text=files["model.txt"].decode(),
            calibration=Calibration.from_json(orjson.loads(files["calibration.json"])),
            card=card,
        )

    def champion(self, *, as_of: datetime | None = None) -> ModelRecord | None:
        """Return the model promoted last, verified; None when there is none, or when it was demoted since.

        Args:
            as_of: leave out models that learned from anything after this instant, and demotions after it: a past
                session must not be scored by a model that knows its future. None leaves out nothing.

        Raises:
            CorruptArtifact: the record or the champion's bytes are not what they were.
        """
        decisive = [
            entry
            for entry in self.history()
            if entry.verdict in {"promoted", "demoted"}
            and (as_of is None or (entry.trained_as_of if entry.verdict == "promoted" else entry.at) <= as_of)
        ]
        is_decided = bool(decisive) and decisive[-1].verdict == "promoted"
        return self.load(decisive[-1].model_hash) if is_decided else None

    def promote(self, model_hash: str, *, reason: str, at: datetime, conditions: tuple[Condition, ...] = ()) -> None:
        """Record that a stored model is champion from now on.

        Raises:
            CorruptArtifact: the model is not stored whole.
        """
        self._append("promoted", self.load(model_hash), reason=reason, at=at, conditions=conditions)

    def keep(self, model_hash: str, *, reason: str, at: datetime, conditions: tuple[Condition, ...] = ()) -> None:
        """Record that a stored model was judged and the champion kept.

        Raises:
            CorruptArtifact: the model is not stored whole.
        """
        self._append("kept", self.load(model_hash), reason=reason, at=at, conditions=conditions)

    def demote(self, model_hash: str, *, reason: str, at: datetime) -> None:
        """Record that the champion may no longer decide; no older one takes its place.

        Raises:
            CorruptArtifact: the model is not stored whole.
        """
        self._append("demoted", self.load(model_hash), reason=reason, at=at)

    def refuse(self, *, trained_as_of: datetime, reason: str, at: datetime) -> None:
        """Record that nothing could be learned up to an instant, and why; the same refusal again adds nothing."""
        refusal = PromotionEntry(verdict="refused", model_hash="", trained_as_of=trained_as_of, reason=reason, at=at)
        newest = self.newest_verdict()
        if newest is None or replace(newest, at=at) != refusal:
            self._write(refusal)

    def newest_verdict(self, *, as_of: datetime | None = None) -> PromotionEntry | None:
        """Return the newest verdict on anything taught up to an instant; None before the first.

        Raises:
            CorruptArtifact: the record is not what it was.
        """
        found = [entry for entry in self.history() if as_of is None or entry.trained_as_of <= as_of]
        return found[-1] if found else None

    def history(self) -> tuple[PromotionEntry, ...]:
        """Return every promotion and refusal, oldest first.

        Raises:
            CorruptArtifact: a finished line is no entry.
        """
        return tuple(self._entries())

    def _entries(self) -> Iterator[PromotionEntry]:
        if not self._record.exists():
            return
        # What follows the last line's end is a write that a crash cut off; it was never acknowledged.
        for number, line in enumerate(self._record.read_bytes().split(b"\n")[:-1], start=1):
            try:
                # Not strict: canonical JSON writes floats as text, so that no reader's parser changes them.
                yield msgspec.convert(msgspec.json.decode(line), PromotionEntry, strict=False)
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                raise CorruptArtifact(
                    f"line {number} of {CHAMPION_RECORD} is no promotion: {error}; restore the file from a backup"
                ) from error

    def _append(
        self,
        verdict: Verdict,
        model: ModelRecord,
        *,
        reason: str,
        at: datetime,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        self._write(
            PromotionEntry(
                verdict=verdict,
                model_hash=model.model_hash,
                trained_as_of=model.card.trained_as_of,
                reason=reason,
                at=at,
                conditions=conditions,
            )
        )

    def _write(self, entry: PromotionEntry) -> None:
        self._models.mkdir(parents=True, exist_ok=True)
        with self._record.open("ab+") as file:
            file.seek(0)
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)
            file.seek(0, os.SEEK_END)
            file.write(canonical_bytes(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        DurableFiles().sync_folder(self._models)


def _model_hash(files: dict[str, bytes]) -> str:
    named: dict[str, Any] = {name: sha256(data).hexdigest() for name, data in files.items()}
    return content_hash(named)
