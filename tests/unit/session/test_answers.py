"""A fill is never worse than its order allows, and what is told so is refused before it is booked."""

from dataclasses import replace
from decimal import Decimal

import pytest

from execution.domain.errors import BrokerAnswerRefused
from execution.session.answers import refuse_worse_than_limit
from tests.builders.orders import a_fill, an_order


@pytest.mark.parametrize(("side", "price"), [("buy", "51.01"), ("sell", "50.99"), ("buy", "5010.00"), ("sell", "0.51")])
def test_a_fill_worse_than_its_limit_is_refused(side: str, price: str) -> None:
    order = an_order(side=side, leg="entry" if side == "buy" else "exit")
    with pytest.raises(BrokerAnswerRefused, match=r"limit 51\.00"):
        refuse_worse_than_limit(a_fill(side=side, price_usd=Decimal(price)), order)


@pytest.mark.parametrize(("side", "price"), [("buy", "51.00"), ("buy", "0.01"), ("sell", "51.00"), ("sell", "99.00")])
def test_a_fill_at_its_limit_or_better_is_believed(side: str, price: str) -> None:
    refuse_worse_than_limit(a_fill(side=side, price_usd=Decimal(price)), an_order(side=side, leg="entry"))


def test_a_market_order_and_a_reversal_have_no_worst_price() -> None:
    dear = a_fill(price_usd=Decimal("99.00"))
    refuse_worse_than_limit(dear, an_order(order_type="market", limit_usd=None))
    refuse_worse_than_limit(replace(dear, reverses="x0"), an_order())
