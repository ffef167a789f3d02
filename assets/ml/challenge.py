"""A challenger from rows to verdict: train it, gather what speaks for it, count it among all trials, then decide."""

from dataclasses import dataclass, replace
from datetime import datetime

from assets.ml.dataset import TrainingSet
from assets.ml.evidence import DailyRecord, gathered
from assets.ml.family_worth import family_worth
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.promotion import Promotion, settle_promotion
from assets.ml.train import TrainedModel, out_of_fold_with_less, train
from assets.ml.trial_log import TrialLog
from assets.ml.trials import Tried, note_trial
from assets.ml.walk_forward import folds


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """A trained model whose card holds its evidence, and the daily returns behind that."""

    model: TrainedModel
    record: DailyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of a challenger: its hash, its standing among all trials, and the verdict."""

    model_hash: str
    tried: Tried
    verdict: Promotion


def challenger(
    training_set: TrainingSet,
    *,
    policy: LearningPolicy,
    trained_as_of: datetime,
    code_hash: str,
    is_synthetic: bool,
) -> Challenger:
    """Return a model of every row with everything a gate asks of it.

    Args:
        training_set: rows sorted by session and symbol.
        policy: folds, groups and learner.
        trained_as_of: cut-off instant of the training set's last session, in UTC.
        code_hash: content hash of the program.
        is_synthetic: whether the market is simulated.

    Raises:
        DataError: no feature varies, or there are too few sessions for folds or groups.
    """
    trained = train(
        training_set, policy=policy, trained_as_of=trained_as_of, code_hash=code_hash, is_synthetic=is_synthetic
    )
    evidence, record = gathered(training_set, trained.card.features, policy=policy)
    newest = folds(training_set, policy)[-1]
    families = family_worth(
        training_set,
        trained.card.features,
        newest,
        score=out_of_fold_with_less(training_set, trained.card.features, newest, policy),
    )
    card = replace(trained.card, evidence=evidence, families=families)
    return Challenger(model=replace(trained, card=card), record=record)


def judge(
    challenged: Challenger, *, registry: ModelRegistry, log: TrialLog, policy: LearningPolicy, at: datetime
) -> Judged:
    """Store a challenger, write the trial down, and only then decide about it.

    Args:
        challenged: the challenger.
        registry: where models are.
        log: every trial so far.
        policy: what promotion asks.
        at: the clock's instant, in UTC.

    Raises:
        CorruptArtifact: the registry or the log is not what it was.
    """
    model_hash = registry.publish(challenged.model)
    tried = note_trial(log, challenged.model.card, challenged.record, model_hash=model_hash, at=at, policy=policy)
    return Judged(
        model_hash=model_hash,
        tried=tried,
        verdict=settle_promotion(registry, model_hash, tried, policy=policy, at=at),
    )
