from typing import Literal, get_origin

import pytest
from pydantic import ValidationError

from execution.portfolio.capital_ramp import CapitalRamp
from execution.portfolio.sizing_policy import SizingPolicy


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ({"entry_top_fraction": "0.5"}, {"hold_top_fraction": "0.4"}),
        ({"position_min_weight": "0.2"}, {"position_max_weight": "0.1"}),
        ({"vix_cautious_points": "40"}, {"vix_alarmed_points": "35"}),
        ({"heat_vix_alarmed": "0.9"}, {"heat_vix_cautious": "0.75"}),
    ],
)
def test_numbers_that_contradict_each_other_are_refused_by_name(
    smaller: dict[str, str], larger: dict[str, str]
) -> None:
    [name], [other] = smaller, larger
    with pytest.raises(ValidationError, match=f"{name}.*is above {other}"):
        SizingPolicy.model_validate({**smaller, **larger})


def test_every_number_is_bounded_and_told_in_a_sentence() -> None:
    for name, field in (*SizingPolicy.model_fields.items(), *CapitalRamp.model_fields.items()):
        assert field.description, name
        assert field.description.endswith("."), name
        # A choice is bounded by its alternatives, a section by its own numbers, and a day by the calendar.
        is_bounded = get_origin(field.annotation) is Literal or name in {"capital_ramp", "counts_from"}
        assert field.metadata or is_bounded, name


def test_a_stop_of_another_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="protective_stop"):
        SizingPolicy.model_validate({"protective_stop": "stop_limit"})


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_nmaes"):
        SizingPolicy.model_validate({"max_nmaes": 3})


@pytest.mark.parametrize("stop", ["stop", "trailing_stop"])
def test_an_entry_may_try_several_limits_beside_a_stop_sent_behind_it(stop: str) -> None:
    policy = SizingPolicy.model_validate({"entry_rungs": 4, "protective_stop": stop})
    assert (policy.entry_rungs, policy.entry_rung_seconds) == (4, 60)


def test_an_entry_with_its_exits_tries_one_limit() -> None:
    with pytest.raises(ValidationError, match=r"entry_rungs 2 with protective_stop bracket.*would end with each rung"):
        SizingPolicy.model_validate({"entry_rungs": 2, "protective_stop": "bracket"})


def test_a_last_limit_comes_while_orders_go_out() -> None:
    assert SizingPolicy.model_validate({"entry_rungs": 6, "entry_rung_seconds": 120}).entry_rungs == 6
    with pytest.raises(ValidationError, match=r"7 entry_rungs of 120 entry_rung_seconds.*more than 600 s"):
        SizingPolicy.model_validate({"entry_rungs": 7, "entry_rung_seconds": 120})
