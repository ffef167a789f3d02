from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from assets.ml.afterwards.pages import hold_out_table
from assets.ml.hold_out import HoldOutRecord, open_hold_out, sealed_fold
from assets.ml.train import out_of_fold
from assets.ml.walk_forward import folds
from execution.domain.errors import CorruptArtifact, DataError, SettingsRefused
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])
ROWS = a_training_set(signal=0.3)


def opened(record, rows=ROWS, *, reason="last look before paper", score=None, at=AS_OF):
    def taught(fold):
        return out_of_fold(rows, rows.feature_names, fold, a_policy())

    return open_hold_out(rows, record, score=score or taught, policy=a_policy(), reason=reason, at=at)


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
