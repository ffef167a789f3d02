from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reporting import page_words as words

MONEY = st.decimals("-1000000", "1000000", places=4)


@pytest.mark.parametrize("function", [words.usd, words.signed_usd, words.price, words.bps, words.percent, words.number])
def test_what_is_not_known_is_a_dash_and_never_a_zero(function):
    assert function(None) == words.UNKNOWN


@settings(deadline=None, max_examples=60)
@given(value=MONEY)
def test_dollars_shown_are_within_half_a_cent(value):
    shown = Decimal(words.usd(value).replace(",", "").replace("\N{MINUS SIGN}", "-"))
    assert abs(shown - value) <= Decimal("0.005")


@settings(deadline=None, max_examples=60)
@given(value=MONEY)
def test_no_number_is_written_with_a_hyphen(value):
    assert "-" not in words.usd(value) + words.signed_usd(value) + words.bps(value) + words.percent(value)


def test_gain_has_a_plus_and_nothing_has_no_sign():
    assert (words.signed_usd(Decimal("1.5")), words.signed_usd(Decimal("0.001"))) == ("+1.50", "0.00")


@pytest.mark.parametrize("small", ["0", "0.000004", "-0.000004"])
def test_what_rounds_to_nothing_has_no_sign(small):
    value = Decimal(small)
    told = (words.usd(value), words.percent(value), words.signed_percent(value), words.bps(value), words.number(value))
    assert told == ("0.00", "0.00%", "0.00%", "0.0", "0.00")


def test_price_below_a_dollar_keeps_four_places():
    assert (words.price(Decimal("0.12345")), words.price(Decimal("12.345"))) == ("0.1234", "12.34")


def test_day_is_written_in_english_words():
    assert words.long_date(date(2024, 2, 29)) == "Thursday 29 February 2024"


def test_reason_becomes_one_sentence():
    assert words.sentence("the champion is 3 days old") == "The champion is 3 days old."


def test_cut_text_says_that_something_is_missing():
    assert words.brief("newest session 2024-04-18", 14) == "newest sessio…"
