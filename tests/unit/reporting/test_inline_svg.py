from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reporting.inline_svg import bins, equity_svg, histogram_svg

DAYS = [date(2024, 4, 17), date(2024, 4, 18), date(2024, 4, 19)]
SCORES = st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=80)


def test_every_value_falls_in_one_bin():
    assert sum(one.count for one in bins([0.0, 0.1, 0.5, 0.5, 1.0])) == 5


@settings(deadline=None, max_examples=80)
@given(values=SCORES)
def test_no_value_is_lost_between_bins(values):
    assert sum(one.count for one in bins(values)) == len(values)


def test_equal_values_share_one_bin():
    assert [one.count for one in bins([0.3, 0.3])] == [2]


def test_values_with_no_step_between_them_share_one_bin():
    assert [(one.low, one.high, one.count) for one in bins([0.0, 5e-324])] == [(0.0, 5e-324, 2)]


@settings(deadline=None, max_examples=40)
@given(values=st.lists(st.decimals("1", "100000000", places=2), min_size=1, max_size=3))
def test_equity_line_stays_inside_the_drawing(values):
    drawing = ET.fromstring(equity_svg(DAYS[: len(values)], values))  # noqa: S314 - our own drawing
    heights = [float(circle.get("cy", "nan")) for circle in drawing.iter("circle")]
    assert heights
    assert all(0 <= height <= 150 for height in heights)


def test_first_day_is_a_dot_without_a_line():
    drawing = equity_svg(DAYS[:1], [Decimal(100_000)])
    assert ("<circle" in drawing, "<path" in drawing) == (True, False)


def test_unchanged_equity_is_drawn_flat_in_the_middle():
    drawing = ET.fromstring(equity_svg(DAYS, [Decimal(100_000)] * 3))  # noqa: S314 - our own drawing
    assert {circle.get("cy") for circle in drawing.iter("circle")} == {"70.0"}


def test_account_without_history_says_so():
    assert "no equity recorded yet" in equity_svg([], [])


def test_batch_without_scores_says_so():
    assert "no symbol was scored" in histogram_svg([])
