from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from assets.ml.dataset import build_training_set
from assets.ml.foresight import earlier_moment, label_differences
from execution.domain.errors import DataError
from tests.builders.raw_rows import action, bar
from tests.unit.ml.marts_builder import CALENDAR, NOISE, SIGNAL, a_market, a_policy, a_training_set, stage


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    return a_market(symbols=10, sessions=120).write(tmp_path_factory.mktemp("foresight") / "warehouse.duckdb")


@pytest.fixture(scope="module")
def rows(warehouse):
    cut_off = a_market(symbols=10, sessions=120).sessions[-1]
    return build_training_set(
        warehouse, cut_off=cut_off, feature_names=(SIGNAL, NOISE), policy=a_policy(), calendar=CALENDAR
    )


def differences(rows, warehouse, moment):
    return label_differences(rows, warehouse, moment=moment, policy=a_policy(), calendar=CALENDAR)


@pytest.mark.parametrize("seed", range(4))
def test_labels_are_the_same_when_nothing_later_can_be_read(rows, warehouse, seed):
    assert differences(rows, warehouse, earlier_moment(rows, seed=seed)) == 0


@pytest.mark.parametrize("place", [60, 75, 88, 95])
def test_a_split_told_after_the_moment_about_a_session_before_it_is_no_look_ahead(tmp_path, place):
    market = a_market(symbols=10, sessions=120)
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    ex_session, told_at = market.day(60), CALENDAR.as_of(market.day(90)) + timedelta(hours=2)
    bars = [bar("S002", day, 100.0 if day < ex_session else 50.0) for day in market.sessions]
    stage(warehouse.path, bars, [action("S002", ex_session, "split", "2", told_at)])
    rows = build_training_set(
        warehouse, cut_off=market.day(-1), feature_names=(SIGNAL,), policy=a_policy(), calendar=CALENDAR
    )
    assert differences(rows, warehouse, market.day(place)) == 0


def test_labels_that_looked_a_session_too_far_are_counted(rows, warehouse):
    moment = earlier_moment(rows, seed=1)
    later = rows.net_return.copy()
    later[:-10] = rows.net_return[10:]
    assert differences(replace(rows, net_return=later), warehouse, moment) > 500


def test_one_label_that_is_another_is_counted(rows, warehouse):
    label = rows.label.copy()
    label[7] = np.nextafter(label[7], np.float32(9))
    assert differences(replace(rows, label=label), warehouse, earlier_moment(rows, seed=1)) == 1


def test_a_row_that_was_left_out_because_of_what_came_later_is_counted(rows, warehouse):
    kept = np.arange(len(rows.label)) != 3
    fewer = {
        name: getattr(rows, name)[kept]
        for name in ("sessions", "symbols", "features", "label", "net_return", "label_end")
    }
    assert differences(replace(rows, **fewer), warehouse, earlier_moment(rows, seed=1)) == 1


def test_the_moment_is_drawn_from_the_newest_half_by_seed():
    rows = a_training_set(sessions=100)
    drawn = {earlier_moment(rows, seed=seed) for seed in range(20)}
    assert min(drawn) >= rows.days[50].item()
    assert len(drawn) > 5
    assert earlier_moment(rows, seed=3) == earlier_moment(rows, seed=3)


def test_one_session_has_no_earlier_moment():
    with pytest.raises(DataError, match="at least two"):
        earlier_moment(a_training_set(sessions=1), seed=1)
