"""A search tries by seed, counts all it tries, promotes nothing, and never looks at a sealed session."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import SearchPolicy, SearchRange
from assets.ml.trial_log import BacktestLook, TrialLog, choices, deflated_sharpe
from assets.ml.tuning.pages import search_table, settings_lines
from assets.ml.tuning.search import refuse_impossible_space, search
from execution.domain.errors import SettingsRefused
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])
ROWS = a_training_set(signal=0.2)
SPACE = {
    "num_leaves": SearchRange(low=3, high=15),
    "l2_penalty": SearchRange(low=1, high=1000, is_logarithmic=True),
}


def searched(root, *, rows=ROWS, trials=3, **policy):
    return search(
        rows,
        registry=ModelRegistry(root),
        log=TrialLog(root),
        policy=a_policy(search=SearchPolicy(max_trials=trials, space=SPACE), **policy),
        trained_as_of=AS_OF,
        code_hash="code",
        is_synthetic=True,
        at=AS_OF,
    )


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A home searched once, which these tests only read, and what was found there."""
    root = tmp_path_factory.mktemp("searched")
    return root, searched(root)


def test_every_choice_counts_against_all_of_them_and_none_is_promoted(once):
    root, found = once
    trials = TrialLog(root).trials()
    assert [trial.model_hash for trial in trials] == [one.model_hash for one in found.tried]
    assert found.choices == len({trial.choice_hash for trial in trials}) == 3
    best = max((trial.spread for trial in trials), key=lambda spread: spread.sharpe)
    alone = [trial for trial in trials if trial.spread == best]
    assert deflated_sharpe(best, trials) < deflated_sharpe(best, alone)
    assert ModelRegistry(root).history() == ()


def test_the_same_seed_tries_the_same_choices_in_another_home(once, tmp_path):
    (_, one), other = once, searched(tmp_path / "other")
    assert one == other
    assert searched(tmp_path / "third", seed=8).tried[1].settings != one.tried[1].settings


def test_settings_as_they_are_come_first_and_a_search_goes_on_where_it_was(tmp_path):
    begun = searched(tmp_path, trials=2, l2_penalty=100.0)
    assert begun.tried[0].settings == {"num_leaves": 7, "l2_penalty": 100.0}
    whole = searched(tmp_path, trials=3, l2_penalty=100.0)
    assert whole.tried[:2] == begun.tried
    assert len(TrialLog(tmp_path).trials()) == 3


def test_other_folds_costs_or_seals_are_judged_anew_and_counted(tmp_path):
    dear = a_policy().promotion.model_copy(update={"cost_bps": 100.0})
    ways = ({}, {"promotion": dear}, {"folds": 4}, {"sealed_share": 0.0})
    plain, costly, folded, unsealed = (searched(tmp_path, trials=1, num_leaves=7, **way) for way in ways)
    assert costly.tried[0].net_bps < plain.tried[0].net_bps - 10.0
    assert len({one.tried[0].rank_ic for one in (plain, folded, unsealed)}) == 3
    assert [found.choices for found in (plain, costly, folded, unsealed)] == [1, 2, 3, 4]


def test_a_rule_that_was_backtested_is_no_choice_of_a_model_and_a_way_to_learn_seen_in_a_backtest_is_one(tmp_path):
    log, span = TrialLog(tmp_path), {"first": CALENDAR.sessions[2000], "last": CALENDAR.sessions[2155]}
    assert searched(tmp_path, trials=1).choices == 1
    (line,) = log.trials()
    for scorer, learning in (("momentum_12_1", None), ("reversal_5d", None), ("model", "another way")):
        look = BacktestLook(scorer=scorer, learning_hash=learning, settings_hash="s", **span)
        log.add(replace(line, choice_hash=scorer, model_hash="", backtest=look))
    assert searched(tmp_path, trials=1).choices == choices(log.trials()) == 2


def test_no_choice_is_made_by_what_sealed_sessions_say(once, tmp_path):
    sealed = ROWS.sessions >= ROWS.days[120]
    turned = replace(
        ROWS,
        label=np.where(sealed, -ROWS.label, ROWS.label).astype(np.float32),
        net_return=np.where(sealed, -ROWS.net_return, ROWS.net_return),
    )
    (_, one), other = once, searched(tmp_path / "other", rows=turned)
    assert [(tried.settings, tried.rank_ic) for tried in one.tried] == [
        (tried.settings, tried.rank_ic) for tried in other.tried
    ]
    assert one.dataset_hash != other.dataset_hash


def test_the_best_choice_is_told_as_lines_of_a_settings_file(once):
    _, found = once
    lines = settings_lines(found).splitlines()
    assert lines[0] == "learning:"
    assert f"  num_leaves: {found.best.settings['num_leaves']}" in lines
    assert found.best.rank_ic == max(one.rank_ic for one in found.tried)
    assert len(search_table(found).splitlines()) == 5


@pytest.mark.parametrize(
    ("name", "span"),
    [
        ("num_leaves", SearchRange(low=1, high=8)),
        ("num_leaves", SearchRange(low=2.5, high=8)),
        ("learning_rate", SearchRange(low=0.1, high=2)),
    ],
)
def test_a_space_beyond_what_a_setting_may_be_is_refused(name, span):
    with pytest.raises(SettingsRefused, match=f"space.{name} reaches"):
        refuse_impossible_space(a_policy(search=SearchPolicy(space={name: span})))


@pytest.mark.parametrize(
    "wrong",
    [{"max_trials": 51}, {"space": {"seed": {"low": 1, "high": 9}}}, {"space": {"num_leaves": {"low": 9, "high": 3}}}],
)
def test_a_search_is_bounded_and_draws_no_seed(wrong):
    with pytest.raises(ValidationError):
        SearchPolicy.model_validate(wrong)
