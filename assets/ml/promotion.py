"""Whether a challenger becomes champion: a table of conditions, each with what it asks and what was shown.

All must hold. A refusal is no error: the champion stays, or the rule decides where there is none.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from assets.ml.model_registry import Condition, ModelRecord, ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.rules import reason_against
from assets.ml.trials import Tried
from execution.domain.errors import DataError

WALK_FORWARD = "walk-forward rank IC"
_DECISIVE = ("promoted", "demoted")
BESIDE_CHAMPION = "walk-forward rank IC beside the champion's, less tolerance"


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether a candidate becomes champion, why, and every condition behind it."""

    is_promoted: bool
    reason: str
    conditions: tuple[Condition, ...] = ()


def conditions(
    candidate: ModelRecord, champion: ModelRecord | None, tried: Tried, *, policy: LearningPolicy, now: datetime
) -> tuple[Condition, ...]:
    """Return every condition of promotion with the candidate's figure.

    A champion may be trailed by the tolerance only, and only while it may decide in the candidate's market: one judged
    on an older, luckier range must not stay for ever. "Not worse than a rule" means that the 95 % interval of the
    difference does not lie wholly below 0: a model that learned what a rule knows is not refused for a coin's throw.

    Args:
        candidate: the model just trained.
        champion: the model that decides now; None when there is none.
        tried: the candidate's standing among all trials.
        policy: what is asked.
        now: the clock's instant, in UTC: whether the champion may still decide.

    Raises:
        DataError: the candidate's card holds no evidence.
    """
    asked, card = policy.promotion, candidate.card
    if card.evidence is None:
        raise DataError(f"the card of model {candidate.model_hash} holds no evidence, expected some: train it again")
    found = [_above(WALK_FORWARD, card.rank_ic, 0.0)]
    if champion is not None:
        against = _reason_against(champion, candidate, policy=policy, now=now)
        found.append(
            _at_least(BESIDE_CHAMPION, card.rank_ic, champion.card.rank_ic - asked.tolerance_rank_ic)
            if against is None
            else Condition(name=BESIDE_CHAMPION, found=card.rank_ic, asked=f"nothing: {against}", is_met=True)
        )
    found += [
        _at_least("deflated Sharpe ratio", tried.deflated_sharpe, asked.min_deflated_sharpe),
        _at_most("probability of overfitting", tried.overfitting_probability, asked.max_overfitting_probability),
        _at_most("p-value of superiority over equal weight", tried.superiority_p, asked.max_superiority_p),
        _at_least("share of random portfolios beaten", card.evidence.luck_quantile, asked.min_luck_quantile),
    ]
    if asked.must_match_rules:
        found += [
            _at_least(f"bps a day over {name}, upper end", compared.model_less_rule_bps.high, 0.0)
            for name, compared in sorted(card.evidence.rules.items())
        ]
    return tuple(found)


def promotion(
    candidate: ModelRecord, champion: ModelRecord | None, tried: Tried, *, policy: LearningPolicy, now: datetime
) -> Promotion:
    """Return whether a candidate becomes champion.

    Args:
        candidate: the model just trained.
        champion: the model that decides now; None when there is none.
        tried: the candidate's standing among all trials.
        policy: what is asked.
        now: the clock's instant, in UTC.

    Raises:
        DataError: the candidate's card holds no evidence.
    """
    found = conditions(candidate, champion, tried, policy=policy, now=now)
    failed = [f"{one.name} is {one.found:.4f}, expected {one.asked}" for one in found if not one.is_met]
    if failed:
        return Promotion(is_promoted=False, reason="; ".join(failed), conditions=found)
    mine = candidate.card.rank_ic
    against = None if champion is None else _reason_against(champion, candidate, policy=policy, now=now)
    beside = "first champion" if champion is None else f"the champion's was {champion.card.rank_ic:+.4f}"
    if against is not None:
        beside += f" and is not asked for: {against}"
    return Promotion(
        is_promoted=True,
        reason=f"all {len(found)} conditions hold, walk-forward rank IC {mine:+.4f}, {beside}",
        conditions=found,
    )


def settle_promotion(
    registry: ModelRegistry, model_hash: str, tried: Tried, *, policy: LearningPolicy, at: datetime
) -> Promotion:
    """Judge a stored model against the champion, record the verdict either way, and return it.

    The champion itself, judged again, adds no line. A model that was demoted is kept whatever it shows: its figures are
    those it had before live ranking or the world spoke against it.
    """
    champion = registry.champion()
    candidate = registry.load(model_hash)
    told = [entry for entry in registry.history() if entry.model_hash == model_hash and entry.verdict in _DECISIVE]
    if champion is not None and champion.model_hash == model_hash:
        return Promotion(
            is_promoted=True, reason="it is the champion already", conditions=told[-1].conditions if told else ()
        )
    verdict = promotion(candidate, champion, tried, policy=policy, now=at)
    if told and told[-1].verdict == "demoted":
        verdict = replace(
            verdict,
            is_promoted=False,
            reason=f"it was demoted at {told[-1].at.isoformat()} ({told[-1].reason}), expected a model that never was: "
            "train on newer rows",
        )
    record = registry.promote if verdict.is_promoted else registry.keep
    record(model_hash, reason=verdict.reason, at=at, conditions=verdict.conditions)
    return verdict


def _reason_against(
    champion: ModelRecord, candidate: ModelRecord, *, policy: LearningPolicy, now: datetime
) -> str | None:
    """Return why the champion may not decide on the candidate's market and features any more; None while it may."""
    return reason_against(
        champion,
        is_simulated=candidate.card.is_synthetic,
        now=now,
        policy=policy,
        feature_versions=candidate.card.feature_versions or {},
        built_by=candidate.card.built_by or {},
    )


def _above(name: str, found: float, bound: float) -> Condition:
    return Condition(name=name, found=found, asked=f"above {bound:g}", is_met=found > bound)


def _at_least(name: str, found: float, bound: float) -> Condition:
    return Condition(name=name, found=found, asked=f"at least {bound:.4g}", is_met=found >= bound)


def _at_most(name: str, found: float, bound: float) -> Condition:
    return Condition(name=name, found=found, asked=f"at most {bound:.4g}", is_met=found <= bound)
