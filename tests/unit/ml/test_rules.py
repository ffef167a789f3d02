from dataclasses import replace
from datetime import timedelta

import pytest

from assets.ml.model_registry import ModelRecord, ModelRegistry
from assets.ml.rule_strategies import RULES
from assets.ml.rules import Decision, decide_source
from tests.unit.ml.marts_builder import CALENDAR, a_policy
from tests.unit.ml.test_model_registry import AS_OF, a_model

POLICY = a_policy(max_model_age_days=30)


def decided(**asked) -> Decision:
    """Return who scores where features are of the first version and no setting is told, unless a test says so."""
    return decide_source(**{"feature_versions": {}, "built_by": {}, **asked})


@pytest.fixture
def champion(tmp_path) -> ModelRecord:
    registry = ModelRegistry(tmp_path)
    return registry.load(registry.publish(a_model(is_synthetic=False)))


@pytest.mark.parametrize("mode", ["simulated", "files", "paper", "live"])
def test_a_fresh_champion_decides_in_every_mode(champion, mode):
    decision = decided(mode=mode, champion=champion, now=AS_OF + timedelta(days=30), policy=POLICY, feature_versions={})
    assert decision.source == "model"


@pytest.mark.parametrize("mode", ["simulated", "files"])
def test_without_a_champion_the_rule_decides_where_no_money_is_real(mode):
    decision = decided(mode=mode, champion=None, now=AS_OF, policy=POLICY)
    assert decision.source == "momentum_12_1"
    assert "no champion" in decision.reason


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_without_a_champion_paper_and_live_hold(mode):
    decision = decided(mode=mode, champion=None, now=AS_OF, policy=POLICY)
    assert decision.source == "hold"
    assert "trained and promoted" in decision.reason


@pytest.mark.parametrize(("mode", "source"), [("simulated", "momentum_12_1"), ("live", "hold")])
def test_a_stale_champion_decides_nothing_and_says_so(champion, mode, source):
    decision = decided(mode=mode, champion=champion, now=AS_OF + timedelta(days=31), policy=POLICY, feature_versions={})
    assert decision.source == source
    assert "is older than 30 days" in decision.reason


def test_a_champion_from_the_future_decides_nothing(champion):
    decision = decided(
        mode="simulated", champion=champion, now=AS_OF - timedelta(seconds=1), policy=POLICY, feature_versions={}
    )
    assert decision.source == "momentum_12_1"
    assert "knows what lies after this instant" in decision.reason


def test_age_is_counted_from_the_training_data_not_from_the_promotion(champion):
    older = replace(champion, card=replace(champion.card, trained_as_of=CALENDAR.as_of(CALENDAR.sessions[2000])))
    assert decided(mode="live", champion=older, now=AS_OF, policy=POLICY).source == "hold"


def test_the_reason_does_not_change_while_the_champion_stays_fresh(champion):
    reasons = {
        decided(
            mode="simulated", champion=champion, now=AS_OF + timedelta(hours=hours), policy=POLICY, feature_versions={}
        ).reason
        for hours in (0, 5, 50)
    }
    assert len(reasons) == 1


@pytest.mark.parametrize(("mode", "source"), [("simulated", "model"), ("files", "momentum_12_1"), ("live", "hold")])
def test_what_a_simulated_market_taught_decides_in_no_other(champion, mode, source):
    synthetic = replace(champion, card=replace(champion.card, is_synthetic=True))
    assert decided(mode=mode, champion=synthetic, now=AS_OF, policy=POLICY).source == source


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_the_rule_that_stands_in_is_a_setting(rule):
    decision = decided(mode="files", champion=None, now=AS_OF, policy=a_policy(fallback_rule=rule), feature_versions={})
    assert decision.source == rule


@pytest.mark.parametrize(("mode", "source"), [("simulated", "momentum_12_1"), ("live", "hold")])
def test_a_champion_taught_on_another_version_of_a_feature_decides_nothing_and_names_it(champion, mode, source):
    decision = decided(mode=mode, champion=champion, now=AS_OF, policy=POLICY, feature_versions={"f1": 2})
    assert decision.source == source
    assert "was taught on other versions of f1 (version 1, now 2)" in decision.reason


def test_a_reason_names_three_changed_features_and_counts_the_others(champion):
    now = dict.fromkeys(champion.card.features, 2)
    reason = decided(mode="files", champion=champion, now=AS_OF, policy=POLICY, feature_versions=now).reason
    assert "f0 (version 1, now 2), f1 (version 1, now 2), f2 (version 1, now 2) and 3 more" in reason


def test_another_version_of_a_feature_the_champion_does_not_read_is_no_reason(champion):
    now = {"another": 2}
    assert decided(mode="live", champion=champion, now=AS_OF, policy=POLICY, feature_versions=now).source == "model"


def test_a_card_from_before_versions_were_told_speaks_of_version_1(champion):
    old = replace(champion, card=replace(champion.card, feature_versions=None))
    for now, source in (({"f1": 1}, "model"), ({"f1": 2}, "hold")):
        found = decided(mode="live", champion=old, now=AS_OF, policy=POLICY, feature_versions=now)
        assert found.source == source


def test_a_champion_taught_on_the_new_version_decides_again(champion):
    again = replace(champion, card=replace(champion.card, feature_versions={"f1": 2}))
    now = {"f1": 2}
    assert decided(mode="live", champion=again, now=AS_OF, policy=POLICY, feature_versions=now).source == "model"


OF_SENTENCES = {"features.labelled_sentences_file": "a model of 900 labelled sentences 0123456789ab"}
OF_WORDS = {"features.labelled_sentences_file": "word list ba9876543210", "universe.min_price_usd": "5"}


def taught(champion, *, features=("f0", "news_sentiment_5d"), built_by):
    return replace(champion, card=replace(champion.card, features=features, built_by=built_by))


@pytest.mark.parametrize(("mode", "source"), [("simulated", "momentum_12_1"), ("live", "hold")])
def test_a_champion_taught_on_headlines_that_another_scored_decides_nothing_and_names_both(champion, mode, source):
    of_words = taught(champion, built_by=OF_WORDS)
    decision = decided(mode=mode, champion=of_words, now=AS_OF, policy=POLICY, built_by=OF_SENTENCES)
    assert decision.source == source
    assert "labelled_sentences_file word list ba9876543210, now a model of 900 labelled sentences" in decision.reason


def test_a_champion_taught_by_other_weights_of_news_providers_decides_nothing(champion):
    weighed = taught(champion, built_by={"features.news": '{"weights":{"a":2}}'})
    now = {"features.news": '{"weights":{}}'}
    assert decided(mode="live", champion=weighed, now=AS_OF, policy=POLICY, built_by=now).source == "hold"


def test_who_scores_headlines_is_no_reason_against_a_champion_that_reads_none(champion):
    reads_none = taught(champion, features=("f0", "f1"), built_by=OF_WORDS)
    assert decided(mode="live", champion=reads_none, now=AS_OF, policy=POLICY, built_by=OF_SENTENCES).source == "model"


def test_another_screen_of_the_universe_and_what_is_not_told_are_no_reason(champion):
    of_words = taught(champion, built_by=OF_WORDS)
    screened = {**OF_WORDS, "universe.min_price_usd": "10"}
    for now in (screened, {}):
        assert decided(mode="live", champion=of_words, now=AS_OF, policy=POLICY, built_by=now).source == "model"
    untold = taught(champion, built_by=None)
    assert decided(mode="live", champion=untold, now=AS_OF, policy=POLICY, built_by=OF_SENTENCES).source == "model"
