"""Every training ever judged, in a file that only grows, and what that number of tries does to the best of them.

Who tries a hundred settings finds a good Sharpe ratio in noise. So each trial is written down before anybody sees
whether it is promoted, and a ratio is deflated by the best that chance would give to that many different settings.
Training the same settings again on newer data is another line but no further choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from assets.ml.evidence import DailyRecord
from assets.ml.judgement import SharpeRecord
from execution.artifact_files import read_by_hash, write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact
from execution.durable_files import DurableFiles

TRIALS: Final = "trials.jsonl"
_EULER_GAMMA: Final = 0.5772156649015329


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One judged training.

    Attributes:
        choice_hash: what was chosen: every setting that can change a figure, features offered and horizon; equal for a
            retraining on newer data. Older lines knew the learner's own settings alone; each still counts as a choice.
        dataset_hash: what it learned from.
        model_hash: what came out.
        spread: its out-of-fold record.
        at: when, by the clock.
        returns_hash: its daily returns over the market and those of the rules, `returns/<hash>.json`; None on a line
            from before they were kept.
    """

    choice_hash: str
    dataset_hash: str
    model_hash: str
    spread: SharpeRecord
    at: datetime
    returns_hash: str | None = None


class TrialLog:
    """The trials of one home: `trials.jsonl` in a folder, and the daily returns of each in `returns/` beside it."""

    def __init__(self, root: Path) -> None:
        self._path = root / TRIALS
        self._returns = root / "returns"

    def keep_returns(self, record: DailyRecord) -> str:
        """Store daily returns and return their hash; storing the same again changes nothing."""
        return write_by_hash(self._returns, canonical_bytes(record), suffix=".json")

    def returns(self, returns_hash: str) -> DailyRecord:
        """Return stored daily returns.

        Raises:
            CorruptArtifact: the file is missing, its bytes changed, or it is of another version.
        """
        data = read_by_hash(self._returns, returns_hash, suffix=".json")
        try:
            return msgspec.convert(msgspec.json.decode(data), DailyRecord, strict=False)
        except msgspec.ValidationError as error:
            raise CorruptArtifact(f"returns {returns_hash} are of another version: {error}") from error

    def add(self, trial: Trial) -> None:
        """Append a trial; it is on the device when this returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        DurableFiles().append_line(self._path, canonical_bytes(trial))

    def trials(self) -> tuple[Trial, ...]:
        """Return every trial, oldest first.

        Raises:
            CorruptArtifact: a finished line is no trial.
        """
        if not self._path.exists():
            return ()
        lines = self._path.read_bytes().split(b"\n")[:-1]
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                # Not strict: canonical JSON writes floats as text, so that no reader's parser changes them.
                found.append(msgspec.convert(msgspec.json.decode(line), Trial, strict=False))
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                raise CorruptArtifact(
                    f"line {number} of {TRIALS} is no trial: {error}; restore the file from a backup"
                ) from error
        return tuple(found)


def choices(trials: Sequence[Trial]) -> int:
    """Return how many different things were tried."""
    return len({trial.choice_hash for trial in trials})


def deflated_sharpe(record: SharpeRecord, trials: Sequence[Trial]) -> float:
    """Return the probability that the true Sharpe ratio is above the best that chance gives to that many choices.

    With one choice it is the probability that the ratio is above 0. 0 where there is no record to judge.

    Args:
        record: the trial in question.
        trials: every trial so far, this one among them.

    Source:
        Bailey and López de Prado (2014), "The Deflated Sharpe Ratio", J. Portfolio Management 40(5), 94-107.
    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - definitions import this module; it loads in training

    if record.days < 2:
        return 0.0
    newest = {trial.choice_hash: trial.spread.sharpe for trial in trials}
    count, spread = len(newest), float(np.std(list(newest.values()), ddof=1)) if len(newest) > 1 else 0.0
    best_by_chance = 0.0
    if count > 1:
        quantiles = ndtri([1.0 - 1.0 / count, 1.0 - 1.0 / (count * np.e)])
        best_by_chance = spread * float((1.0 - _EULER_GAMMA) * quantiles[0] + _EULER_GAMMA * quantiles[1])
    shape = 1.0 - record.skewness * record.sharpe + (record.kurtosis - 1.0) / 4.0 * record.sharpe**2
    return float(ndtr((record.sharpe - best_by_chance) * np.sqrt((record.days - 1) / shape))) if shape > 0 else 0.0
