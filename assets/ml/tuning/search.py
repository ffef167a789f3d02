"""Search the learner's settings for a better walk-forward rank IC; at most fifty choices, each written down as a trial.

A search decides nothing: it says which settings did best, a person writes them into the tree, and the next training
meets the same gate as ever, with every choice tried here counted against it. The same rows, settings and seed try the
same choices; one that the log holds for these rows is looked up, so that an interrupted search goes on where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from assets.ml.challenge import challenger
from assets.ml.dataset import TrainingSet
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.trial_log import TrialLog, choices
from assets.ml.trials import choice_hash, note_trial
from execution.domain.errors import SettingsRefused

if TYPE_CHECKING:
    import optuna

FOLDER: Final = "searches"
Chosen = Mapping[str, int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One choice of the search.

    Attributes:
        settings: what it changed, by name.
        rank_ic: mean walk-forward rank IC.
        net_bps: what holding its best fifth earned over the market, a day, after costs.
        model_hash: the model that came out.
    """

    settings: Chosen
    rank_ic: float
    net_bps: float
    model_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search came to.

    Attributes:
        dataset_hash: the rows it searched on.
        seed: of its draws.
        tried: every choice in the order it was tried; the settings as they are come first where the space holds them.
        choices: among how many ways to learn a model of this home is chosen, these among them.
    """

    dataset_hash: str
    seed: int
    tried: tuple[Tried, ...]
    choices: int

    @property
    def best(self) -> Tried:
        """The choice with the highest rank IC, the earliest of equals."""
        return max(self.tried, key=lambda one: one.rank_ic)


def search(
    training_set: TrainingSet,
    *,
    registry: ModelRegistry,
    log: TrialLog,
    policy: LearningPolicy,
    trained_as_of: datetime,
    code_hash: str,
    is_synthetic: bool,
    at: datetime,
    tell: Callable[[str], object] = lambda _: None,
) -> Searched:
    """Return every choice tried, each of them judged, stored and written into the log.

    Args:
        training_set: rows sorted by session and symbol; sealed sessions are looked at by none of the folds.
        registry: where models are stored; none is promoted here.
        log: every trial so far.
        policy: the settings to start from, and the space.
        trained_as_of: cut-off instant of the training set's last session, in UTC.
        code_hash: content hash of the program.
        is_synthetic: whether the market is simulated.
        at: the clock's instant, in UTC.
        tell: takes one line after each choice.

    Raises:
        SettingsRefused: the space names what is no number of the learner, or reaches beyond what a setting may be.
        DataError: the rows teach nothing.
    """
    import optuna  # noqa: PLC0415 - a second of import that nobody else needs

    refuse_impossible_space(policy)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=policy.seed))
    space = policy.search.space
    if all(span.low <= getattr(policy, name) <= span.high for name, span in space.items()):
        study.enqueue_trial({str(name): getattr(policy, name) for name in space})
    dataset_hash = training_set.hash
    known = {trial.choice_hash: trial.model_hash for trial in log.trials() if trial.dataset_hash == dataset_hash}
    tried: list[Tried] = []
    for number in range(policy.search.max_trials):
        asked = study.ask()
        settings = _suggested(asked, policy)
        chosen = policy.model_copy(update=settings)
        model_hash = known.get(choice_hash(chosen, training_set))
        if model_hash is None:
            made = challenger(
                training_set,
                policy=chosen,
                trained_as_of=trained_as_of,
                code_hash=code_hash,
                is_synthetic=is_synthetic,
            )
            model_hash = registry.publish(made.model)
            note_trial(log, made.model.card, made.record, model_hash=model_hash, at=at, policy=chosen)
        card = registry.load(model_hash).card
        study.tell(asked, card.rank_ic)
        net_bps = 0.0 if card.evidence is None else card.evidence.net_bps.value
        tried.append(Tried(settings=settings, rank_ic=card.rank_ic, net_bps=net_bps, model_hash=model_hash))
        tell(f"{number + 1} of {policy.search.max_trials}: rank IC {card.rank_ic:+.4f} with {told(settings)}")
    return Searched(
        dataset_hash=dataset_hash,
        seed=policy.seed,
        tried=tuple(tried),
        choices=choices(log.trials()),
    )


def told(settings: Chosen) -> str:
    """Return settings as a person writes them."""
    return ", ".join(f"{name} {value:.4g}" for name, value in settings.items())


def refuse_impossible_space(policy: LearningPolicy) -> None:
    """Do nothing when every corner of the search space is settings that a person could have written.

    Raises:
        SettingsRefused: a name is no number of the learner, or a bound is beyond what the setting may be.
    """
    for name, span in policy.search.space.items():
        for bound in (span.low, span.high):
            whole = isinstance(getattr(policy, name), int)
            try:
                LearningPolicy.model_validate({name: int(bound) if whole and bound == int(bound) else bound})
            except ValueError as error:
                raise SettingsRefused(
                    f"learning.search.space.{name} reaches {bound}, which the setting itself may not be: {error}"
                ) from None


def _suggested(asked: "optuna.trial.Trial", policy: LearningPolicy) -> dict[str, int | float]:
    found: dict[str, int | float] = {}
    for name, span in sorted(policy.search.space.items()):
        if isinstance(getattr(policy, name), int):
            found[name] = asked.suggest_int(name, int(span.low), int(span.high), log=span.is_logarithmic)
        else:
            found[name] = asked.suggest_float(name, span.low, span.high, log=span.is_logarithmic)
    return found
