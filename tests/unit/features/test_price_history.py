from dataclasses import replace

import numpy as np

from assets.carried_actions import MAX_CARRIED_SESSIONS
from assets.features.price_history import _first_usable, _settled, price_histories
from assets.features.vintages import Vintage


def vintage(positions, closes, *, volume=100.0, actions=()):
    bars = np.array([[close] * 4 + [volume] for close in closes], dtype=np.float64).T
    return Vintage(
        first=0,
        last=max(positions),
        bar_positions=np.array(positions, dtype=np.int64),
        bars=bars,
        action_positions=np.array([action[0] for action in actions], dtype=np.int64),
        actions=np.array([[action[1], action[2]] for action in actions], dtype=np.float64).reshape(-1, 2).T,
    )


def test_missing_session_repeats_the_close_without_volume():
    (history,) = price_histories(vintage([3, 4, 6], [10.0, 11.0, 12.0]))
    assert history.start == 3
    assert history.close.tolist() == [10.0, 11.0, 11.0, 12.0]
    assert history.volume.tolist() == [100.0, 100.0, 0.0, 100.0]
    assert history.is_reported.tolist() == [True, True, False, True]
    assert history.total_return[2] == 0.0


def test_reported_bar_without_a_price_is_carried_and_keeps_its_row():
    (history,) = price_histories(vintage([0, 1, 2], [10.0, 0.0, 12.0]))
    assert history.close.tolist() == [10.0, 10.0, 12.0]
    assert history.is_reported.tolist() == [True, True, True]


def test_long_absence_begins_a_new_history():
    back = 1 + MAX_CARRIED_SESSIONS + 1
    first, second = price_histories(vintage([0, 1, back + 1], [10.0, 11.0, 50.0]))
    assert (first.close.size, second.start, second.close.tolist()) == (2, back + 1, [50.0])
    assert np.isnan(second.total_return[0])


def test_absence_of_just_the_bound_does_not():
    back = 1 + MAX_CARRIED_SESSIONS + 1
    (history,) = price_histories(vintage([0, 1, back], [10.0, 11.0, 50.0]))
    assert history.close.size == back + 1


def test_session_inside_a_long_halt_reads_the_same_on_its_evening_and_after_it():
    positions = list(range(15))
    closes = [10.0] * 3 + [0.0] * 10 + [12.0, 12.0]
    for evening in range(3, 13):
        on_the_evening = list(price_histories(vintage(positions[: evening + 1], closes[: evening + 1])))
        later = next(iter(price_histories(vintage(positions, closes))))
        assert on_the_evening[0].close.size == min(later.close.size, evening + 1)


def test_high_and_low_are_widened_to_hold_open_and_close():
    broken = vintage([0, 1], [10.0, 11.0])
    broken.bars[1, 1], broken.bars[2, 1] = 10.99, 11.01
    (history,) = price_histories(broken)
    assert (history.low[1], history.high[1]) == (10.99, 11.01)
    broken.bars[0, 1] = 12.0
    (history,) = price_histories(broken)
    assert history.high[1] == 12.0


def test_split_moves_the_adjusted_price_not_its_ratio():
    (history,) = price_histories(vintage([0, 1, 2], [10.0, 5.0, 6.0], actions=[(1, 1.0, 2.0)]))
    assert history.close.tolist() == [10.0, 10.0, 12.0]
    assert history.volume.tolist() == [100.0, 50.0, 50.0]


def test_history_without_a_usable_bar_is_none():
    assert list(price_histories(vintage([0, 1], [0.0, 0.0]))) == []


def test_readings_of_every_memory_layout_are_read_by_the_same_machine_code():
    def cut(bars):
        table = np.tile(bars, (1, 2))
        return table[:, : bars.shape[1]]

    plain = vintage([3, 4, 6], [0.0, 11.0, 12.0])
    layouts = [np.ascontiguousarray(plain.bars), np.asfortranarray(plain.bars), cut(plain.bars)]
    assert len({(bars.flags.c_contiguous, bars.flags.f_contiguous) for bars in layouts}) == 3
    closes = [[history.close.tolist() for history in price_histories(replace(plain, bars=bars))] for bars in layouts]
    assert closes == [[[11.0, 11.0, 12.0]]] * 3
    for kernel in (_first_usable, _settled):
        assert len(kernel.signatures) == 1
