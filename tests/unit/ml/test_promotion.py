from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from assets.ml.challenge import challenger, judge
from assets.ml.evidence import RuleComparison
from assets.ml.judgement import Estimate
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import PromotionPolicy
from assets.ml.promotion import BESIDE_CHAMPION, promotion, settle_promotion
from assets.ml.promotion_pages import condition_table
from assets.ml.trial_log import TrialLog
from assets.ml.trials import Tried
from execution.domain.errors import DataError
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])
STRICT = PromotionPolicy()
WELL = Tried(trials=1, choices=1, deflated_sharpe=0.99, overfitting_probability=0.05, superiority_p=0.01)


@cache
def a_challenger():
    return challenger(
        a_training_set(signal=0.2), policy=a_policy(), trained_as_of=AS_OF, code_hash="code", is_synthetic=True
    )


def a_model(*, luck_quantile=0.99, over_rule=(1.0, -1.0, 3.0), rank_ic=0.05, **card):
    value, low, high = over_rule
    made = a_challenger().model
    rule = RuleComparison(days=80, net_bps=2.0, model_less_rule_bps=Estimate(value=value, low=low, high=high))
    evidence = replace(made.card.evidence, luck_quantile=luck_quantile, rules={"momentum_12_1": rule})
    return replace(made, card=replace(made.card, evidence=evidence, rank_ic=rank_ic, **card))


def judged(tmp_path, *, champions=None, tried=WELL, policy=STRICT, now=AS_OF, **model):
    registry = ModelRegistry(tmp_path)
    candidate = registry.load(registry.publish(a_model(**model)))
    champion = None
    if champions is not None:
        champion = registry.load(registry.publish(a_model(rank_ic=champions, code_hash="champion")))
    return promotion(candidate, champion, tried, policy=a_policy(promotion=policy), now=now)


def test_a_model_that_shows_everything_is_promoted(tmp_path):
    verdict = judged(tmp_path)
    assert verdict.is_promoted
    assert all(one.is_met for one in verdict.conditions)
    assert len(verdict.conditions) == 6


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"rank_ic": 0.0}, "walk-forward rank IC is 0.0000, expected above 0"),
        ({"tried": replace(WELL, deflated_sharpe=0.94)}, "deflated Sharpe ratio is 0.9400, expected at least 0.95"),
        ({"tried": replace(WELL, overfitting_probability=0.21)}, "overfitting is 0.2100, expected at most 0.2"),
        ({"tried": replace(WELL, superiority_p=0.06)}, "equal weight is 0.0600, expected at most 0.05"),
        ({"luck_quantile": 0.94}, "random portfolios beaten is 0.9400, expected at least 0.95"),
        ({"over_rule": (-4.0, -7.0, -0.5)}, "over momentum_12_1, upper end is -0.5000, expected at least 0"),
    ],
    ids=["rank IC", "deflated Sharpe", "overfitting", "superiority", "luck", "rule"],
)
def test_one_condition_that_fails_refuses_and_is_the_only_one_told(tmp_path, what, told):
    verdict = judged(tmp_path, **what)
    assert not verdict.is_promoted
    assert told in verdict.reason
    assert sum(not one.is_met for one in verdict.conditions) == 1


def test_every_failure_is_told_at_once(tmp_path):
    verdict = judged(tmp_path, luck_quantile=0.1, tried=replace(WELL, superiority_p=0.5))
    assert verdict.reason.count(";") == 1


def test_trailing_a_rule_by_what_chance_explains_is_no_reason_to_refuse(tmp_path):
    assert judged(tmp_path, over_rule=(-1.0, -4.0, 2.0)).is_promoted


def test_a_slightly_worse_but_newer_model_replaces_the_champion(tmp_path):
    assert judged(tmp_path, rank_ic=0.041, champions=0.05).is_promoted


def test_a_clearly_worse_model_does_not_replace_the_champion(tmp_path):
    verdict = judged(tmp_path, rank_ic=0.039, champions=0.05)
    assert not verdict.is_promoted
    assert "expected at least 0.04" in verdict.reason


def test_a_lucky_champion_that_is_too_old_to_decide_holds_nobody_back(tmp_path):
    fresh, stale = (
        judged(tmp_path, rank_ic=0.05, champions=0.09, now=AS_OF + timedelta(days=days)) for days in (30, 31)
    )
    assert not fresh.is_promoted
    assert stale.is_promoted
    assert "is older than 30 days" in stale.reason
    (beside,) = [one for one in stale.conditions if one.name == BESIDE_CHAMPION]
    assert beside.is_met
    assert "is older than 30 days" in condition_table(stale.conditions)


def test_a_champion_of_a_simulated_market_holds_no_real_candidate_back(tmp_path):
    real = judged(tmp_path, rank_ic=0.05, champions=0.09, is_synthetic=False)
    assert real.is_promoted
    assert "was taught on a simulated market" in real.reason
    assert not judged(tmp_path, rank_ic=0.05, champions=0.09).is_promoted


def test_a_candidate_that_fails_beside_a_stale_champion_is_told_what_was_not_asked(tmp_path):
    verdict = judged(tmp_path, rank_ic=0.05, champions=0.09, luck_quantile=0.1, now=AS_OF + timedelta(days=31))
    assert not verdict.is_promoted
    assert "random portfolios" in verdict.reason
    assert "nothing: champion" in condition_table(verdict.conditions)


def test_settings_that_ask_for_nothing_but_ranking_promote_what_ranks(tmp_path):
    poor = replace(WELL, deflated_sharpe=0.1, overfitting_probability=0.9, superiority_p=0.9)
    lenient = a_policy().promotion
    assert judged(tmp_path, tried=poor, luck_quantile=0.0, over_rule=(-9.0, -9.0, -9.0), policy=lenient).is_promoted
    assert not judged(tmp_path, tried=poor, rank_ic=-0.01, policy=lenient).is_promoted


def test_a_card_without_evidence_cannot_be_judged(tmp_path):
    registry = ModelRegistry(tmp_path)
    bare = a_model()
    record = registry.load(registry.publish(replace(bare, card=replace(bare.card, evidence=None))))
    with pytest.raises(DataError, match="holds no evidence"):
        promotion(record, None, WELL, policy=a_policy(), now=AS_OF)


def test_both_verdicts_are_recorded_with_reason_instant_and_conditions(tmp_path):
    registry = ModelRegistry(tmp_path)
    good, bad = registry.publish(a_model()), registry.publish(a_model(rank_ic=-0.01))
    for model_hash in (good, bad):
        settle_promotion(registry, model_hash, WELL, policy=a_policy(promotion=STRICT), at=AS_OF)
    entries = registry.history()
    assert [(entry.verdict, entry.model_hash) for entry in entries] == [("promoted", good), ("kept", bad)]
    assert "expected above 0" in entries[1].reason
    assert entries[0].at == AS_OF
    assert [one.is_met for one in entries[0].conditions] == [True] * 6


def test_judging_the_champion_again_adds_no_line_and_tells_what_it_showed(tmp_path):
    registry = ModelRegistry(tmp_path)
    model_hash = registry.publish(a_model())
    first, again = (
        settle_promotion(registry, model_hash, WELL, policy=a_policy(promotion=STRICT), at=AS_OF) for _ in range(2)
    )
    assert first.is_promoted
    assert again.is_promoted
    assert again.conditions == first.conditions
    assert len(registry.history()) == 1


def test_a_champion_of_former_features_is_not_asked_for(tmp_path):
    registry, policy = ModelRegistry(tmp_path), a_policy(promotion=STRICT)
    lucky = a_model(rank_ic=0.9)
    settle_promotion(registry, registry.publish(lucky), WELL, policy=policy, at=AS_OF)
    behind = registry.publish(a_model())
    assert not settle_promotion(registry, behind, WELL, policy=policy, at=AS_OF).is_promoted
    raised = registry.publish(a_model(feature_versions={"f1": 2}))
    assert settle_promotion(registry, raised, WELL, policy=policy, at=AS_OF).is_promoted
    assert "was taught on other versions of f1" in registry.history()[-1].reason


def test_a_demoted_model_judged_again_stays_demoted_and_is_told_why(tmp_path):
    registry, policy = ModelRegistry(tmp_path), a_policy(promotion=STRICT)
    model_hash = registry.publish(a_model())
    settle_promotion(registry, model_hash, WELL, policy=policy, at=AS_OF)
    registry.demote(model_hash, reason="live rank IC below 0", at=AS_OF + timedelta(days=1))
    again = settle_promotion(registry, model_hash, WELL, policy=policy, at=AS_OF + timedelta(days=2))
    assert not again.is_promoted
    assert "live rank IC below 0" in again.reason
    assert [entry.verdict for entry in registry.history()] == ["promoted", "demoted", "kept"]
    assert registry.champion() is None
    other = registry.publish(a_model(code_hash="taught anew"))
    assert settle_promotion(registry, other, WELL, policy=policy, at=AS_OF + timedelta(days=2)).is_promoted


def test_a_challenger_is_written_down_before_it_is_judged(tmp_path):
    registry, log = ModelRegistry(tmp_path), TrialLog(tmp_path / "models")
    unmet = a_policy(promotion=PromotionPolicy(min_deflated_sharpe=0.999999))
    found = judge(a_challenger(), registry=registry, log=log, policy=unmet, at=AS_OF)
    assert not found.verdict.is_promoted
    (trial,) = log.trials()
    assert trial.model_hash == found.model_hash
    assert trial.returns_hash is not None
    assert log.returns(trial.returns_hash) == a_challenger().record
