import numpy as np

from assets.features.vintages import VersionedRows, vintages


def versions(*rows):
    """Return rows of (session, usable from, value)."""
    ordered = sorted(rows)
    return VersionedRows(
        position=np.array([row[0] for row in ordered], dtype=np.int64),
        usable_from=np.array([row[1] for row in ordered], dtype=np.int64),
        identity=np.zeros(len(ordered), dtype=np.int64),
        values=np.array([[float(row[2]) for row in ordered]] * 5).reshape(5, len(ordered)),
    )


NO_ACTIONS = versions()


def test_history_on_time_is_one_reading():
    found = list(vintages(versions((0, 0, 10), (1, 1, 11), (2, 2, 12)), NO_ACTIONS, last=2))
    assert [(item.first, item.last) for item in found] == [(0, 2)]
    assert found[0].bars[3].tolist() == [10.0, 11.0, 12.0]


def test_correction_opens_a_reading_from_the_session_that_knows_it():
    found = list(vintages(versions((0, 0, 10), (0, 2, 99), (1, 1, 11), (2, 2, 12), (3, 3, 13)), NO_ACTIONS, last=3))
    assert [(item.first, item.last) for item in found] == [(0, 1), (2, 3)]
    assert found[0].bars[3].tolist() == [10.0, 11.0]
    assert found[1].bars[3].tolist() == [99.0, 11.0, 12.0, 13.0]


def test_correction_on_the_same_evening_opens_none():
    found = list(vintages(versions((0, 0, 10), (0, 0, 99), (1, 1, 11)), NO_ACTIONS, last=1))
    assert [(item.first, item.last) for item in found] == [(0, 1)]
    assert found[0].bars[3].tolist() == [99.0, 11.0]


def test_late_bar_is_missing_until_it_is_known():
    found = list(vintages(versions((0, 0, 10), (1, 3, 11), (2, 2, 12), (3, 3, 13)), NO_ACTIONS, last=3))
    assert found[0].bar_positions.tolist() == [0, 2]
    assert found[1].bar_positions.tolist() == [0, 1, 2, 3]


def test_what_becomes_known_after_the_last_session_does_not_exist():
    found = list(vintages(versions((0, 0, 10), (0, 5, 99), (1, 1, 11), (6, 6, 16)), NO_ACTIONS, last=4))
    assert [(item.first, item.last) for item in found] == [(0, 4)]
    assert found[0].bars[3].tolist() == [10.0, 11.0]
