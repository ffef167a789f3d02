"""A training's place among all trials: write it down first, then say what it is worth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from assets.ml.dataset import Floats, TrainingSet
from assets.ml.evidence import DailyRecord
from assets.ml.judgement import sharpe_record
from assets.ml.overfitting import overfitting_probability, superiority_p
from assets.ml.policy import LearningPolicy
from assets.ml.train import ModelCard
from assets.ml.trial_log import Trial, TrialLog, choices, deflated_sharpe
from execution.domain.canonical import content_hash
from execution.domain.errors import DataError

_NO_CHOICE: Final[dict[str, Any]] = {
    **dict.fromkeys(("num_threads", "max_model_age_days", "fallback_rule", "drift", "forest", "search"), True),
    "promotion": {
        *("min_deflated_sharpe", "max_overfitting_probability", "max_superiority_p", "min_luck_quantile"),
        *("must_match_rules", "tolerance_rank_ic"),
    },
}
"""Settings that change no figure of a training: how it is computed, and what is asked or done once it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A training among all others, itself among them.

    Attributes:
        trials: how many trainings there are; backtests are none.
        choices: how many different ways to learn were looked at, also those that were only seen in a backtest.
        deflated_sharpe: probability that its Sharpe ratio is above the best that chance gives to so many choices.
        overfitting_probability: how often the best of all choices and rules on half of the days fails on the rest.
        superiority_p: probability that chance lifts some choice as far above holding every member alike.
    """

    trials: int
    choices: int
    deflated_sharpe: float
    overfitting_probability: float
    superiority_p: float


def note_trial(
    log: TrialLog, card: ModelCard, record: DailyRecord, *, model_hash: str, at: datetime, policy: LearningPolicy
) -> Tried:
    """Append a training to the log and return its standing.

    Args:
        log: every trial so far.
        card: the training's card, judged.
        record: its daily returns and those of the rules.
        model_hash: the model that came out.
        at: the clock's instant, in UTC.
        policy: by which it was trained and judged; its seed is that of the resampling.

    Raises:
        DataError: the card was never judged.
        CorruptArtifact: the log or stored returns are not what they were.
    """
    if card.judgement is None:
        raise DataError(f"the card of model {model_hash} has no judgement, expected one: train it again")
    offered = (*card.features, *card.dropped_features)
    choice = _choice(policy, offered, card.horizon_sessions, card.built_by or {})
    spread = card.judgement.spread_record
    log.add(
        Trial(
            choice_hash=choice,
            dataset_hash=card.dataset_hash,
            model_hash=model_hash,
            spread=spread,
            at=at,
            returns_hash=log.keep_returns(record),
            net=sharpe_record(np.array(record.model)),
        )
    )
    trials = log.trials()
    # An account, partly in cash, is no column beside fully held fifths: backtests are not compared here.
    trained = [trial for trial in trials if trial.backtest is None]
    newest = {trial.choice_hash: trial.returns_hash for trial in trained if trial.choice_hash != choice}
    model = np.array(record.model)
    others = _columns(len(model), [_on_days_of(record, log.returns(kept)) for kept in newest.values() if kept])
    rules = _columns(len(model), [np.array(values) for values in record.rules.values()])
    return Tried(
        trials=len(trained),
        choices=choices(trials),
        deflated_sharpe=deflated_sharpe(spread, trials),
        overfitting_probability=overfitting_probability(np.column_stack([model, others, rules])),
        superiority_p=superiority_p(model, others, seed=policy.seed),
    )


def learning_hash(policy: LearningPolicy, offered: Iterable[str], built_by: Mapping[str, str]) -> str:
    """Return what a training by these settings is counted as where marts built by others offer these features."""
    return _choice(policy, offered, policy.horizon_sessions, built_by)


def choice_hash(policy: LearningPolicy, training_set: TrainingSet) -> str:
    """Return what a training by these settings on these rows would be counted as.

    Whatever could change a figure is part of it, the history, the folds, what is sealed and the costs among them, and
    what the marts were built by, the screen of the universe first: who tries twenty of those and keeps the best has
    tried twenty choices.
    """
    return _choice(policy, training_set.feature_names, training_set.horizon_sessions, training_set.built_by)


def _choice(policy: LearningPolicy, offered: Iterable[str], horizon_sessions: int, built_by: Mapping[str, str]) -> str:
    learning = policy.model_dump(mode="json", exclude=_NO_CHOICE)
    chosen = {"learning": learning, "offered": sorted(offered), "horizon_sessions": horizon_sessions}
    # Rows that do not tell keep the name they were counted by before it was told.
    return content_hash(chosen | ({"built_by": dict(built_by)} if built_by else {}))


def _columns(n_days: int, found: list[Floats]) -> Floats:
    return np.column_stack(found) if found else np.empty((n_days, 0))


def _on_days_of(record: DailyRecord, other: DailyRecord) -> Floats:
    """Return another choice's returns on a record's days; 0 where it has none, as if it held nothing."""
    told = dict(zip(other.days, other.model, strict=True))
    return np.array([told.get(day, 0.0) for day in record.days])
