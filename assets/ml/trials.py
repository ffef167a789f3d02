"""A training's place among all trials: write it down first, then say what it is worth."""

from dataclasses import dataclass
from datetime import datetime

from assets.ml.train import ModelCard
from assets.ml.trial_log import Trial, TrialLog, choices, deflated_sharpe
from execution.domain.canonical import content_hash
from execution.domain.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How many trials there are, this one among them, how many different choices, and this one's deflated Sharpe."""

    trials: int
    choices: int
    deflated_sharpe: float


def note_trial(log: TrialLog, card: ModelCard, *, model_hash: str, at: datetime) -> Tried:
    """Append a training to the log and return its standing.

    Args:
        log: every trial so far.
        card: the training's card, judged.
        model_hash: the model that came out.
        at: the clock's instant, in UTC.

    Raises:
        DataError: the card was never judged.
    """
    if card.judgement is None:
        raise DataError(f"the card of model {model_hash} has no judgement, expected one: train it again")
    offered = sorted((*card.features, *card.dropped_features))
    choice = {"params": card.params, "offered": offered, "horizon_sessions": card.horizon_sessions}
    record = card.judgement.spread_record
    log.add(
        Trial(
            choice_hash=content_hash(choice),
            dataset_hash=card.dataset_hash,
            model_hash=model_hash,
            spread=record,
            at=at,
        )
    )
    trials = log.trials()
    return Tried(trials=len(trials), choices=choices(trials), deflated_sharpe=deflated_sharpe(record, trials))
