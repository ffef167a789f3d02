from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.quantities import (
    cents,
    decimal_of,
    is_on_tick,
    split_fraction,
    tick_above_usd,
    tick_below_usd,
    tick_usd,
    affordable_shares,
)

PRICES = st.decimals("0.0001", "5000", places=6)


def test_the_tick_is_a_cent_from_one_dollar_on() -> None:
    assert tick_usd(Decimal("1.00")) == Decimal("0.01")
    assert tick_usd(Decimal("0.9999")) == Decimal("0.0001")


@settings(max_examples=200, deadline=None)
@given(price=PRICES)
def test_a_price_lies_between_its_ticks_and_both_would_be_taken(price: Decimal) -> None:
    below, above = tick_below_usd(price), tick_above_usd(price)
    assert below <= price <= above
    assert is_on_tick(below)
    assert is_on_tick(above)
    assert above - below <= tick_usd(price)


@settings(max_examples=200, deadline=None)
@given(amount=st.decimals("0", "1000000", places=2), price=PRICES)
def test_affordable_shares_are_the_most_an_amount_pays_for(amount: Decimal, price: Decimal) -> None:
    shares = affordable_shares(amount, price)
    assert shares * price <= amount < (shares + 1) * price


def test_a_negative_amount_pays_for_nothing() -> None:
    assert affordable_shares(Decimal(-100), Decimal(5)) == 0


@pytest.mark.parametrize(("amount", "rounded"), [("0.005", "0.00"), ("0.015", "0.02"), ("0.0051", "0.01")])
def test_half_a_cent_goes_to_the_even_cent(amount: str, rounded: str) -> None:
    assert cents(Decimal(amount)) == Decimal(rounded)


def test_a_float_becomes_the_decimal_it_is_written_as() -> None:
    assert decimal_of(0.1) == Decimal("0.1")


@settings(max_examples=300, deadline=None)
@given(new=st.integers(1, 100), old=st.integers(1, 100))
def test_a_ratio_stored_with_six_digits_is_read_back_exactly(new: int, old: int) -> None:
    stored = (Decimal(new) / Decimal(old)).quantize(Decimal("0.000001"))
    assert split_fraction(stored) == Fraction(new, old)


def test_a_split_ratio_that_no_small_fraction_explains_is_taken_as_it_stands() -> None:
    assert split_fraction(Decimal("1.0004")) == Fraction("1.0004")
