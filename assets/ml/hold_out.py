"""The sealed hold-out: sessions no fold, calibration or promotion ever looked at, to be looked at once.

An opening is written down before anything is computed, in a file that only grows; a day that was opened stays opened,
so a second look is refused, also by another model, another setting or another year that still holds one of its days.
Nor is a look the first where the trial log tells of a training, or of a backtest by taught models, that judged some of
its days under another seal, or none. What the traded account lives through was chosen by nobody and is no look.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from assets.ml.dataset import Floats, TrainingSet
from assets.ml.forward_returns import ENTRY_LAG_SESSIONS
from assets.ml.judgement import Estimate, HorizonJudgement, daily_hit_rates, estimate, judge_horizon, quantile_returns
from assets.ml.policy import LearningPolicy
from assets.ml.trial_log import TrialLog
from assets.ml.walk_forward import Fold, require_apart, unsealed_days
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact, DataError, SettingsRefused
from execution.durable_files import DurableFiles

OPENINGS: Final = "hold_out.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One look at a hold-out.

    Attributes:
        first: first sealed session looked at.
        last: last one.
        dataset_hash: the training set it was cut from.
        reason: why, in the words of whoever asked.
        at: when, by the clock.
    """

    first: date
    last: date
    dataset_hash: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOutJudgement:
    """What the sealed sessions said of a model taught on all sessions before them.

    Attributes:
        opening: the look.
        days: sealed sessions judged.
        label_horizon: ranking over the label's own horizon.
        spread_bps: highest less lowest fifth over that horizon.
        hit_rate: share of names on the same side of their day's median score and of a net return of 0.
    """

    opening: Opening
    days: int
    label_horizon: HorizonJudgement
    spread_bps: Estimate
    hit_rate: Estimate


class HoldOutRecord:
    """Every opening of one home, `hold_out.jsonl` in the folder of its trial log."""

    def __init__(self, root: Path) -> None:
        self._path = root / OPENINGS
        self._log = TrialLog(root)

    def openings(self) -> tuple[Opening, ...]:
        """Return every opening, oldest first.

        Raises:
            CorruptArtifact: a line is no opening.
        """
        if not self._path.exists():
            return ()
        found = []
        for number, line in enumerate(self._path.read_bytes().split(b"\n")[:-1], start=1):
            try:
                found.append(msgspec.json.decode(line, type=Opening))
            except msgspec.DecodeError as error:
                raise CorruptArtifact(
                    f"line {number} of {OPENINGS} is no opening: {error}; restore the file from a backup"
                ) from error
        return tuple(found)

    def open(self, opening: Opening) -> None:
        """Write an opening down; it is on the device when this returns.

        Raises:
            SettingsRefused: no reason was given, or one of its sessions was opened or judged before.
            CorruptArtifact: the record or the trial log is not what it was.
        """
        if not opening.reason.strip():
            raise SettingsRefused("a hold-out is opened once: say why, as in `reason: last look before paper trading`")
        for earlier in self.openings():
            if opening.first <= earlier.last and earlier.first <= opening.last:
                raise SettingsRefused(
                    f"the hold-out of {opening.first} to {opening.last} holds sessions opened at "
                    f"{earlier.at.isoformat()} ({earlier.first} to {earlier.last}, {earlier.reason!r}): "
                    "what was seen once judges nothing any more; wait for sessions nobody has seen"
                )
        self._refuse_what_was_judged(opening)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        DurableFiles().append_line(self._path, canonical_bytes(opening))

    def _refuse_what_was_judged(self, opening: Opening) -> None:
        looks = [(trial, span) for trial in self._log.trials() if (span := self._log.judged(trial)) is not None]
        seen = [(span, trial) for trial, span in looks if opening.first <= span[1] and span[0] <= opening.last]
        if seen:
            (first, last), trial = max(seen, key=lambda look: look[0][1])
            raise SettingsRefused(
                f"the hold-out of {opening.first} to {opening.last} holds sessions that "
                f"{'a training' if trial.backtest is None else 'a backtest by taught models'} judged at "
                f"{trial.at.isoformat()} ({first} to {last}; {len(seen)} such looks): what was seen once judges "
                f"nothing any more; wait for sessions nobody has seen, or seal only those after {last}"
            )


def sealed_fold(training_set: TrainingSet, policy: LearningPolicy) -> Fold:
    """Return all that may be learned from before the sealed sessions, purged, and the sealed rows.

    Raises:
        DataError: nothing is sealed, or nothing is left before it.
    """
    days = training_set.days
    count = unsealed_days(days, sealed_share=policy.sealed_share)
    gap = ENTRY_LAG_SESSIONS + training_set.horizon_sessions + policy.embargo_sessions
    if count == len(days) or count <= gap:
        raise DataError(
            f"found {len(days) - count} sealed of {len(days)} sessions, expected some, and more than {gap} before them"
        )
    train = np.flatnonzero(training_set.sessions < days[count - gap])
    test = np.flatnonzero(training_set.sessions >= days[count])
    require_apart(training_set, train, test)
    return Fold(train, test)


def open_hold_out(
    training_set: TrainingSet,
    record: HoldOutRecord,
    *,
    score: Callable[[Fold], Floats],
    policy: LearningPolicy,
    reason: str,
    at: datetime,
) -> HoldOutJudgement:
    """Look at the sealed sessions, once.

    Args:
        training_set: the rows; the newest share of sessions is sealed.
        record: every opening so far.
        score: learns from a fold's training rows and returns (n_test,) scores of its test rows.
        policy: the sealed share.
        reason: why, for the record.
        at: the clock's instant, in UTC.

    Raises:
        SettingsRefused: one of the sessions was opened or judged before, or no reason was given.
        DataError: nothing is sealed.
    """
    fold = sealed_fold(training_set, policy)
    sessions = training_set.sessions[fold.test]
    opening = Opening(
        first=sessions[0].item(),
        last=sessions[-1].item(),
        dataset_hash=training_set.hash,
        reason=reason,
        at=at,
    )
    record.open(opening)
    scores, net = score(fold), training_set.net_return[fold.test]
    horizon, fifths = training_set.horizon_sessions, quantile_returns(sessions, scores, net)
    return HoldOutJudgement(
        opening=opening,
        days=len(np.unique(sessions)),
        label_horizon=judge_horizon(sessions, scores, net, horizon_sessions=horizon),
        spread_bps=estimate(fifths[:, -1] - fifths[:, 0], block_sessions=horizon),
        hit_rate=estimate(daily_hit_rates(sessions, scores, net), block_sessions=horizon),
    )
