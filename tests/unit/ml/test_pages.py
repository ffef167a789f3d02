from dataclasses import replace

from assets.ml import pages
from assets.ml.promotion import Promotion
from assets.ml.scores import SessionScores, SymbolScore
from tests.unit.ml.marts_builder import FIRST
from tests.unit.ml.test_model_registry import a_model


def some_scores(count: int = 12) -> SessionScores:
    return SessionScores(
        session=FIRST,
        source="model",
        model_hash="m",
        features_hash="f",
        base_value=0.0,
        scores=(
            *(
                SymbolScore(
                    symbol=f"S{n:02d}", score=float(n), contributions={"a": -0.5 * n, "b": 0.1, "c": 0.2, "d": 0.05}
                )
                for n in range(count)
            ),
            SymbolScore(symbol="X", score=None, contributions={}, missing_reason="no bar"),
        ),
    )


def symbols_of(table: str) -> list[str]:
    return [row.split("|")[1].strip() for row in table.splitlines()[2:]]


def test_best_come_first_and_worst_last():
    assert symbols_of(pages.best_and_worst(some_scores(), shown=2)) == ["S11", "S10", "S01", "S00"]


def test_a_short_list_shows_no_name_twice():
    assert symbols_of(pages.best_and_worst(some_scores(3), shown=2)) == ["S02", "S01", "S00"]


def test_the_largest_contributions_are_named_first():
    assert "a -5.5000, c +0.2000, b +0.1000" in pages.best_and_worst(some_scores(), shown=1)


def test_reasons_are_counted():
    assert "| 1 | no bar |" in pages.missing_table(some_scores())


def test_one_line_per_fold():
    card = a_model().card
    assert len(pages.fold_table(card).splitlines()) == 2 + len(card.folds)


def test_features_not_used_are_told_with_their_reason():
    card = replace(a_model().card, dropped_features={"net_margin": "never known"})
    assert "| net_margin | never known |" in pages.dropped_table(card)
    assert pages.dropped_table(a_model().card) == "every feature offered was used"


def test_synthetic_data_are_stamped_on_the_model():
    verdict = Promotion(is_promoted=True, reason="first")
    facts = pages.model_facts(a_model().card, model_hash="m", verdict=verdict)
    assert facts["data"] == "synthetic"
    assert facts["verdict"] == "promoted"
