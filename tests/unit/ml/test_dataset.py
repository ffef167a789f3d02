from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from assets.feature_catalogue import NAMES
from assets.ml.dataset import TrainingSet, build_training_set, feature_matrix, training_cut_off
from assets.ml.forward_returns import ENTRY_LAG_SESSIONS
from assets.ml.held_returns import ReturnGrid, held_weights, net_returns
from assets.ml.training_sets import TrainingSetStore
from execution.domain.errors import CorruptArtifact, DataError
from tests.builders.raw_rows import action, bar
from tests.unit.ml.marts_builder import CALENDAR, NOISE, SIGNAL, Market, a_market, a_policy, stage


def built(market: Market, tmp_path, *, cut_off_index: int = -1, features=NAMES, **policy) -> TrainingSet:
    return build_training_set(
        market.write(tmp_path / "warehouse.duckdb"),
        cut_off=market.sessions[cut_off_index],
        feature_names=features,
        policy=a_policy(**policy),
        calendar=CALENDAR,
    )


def row_of(training_set: TrainingSet, session, symbol: str) -> int | None:
    found = np.flatnonzero((training_set.sessions == np.datetime64(session)) & (training_set.symbols == symbol))
    return int(found[0]) if len(found) else None


def test_label_runs_from_the_close_after_the_decision_over_the_horizon(tmp_path):
    market = a_market(symbols=6, sessions=90)
    made = built(market, tmp_path)
    window = slice(10 + ENTRY_LAG_SESSIONS + 1, 10 + ENTRY_LAG_SESSIONS + 1 + 5)
    gross = np.prod(1 + market.returns[window], axis=0) - 1
    expected = gross - gross.mean()
    found = [made.net_return[row_of(made, market.day(10), symbol)] for symbol in market.symbols]
    assert found == pytest.approx(expected.tolist())


def test_overnight_move_before_the_first_order_is_never_credited(tmp_path):
    market = a_market(symbols=6, sessions=90)
    before = built(market, tmp_path)
    market.returns[11] += 0.5 * np.arange(6)
    after = built(market, tmp_path)
    rows = before.sessions == np.datetime64(market.day(10))
    assert before.net_return[rows].tolist() == after.net_return[rows].tolist()


def test_every_label_ended_on_or_before_the_cut_off(tmp_path):
    made = built(a_market(), tmp_path)
    assert made.label_end.max() == np.datetime64(made.cut_off)


def test_a_label_heals_when_a_split_inside_it_is_told_late_and_not_before(tmp_path):
    market = a_market(symbols=6, sessions=120)
    place, truth = 40, market.returns[40, 2]
    market.returns[place, 2] = (1 + truth) / 2 - 1
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    closes = 100 * np.cumprod(np.r_[1.0, 1 + market.returns[1:, 2]])
    told_at = CALENDAR.as_of(market.day(90)) + timedelta(hours=2)
    bars = [
        bar("S002", day, 0.0, close_usd=Decimal(f"{close:.6f}"), open_usd=1, high_usd=1, low_usd=1)
        for day, close in zip(market.sessions, closes, strict=True)
    ]
    stage(warehouse.path, bars, [action("S002", market.day(place), "split", "2", told_at)])
    before, after = (
        build_training_set(
            warehouse, cut_off=market.day(last), feature_names=NAMES, policy=a_policy(), calendar=CALENDAR
        )
        for last in (90, 91)
    )
    days = slice(place - ENTRY_LAG_SESSIONS - 5, place - ENTRY_LAG_SESSIONS)
    for decided in market.sessions[days]:
        told, healed = (made.net_return[row_of(made, decided, "S002")] for made in (before, after))
        assert told < -0.25 < healed
    window = np.r_[market.returns[place - 4 : place, 2], truth]
    one_symbol = after.forward_returns[row_of(after, market.day(place - 6), "S002"), 1]
    assert one_symbol == pytest.approx(np.prod(1 + window) - 1, abs=1e-6)


def test_returns_after_the_cut_off_change_nothing(tmp_path):
    market = a_market()
    before = built(market, tmp_path, cut_off_index=120)
    market.returns[121:] = 9.0
    market.features[SIGNAL][121:] = 1e6
    assert built(market, tmp_path, cut_off_index=120).hash == before.hash


def test_a_return_on_the_cut_off_changes_the_hash(tmp_path):
    market = a_market()
    before = built(market, tmp_path, cut_off_index=120)
    market.returns[120, 3] += 1e-9
    assert built(market, tmp_path, cut_off_index=120).hash != before.hash


def test_rows_are_sorted_by_session_and_symbol_in_single_precision(tmp_path):
    made = built(a_market(), tmp_path)
    order = np.lexsort((made.symbols.astype(str), made.sessions))
    assert order.tolist() == list(range(len(order)))
    assert made.features.dtype == np.float32


def test_labels_of_a_session_are_a_gaussian_rank(tmp_path):
    made = built(a_market(symbols=9), tmp_path)
    rows = made.sessions == made.days[4]
    assert np.sort(made.label[rows]).tolist() == pytest.approx((-np.sort(-made.label[rows])[::-1]).tolist())
    assert np.argsort(made.label[rows]).tolist() == np.argsort(made.net_return[rows]).tolist()
    assert made.label[rows].sum() == pytest.approx(0.0, abs=1e-5)


def test_net_returns_of_a_session_sum_to_nothing(tmp_path):
    made = built(a_market(), tmp_path)
    sums = [made.net_return[made.sessions == day].sum() for day in made.days]
    assert sums == pytest.approx([0.0] * len(sums), abs=1e-12)


def test_a_name_outside_the_universe_is_not_learned_from(tmp_path):
    market = a_market()
    market.is_member[30, 5] = False
    made = built(market, tmp_path)
    assert row_of(made, market.day(30), "S005") is None
    assert row_of(made, market.day(31), "S005") is not None


def test_a_delisted_name_keeps_its_labels_until_its_last_bar(tmp_path):
    market = a_market(symbols=8, sessions=100)
    market.returns[50, 2] = -0.9
    market.has_bar[51:, 2] = False
    made = built(market, tmp_path)
    last_with_label = row_of(made, market.day(48), "S002")
    assert last_with_label is not None
    assert made.net_return[last_with_label] < -0.7
    assert row_of(made, market.day(49), "S002") is None


def test_proceeds_of_a_delisting_lie_in_cash(tmp_path):
    market = a_market(symbols=8, sessions=100)
    market.has_bar[51:, 2] = False
    market.returns[49:51, 2] = (0.10, 0.0)
    made = built(market, tmp_path)
    window = market.returns[49:54].copy()
    window[2:, 2] = 0.0
    gross = np.prod(1 + window, axis=0) - 1
    row = row_of(made, market.day(47), "S002")
    assert made.net_return[row] == pytest.approx(gross[2] - gross.mean())


def test_a_name_without_a_bar_to_enter_on_has_no_label(tmp_path):
    market = a_market()
    market.has_bar[41, 7] = False
    made = built(market, tmp_path)
    assert row_of(made, market.day(40), "S007") is None


def test_an_unknown_return_inside_a_label_removes_the_label(tmp_path):
    market = a_market()
    market.returns[44, 7] = np.nan
    made = built(market, tmp_path)
    assert row_of(made, market.day(40), "S007") is None
    assert row_of(made, market.day(43), "S007") is not None


def test_infinite_and_overflowing_features_count_as_missing(tmp_path):
    market = a_market()
    market.features[NOISE][20, 0] = np.inf
    market.features[NOISE][20, 1] = 1e300
    made = built(market, tmp_path)
    column = made.features[made.sessions == np.datetime64(market.day(20)), made.feature_names.index(NOISE)]
    assert np.isnan(column[:2]).all()
    assert np.isfinite(column[2:]).all()


def test_too_short_a_history_says_how_much_was_found(tmp_path):
    with pytest.raises(DataError, match=r"found 34 labelled sessions .* expected at least 60"):
        built(a_market(sessions=40), tmp_path)


def test_history_is_bounded_by_the_newest_sessions(tmp_path):
    made = built(a_market(sessions=140), tmp_path, max_history_sessions=100)
    assert made.days[0] == np.datetime64(a_market().day(40))


def test_a_feature_the_marts_do_not_have_is_named(tmp_path):
    warehouse = a_market(symbols=3, sessions=10).write(tmp_path / "warehouse.duckdb")
    rows = warehouse.read("select symbol, rsi_14 from marts.fct_features")
    with pytest.raises(DataError, match="no feature column moon_phase"):
        feature_matrix(rows, ("rsi_14", "moon_phase"))


def test_cut_off_is_the_newest_session_whose_own_cut_off_has_passed(tmp_path):
    market = a_market(sessions=20)
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    passed = CALENDAR.as_of(market.day(12))
    assert training_cut_off(warehouse, now=passed, calendar=CALENDAR) == market.day(12)
    assert training_cut_off(warehouse, now=CALENDAR.closes_at(market.day(12)), calendar=CALENDAR) == market.day(11)


def test_cut_off_never_lies_after_the_newest_features(tmp_path):
    market = a_market(sessions=20)
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    later = CALENDAR.as_of(CALENDAR.offset(market.day(19), 30))
    assert training_cut_off(warehouse, now=later, calendar=CALENDAR) == market.day(19)


def test_without_features_the_cut_off_says_what_to_do(tmp_path):
    market = a_market(sessions=20)
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    with pytest.raises(DataError, match="run a cycle first"):
        training_cut_off(warehouse, now=CALENDAR.opens_at(market.day(0)), calendar=CALENDAR)


def test_a_name_that_left_the_universe_keeps_its_returns_while_it_may_be_held_and_has_bars(tmp_path):
    market = a_market(symbols=8, sessions=100)
    market.is_member[50:, 3] = False
    market.is_member[60:, 4] = False
    market.has_bar[63:, 4] = False
    made = built(market, tmp_path)
    held, days = made.still_held, np.array(market.sessions, dtype="datetime64[D]")
    left = held.symbols == "S003"
    # Bought by the last session as a member, it is held over five: four more decision sessions.
    assert held.sessions[left].tolist() == days[50:54].tolist()
    assert held.one_session_return[left] == pytest.approx(market.returns[52:56, 3])
    # The last bar is that of session 62, two after the decision that lives through it.
    assert held.sessions[held.symbols == "S004"].tolist() == days[60:61].tolist()
    assert set(held.symbols.tolist()) == {"S003", "S004"}
    store = TrainingSetStore(tmp_path / "training_sets")
    store.publish(made)
    stored = store.newest(made.cut_off).still_held
    assert stored.sessions.tolist() == held.sessions.tolist()
    assert stored.symbols.tolist() == held.symbols.tolist()
    assert stored.one_session_return.tolist() == held.one_session_return.tolist()


def test_money_in_a_name_that_leaves_the_universe_falls_as_far_as_in_a_member(tmp_path):
    def earned(*, leaves):
        market = a_market(symbols=10, sessions=100)
        market.returns[52:56, 3] = -0.2
        market.is_member[51:, 3] = not leaves
        made = built(market, tmp_path)
        scores = np.where(made.symbols == "S003", 1.0, 0.0)
        scores[made.sessions != np.datetime64(market.day(50))] = np.nan
        grid = ReturnGrid.of(made, np.arange(len(made.label)), made.forward_returns[:, 0])
        held = held_weights(grid, scores, horizon_sessions=5)
        return grid, net_returns(grid, held, cost_bps=0.0)[50:55].sum()

    # Two names of ten are bought with a fifth of the money: four falls of a fifth on a tenth of it, over the market.
    (_, member), (grid, left) = earned(leaves=False), earned(leaves=True)
    assert member < -0.06
    assert left == pytest.approx(member, abs=0.015)
    # Not the market's figure: that stays the members'.
    column = 3
    assert np.delete(grid.active, column, axis=1)[51:55].sum(axis=1) == pytest.approx(np.zeros(4), abs=1e-12)


def test_a_stored_training_set_comes_back_equal(tmp_path):
    made = built(a_market(), tmp_path)
    store = TrainingSetStore(tmp_path / "training_sets")
    assert store.publish(made) == made.hash
    assert store.newest(made.cut_off).hash == made.hash


def test_the_same_rows_of_other_versions_have_the_same_hash_and_tell_their_versions(tmp_path):
    made = built(a_market(), tmp_path)
    assert set(made.feature_versions.values()) == {1}
    raised = replace(made, feature_versions={**made.feature_versions, "rsi_14": 2})
    store = TrainingSetStore(tmp_path / "training_sets")
    assert store.publish(made) == store.publish(raised)
    assert store.newest(made.cut_off).feature_versions == raised.feature_versions


def test_a_training_set_tells_what_its_marts_were_built_by_and_brings_it_back(tmp_path):
    warehouse = a_market().write(tmp_path / "w.duckdb")
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create schema request")
        connection.execute("create table request.feature_settings as select 'features.news' as setting, '{}' as value")
    made = build_training_set(
        warehouse, cut_off=a_market().day(120), feature_names=(SIGNAL,), policy=a_policy(), calendar=CALENDAR
    )
    store = TrainingSetStore(tmp_path / "training_sets")
    store.publish(made)
    assert store.newest(made.cut_off).built_by == made.built_by == {"features.news": "{}"}


def test_a_changed_byte_of_a_training_set_is_refused(tmp_path):
    made = built(a_market(), tmp_path)
    store = TrainingSetStore(tmp_path / "training_sets")
    store.publish(made)
    (file,) = (tmp_path / "training_sets").glob("*.parquet")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(CorruptArtifact):
        store.newest(made.cut_off)


def test_the_newest_training_set_of_a_cut_off_wins(tmp_path):
    made = built(a_market(), tmp_path)
    other = replace(made, net_return=made.net_return * 2)
    store = TrainingSetStore(tmp_path / "training_sets")
    store.publish(made)
    store.publish(other)
    assert store.newest(made.cut_off).hash == other.hash


def test_a_missing_training_set_says_what_to_materialize(tmp_path):
    with pytest.raises(DataError, match="materialize ml/training_set"):
        TrainingSetStore(tmp_path).newest(CALENDAR.sessions[100])
