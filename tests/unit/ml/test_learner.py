"""What trees minimise, when they stop and what they may not do, by settings; the same rows give the same bytes."""

from dataclasses import replace

import numpy as np
import pytest

from assets.ml.combinatorial import path_scores
from assets.ml.learner import binned, stopping_rows, taught, told_params
from assets.ml.train import out_of_fold, out_of_fold_with_less
from assets.ml.walk_forward import daily_ics, folds
from execution.domain.errors import DataError, SettingsRefused
from tests.unit.ml.marts_builder import a_policy, a_training_set

ROWS = a_training_set(signal=0.2)
ALL = np.arange(len(ROWS.label))


def trees(rows=ROWS, **policy):
    return taught(binned(rows, rows.feature_names, ALL, a_policy(**policy)), ALL, a_policy(**policy))


def prediction(model, **features):
    rows = np.zeros((1, len(ROWS.feature_names)))
    for name, value in features.items():
        rows[0, ROWS.feature_names.index(name)] = value
    return float(model.predict(rows)[0])


STOPPING = {"early_stopping_rounds": 5, "num_trees": 300}


def test_learning_stops_where_the_newest_days_of_its_own_training_gain_nothing():
    noise = replace(ROWS, label=np.random.default_rng(1).permutation(ROWS.label))
    assert trees(noise, **STOPPING).num_trees() < trees(**STOPPING).num_trees() < 300


def test_days_set_aside_for_stopping_begin_after_every_label_before_them_ended():
    older, newest = stopping_rows(ROWS, ALL, a_policy(stopping_share=0.25))
    assert ROWS.label_end[older].max() < ROWS.sessions[newest].min()
    assert len(np.unique(ROWS.sessions[newest])) == int(len(ROWS.days) * 0.25)
    assert ROWS.sessions[newest].max() == ROWS.days[-1]


@pytest.mark.parametrize("objective", ["regression", "lambdarank"])
def test_stopping_never_looks_at_the_test_of_its_fold(objective):
    policy = a_policy(objective=objective, l2_penalty=1.0, **STOPPING)
    fold = folds(ROWS, policy)[0]
    turned = ROWS.label.copy()
    turned[fold.test] *= -1
    scores = [
        out_of_fold(replace(ROWS, label=label), ROWS.feature_names, fold, policy) for label in (ROWS.label, turned)
    ]
    assert scores[0].tobytes() == scores[1].tobytes()


@pytest.mark.parametrize(
    "learner",
    [
        {},
        {"objective": "lambdarank", **STOPPING},
        {"interactions": ((ROWS.feature_names[0], ROWS.feature_names[1]),)},
        {"ensemble": {"seeds": 2, "rules": {"reversal_5d": 0.3}}},
    ],
    ids=["one", "ranking", "constrained", "ensemble"],
)
def test_what_is_not_offered_of_binned_rows_teaches_as_little_as_what_was_never_binned(learner):
    policy = a_policy(l2_penalty=1.0, feature_share_per_tree=1.0, **learner)
    fold = folds(ROWS, policy)[0]
    scores = out_of_fold_with_less(ROWS, ROWS.feature_names, fold, policy)
    assert scores(ROWS.feature_names).tobytes() == out_of_fold(ROWS, ROWS.feature_names, fold, policy).tobytes()
    offered = ROWS.feature_names[1:]
    assert scores(offered).tobytes() == out_of_fold(ROWS, offered, fold, policy).tobytes()
    assert scores(offered).tobytes() != scores(ROWS.feature_names).tobytes()


def test_a_rule_among_members_is_silent_where_the_feature_it_reads_is_not_offered():
    names = ("return_5d", *ROWS.feature_names[1:])
    rows = replace(ROWS, feature_names=names)
    policy = a_policy(ensemble={"rules": {"reversal_5d": 0.3}})
    fold = folds(rows, policy)[0]
    scores = out_of_fold_with_less(rows, names, fold, policy)(names[1:])
    assert scores.tobytes() == out_of_fold_with_less(ROWS, ROWS.feature_names, fold, policy)(names[1:]).tobytes()


def test_too_few_days_to_set_some_aside_are_refused():
    week = np.flatnonzero(ROWS.sessions < ROWS.days[6])
    with pytest.raises(DataError, match="set early_stopping_rounds to 0"):
        stopping_rows(ROWS, week, a_policy())


@pytest.mark.parametrize("choice", [{}, {"objective": "lambdarank", "l2_penalty": 1.0}, STOPPING], ids=str)
def test_the_same_choice_gives_the_same_bytes(choice):
    assert trees(**choice).model_to_string() == trees(**choice).model_to_string()


def test_a_ranker_orders_names_it_has_not_seen():
    policy = a_policy(objective="lambdarank", l2_penalty=1.0)
    fold = folds(ROWS, policy)[-1]
    scores = out_of_fold(ROWS, ROWS.feature_names, fold, policy)
    _, ranked = daily_ics(ROWS.sessions[fold.test], scores, ROWS.net_return[fold.test])
    assert ranked.mean() > 0.1
    rows, paths = path_scores(ROWS, ROWS.feature_names, policy)
    assert np.isfinite(paths).all()
    _, ranked = daily_ics(ROWS.sessions[rows], paths[0], ROWS.net_return[rows])
    assert ranked.mean() > 0.1


def test_a_monotone_feature_never_speaks_against_its_sign():
    values = np.linspace(-3, 3, 41)
    free = [prediction(trees(), f0=value) for value in values]
    bound = [prediction(trees(monotone={"f0": -1}), f0=value) for value in values]
    assert np.diff(free).max() > 0
    assert np.diff(bound).max() <= 0


def test_features_of_different_groups_never_meet_in_a_branch():
    def pairs(model) -> set[tuple[str, str]]:
        frame = model.trees_to_dataframe().set_index("node_index")
        found = set()
        for node in frame[frame.split_feature.notna()].index:
            above = frame.parent_index[node]
            while isinstance(above, str):
                found.add(tuple(sorted((frame.split_feature[node], frame.split_feature[above]))))
                above = frame.parent_index[above]
        return {pair for pair in found if pair[0] != pair[1]}

    meeting = pairs(trees(interactions=[("f0", "f1")]))
    assert {"f0", "f1"} & {name for pair in pairs(trees()) for name in pair if set(pair) - {"f0", "f1"}}
    assert meeting
    assert all(("f0" in pair or "f1" in pair) == (set(pair) == {"f0", "f1"}) for pair in meeting)


def test_a_constraint_on_what_is_no_feature_is_refused_by_name():
    with pytest.raises(SettingsRefused, match="f99: expected features of the marts"):
        trees(monotone={"f99": 1})


def test_choices_are_told_apart_and_defaults_are_told_as_ever():
    plain = told_params(a_policy())
    assert not {"metric", "rank_grades", "early_stopping_rounds", "monotone", "interactions"} & plain.keys()
    others = [
        {"objective": "lambdarank"},
        {"early_stopping_rounds": 5},
        {"monotone": {"f0": 1}},
        {"interactions": [("f0",)]},
    ]
    assert len({str(told_params(a_policy(**other))) for other in others} | {str(plain)}) == 5
