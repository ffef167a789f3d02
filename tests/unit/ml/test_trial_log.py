from dataclasses import replace

import msgspec
import numpy as np
import pytest

from assets.mart_settings import universe_settings
from assets.ml.challenge import challenger
from assets.ml.judgement import SharpeRecord, sharpe_record
from assets.ml.policy import DriftPolicy, EnsemblePolicy, ForestPolicy, PromotionPolicy, SearchPolicy
from assets.ml.trial_log import BacktestLook, Trial, TrialLog, choices, deflated_sharpe
from assets.ml.trials import choice_hash, learning_hash, note_trial
from assets.universe_policy import UniversePolicy
from execution.domain.errors import CorruptArtifact
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])
NORMAL = SharpeRecord(days=250, sharpe=0.1, skewness=0.0, kurtosis=3.0)


def a_trial(choice="a", *, spread=NORMAL):
    return Trial(choice_hash=choice, dataset_hash="d", model_hash="m", spread=spread, at=AS_OF)


def of_noise(count, *, days=250, seed=1):
    random = np.random.default_rng(seed)
    return [a_trial(str(number), spread=sharpe_record(random.normal(size=days))) for number in range(count)]


def test_trials_are_read_back_in_the_order_they_were_added(tmp_path):
    log = TrialLog(tmp_path / "models")
    assert log.trials() == ()
    added = of_noise(3)
    for trial in added:
        log.add(trial)
    assert log.trials() == tuple(added)


def test_a_line_cut_short_by_a_crash_is_no_trial_and_does_not_spoil_the_next(tmp_path):
    log = TrialLog(tmp_path)
    log.add(a_trial())
    with (tmp_path / "trials.jsonl").open("ab") as file:
        file.write(b'{"choice')
    assert log.trials() == (a_trial(),)


def test_a_finished_line_that_is_no_trial_is_named(tmp_path):
    (tmp_path / "trials.jsonl").write_bytes(b"what is this\n")
    with pytest.raises(CorruptArtifact, match=r"line 1 of trials\.jsonl"):
        TrialLog(tmp_path).trials()


def test_one_choice_is_judged_against_nothing():
    # 0.1 a day over 250 days is 1.578 standard errors from 0; the ratio's own noise takes a little.
    assert deflated_sharpe(NORMAL, [a_trial()]) == pytest.approx(0.9421, abs=2e-4)


def test_retraining_the_same_choice_changes_no_deflation():
    trials = [a_trial("a"), a_trial("b", spread=replace(NORMAL, sharpe=0.0))]
    assert choices([*trials, *trials]) == 2
    assert deflated_sharpe(NORMAL, [*trials, *trials]) == deflated_sharpe(NORMAL, trials)


def test_the_more_choices_the_less_the_same_record_is_worth():
    few, many = of_noise(4), of_noise(100)
    one, some, most = (deflated_sharpe(NORMAL, [a_trial(), *others]) for others in ([], few, many))
    assert one > some > most


def test_the_best_of_many_settings_in_noise_rarely_passes():
    passed = 0
    for seed in range(200):
        trials = of_noise(50, seed=seed)
        best = max(trials, key=lambda trial: trial.spread.sharpe)
        passed += deflated_sharpe(best.spread, trials) >= 0.95
    assert passed <= 2


def test_fat_tails_on_the_losing_side_make_a_record_worth_less():
    trials = [a_trial()]
    assert deflated_sharpe(replace(NORMAL, skewness=-2.0, kurtosis=9.0), trials) < deflated_sharpe(NORMAL, trials)


def test_nothing_to_judge_is_worth_nothing():
    assert deflated_sharpe(sharpe_record(np.zeros(0)), [a_trial()]) == 0.0


def test_a_training_is_written_down_and_told_its_place(tmp_path):
    def noted(**policy):
        chosen = a_policy(**policy)
        made = challenger(
            a_training_set(signal=0.2),
            policy=chosen,
            trained_as_of=AS_OF,
            code_hash="code",
            is_synthetic=True,
        )
        return note_trial(log, made.model.card, made.record, model_hash="m", at=AS_OF, policy=chosen)

    log = TrialLog(tmp_path)
    first, again, other = noted(), noted(), noted(num_trees=7)
    assert all(trial.net is not None and trial.net != trial.spread for trial in log.trials())
    assert (first.trials, first.choices) == (1, 1)
    assert (again.trials, again.choices) == (2, 1)
    assert (other.trials, other.choices) == (3, 2)
    assert first.deflated_sharpe > 0.99
    # An account of a backtest is no training, and stands among no returns that models are compared with.
    log.add(replace(a_backtest(), returns_hash="0" * 64))
    beside = noted(num_trees=7)
    assert (beside.trials, beside.choices) == (4, 2)
    assert replace(beside, trials=other.trials) == other


def promoted_by(**changes):
    return {"promotion": a_policy().promotion.model_copy(update=changes)}


@pytest.mark.parametrize(
    "other",
    [
        {"max_history_sessions": 300},
        {"embargo_sessions": 0},
        {"folds": 8},
        {"first_train_share": 0.8},
        {"sealed_share": 0.0},
        {"min_names_per_session": 50},
        promoted_by(cost_bps=100.0),
        promoted_by(combined_groups=8),
        {"seed": 8},
        {"num_leaves": 3},
        {"ensemble": EnsemblePolicy(horizons={5: 1.0})},
    ],
    ids=",".join,
)
def test_whatever_can_change_a_figure_is_another_choice(other):
    rows = a_training_set()
    assert choice_hash(a_policy(**other), rows) != choice_hash(a_policy(), rows)


@pytest.mark.parametrize(
    "other",
    [
        {"num_threads": 2},
        {"max_model_age_days": 9},
        {"fallback_rule": "reversal_5d"},
        {"drift": DriftPolicy(max_psi=0.5)},
        {"forest": ForestPolicy(trees=0)},
        {"search": SearchPolicy(max_trials=2)},
        {"promotion": PromotionPolicy()},
    ],
    ids=",".join,
)
def test_what_changes_no_figure_is_the_same_choice(other):
    rows = a_training_set()
    assert choice_hash(a_policy(**other), rows) == choice_hash(a_policy(), rows)


def test_features_and_horizon_are_part_of_the_choice_and_the_rows_are_not():
    rows = a_training_set()
    asked = choice_hash(a_policy(), rows)
    assert choice_hash(a_policy(), replace(rows, feature_names=tuple(f"g{n}" for n in range(6)))) != asked
    assert choice_hash(a_policy(), replace(rows, horizon_sessions=1)) != asked
    assert choice_hash(a_policy(), a_training_set(seed=3)) == asked


@pytest.mark.parametrize(
    ("setting", "value"),
    [("universe.min_close_usd", "400"), ("universe.blacklist", "A, B"), ("features.news", "{}")],
)
def test_a_screen_or_a_scorer_of_headlines_baked_into_the_rows_is_part_of_the_choice(setting, value):
    built_by = universe_settings(UniversePolicy()) | {"features.news": "none"}
    rows = replace(a_training_set(), built_by=built_by)
    other = replace(rows, built_by=built_by | {setting: value})
    assert choice_hash(a_policy(), other) != choice_hash(a_policy(), rows)
    assert learning_hash(a_policy(), rows.feature_names, built_by) == choice_hash(a_policy(), rows)


def test_a_training_under_another_screen_is_a_further_choice_and_one_from_before_stays_counted(tmp_path):
    def noted(**universe):
        rows = replace(a_training_set(signal=0.2), built_by=universe_settings(UniversePolicy(**universe)))
        made = challenger(rows, policy=a_policy(), trained_as_of=AS_OF, code_hash="code", is_synthetic=True)
        return note_trial(log, made.model.card, made.record, model_hash="m", at=AS_OF, policy=a_policy())

    log = TrialLog(tmp_path)
    log.add(a_trial(choice_hash(a_policy(), a_training_set())))
    found = [noted(), noted(), noted(max_names=30), noted(max_names=20)]
    assert [one.choices for one in found] == [2, 2, 3, 4]
    assert found[-1].trials == 5


def a_backtest(choice="b", *, learning=None, spread=NORMAL):
    look = BacktestLook(
        scorer="model" if learning else "momentum_12_1",
        learning_hash=learning,
        settings_hash="s",
        first=CALENDAR.sessions[2000],
        last=CALENDAR.sessions[2155],
    )
    return replace(a_trial(choice, spread=spread), model_hash="", backtest=look)


def test_a_backtest_is_read_back_beside_lines_from_before_there_were_any(tmp_path):
    log = TrialLog(tmp_path)
    log.add(a_trial())
    line = (tmp_path / "trials.jsonl").read_bytes()
    older = msgspec.json.decode(line)
    del older["backtest"], older["judged"]
    (tmp_path / "trials.jsonl").write_bytes(msgspec.json.encode(older) + b"\n")
    log.add(a_backtest(learning="l"))
    assert log.trials() == (a_trial(), a_backtest(learning="l"))


def test_a_model_is_chosen_among_ways_to_learn_and_not_among_rules_or_ways_to_trade():
    trials = [a_trial("a"), a_trial("c", spread=replace(NORMAL, sharpe=0.0))]
    by_rules = [a_backtest(str(number)) for number in range(50)]
    assert choices([*trials, *by_rules]) == 2
    assert deflated_sharpe(NORMAL, [*trials, *by_rules]) == deflated_sharpe(NORMAL, trials)


def test_ways_to_learn_that_were_only_seen_in_backtests_count_against_the_model_that_was_kept():
    kept = [a_trial("kept")]
    looked = [a_backtest(str(number), learning=f"l{number}") for number in range(50)]
    assert choices([*kept, *looked]) == 51
    assert deflated_sharpe(NORMAL, [*looked, *kept]) < deflated_sharpe(NORMAL, kept)


def test_a_backtest_of_the_very_way_to_learn_that_was_kept_is_no_further_choice():
    trials = [a_trial("kept"), a_backtest("b", learning="kept")]
    assert choices(trials) == 1
    assert deflated_sharpe(NORMAL, trials) == deflated_sharpe(NORMAL, trials[:1])


def test_an_account_is_chosen_among_backtests_and_what_was_only_taught():
    trials = [a_trial("t"), a_trial("traded"), a_backtest("b"), a_backtest("m", learning="traded")]
    assert choices(trials, of="account") == 3


def test_how_far_chance_spreads_accounts_is_told_by_accounts_alone():
    accounts = [a_backtest(str(n), spread=replace(NORMAL, sharpe=0.1 + 0.01 * n)) for n in range(4)]
    far, near = (
        [a_trial("t", spread=replace(NORMAL, sharpe=sharpe)), *accounts, a_backtest("m", learning="t")]
        for sharpe in (5.0, 0.1)
    )
    assert deflated_sharpe(NORMAL, far, of="account") == deflated_sharpe(NORMAL, near, of="account")


def test_what_was_never_backtested_spreads_at_least_as_far_as_days_that_mean_nothing():
    alike = [a_backtest("a"), a_backtest("b")]
    assert deflated_sharpe(NORMAL, alike, of="account") == deflated_sharpe(NORMAL, alike[:1], of="account")
    assert deflated_sharpe(NORMAL, [*alike, a_trial("t")], of="account") < 0.9


def of_noise_held(count, *, spread, seed=1):
    """Ways to learn that know nothing: their held fifths spread so far, their fifths less fifths ten times as far."""
    ratios = spread * np.random.default_rng(seed).standard_normal(count)
    return [
        replace(a_trial(str(number), spread=replace(NORMAL, sharpe=10 * one)), net=replace(NORMAL, sharpe=one))
        for number, one in enumerate(ratios)
    ]


def test_how_far_chance_spreads_held_fifths_is_told_by_held_fifths_alone():
    trials = of_noise_held(8, spread=0.01)
    alike = [replace(trial, spread=trial.net) for trial in trials]
    assert choices(trials, of="held") == choices(trials) == 8
    assert deflated_sharpe(NORMAL, trials, of="held") == deflated_sharpe(NORMAL, alike)
    assert deflated_sharpe(NORMAL, trials, of="held") > deflated_sharpe(NORMAL, trials)


def test_looks_from_before_held_fifths_were_kept_spread_them_at_least_as_far_as_days_that_mean_nothing():
    kept = of_noise_held(8, spread=0.01)
    old = [replace(trial, net=None) for trial in kept]
    nothing = [a_trial("a", spread=replace(NORMAL, sharpe=0.0))]
    backtests = [a_backtest(f"b{number}", learning=str(number)) for number in range(7)]
    assert deflated_sharpe(NORMAL, old, of="held") == deflated_sharpe(NORMAL, [*nothing, *backtests])
    assert deflated_sharpe(NORMAL, old[:1] + kept[1:], of="held") == deflated_sharpe(NORMAL, old, of="held")


def test_of_several_spans_of_one_choice_the_longest_tells_how_far_chance_spreads():
    other, long = a_backtest("a"), a_backtest("b", spread=replace(NORMAL, sharpe=-0.1))
    short = a_backtest("b", spread=SharpeRecord(days=9, sharpe=4.0, skewness=0.0, kurtosis=3.0))
    begun = a_backtest("b", spread=SharpeRecord(days=1, sharpe=0.0, skewness=0.0, kurtosis=3.0))
    told = deflated_sharpe(NORMAL, [other, long], of="account")
    assert deflated_sharpe(NORMAL, [other, long, short, begun], of="account") == told
    assert deflated_sharpe(NORMAL, [begun, short, other, long], of="account") == told


@pytest.mark.parametrize("line", [a_trial, a_backtest])
def test_a_look_of_a_few_sessions_counts_as_a_choice_and_tells_nothing_of_chance(line):
    of = "model" if line is a_trial else "account"
    good = line("good", spread=replace(NORMAL, days=756))
    looks = [line("s", spread=replace(NORMAL, days=days, sharpe=1.5)) for days in (1, 2, 5, 59)]
    unseen = line("s", spread=sharpe_record(np.zeros(0)))
    assert choices([good, looks[0]], of=of) == 2
    told = {deflated_sharpe(good.spread, [good, look], of=of) for look in [*looks, unseen]}
    assert len(told) == 1
    assert told.pop() > 0.95


@pytest.mark.parametrize("line", [a_trial, a_backtest])
def test_a_ratio_spreads_as_far_as_it_would_over_as_many_days_as_the_one_that_is_deflated(line):
    of = "model" if line is a_trial else "account"
    flat, long = line("a", spread=replace(NORMAL, sharpe=0.0)), replace(NORMAL, days=997, sharpe=-0.05)
    as_long = replace(NORMAL, sharpe=-0.1)  # 996 days beyond the first are four times 249
    told, expected = (deflated_sharpe(NORMAL, [flat, line("b", spread=spread)], of=of) for spread in (long, as_long))
    assert told == pytest.approx(expected)


def test_the_best_of_short_looks_at_noise_rarely_looks_like_an_edge_beside_long_ones():
    passed = 0
    for seed in range(200):
        long, short = of_noise(10, days=756, seed=seed), of_noise(10, days=126, seed=1000 + seed)
        trials = [a_backtest(one.choice_hash, spread=one.spread) for one in [*long, *short]]
        best = max(short, key=lambda trial: trial.spread.sharpe)
        passed += deflated_sharpe(best.spread, trials, of="account") >= 0.95
    assert passed <= 6


def test_the_best_of_many_accounts_in_noise_rarely_looks_like_an_edge():
    passed = 0
    for seed in range(200):
        trials = [a_backtest(str(n), spread=one.spread) for n, one in enumerate(of_noise(50, seed=seed))]
        best = max(trials, key=lambda trial: trial.spread.sharpe)
        passed += deflated_sharpe(best.spread, trials, of="account") >= 0.95
    assert passed <= 2
