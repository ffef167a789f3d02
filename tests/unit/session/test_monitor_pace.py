"""How often positions are looked at."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from execution.session.monitor_pace import MonitorPolicy, pause_seconds

POLICY = MonitorPolicy()
LEVELS = st.none() | st.floats(allow_nan=True)


@pytest.mark.parametrize(
    ("volatility", "vix", "seconds"),
    [
        (0.005, 12.0, 60.0),
        (0.01, 15.0, 60.0),
        (0.02, 15.0, 32.5),
        (0.01, 25.0, 32.5),
        (0.03, 12.0, 5.0),
        (0.005, 80.0, 5.0),
    ],
)
def test_the_wilder_of_two_readings_sets_the_pace(volatility: float, vix: float, seconds: float) -> None:
    assert pause_seconds(volatility, vix, POLICY) == pytest.approx(seconds)


@pytest.mark.parametrize(("volatility", "vix"), [(None, 12.0), (0.005, None), (math.nan, 12.0), (0.005, math.inf)])
def test_what_is_unknown_is_looked_at_most_often(volatility: float | None, vix: float | None) -> None:
    assert pause_seconds(volatility, vix, POLICY) == 5.0


@given(volatility=LEVELS, vix=LEVELS)
def test_the_pause_stays_within_its_bounds(volatility: float | None, vix: float | None) -> None:
    assert 5.0 <= pause_seconds(volatility, vix, POLICY) <= 60.0


@given(one=st.floats(0, 0.1), other=st.floats(0, 0.1))
def test_more_volatility_never_means_a_longer_pause(one: float, other: float) -> None:
    calm, wild = sorted((one, other))
    assert pause_seconds(wild, 20.0, POLICY) <= pause_seconds(calm, 20.0, POLICY)


@pytest.mark.parametrize(
    "changes",
    [
        {"pause_min_seconds": 61.0},
        {"calm_volatility_daily": 0.03},
        {"calm_vix_points": 35.0},
    ],
)
def test_bounds_that_cross_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        MonitorPolicy.model_validate(changes)
