"""The honest table: what is judged was never learned from, a signal shows, noise does not, and leaks find in noise."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from assets.ml.dataset import TrainingSet
from assets.ml.results import MODEL, Results, results_of
from assets.ml.results_page import leak_row, results_page
from assets.ml.trial_log import TrialLog, deflated_sharpe
from assets.ml.walk_forward import daily_ics
from assets.ml.what_leaks_add import (
    LEAKS,
    features_a_session_early,
    label_in_a_feature,
    mean_rank_ics,
    shuffled_folds,
)
from assets.ml.yearly_results import by_year, walk, yearly_folds
from assets.performance import SESSIONS_PER_YEAR
from execution.domain.errors import DataError
from tests.builders.learning_panels import a_panel
from tests.unit.ml.marts_builder import a_policy

POLICY = a_policy(min_history_sessions=80, max_history_sessions=120, num_trees=15)
AT = datetime(2020, 1, 2, tzinfo=UTC)
RETRAIN = 50


def with_returns_as_a_feature(panel: TrainingSet) -> TrainingSet:
    """Return the panel with the session's own return, which tells nothing of later ones, in its first column."""
    days, symbols = len(panel.days), len(set(panel.symbols.tolist()))
    after = panel.forward_returns[:, 0].reshape(days, symbols)
    features = panel.features.copy()
    # What a decision's return begins with is the return two sessions after it.
    features[:, 0] = np.vstack([np.full((2, symbols), np.nan), after[:-2]]).ravel()
    return replace(panel, features=features)


@pytest.fixture(scope="module")
def noise() -> TrainingSet:
    return with_returns_as_a_feature(a_panel(seed=5, symbols=40, sessions=260, noise_features=3))


@pytest.fixture(scope="module")
def told() -> TrainingSet:
    return a_panel(seed=5, symbols=40, sessions=330, signal=0.15, noise_features=3)


def made(panel: TrainingSet, folder: Path, **changes: object) -> Results:
    asked = {"policy": POLICY, "retrain_sessions": RETRAIN, "log": TrialLog(folder), "at": AT, "has_leaks": False}
    return results_of(panel, **{**asked, **changes})


def test_what_is_judged_follows_without_a_gap_and_was_never_learned_from(told: TrainingSet) -> None:
    folds = yearly_folds(told, POLICY, retrain_sessions=RETRAIN)
    judged = np.unique(told.sessions[np.concatenate([fold.test for fold in folds])])
    sealed = int(POLICY.max_history_sessions * POLICY.sealed_share)
    # Labels of five sessions from the session after the decision: six fewer end before the first sealed one.
    assert judged.tolist() == told.days[-sealed - 6 - len(judged) : -sealed - 6].tolist()
    assert max(told.label_end[fold.test].max() for fold in folds) < told.days[-sealed]
    for fold in folds:
        assert told.label_end[fold.train].max() < told.sessions[fold.test].min()
        assert len(np.unique(told.sessions[fold.train])) <= POLICY.max_history_sessions


def test_a_history_with_nothing_left_to_judge_is_refused(told: TrainingSet) -> None:
    with pytest.raises(DataError, match="take in more history"):
        yearly_folds(told, a_policy(min_history_sessions=320), retrain_sessions=RETRAIN)


def test_a_told_signal_shows_and_noise_does_not(told: TrainingSet, noise: TrainingSet, tmp_path: Path) -> None:
    signal, nothing = (made(panel, tmp_path).ways[MODEL][-1] for panel in (told, noise))
    assert signal.rank_ic.low > 0.05
    assert signal.rank_ic_ir.low > 0
    assert nothing.rank_ic.low < 0 < nothing.rank_ic.high
    assert nothing.deflated_sharpe < 0.95 < signal.deflated_sharpe


def test_years_are_told_apart_and_together_last(told: TrainingSet, tmp_path: Path) -> None:
    years = made(told, tmp_path).ways[MODEL]
    assert [one.span for one in years[:-1]] == sorted({one.span for one in years[:-1]})
    assert years[-1].span == f"{years[0].span} to {years[-2].span}"
    assert years[-1].days == sum(one.days for one in years[:-1])
    weighted = sum(one.days * one.rank_ic.value for one in years[:-1]) / years[-1].days
    assert years[-1].rank_ic.value == pytest.approx(weighted)


def test_what_days_are_too_few_for_is_not_told_of_a_part_of_a_year(told: TrainingSet, tmp_path: Path) -> None:
    made_of = made(told, tmp_path)
    one = replace(made_of.ways[MODEL][0], span="2020")

    def line(days: int) -> list[str]:
        years = (replace(one, days=days), made_of.ways[MODEL][-1])
        page = results_page(replace(made_of, ways={MODEL: years}), stamps=())
        return next(row for row in page.splitlines() if row.startswith("| 2020 |")).split(" | ")

    for days in (1, 9):
        cells = line(days)
        assert all("(too short for an interval)" in cell for cell in cells[2:6])
        assert [cell.strip(" |") for cell in cells[6:]] == ["too short"] * 3
    ten, sixty = line(10), line(60)
    assert all(" to " in cell for cell in ten[2:6])
    assert ten[6:8] == ["too short"] * 2
    assert not any("too short" in cell for cell in sixty)
    assert "too short for an interval" in leak_row("a leak", replace(one, days=9), honest=one)


def test_the_same_history_gives_the_same_bytes_and_a_second_look_is_no_further_trial(
    told: TrainingSet, tmp_path: Path
) -> None:
    first, second = made(told, tmp_path), made(told, tmp_path)
    assert first.content == second.content
    assert results_page(first, stamps=()) == results_page(second, stamps=())
    assert len(TrialLog(tmp_path).trials()) == first.choices == 1


def test_another_choice_is_counted(told: TrainingSet, tmp_path: Path) -> None:
    made(told, tmp_path)
    assert made(told, tmp_path, policy=POLICY.model_copy(update={"num_leaves": 5})).choices == 2
    cheaper = POLICY.promotion.model_copy(update={"cost_bps": 1.0})
    assert made(told, tmp_path, policy=POLICY.model_copy(update={"promotion": cheaper})).choices == 3


def test_a_table_is_deflated_by_what_held_fifths_of_other_looks_came_to(told: TrainingSet, tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    policy = POLICY.model_copy(update={"num_trees": 2})
    for leaves in (4, 7, 11):
        one = made(told, tmp_path, policy=policy.model_copy(update={"num_leaves": leaves})).ways[MODEL][-1]
        net = log.trials()[-1].net
        assert net is not None
        assert net.sharpe * np.sqrt(SESSIONS_PER_YEAR) == pytest.approx(one.net_sharpe.value, rel=1e-2)
        assert one.deflated_sharpe == deflated_sharpe(net, log.trials(), of="held")


def test_more_threads_are_no_other_choice(told: TrainingSet, tmp_path: Path) -> None:
    # Two threads on a busy machine wait for each other at every tree.
    policy = POLICY.model_copy(update={"num_trees": 2})
    made(told, tmp_path, policy=policy)
    assert made(told, tmp_path, policy=policy.model_copy(update={"num_threads": 2})).choices == 1


@pytest.mark.parametrize("leak", [features_a_session_early, label_in_a_feature, shuffled_folds])
def test_a_leak_finds_in_noise_what_is_not_there(noise: TrainingSet, leak) -> None:
    # Trees large enough to remember a name's stretch of days, which is what shuffled folds reward.
    policy = POLICY.model_copy(update={"num_leaves": 63, "num_trees": 40})
    folds = yearly_folds(noise, policy, retrain_sessions=RETRAIN)
    rows = np.concatenate([fold.test for fold in folds])
    honest, leaky = (
        by_year(noise, rows, scores, policy=policy)[-1].rank_ic
        for scores in (walk(noise, folds, policy), leak(noise, folds, policy))
    )
    assert honest.low < 0 < honest.high
    assert leaky.low > 0


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_no_leak_looks_at_what_is_sealed(leak) -> None:
    panel = a_panel(seed=5, symbols=20, sessions=260, noise_features=14)
    folds = yearly_folds(panel, POLICY, retrain_sessions=RETRAIN)
    sealed = panel.label_end > panel.label_end[folds[-1].test].max()
    # In the sealed sessions, and there alone, one feature tells all that is to come.
    told = panel.features[:, -1].astype(np.float64)
    changed = replace(
        panel,
        label=np.where(sealed, told, panel.label).astype(np.float32),
        net_return=np.where(sealed, told, panel.net_return),
        forward_returns=np.where(sealed[:, np.newaxis], told[:, np.newaxis], panel.forward_returns),
    )
    assert leak(changed, folds, POLICY).tobytes() == leak(panel, folds, POLICY).tobytes()


def test_each_line_is_told_as_soon_as_it_is_known(noise: TrainingSet, tmp_path: Path) -> None:
    told: list[str] = []
    found = made(
        noise,
        tmp_path,
        has_leaks=True,
        policy=POLICY.model_copy(update={"num_trees": 2}),
        tell=told.append,
        hear=lambda name, one: told.append(leak_row(name, one, honest=one)),
    )
    honest = found.ways[MODEL][-1]
    heard = [line for line in told if line.startswith("| ")]
    assert heard == [
        leak_row(name, one, honest=one)
        for name, one in [*((way, years[-1]) for way, years in found.ways.items()), *found.leaks.items()]
    ]
    for name in LEAKS:
        begun = told.index(f"what it would have added: {name}")
        assert told[begun + 1].startswith(f"| {name} |")
    assert all(
        leak_row(name, one, honest=honest) in results_page(found, stamps=()) for name, one in found.leaks.items()
    )


def test_a_feature_ranks_alone_as_it_does_one_by_one(noise: TrainingSet) -> None:
    features = noise.features.copy()
    features[::7, 1] = np.nan  # known of some names each day
    features[:, 2] = np.nan  # never known
    features[:, 3] = 5.0  # the same for all
    features[:, 4] = np.round(features[:, 4])  # many ties
    panel = replace(noise, features=features)

    def alone(values: np.ndarray) -> float:
        known = np.isfinite(values)
        _, ranked = daily_ics(panel.sessions[known], values[known].astype(np.float64), panel.net_return[known])
        return float(ranked.mean()) if len(ranked) else 0.0

    one_by_one = [alone(features[:, place]) for place in range(features.shape[1])]
    assert mean_rank_ics(panel, np.arange(len(panel.label))) == pytest.approx(one_by_one, abs=1e-12)
    assert one_by_one[2:4] == [0.0, 0.0]


def test_every_leak_is_told_beside_the_model_as_it_is(noise: TrainingSet, tmp_path: Path) -> None:
    told = made(noise, tmp_path, has_leaks=True, policy=POLICY.model_copy(update={"num_trees": 2}))
    page = results_page(told, stamps=("survivorship biased",))
    assert set(told.leaks) == set(LEAKS)
    assert page.startswith("**survivorship biased**")
    assert all(f"| {name} |" in page for name in LEAKS)
