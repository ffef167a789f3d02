"""Equal values give equal bytes."""

from decimal import Decimal

import pytest

from execution.domain.canonical import canonical_bytes, canonical_text


@pytest.mark.parametrize("zero", ["0", "-0", "0.00", "-0.00", "0E+5", "-0E-7"])
def test_zero_has_one_form_whatever_its_sign_and_places(zero: str) -> None:
    assert canonical_bytes(Decimal(zero)) == b'"0"'


@pytest.mark.parametrize(("amount", "text"), [("1.50", "1.5"), ("1E+3", "1000"), ("-0.0100", "-0.01")])
def test_an_amount_has_one_form_whatever_its_places(amount: str, text: str) -> None:
    assert canonical_text(Decimal(amount)) == text


def test_nothing_stays_nothing() -> None:
    assert canonical_text(None) is None
