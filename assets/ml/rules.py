"""Who decides a session: the champion, the rule that stands in for it, or nobody. Pure: facts in, a decision out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from assets.ml.model_registry import ModelRecord, PromotionEntry
from assets.ml.policy import LearningPolicy
from execution.domain.signals import DecisionSource, Mode

Source = Literal[DecisionSource, "hold"]
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
    newest: PromotionEntry | None = None,
) -> Decision:
    """Return who scores.

    With a champion whose newest fact is at most `max_model_age_days` old the model decides; one taught on a simulated
    market decides in that market only. Without one, a simulated or recorded market is scored by the rule; real money
    holds, because nobody chose the rule for it.

    Args:
        mode: the mode the run is in.
        champion: the champion that knows nothing after the session's cut-off; None when there is none.
        now: the clock's instant, in UTC.
        policy: the greatest age, and the rule that stands in.
        newest: the newest verdict on anything taught up to the cut-off: why there is no champion, told where nobody
            decides.
    """
    # The reason is part of the batch: it names instants that stay, never the age at this moment, and no verdict, since
    # one that comes later would make another batch of the same decision.
    if champion is None:
        lack = "there is no champion"
    else:
        against = reason_against(champion, is_simulated=mode == "simulated", now=now, policy=policy)
        if against is None:
            return Decision("model", f"{_known(champion)}, is at most {policy.max_model_age_days} days old")
        lack = against
    if mode in ("simulated", "files"):
        return Decision(policy.fallback_rule, f"{lack}; the rule decides in {mode} mode")
    if champion is None and newest is not None:
        lack += f" (the newest training was {_CALLED[newest.verdict]}: {newest.reason})"
    return Decision("hold", f"{lack}; {mode} mode holds until a model is trained and promoted")


def reason_against(champion: ModelRecord, *, is_simulated: bool, now: datetime, policy: LearningPolicy) -> str | None:
    """Return why a champion may not decide at an instant; None when it may.

    Args:
        champion: the champion.
        is_simulated: whether the market to decide in is a simulated one.
        now: the instant, in UTC.
        policy: the greatest age.
    """
    if champion.card.is_synthetic and not is_simulated:
        return f"{_known(champion)}, was taught on a simulated market"
    age_days = champion.age_days(now)
    if age_days < 0:
        return f"{_known(champion)}, knows what lies after this instant"
    if age_days > policy.max_model_age_days:
        return f"{_known(champion)}, is older than {policy.max_model_age_days} days"
    return None


def _known(champion: ModelRecord) -> str:
    return f"champion {champion.model_hash[:12]}, taught up to {champion.card.trained_as_of.isoformat()}"
