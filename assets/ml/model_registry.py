"""Models by content hash, and which of them decides: an append-only record of every promotion and every refusal.

A model is a folder named by the hash of its three files. All bytes are verified before any of them is parsed. The
champion is never stored as a state: it is read from the record, so that a past session finds the champion it had.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import orjson

from assets.ml.calibration import Calibration
from assets.ml.policy import LearningPolicy
from assets.ml.train import ModelCard, TrainedModel
from execution.artifact_files import write_atomically
from execution.domain.canonical import canonical_bytes, content_hash
from execution.domain.errors import CorruptArtifact
from execution.durable_files import DurableFiles

MODEL_FILES: Final = ("calibration.json", "card.json", "model.txt")
MODELS: Final = "models"
CHAMPION_RECORD: Final = "champion.jsonl"


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
class PromotionEntry:
    """One line of the record.

    Attributes:
        verdict: `promoted`, or `kept` when the champion stayed.
        model_hash: the model that was judged.
        trained_as_of: cut-off of its newest fact.
        reason: why, one sentence.
        at: when, by the clock.
    """

    verdict: Literal["promoted", "kept"]
    model_hash: str
    trained_as_of: datetime
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether a candidate becomes champion, and why."""

    is_promoted: bool
    reason: str


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
        """Return the model promoted last, verified; None when there is none.

        Args:
            as_of: leave out models that learned from anything after this instant: a past session must not be scored
                by a model that knows its future. None leaves out nothing.

        Raises:
            CorruptArtifact: the record or the champion's bytes are not what they were.
        """
        promoted = [
            entry
            for entry in self.history()
            if entry.verdict == "promoted" and (as_of is None or entry.trained_as_of <= as_of)
        ]
        return self.load(promoted[-1].model_hash) if promoted else None

    def promote(self, model_hash: str, *, reason: str, at: datetime) -> None:
        """Record that a stored model is champion from now on.

        Raises:
            CorruptArtifact: the model is not stored whole.
        """
        self._append("promoted", model_hash, reason=reason, at=at)

    def keep(self, model_hash: str, *, reason: str, at: datetime) -> None:
        """Record that a stored model was judged and the champion kept.

        Raises:
            CorruptArtifact: the model is not stored whole.
        """
        self._append("kept", model_hash, reason=reason, at=at)

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
                yield msgspec.json.decode(line, type=PromotionEntry)
            except msgspec.DecodeError as error:
                raise CorruptArtifact(
                    f"line {number} of {CHAMPION_RECORD} is no promotion: {error}; restore the file from a backup"
                ) from error

    def _append(self, verdict: Literal["promoted", "kept"], model_hash: str, *, reason: str, at: datetime) -> None:
        card = self.load(model_hash).card
        entry = PromotionEntry(
            verdict=verdict, model_hash=model_hash, trained_as_of=card.trained_as_of, reason=reason, at=at
        )
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


def promotion(
    candidate: ModelRecord, champion: ModelRecord | None, *, policy: LearningPolicy, deflated_sharpe: float
) -> Promotion:
    """Return whether a candidate becomes champion.

    It must rank better than chance out of fold, and may trail the champion by the tolerance only: a champion judged
    on an older, luckier range must not stay for ever.

    Args:
        candidate: the model just trained.
        champion: the model that decides now; None when there is none.
        policy: the tolerance, and the deflated Sharpe ratio asked for.
        deflated_sharpe: the candidate's, by every trial so far.
    """
    mine = candidate.card.rank_ic
    if deflated_sharpe < policy.promotion_min_deflated_sharpe:
        return Promotion(
            is_promoted=False,
            reason=f"its deflated Sharpe ratio is {deflated_sharpe:.3f}, "
            f"expected at least {policy.promotion_min_deflated_sharpe:.3f}",
        )
    if mine <= 0.0:
        return Promotion(is_promoted=False, reason=f"its walk-forward rank IC is {mine:+.4f}, expected above 0")
    if champion is None:
        return Promotion(is_promoted=True, reason=f"first champion, walk-forward rank IC {mine:+.4f}")
    floor = champion.card.rank_ic - policy.promotion_tolerance_rank_ic
    if mine < floor:
        return Promotion(
            is_promoted=False,
            reason=f"its walk-forward rank IC is {mine:+.4f}, expected at least {floor:+.4f} "
            f"(champion {champion.card.rank_ic:+.4f} less tolerance)",
        )
    return Promotion(
        is_promoted=True, reason=f"walk-forward rank IC {mine:+.4f} against the champion's {champion.card.rank_ic:+.4f}"
    )


def settle_promotion(
    registry: ModelRegistry, model_hash: str, *, policy: LearningPolicy, deflated_sharpe: float, at: datetime
) -> Promotion:
    """Judge a stored model against the champion, record the verdict either way, and return it.

    The champion itself, judged again, adds no line.
    """
    champion = registry.champion()
    if champion is not None and champion.model_hash == model_hash:
        return Promotion(is_promoted=True, reason="it is the champion already")
    candidate = registry.load(model_hash)
    verdict = promotion(candidate, champion, policy=policy, deflated_sharpe=deflated_sharpe)
    record = registry.promote if verdict.is_promoted else registry.keep
    record(model_hash, reason=verdict.reason, at=at)
    return verdict


def _model_hash(files: dict[str, bytes]) -> str:
    named: dict[str, Any] = {name: sha256(data).hexdigest() for name, data in files.items()}
    return content_hash(named)
