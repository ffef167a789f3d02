"""Every training and backtest ever looked at, in a file that only grows, and what so many tries do to the best of them.

Who tries a hundred settings finds a good Sharpe ratio in noise. So each trial is written down before anybody sees
what came of it, and a ratio is deflated by the best that chance would give to that many different settings.
Trying the same settings again on newer data is another line but no further choice.

Three kinds of figure stand in it, and two questions are asked of it. A model was chosen among ways to learn: all that
were trained, searched, looked at in a table, or let score a backtest. An account was chosen among those and all else
that was backtested: rules, sizing, limits, rhythms. How many there were is counted over all kinds; how far chance
spreads them is measured within one, for a spread between names, a held fifth after costs and an account that holds
cash do not vary alike, and over as many days as the judged record has, for the noise of a ratio shrinks as its days
grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np

from assets.ml.evidence import DailyRecord
from assets.ml.judgement import SharpeRecord
from assets.performance import SHORTEST_HISTORY_SESSIONS
from execution.artifact_files import read_by_hash, write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact
from execution.durable_files import DurableFiles

TRIALS: Final = "trials.jsonl"
Chosen = Literal["model", "held", "account"]
"""What was chosen by looking at trials: a model among ways to learn, or an account among all that was tried.

A model has two kinds of record, its best fifth less its worst, and as `held` its best fifth held after costs.
"""
_EULER_GAMMA: Final = 0.5772156649015329


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestLook:
    """What a line of a backtest says beside its figures.

    Attributes:
        scorer: a rule by its name, or `model` for models taught on the way.
        learning_hash: the way to learn, as a training by the same settings is counted; None where a rule scored.
        settings_hash: of the whole settings tree, what changes no figure included.
        first: first decision session.
        last: last one asked for; the record tells how many were lived.
        views: other costs and opening cash told beside it, by the names of their portfolios; they choose nothing.
    """

    scorer: str
    learning_hash: str | None
    settings_hash: str
    first: date
    last: date
    views: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One judged training, or one backtested choice.

    Attributes:
        choice_hash: what was chosen: every setting that can change a figure, features offered, horizon, and what the
            marts were built by; equal for a retraining on newer data. Older lines knew less of that; each still counts
            as a choice.
        dataset_hash: what it learned from; of a backtest the raw parts it traded on.
        model_hash: what came out; empty where no model is kept.
        spread: its out-of-fold record; of a backtest that of its account over every stock alike, after costs.
        at: when, by the clock.
        returns_hash: its daily returns over the market and those of the rules, `returns/<hash>.json`; None on a line
            from before they were kept.
        backtest: what was backtested; None for a training.
        net: record of the best fifth held for the horizon, over every member alike and after costs; None for a
            backtest, and on a line from before it was kept.
        judged: first and last decision session judged, where no daily returns tell; None where they do, or on a line
            from before it was told.
    """

    choice_hash: str
    dataset_hash: str
    model_hash: str
    spread: SharpeRecord
    at: datetime
    returns_hash: str | None = None
    backtest: BacktestLook | None = None
    net: SharpeRecord | None = None
    judged: tuple[date, date] | None = None


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

    def judged(self, trial: Trial) -> tuple[date, date] | None:
        """Return the first and last decision session on which a trial judged a way to learn; None where it is not told.

        A backtest by models taught on the way judged all it was asked for, also where it was given up; one by a rule
        judged no way to learn.

        Raises:
            CorruptArtifact: its daily returns are not what they were.
        """
        if trial.backtest is not None:
            return None if trial.backtest.learning_hash is None else (trial.backtest.first, trial.backtest.last)
        if trial.judged is None and trial.returns_hash is not None:
            days = self.returns(trial.returns_hash).days
            return (days[0], days[-1]) if days else None
        return trial.judged

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


def choices(trials: Sequence[Trial], *, of: Chosen = "model") -> int:
    """Return among how many different things a model, or an account, was chosen."""
    return len(_records(trials, of))


def deflated_sharpe(record: SharpeRecord, trials: Sequence[Trial], *, of: Chosen = "model") -> float:
    """Return the probability that the true Sharpe ratio is above the best that chance gives to that many choices.

    With one choice it is the probability that the ratio is above 0. 0 where there is no record to judge. The source has
    trials of one length, and noise spreads a daily ratio by 1 / sqrt(days - 1): each known ratio is first scaled to the
    length of the record in question. The ratios of choices without a record of this kind, or with one that is too short
    for a ratio, are not known: chance spreads them at least as far as days that mean nothing spread the ratio that is
    judged.

    Args:
        record: the trial in question.
        trials: every trial so far, this one among them.
        of: what the record is of, and so what it was chosen among.

    Source:
        Bailey and López de Prado (2014), "The Deflated Sharpe Ratio", J. Portfolio Management 40(5), 94-107.
    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - definitions import this module; it loads in training

    if record.days < 2:
        return 0.0
    found = _records(trials, of)
    known = [
        told.sharpe * float(np.sqrt((told.days - 1) / (record.days - 1)))
        for told in found.values()
        if told is not None and told.days >= SHORTEST_HISTORY_SESSIONS
    ]
    count, spread = len(found), float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    if len(known) < count:
        spread = max(spread, float(1.0 / np.sqrt(record.days - 1)))
    best_by_chance = 0.0
    if count > 1:
        quantiles = ndtri([1.0 - 1.0 / count, 1.0 - 1.0 / (count * np.e)])
        best_by_chance = spread * float((1.0 - _EULER_GAMMA) * quantiles[0] + _EULER_GAMMA * quantiles[1])
    shape = 1.0 - record.skewness * record.sharpe + (record.kurtosis - 1.0) / 4.0 * record.sharpe**2
    return float(ndtr((record.sharpe - best_by_chance) * np.sqrt((record.days - 1) / shape))) if shape > 0 else 0.0


def _records(trials: Sequence[Trial], of: Chosen) -> dict[str, SharpeRecord | None]:
    """Return each choice with its record of the kind that is asked for; None where it was only seen as the other."""
    return _of_accounts(trials) if of == "account" else _of_models(trials, is_held=of == "held")


def _of_models(trials: Sequence[Trial], *, is_held: bool) -> dict[str, SharpeRecord | None]:
    found: dict[str, SharpeRecord | None] = {}
    for trial in trials:
        if trial.backtest is None:
            found[trial.choice_hash] = trial.net if is_held else trial.spread
        elif trial.backtest.learning_hash is not None:
            found.setdefault(trial.backtest.learning_hash, None)
    return found


def _of_accounts(trials: Sequence[Trial]) -> dict[str, SharpeRecord | None]:
    found: dict[str, SharpeRecord | None] = {}
    for trial in trials:
        if trial.backtest is not None:
            told, longest = trial.spread, found.get(trial.choice_hash)
            # Spans are views of one choice: the longest tells most.
            if longest is None or told.days >= longest.days:
                found[trial.choice_hash] = told
    traded = {trial.backtest.learning_hash for trial in trials if trial.backtest is not None}
    learned = {trial.choice_hash for trial in trials if trial.backtest is None}
    return found | dict.fromkeys(learned - traded)
