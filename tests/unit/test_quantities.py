from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.canonical import canonical_bytes
from execution.domain.quantities import (
    Shares,
    affordable_shares,
    cents,
    decimal_of,
    is_on_tick,
    is_share_count,
    share_decimals,
    shares_text,
    split_fraction,
    stated_shares,
    tick_above_usd,
    tick_below_usd,
    tick_usd,
)
from tests.builders.orders import an_order

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


@settings(max_examples=200, deadline=None)
@given(amount=st.decimals("0", "1000000", places=2), price=PRICES, decimals=st.integers(0, 9))
def test_parts_of_shares_are_the_most_an_amount_pays_for(amount: Decimal, price: Decimal, decimals: int) -> None:
    shares, step = affordable_shares(amount, price, decimals=decimals), Decimal(1).scaleb(-decimals)
    assert shares * price <= amount < (shares + step) * price
    assert share_decimals(shares) <= decimals


@pytest.mark.parametrize(
    ("written", "form"),
    [(Decimal("10.000"), 10), (Decimal("10.50"), Decimal("10.5")), (7, 7), (Decimal("1E+1"), 10), (Decimal("-0"), 0)],
)
def test_equal_sizes_have_one_form(written: Shares, form: Shares) -> None:
    stated = stated_shares(written)
    assert (type(stated), str(stated)) == (type(form), str(form))


@pytest.mark.parametrize("value", [True, 1.5, "1", None, Decimal("NaN"), Decimal("Infinity"), Decimal("1E-10")])
def test_what_is_no_number_of_shares_is_told(value: object) -> None:
    assert not is_share_count(value)


def test_a_size_is_written_without_an_exponent() -> None:
    assert [shares_text(Decimal("1E-9")), shares_text(Decimal("2.50")), shares_text(3)] == ["0.000000001", "2.5", "3"]


def test_equal_orders_are_equal_bytes_whatever_their_size_was_reckoned_from() -> None:
    sums = [an_order(quantity_shares=Decimal("0.5") + Decimal("9.5")), an_order(quantity_shares=10)]
    assert canonical_bytes(sums[0]) == canonical_bytes(sums[1])


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
