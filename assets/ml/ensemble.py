"""Several members as one model: seeds, shorter horizons and rules, standardised within their day and summed by weight.

The members and their weights are one file, named by its hash like any model's, judged as a whole out of fold. A model
of one member is LightGBM's own text and scores as ever, unstandardised.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from assets.ml.dataset import Days, Floats, Singles, TrainingSet, gaussian_rank
from assets.ml.policy import JUDGED_HORIZONS, LearningPolicy
from assets.ml.rule_strategies import rule_named
from assets.ml.walk_forward import day_slices, standardised
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import CorruptArtifact
from execution.domain.signals import RuleName

if TYPE_CHECKING:
    import lightgbm

_JSON: Final = "{"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One part of a model.

    Attributes:
        weight: of its standardised score; all of them sum to 1.
        horizon_sessions: sessions its labels span; None for a rule.
        seed: of its draws; None for a rule.
        rule: the rule's name; None for trees.
        text: LightGBM's text; empty for a rule.
    """

    weight: float
    horizon_sessions: int | None = None
    seed: int | None = None
    rule: RuleName | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """A member before it is taught: the rows with its labels and the settings with its seed."""

    member: Member
    training_set: TrainingSet
    policy: LearningPolicy


def is_single(policy: LearningPolicy) -> bool:
    """Return whether a model is one member: one seed, the label's own horizon, no rule."""
    chosen = policy.ensemble
    return chosen.seeds == 1 and not chosen.horizons and not chosen.rules


def teachers(training_set: TrainingSet, policy: LearningPolicy) -> tuple[Teacher, ...]:
    """Return the members in the order they are stored: horizons from the shortest, seeds within them, then rules."""
    chosen = policy.ensemble
    horizons = chosen.horizons or {training_set.horizon_sessions: 1.0}
    total = sum(horizons.values()) + sum(chosen.rules.values())
    trees = [
        Teacher(
            member=Member(weight=weight / total / chosen.seeds, horizon_sessions=span, seed=policy.seed + number),
            training_set=_labelled(training_set, span),
            policy=policy.model_copy(update={"seed": policy.seed + number}),
        )
        for span, weight in sorted(horizons.items())
        for number in range(chosen.seeds)
    ]
    rules = [
        Teacher(member=Member(weight=weight / total, rule=name), training_set=training_set, policy=policy)
        for name, weight in sorted(chosen.rules.items())
    ]
    return (*trees, *rules)


def stored(members: Iterable[Member]) -> str:
    """Return members as the text of a model."""
    return canonical_bytes({"members": tuple(members)}).decode()


def members_of(text: str) -> tuple[Member, ...]:
    """Return the members of a model's text, whose bytes were verified; LightGBM's own text is one.

    Raises:
        CorruptArtifact: it is of another version.
    """
    if not text.startswith(_JSON):
        return (Member(weight=1.0, text=text),)
    try:
        # Not strict: canonical JSON writes floats as text, so that no reader's parser changes them.
        read = msgspec.convert(msgspec.json.decode(text), dict[str, tuple[Member, ...]], strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise CorruptArtifact(f"the model's members are of another version: {error}; train again") from error
    return read["members"]


def summed(sessions: Days, weighted: Iterable[tuple[float, Floats]]) -> Floats:
    """Return (n,) scores: each member's standardised within its day, times its weight; silent where it is NaN.

    Args:
        sessions: (n,) ascending days.
        weighted: weight and (n,) scores of each member.
    """
    total = np.zeros(len(sessions))
    for weight, scores in weighted:
        total += weight * _standardised_where_known(sessions, scores)
    return total


def rule_scores(member: Member, features: Singles, names: tuple[str, ...]) -> Floats:
    """Return (n_rows,) scores of a rule; NaN where it is silent."""
    return rule_named(str(member.rule)).scores(features, names)


def predicted(text: str, names: tuple[str, ...], sessions: Days, features: Singles) -> Floats:
    """Return (n_rows,) scores of a model.

    Args:
        text: of the model, verified.
        names: its features, the columns' names.
        sessions: (n_rows,) ascending days.
        features: (n_rows, n_features).
    """
    members = members_of(text)
    if len(features) == 0:
        return np.zeros(0)
    scores = [_scores(member, names, features) for member in members]
    if len(members) == 1:
        return scores[0]
    return summed(sessions, zip((member.weight for member in members), scores, strict=True))


def explained(text: str, names: tuple[str, ...], features: Singles) -> tuple[Floats, Floats]:
    """Return (n_rows,) scores of one session's rows and (n_rows, n_features + 1) what each feature added, base last."""
    members = members_of(text)
    if len(features) == 0:
        return np.zeros(0), np.zeros((0, len(names) + 1))
    if len(members) == 1 and members[0].rule is None:
        booster = _booster(members[0])
        return _predict(booster, features), _predict(booster, features, pred_contrib=True)
    one_day = np.zeros(len(features), dtype="datetime64[D]")
    scores, parts = np.zeros(len(features)), np.zeros((len(features), len(names) + 1))
    for member in members:
        if member.rule is not None:
            z = _standardised_where_known(one_day, rule_scores(member, features, names))
            feature = rule_named(member.rule).feature
            if feature in names:
                parts[:, names.index(feature)] += member.weight * z
        else:
            booster = _booster(member)
            told = _predict(booster, features)
            z, spread = standardised(told), float(told.std())
            if spread > 0:
                added = _predict(booster, features, pred_contrib=True)
                added[:, -1] -= told.mean()
                parts += member.weight / spread * added
        scores += member.weight * z
    return scores, parts


def _scores(member: Member, names: tuple[str, ...], features: Singles) -> Floats:
    return rule_scores(member, features, names) if member.rule else _predict(_booster(member), features)


def _booster(member: Member) -> "lightgbm.Booster":
    import lightgbm  # noqa: PLC0415 - definitions import this module; the library loads when a model scores

    return lightgbm.Booster(model_str=member.text)


def _predict(booster: "lightgbm.Booster", features: Singles, *, pred_contrib: bool = False) -> Floats:
    # One thread: on hundreds of rows a second one costs more than it brings, and under load twenty times as much.
    return np.asarray(booster.predict(features, num_threads=1, pred_contrib=pred_contrib), dtype=np.float64)


def _standardised_where_known(sessions: Days, scores: Floats) -> Floats:
    z = np.zeros(len(scores))
    for rows in day_slices(sessions):
        known = np.isfinite(scores[rows])
        if known.any():
            z[rows][known] = standardised(scores[rows][known])
    return z


def _labelled(training_set: TrainingSet, horizon_sessions: int) -> TrainingSet:
    """Return the same rows with labels of a shorter horizon; a row without one teaches the middle."""
    if horizon_sessions == training_set.horizon_sessions:
        return training_set
    forward = training_set.forward_returns[:, JUDGED_HORIZONS.index(horizon_sessions)]
    label = np.zeros(len(forward), dtype=np.float32)
    for rows in day_slices(training_set.sessions):
        known = np.isfinite(forward[rows])
        label[rows][known] = gaussian_rank(forward[rows][known], np.zeros(int(known.sum()), dtype=np.int64))
    return replace(training_set, label=label)
