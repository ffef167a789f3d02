from decimal import Decimal

import pytest
from pydantic import ValidationError

from execution.risk.limits import RiskLimits


def test_the_strict_profile_is_the_standard_one_with_these_numbers_narrower() -> None:
    strict, standard = RiskLimits.strict().model_dump(), RiskLimits.standard().model_dump()
    assert {name: value for name, value in strict.items() if value != standard[name]} == {
        "names_max": 5,
        "entries_per_day_max": 15,
        "atr_max_fraction": Decimal("0.025"),
        "adv_share_max": Decimal("0.01"),
        "macro_blackout_sessions": 1,
        "var95_max_fraction": Decimal("0.025"),
    }
    assert strict["cooldown_minutes"] == 5


def test_the_standard_profile_is_the_default() -> None:
    standard = RiskLimits.standard()
    assert standard == RiskLimits()
    assert (standard.names_max, standard.atr_max_fraction) == (20, Decimal("0.06"))


def test_no_profile_borrows() -> None:
    assert RiskLimits.strict().gross_max_weight == RiskLimits.standard().gross_max_weight == 1
    with pytest.raises(ValidationError):
        RiskLimits(gross_max_weight=Decimal("1.01"))


@pytest.mark.parametrize(("equity", "hard"), [(100_000, 1_500), (30_000, 1_500), (20_000, 1_000)])
def test_the_hard_loss_of_a_day_is_the_smaller_of_dollars_and_fraction(equity: int, hard: int) -> None:
    limits = RiskLimits()
    assert limits.daily_loss_hard_usd(Decimal(equity)) == hard
    assert limits.daily_loss_soft_usd(Decimal(equity)) == Decimal(hard) / 2


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"position_max_weight": "0.4"}, "position_max_weight 0.4 is above sector_max_weight 0.30"),
        ({"order_notional_max_usd": "200000"}, "order_notional_max_usd 200000 is above basket_notional_max_usd"),
    ],
)
def test_limits_that_contradict_each_other_are_refused_by_name(numbers: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        RiskLimits.model_validate(numbers)


def test_every_limit_is_bounded_and_told_in_a_sentence() -> None:
    for name, field in RiskLimits.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert field.metadata, name
