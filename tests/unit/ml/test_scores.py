import numpy as np
import pytest

from assets.ml.rule_strategies import RULES
from assets.ml.scores import SessionScores, SymbolScore, score_session
from tests.unit.ml.marts_builder import a_policy

HASH = "f" * 64


def scored(learned, *, by_model: bool = True) -> SessionScores:
    model = learned.models.load(learned.model_hash) if by_model else None
    return score_session(learned.warehouse, session=learned.session, model=model, features_hash=HASH, policy=a_policy())


def of(scores: SessionScores, symbol: str) -> SymbolScore:
    return {score.symbol: score for score in scores.scores}[symbol]


def test_contributions_and_base_value_sum_to_the_score(learned):
    made = scored(learned)
    for score in made.scored:
        assert made.base_value + sum(score.contributions.values()) == pytest.approx(score.score, abs=1e-12)


def test_the_planted_signal_orders_the_scores(learned):
    made = scored(learned)
    told = learned.market.features["return_5d"][-1]
    column = {symbol: position for position, symbol in enumerate(learned.market.symbols)}
    ranks = np.corrcoef([told[column[score.symbol]] for score in made.scored], range(len(made.scored)))[0, 1]
    assert ranks < -0.7


def test_a_name_outside_the_universe_is_not_asked_for(learned):
    assert "S004" not in {score.symbol for score in scored(learned).scores}


def test_a_member_without_a_bar_says_so(learned):
    missing = of(scored(learned), "S006")
    assert missing.score is None
    assert missing.missing_reason == "no features: it has no bar on the session"


def test_a_member_with_too_few_features_says_how_many(learned):
    assert of(scored(learned), "S009").missing_reason == "1 of the model's 3 features are known, 2 are needed"


def test_every_member_has_a_score_or_a_reason(learned):
    for by_model in (True, False):
        made = scored(learned, by_model=by_model)
        assert all((score.score is None) == (score.missing_reason is not None) for score in made.scores)
        assert len(made.scores) == 23


def test_scores_of_the_model_are_calibrated(learned):
    best, *_, worst = scored(learned).scored
    assert best.probability_up > worst.probability_up
    assert best.expected_return_bps > 0 > worst.expected_return_bps


def test_the_rule_scores_by_its_feature_alone(learned):
    score = of(scored(learned, by_model=False), "S001")
    expected = learned.market.features["momentum_12_1"][-1, 1]
    assert score.score == expected
    assert score.contributions == {"momentum_12_1": expected}
    assert score.expected_return_bps is None
    assert score.probability_up is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_scores_a_session_as_it_scores_the_past(learned, rule):
    made = score_session(
        learned.warehouse, session=learned.session, model=None, features_hash=HASH, policy=a_policy(), rule=rule
    )
    assert made.source == rule.name
    told = learned.warehouse.read(
        f"select symbol, {rule.feature} as told from marts.fct_features where session = $session",  # noqa: S608 - ours
        {"session": learned.session},
    )
    rows = np.array([[value] for value in told.column("told").to_pylist()], dtype=np.float64)
    past = dict(zip(told.column("symbol").to_pylist(), rule.scores(rows, (rule.feature,)).tolist(), strict=True))
    for score in made.scored:
        assert score.score == past[score.symbol]
        assert score.contributions == {rule.feature: score.score}
    silent = [score for score in made.scores if score.score is None]
    assert all(f"{rule.feature} is not known" in str(score.missing_reason) for score in silent)


def test_the_rule_needs_its_feature(learned):
    assert "momentum_12_1 is not known" in str(of(scored(learned, by_model=False), "S008").missing_reason)


def test_scoring_twice_gives_equal_bits(learned):
    assert scored(learned) == scored(learned)


def test_scored_names_come_best_first_and_ties_by_symbol():
    made = SessionScores(
        session=None,  # type: ignore[arg-type]  # not read by what is tested
        source="model",
        model_hash=None,
        features_hash=HASH,
        base_value=0.0,
        scores=tuple(
            SymbolScore(symbol=symbol, score=score, contributions={})
            for symbol, score in (("A", 1.0), ("B", 2.0), ("C", 1.0), ("D", None))
        ),
    )
    assert [score.symbol for score in made.scored] == ["B", "A", "C"]
