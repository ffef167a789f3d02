"""Noise in, nothing out; and what is really there is found. A gate that always refuses would prove nothing."""

from collections import Counter

import pytest

from assets.ml.challenge import challenger, judge
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.promotion import Promotion
from assets.ml.trial_log import TrialLog
from tests.builders.learning_panels import CALENDAR, a_panel

AS_OF = CALENDAR.as_of(CALENDAR.sessions[1700])
# A hundred names and 600 labelled sessions, as the demo has. A feature that tells a twentieth of a day's deviation
# ranks returns of five sessions with a correlation near 0.1.
STATED_SIGNAL = 0.05
NOISE_SEEDS, POWER_SEEDS = 200, 100


def verdict_of(folder, *, seed: int, signal: float) -> Promotion:
    policy = LearningPolicy()
    made = challenger(
        a_panel(seed=seed, signal=signal), policy=policy, trained_as_of=AS_OF, code_hash="code", is_synthetic=True
    )
    root = folder / f"{signal}-{seed}"
    return judge(made, registry=ModelRegistry(root), log=TrialLog(root), policy=policy, at=AS_OF).verdict


def told(verdicts: list[Promotion]) -> dict[str, int]:
    """How often each condition was not met."""
    return dict(Counter(one.name for verdict in verdicts for one in verdict.conditions if not one.is_met))


def test_noise_is_not_promoted_and_the_stated_signal_is(tmp_path):
    assert not verdict_of(tmp_path, seed=900, signal=0.0).is_promoted
    verdict = verdict_of(tmp_path, seed=900, signal=STATED_SIGNAL)
    assert verdict.is_promoted, verdict.reason


@pytest.mark.campaign
def test_of_two_hundred_models_of_noise_none_is_promoted(tmp_path, record_property):
    verdicts = [verdict_of(tmp_path, seed=seed, signal=0.0) for seed in range(NOISE_SEEDS)]
    promoted = [seed for seed, verdict in enumerate(verdicts) if verdict.is_promoted]
    record_property("seeds", NOISE_SEEDS)
    record_property("promoted", len(promoted))
    record_property("refused_by", told(verdicts))
    assert promoted == []


@pytest.mark.campaign
def test_of_a_hundred_models_of_the_stated_signal_ninety_five_are_promoted(tmp_path, record_property):
    verdicts = [verdict_of(tmp_path, seed=seed, signal=STATED_SIGNAL) for seed in range(POWER_SEEDS)]
    promoted = sum(verdict.is_promoted for verdict in verdicts)
    record_property("seeds", POWER_SEEDS)
    record_property("promoted", promoted)
    record_property("refused_by", told(verdicts))
    assert promoted >= 95
