from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest

from assets.ml.afterwards.pages import hold_out_table
from assets.ml.challenge import challenger
from assets.ml.hold_out import HoldOutRecord, open_hold_out, sealed_fold
from assets.ml.judgement import sharpe_record
from assets.ml.results import results_of
from assets.ml.train import out_of_fold
from assets.ml.trial_log import BacktestLook, Trial, TrialLog
from assets.ml.trials import note_trial
from assets.ml.walk_forward import folds
from execution.domain.errors import CorruptArtifact, DataError, SettingsRefused
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])
ROWS = a_training_set(signal=0.3)


def opened(record, rows=ROWS, *, reason="last look before paper", score=None, at=AS_OF, policy=None):
    def taught(fold):
        return out_of_fold(rows, rows.feature_names, fold, a_policy())

    return open_hold_out(rows, record, score=score or taught, policy=policy or a_policy(), reason=reason, at=at)


def test_the_sealed_sessions_are_those_no_fold_saw():
    sealed = set(ROWS.sessions[sealed_fold(ROWS, a_policy()).test].tolist())
    for fold in folds(ROWS, a_policy()):
        assert not sealed & set(ROWS.sessions[fold.test].tolist())
    assert len(sealed) == 30


def test_a_first_look_tells_what_the_signal_is_worth(tmp_path):
    found = opened(HoldOutRecord(tmp_path))
    assert found.days == 30
    assert found.label_horizon.rank_ic.low > 0.1
    assert found.spread_bps.value > 0


def test_the_page_tells_no_interval_where_fewer_sessions_than_twice_the_horizon_were_sealed(tmp_path):
    found = opened(HoldOutRecord(tmp_path))
    told = [hold_out_table(replace(found, days=days)) for days in (9, 10)]
    assert [page.count(" (too short for an interval)") for page in told] == [4, 0]


def test_a_second_look_is_refused_whoever_asks_and_whenever(tmp_path):
    opened(HoldOutRecord(tmp_path))
    with pytest.raises(SettingsRefused, match="opened at"):
        opened(HoldOutRecord(tmp_path), reason="another model", at=AS_OF + timedelta(days=300))
    assert len(HoldOutRecord(tmp_path).openings()) == 1


def test_sessions_nobody_has_seen_may_be_opened_later(tmp_path):
    record = HoldOutRecord(tmp_path)
    opened(record)
    shift = np.timedelta64(400, "D")
    later = replace(ROWS, sessions=ROWS.sessions + shift, label_end=ROWS.label_end + shift)
    assert opened(record, later).days == 30
    overlapping = replace(ROWS, sessions=ROWS.sessions + shift // 20, label_end=ROWS.label_end + shift // 20)
    with pytest.raises(SettingsRefused):
        opened(record, overlapping)


def trained(root, rows=ROWS, **policy):
    chosen = a_policy(**policy)
    made = challenger(rows, policy=chosen, trained_as_of=AS_OF, code_hash="code", is_synthetic=True)
    note_trial(TrialLog(root), made.model.card, made.record, model_hash="m", at=AS_OF, policy=chosen)


def backtested(root, *, learning, first, last):
    look = BacktestLook(
        scorer="model" if learning else "momentum_12_1",
        learning_hash=learning,
        settings_hash="s",
        first=first.item(),
        last=last.item(),
    )
    spread = sharpe_record(np.zeros(2))
    line = Trial(choice_hash="b", dataset_hash="d", model_hash="", spread=spread, at=AS_OF, backtest=look)
    TrialLog(root).add(line)


def test_sessions_that_a_training_without_a_seal_judged_are_not_opened_as_never_seen(tmp_path):
    trained(tmp_path, sealed_share=0.0)
    with pytest.raises(SettingsRefused, match=r"holds sessions that a training judged at .* judges nothing any more"):
        opened(HoldOutRecord(tmp_path))
    assert HoldOutRecord(tmp_path).openings() == ()


def test_trainings_that_kept_the_seal_refuse_no_first_look(tmp_path):
    trained(tmp_path)
    trained(tmp_path, num_trees=7)
    earlier = np.isin(ROWS.sessions, ROWS.days[:-20])
    per_row = {one.name: getattr(ROWS, one.name) for one in fields(ROWS)}
    cut = {name: of[earlier] for name, of in per_row.items() if isinstance(of, np.ndarray)}
    trained(tmp_path, replace(ROWS, **cut))
    assert opened(HoldOutRecord(tmp_path)).days == 30


def test_a_backtest_by_taught_models_over_sealed_sessions_was_a_look_at_them(tmp_path):
    backtested(tmp_path, learning="l", first=ROWS.days[-60], last=ROWS.days[-30])
    with pytest.raises(SettingsRefused, match=r"holds sessions that a backtest by taught models judged"):
        opened(HoldOutRecord(tmp_path))


def test_backtests_by_rules_or_before_the_seal_are_no_looks_at_it(tmp_path):
    backtested(tmp_path, learning=None, first=ROWS.days[-60], last=ROWS.days[-1])
    backtested(tmp_path, learning="l", first=ROWS.days[-60], last=ROWS.days[-31])
    assert opened(HoldOutRecord(tmp_path)).days == 30


def test_a_table_of_results_without_a_seal_was_a_look_too(tmp_path):
    policy = a_policy(sealed_share=0.0)
    results_of(ROWS, policy=policy, retrain_sessions=63, log=TrialLog(tmp_path), at=AS_OF, has_leaks=False)
    with pytest.raises(SettingsRefused, match="holds sessions that a training judged"):
        opened(HoldOutRecord(tmp_path))


def test_what_is_sealed_after_all_looks_may_be_opened(tmp_path):
    backtested(tmp_path, learning="l", first=ROWS.days[-60], last=ROWS.days[-30])
    assert opened(HoldOutRecord(tmp_path), policy=a_policy(sealed_share=28 / len(ROWS.days))).days == 28


def test_a_look_that_failed_on_the_way_was_a_look(tmp_path):
    def crashed(_):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        opened(HoldOutRecord(tmp_path), score=crashed)
    with pytest.raises(SettingsRefused):
        opened(HoldOutRecord(tmp_path))


def test_nobody_looks_without_saying_why(tmp_path):
    with pytest.raises(SettingsRefused, match="say why"):
        opened(HoldOutRecord(tmp_path), reason=" ")
    assert HoldOutRecord(tmp_path).openings() == ()


def test_without_sealed_sessions_there_is_nothing_to_open():
    with pytest.raises(DataError, match="found 0 sealed"):
        sealed_fold(ROWS, a_policy(sealed_share=0.0))


def test_a_record_that_cannot_be_read_opens_nothing(tmp_path):
    (tmp_path / "hold_out.jsonl").write_bytes(b"what is this\n")
    with pytest.raises(CorruptArtifact, match="line 1"):
        opened(HoldOutRecord(tmp_path))
