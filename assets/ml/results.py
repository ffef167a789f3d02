"""The honest table of a home: the model beside the rules, year by year, and what leaks would have added.

The same history, settings and program give the same bytes. Looking is a trial like any other: it is written down before
anything is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np

from assets.ml.dataset import TrainingSet
from assets.ml.policy import LearningPolicy
from assets.ml.rule_strategies import RULES
from assets.ml.trial_log import Trial, TrialLog, choices
from assets.ml.trials import choice_hash
from assets.ml.what_leaks_add import LEAKS
from assets.ml.yearly_results import SpanResult, by_year, net_record, spread_record, walk, yearly_folds
from execution.domain.canonical import canonical_bytes, content_hash

FOLDER: Final = "results"
MODEL: Final = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The table.

    Attributes:
        dataset_hash: the rows it was made of.
        judged_first: first decision session judged.
        judged_last: last one; later ones are sealed, or their label was not complete.
        rows: rows judged.
        symbols: distinct symbols among them.
        features: features offered.
        teachings: how many times the model was taught.
        retrain_sessions: sessions from one teaching to the next.
        cost_bps: cost of each dollar bought or sold.
        choices: among how many ways to learn a model of this home is chosen, this one among them.
        ways: by way to score, a result per year, and one of all days last; the model first, then rules.
        leaks: by leak, the model's result over all days with it; none when they were not asked for.
    """

    dataset_hash: str
    judged_first: date
    judged_last: date
    rows: int
    symbols: int
    features: int
    teachings: int
    retrain_sessions: int
    cost_bps: float
    choices: int
    ways: Mapping[str, tuple[SpanResult, ...]]
    leaks: Mapping[str, SpanResult]

    @property
    def content(self) -> bytes:
        """The table as canonical bytes."""
        return canonical_bytes(self)


def results_of(
    training_set: TrainingSet,
    *,
    policy: LearningPolicy,
    retrain_sessions: int,
    log: TrialLog,
    at: datetime,
    has_leaks: bool = True,
    tell: Callable[[str], object] = lambda _: None,
    hear: Callable[[str, SpanResult], object] = lambda _name, _found: None,
) -> Results:
    """Return the table of a history.

    Args:
        training_set: rows of all years.
        policy: the learner, its history, what is sealed, costs and seed.
        retrain_sessions: sessions from one teaching to the next.
        log: every trial so far; this one is added unless it was made before.
        at: the clock's instant, in UTC.
        has_leaks: whether the leaks are tried too; each costs about as much as the model itself.
        tell: told what is done next.
        hear: told each way to score and each leak with its figures of all days, the model first, as soon as known.

    Raises:
        DataError: no session is left to judge.
    """
    folds = yearly_folds(training_set, policy, retrain_sessions=retrain_sessions)
    rows = np.concatenate([fold.test for fold in folds])
    tell(f"{len(folds)} teachings of the model")
    scores = walk(training_set, folds, policy)
    first, last = training_set.sessions[rows[0]].item(), training_set.sessions[rows[-1]].item()
    looked = Trial(
        choice_hash=content_hash({"choice": choice_hash(policy, training_set), "retrain_sessions": retrain_sessions}),
        dataset_hash=training_set.hash,
        model_hash="",
        spread=spread_record(training_set, rows, scores),
        net=net_record(training_set, rows, scores, policy),
        judged=(first, last),
        at=at,
    )
    _note(log, looked)
    trials = log.trials()
    ways = {MODEL: by_year(training_set, rows, scores, policy=policy, trials=trials)}
    hear(MODEL, ways[MODEL][-1])
    for rule in RULES:
        told = rule.scores(training_set.features[rows], training_set.feature_names)
        if np.isfinite(told).any():
            ways[rule.name] = by_year(training_set, rows, told, policy=policy, trials=trials)
            hear(rule.name, ways[rule.name][-1])
    leaks = {}
    for name, leak in LEAKS.items() if has_leaks else ():
        tell(f"what it would have added: {name}")
        leaks[name] = by_year(training_set, rows, leak(training_set, folds, policy), policy=policy, trials=trials)[-1]
        hear(name, leaks[name])
    return Results(
        dataset_hash=training_set.hash,
        judged_first=first,
        judged_last=last,
        rows=len(rows),
        symbols=len(set(training_set.symbols[rows].tolist())),
        features=len(training_set.feature_names),
        teachings=len(folds),
        retrain_sessions=retrain_sessions,
        cost_bps=policy.promotion.cost_bps,
        choices=choices(trials),
        ways=ways,
        leaks=leaks,
    )


def _note(log: TrialLog, looked: Trial) -> None:
    """Add a look unless one by this choice of these days of these data was added before."""
    what = (looked.choice_hash, looked.dataset_hash, looked.judged)
    if all((one.choice_hash, one.dataset_hash, one.judged) != what for one in log.trials()):
        log.add(looked)
