"""A model's report says what its card says, the same way twice; each family of features is told what it adds."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from assets.ml.challenge import challenger, judge
from assets.ml.family_worth import families_of, family_table, family_worth
from assets.ml.forest_importance import forest_importance
from assets.ml.lived_facts import resampled_band
from assets.ml.model_registry import ModelRegistry
from assets.ml.model_report import ModelReport, drawn, store_model_report
from assets.ml.pages import model_pages
from assets.ml.policy import ForestPolicy
from assets.ml.rule_strategies import RULES
from assets.ml.train import out_of_fold
from assets.ml.trial_log import TrialLog
from assets.ml.walk_forward import folds
from execution.domain.errors import DataError
from tests.builders.learning_panels import a_panel
from tests.unit.ml.marts_builder import a_policy

POLICY = a_policy(num_trees=15, min_history_sessions=60)
AT = datetime(2020, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ModelReport:
    """A model of a market in which the first feature, which the catalogue does not know, tells of returns."""
    root: Path = tmp_path_factory.mktemp("models")
    panel = a_panel(seed=4, symbols=40, sessions=260, signal=0.15, noise_features=2)
    silent = np.full((len(panel.label), 1), np.nan, dtype=np.float32)
    panel = replace(
        panel,
        feature_names=(*panel.feature_names, "news_sentiment_5d"),
        features=np.column_stack([panel.features, silent]),
    )
    made = challenger(panel, policy=POLICY, trained_as_of=AT, code_hash="c" * 64, is_synthetic=True)
    judged = judge(made, registry=ModelRegistry(root), log=TrialLog(root), policy=POLICY, at=AT)
    return ModelReport(
        model_hash=judged.model_hash,
        card=made.model.card,
        record=made.record,
        tried=judged.tried,
        verdict=judged.verdict,
        band=np.array(resampled_band(np.array(made.record.model))),
        stamps=("synthetic <market>",),
        importances=forest_importance(
            panel, made.model.card.features, folds(panel, POLICY)[-1], policy=ForestPolicy(trees=5), seed=1
        ),
    )


def test_the_family_that_tells_adds_and_the_silent_one_adds_exactly_nothing(report: ModelReport) -> None:
    worth = report.card.families
    assert worth is not None
    assert set(worth) == {"library", "price", "news"}
    assert worth["library"].added_rank_ic.low > 0
    assert worth["price"].added_rank_ic.low < 0.01
    news = worth["news"]
    assert (news.offered, news.used) == (1, 0)
    assert (news.added_rank_ic.value, news.added_rank_ic.low, news.added_rank_ic.high) == (0.0, 0.0, 0.0)


def test_what_a_family_adds_is_the_fold_with_it_less_the_fold_without_it(report: ModelReport) -> None:
    panel = a_panel(seed=4, symbols=40, sessions=260, signal=0.15, noise_features=2)
    newest = folds(panel, POLICY)[-1]

    def score(names: tuple[str, ...]) -> np.ndarray:
        return out_of_fold(panel, names, newest, POLICY)

    worth = family_worth(panel, panel.feature_names, newest, score=score)
    for one in worth.values():
        assert report.card.folds[-1].rank_ic == pytest.approx(one.added_rank_ic.value + one.without_rank_ic)


def test_a_feature_nobody_catalogued_is_of_the_library() -> None:
    assert families_of(["rsi_14", "KMID", "return_5d"]) == {
        "indicator": ("rsi_14",),
        "library": ("KMID",),
        "price": ("return_5d",),
    }


def test_the_card_says_what_families_add_also_when_it_is_nothing(report: ModelReport) -> None:
    page = model_pages(report.card)["families"]
    assert page == family_table(report.card.families or {}, block_sessions=report.card.horizon_sessions)
    assert "| news | 0 of 1 | +0.0000 (+0.0000 to +0.0000) |" in page


def test_days_too_few_for_an_interval_tell_none_of_what_families_add(report: ModelReport) -> None:
    last = report.card.folds[-1]
    days = (last.test_last - last.test_first).days  # of the calendar: more than were judged
    long_horizon = replace(report.card, horizon_sessions=days)
    told = [line for line in model_pages(long_horizon)["families"].splitlines() if " of " in line]
    assert told
    assert all("(too short for an interval)" in line for line in told)
    assert drawn(replace(report, card=long_horizon)).html().count("(too short for an interval)") >= len(told)


def test_what_families_added_on_an_older_card_is_told_as_it_was(report: ModelReport) -> None:
    older = {name: replace(one, days=None) for name, one in (report.card.families or {}).items()}
    assert model_pages(replace(report.card, families=older)) == model_pages(report.card)


def test_the_first_page_tells_choices_and_deflated_ratio_before_anything_that_could_please(report: ModelReport) -> None:
    page = drawn(report).html()
    assert page.index("choices tried") < page.index("deflated Sharpe") < page.index("rank IC") < page.index("<svg")
    assert page.count("synthetic &lt;market&gt;") == 4
    assert "<script" not in page


def test_the_first_page_says_how_often_a_model_was_trained_and_where_else_choices_were_seen(
    report: ModelReport,
) -> None:
    tried = replace(report.tried, trials=3, choices=5)
    assert "in 3 trainings and the backtests of this home" in drawn(replace(report, tried=tried)).html()
    tried = replace(report.tried, trials=1, choices=5)
    assert "in 1 training and the backtests of this home" in drawn(replace(report, tried=tried)).html()


def test_every_rule_of_the_table_has_its_curve(report: ModelReport) -> None:
    rules = {rule.name: report.record.model for rule in RULES}
    told = drawn(replace(report, record=replace(report.record, rules=rules))).html()
    assert {name for name in rules if f">{name}</text>" in told} == set(rules)


def test_a_record_of_fewer_than_a_hundred_days_has_no_band(report: ModelReport) -> None:
    record = report.record
    rules = {name: values[:99] for name, values in record.rules.items()}
    short = replace(report, record=replace(record, days=record.days[:99], model=record.model[:99], rules=rules))
    assert "Shaded" in drawn(report).html()
    page = drawn(short).html()
    assert "Fewer than 100 sessions: no band is drawn" in page
    assert "Shaded" not in page
    assert drawn(replace(short, band=2 * report.band)).html() == page


def test_every_ratio_by_horizon_stands_with_its_interval(report: ModelReport) -> None:
    assert report.card.judgement is not None
    for one in report.card.judgement.horizons:
        told = one.rank_ic_ir_interval
        assert told is not None
        assert f"{told.value:+.2f} ({told.low:+.2f} to {told.high:+.2f})" in drawn(report).html()


def test_the_first_figures_of_a_model_judged_on_too_few_days_have_no_interval(report: ModelReport) -> None:
    judgement = report.card.judgement
    assert judgement is not None
    few = replace(judgement, horizons=tuple(replace(one, days=1) for one in judgement.horizons))
    page = drawn(replace(report, card=replace(report.card, judgement=few))).html()
    hit_rate = judgement.hit_rate
    assert "<i>too short for an interval, out of fold</i>" in page
    assert f"{hit_rate.value:+.4f} (too short for an interval)" in page
    assert f"({hit_rate.low:+.4f} to {hit_rate.high:+.4f})" in drawn(report).html()


def test_a_horizon_judged_on_too_few_days_has_no_interval(report: ModelReport) -> None:
    judgement = report.card.judgement
    assert judgement is not None
    first, *rest = judgement.horizons
    few = replace(judgement, horizons=(replace(first, horizon_sessions=5, days=9), *rest))
    short = replace(report, card=replace(report.card, judgement=few))
    told = f"{first.rank_ic.value:+.4f} (too short for an interval)"
    assert told in drawn(short).html()
    assert told in model_pages(short.card)["horizons"]
    assert "too short" not in drawn(report).html()


def test_the_rank_ic_on_the_first_page_says_over_how_many_sessions(report: ModelReport) -> None:
    assert "rank IC, 5 sessions" in drawn(report).html()
    other = replace(report, card=replace(report.card, horizon_sessions=10))
    assert "rank IC, 1 session<" in drawn(other).html()


def test_page_and_pdf_are_the_same_twice_and_stored_under_their_hashes(report: ModelReport, tmp_path: Path) -> None:
    assert drawn(report).pdf().startswith(b"%PDF")
    assert store_model_report(report, tmp_path) == store_model_report(report, tmp_path)
    assert sorted(path.suffix for path in (tmp_path / "model_reports").iterdir()) == [".html", ".pdf"]


def test_a_model_nobody_judged_has_no_report(report: ModelReport) -> None:
    with pytest.raises(DataError, match="never judged"):
        drawn(replace(report, card=replace(report.card, evidence=None))).html()


def test_what_the_forest_needs_is_drawn_and_where_there_is_none_the_page_does_without(report: ModelReport) -> None:
    without = replace(report, importances={})
    assert "What a random forest needs" in drawn(report).html()
    assert "What a random forest needs" not in drawn(without).html()
    assert drawn(report).pdf() != drawn(without).pdf()


def test_a_chart_that_fills_a_card_is_as_wide_as_the_page_so_that_its_words_are_no_larger(report: ModelReport) -> None:
    def width(name: str) -> int:
        found = re.search(r'<svg [^>]*?\bwidth="(\d+)"', drawn(report).content["charts"][name])
        assert found is not None
        return int(found[1])

    assert width("importances") == pytest.approx(width("growth"), rel=0.15)
    assert width("fifths") < width("growth") / 2
