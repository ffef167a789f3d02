"""Scores as artifacts: the same question is answered from the file, and each session notes who decided it.

A question is what scores depend on: the judged rows and who scores them. Its answer is stored by content hash; asking
again reads it. A session's note also says when nobody scored, so that a hold has its reason in one place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import orjson

from assets.ml.rules import Source
from assets.ml.scores import SessionScores
from execution.artifact_files import read_by_hash, write_atomically, write_by_hash
from execution.domain.canonical import canonical_bytes, content_hash
from execution.domain.errors import CorruptArtifact, DataError

SCORES: Final = "scores"
"""Folder of them within the artifacts."""
_JSON: Final = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything a session's scores depend on.

    Attributes:
        features_hash: the judged rows.
        source: who scores.
        model_hash: the champion; None for the rule.
        min_feature_share: share of its features a name needs.
    """

    features_hash: str
    source: Source
    model_hash: str | None
    min_feature_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringNote:
    """Who decided a session.

    Attributes:
        session: the decision session.
        source: `model`, the rule by its name, or `hold` when nobody scored.
        reason: why, one sentence.
        features_hash: the judged rows.
        model_hash: the champion; None unless the model decided.
        scores_hash: the stored scores; None on hold.
    """

    session: date
    source: Source
    reason: str
    features_hash: str
    model_hash: str | None
    scores_hash: str | None


class ScoreStore:
    """Scores below one folder: answers by hash, `questions/` that lead to them, and a note per session."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def answer(self, question: Question, compute: Callable[[], SessionScores]) -> tuple[str, SessionScores]:
        """Return the hash and the scores that answer a question, computing them only when it is asked first.

        Raises:
            CorruptArtifact: the stored answer is missing or its bytes changed.
        """
        path = self._root / "questions" / content_hash(question)
        if path.exists():
            scores_hash = path.read_text(encoding="ascii")
            return scores_hash, self.load(scores_hash)
        scores = compute()
        scores_hash = write_by_hash(self._root, canonical_bytes(scores), suffix=_JSON)
        write_atomically(path, scores_hash.encode("ascii"))
        return scores_hash, scores

    def load(self, scores_hash: str) -> SessionScores:
        """Return stored scores.

        Raises:
            CorruptArtifact: the file is missing, its bytes changed, or it is of another version.
        """
        data = read_by_hash(self._root, scores_hash, suffix=_JSON)
        try:
            return msgspec.convert(orjson.loads(data), SessionScores, strict=False)
        except msgspec.ValidationError as error:
            raise CorruptArtifact(f"scores {scores_hash} are of another version: {error}; score again") from error

    def note(self, note: ScoringNote) -> None:
        """Record who decided a session; the newest note wins, and the same note again changes no byte."""
        write_atomically(self._note_path(note.session), canonical_bytes(note))

    def noted(self, session: date) -> ScoringNote:
        """Return who decided a session.

        Raises:
            DataError: it was not scored yet.
            CorruptArtifact: the note cannot be read.
        """
        try:
            return msgspec.json.decode(self._note_path(session).read_bytes(), type=ScoringNote)
        except FileNotFoundError as absent:
            raise DataError(f"found no scores of {session}: materialize ml/scores of that session first") from absent
        except msgspec.DecodeError as error:
            raise CorruptArtifact(f"the scoring note of {session} is unreadable: {error}; score it again") from error

    def sessions(self) -> Mapping[date, Path]:
        """Return by session the file its note names; without one, or when the file is gone, it is left out."""
        notes = (msgspec.json.decode(path.read_bytes(), type=ScoringNote) for path in self._notes.glob("*-*-*.json"))
        named = {note.session: self._root / f"{note.scores_hash}{_JSON}" for note in notes if note.scores_hash}
        return {session: path for session, path in named.items() if path.exists()}

    def retire(self, scores_hash: str) -> None:
        """Take scores out of the store, as when they were archived; asked again, their question is computed again."""
        # What leads to them goes first: killed in between, nothing refers to what is gone.
        for path in (self._root / "questions").glob("*"):
            if path.read_text(encoding="ascii") == scores_hash:
                path.unlink()
        (self._root / f"{scores_hash}{_JSON}").unlink()

    @property
    def _notes(self) -> Path:
        return self._root / "sessions"

    def _note_path(self, session: date) -> Path:
        return self._notes / f"{session.isoformat()}.json"
