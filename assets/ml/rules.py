"""Who decides a session: the champion, the rule that stands in for it, or nobody. Pure: facts in, a decision out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from assets.feature_catalogue import FEATURES
from assets.ml.model_registry import ModelRecord, PromotionEntry
from assets.ml.policy import LearningPolicy
from execution.domain.signals import DecisionSource, Mode

Source = Literal[DecisionSource, "hold"]
_NAMED: Final = 3
"""Features a reason names; the others it counts."""
_OF_HEADLINES: Final = frozenset(feature.name for feature in FEATURES if feature.family == "news")
_HEADLINE_SETTINGS: Final = frozenset({"features.labelled_sentences_file", "features.news"})
"""Settings that give features of headlines other values under the same version: who scores, and what weighs."""
_CALLED: Final = {"promoted": "promoted", "kept": "not promoted", "demoted": "demoted", "refused": "refused"}


@dataclass(frozen=True, slots=True)
class Decision:
    """Which source scores a session, and why, as one sentence."""

    source: Source
    reason: str


def decide_source(
    *,
    mode: Mode,
    champion: ModelRecord | None,
    now: datetime,
    policy: LearningPolicy,
    feature_versions: Mapping[str, int],
    built_by: Mapping[str, str],
    newest: PromotionEntry | None = None,
) -> Decision:
    """Return who scores.

    With a champion whose newest fact is at most `max_model_age_days` old the model decides; one taught on a simulated
    market decides in that market only, one taught on other versions of its features or on headlines scored or weighed
    otherwise nowhere. Without one, a simulated or recorded market is scored by the rule; real money holds, because
    nobody chose the rule for it.

    Args:
        mode: the mode the run is in.
        champion: the champion that knows nothing after the session's cut-off; None when there is none.
        now: the clock's instant, in UTC.
        policy: the greatest age, and the rule that stands in.
        feature_versions: version of each feature that is computed now.
        built_by: settings the stored marts were built by, by name.
        newest: the newest verdict on anything taught up to the cut-off: why there is no champion, told where nobody
            decides.
    """
    # The reason is part of the batch: it names instants that stay, never the age at this moment, and no verdict, since
    # one that comes later would make another batch of the same decision.
    if champion is None:
        lack = "there is no champion"
    else:
        against = reason_against(
            champion,
            is_simulated=mode == "simulated",
            now=now,
            policy=policy,
            feature_versions=feature_versions,
            built_by=built_by,
        )
        if against is None:
            return Decision("model", f"{_known(champion)}, is at most {policy.max_model_age_days} days old")
        lack = against
    if mode in ("simulated", "files"):
        return Decision(policy.fallback_rule, f"{lack}; the rule decides in {mode} mode")
    if champion is None and newest is not None:
        lack += f" (the newest training was {_CALLED[newest.verdict]}: {newest.reason})"
    return Decision("hold", f"{lack}; {mode} mode holds until a model is trained and promoted")


def reason_against(
    champion: ModelRecord,
    *,
    is_simulated: bool,
    now: datetime,
    policy: LearningPolicy,
    feature_versions: Mapping[str, int],
    built_by: Mapping[str, str],
) -> str | None:
    """Return why a champion may not decide at an instant; None when it may.

    Args:
        champion: the champion.
        is_simulated: whether the market to decide in is a simulated one.
        now: the instant, in UTC.
        policy: the greatest age.
        feature_versions: version of each feature that is computed now; 1 where it is not told.
        built_by: settings the marts to decide on were built by, by name; what is not told on both sides is no reason.
    """
    if champion.card.is_synthetic and not is_simulated:
        return f"{_known(champion)}, was taught on a simulated market"
    age_days = champion.age_days(now)
    if age_days < 0:
        return f"{_known(champion)}, knows what lies after this instant"
    if age_days > policy.max_model_age_days:
        return f"{_known(champion)}, is older than {policy.max_model_age_days} days"
    # A card from before versions were told was taught when every feature was of version 1.
    taught = champion.card.feature_versions or {}
    versions = [(name, taught.get(name, 1), feature_versions.get(name, 1)) for name in champion.card.features]
    changed = [f"{name} (version {then}, now {today})" for name, then, today in versions if then != today]
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        return f"{_known(champion)}, was taught on other versions of {', '.join(changed[:_NAMED])}{more}"
    if not _OF_HEADLINES.isdisjoint(champion.card.features):
        then = champion.card.built_by or {}
        for name in sorted(_HEADLINE_SETTINGS & then.keys() & built_by.keys()):
            if then[name] != built_by[name]:
                return f"{_known(champion)}, was taught with {name} {then[name]}, now {built_by[name]}"
    return None


def speaks_of(reason: str, model_hash: str) -> bool:
    """Return whether the reason of a decision is about a model as the champion, whether it decided or not."""
    return reason.startswith(f"{_called(model_hash)},")


def _called(model_hash: str) -> str:
    return f"champion {model_hash[:12]}"


def _known(champion: ModelRecord) -> str:
    return f"{_called(champion.model_hash)}, taught up to {champion.card.trained_as_of.isoformat()}"
