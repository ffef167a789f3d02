"""Shares, cost and profit of one symbol."""

from datetime import timedelta
from decimal import Decimal

from execution.domain.positions import Position, after_action, after_fill, cash_flow_usd
from tests.builders.orders import AT, a_fill, an_action

NONE = Position(symbol="AAA")


def usd(text: str) -> Decimal:
    return Decimal(text)


def test_fees_belong_to_the_cost() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=10, price_usd=usd("50"), fee_usd=usd("1")))
    assert (held.shares, held.cost_usd, held.average_cost_usd) == (10, usd("501"), usd("50.1"))


def test_a_sale_realises_its_share_of_the_cost() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=10, price_usd=usd("50"), fee_usd=usd("1")))
    left = after_fill(held, a_fill(side="sell", quantity_shares=4, price_usd=usd("60"), fee_usd=usd("1")))
    assert (left.shares, left.cost_usd, left.realised_usd) == (6, usd("300.60"), usd("38.60"))


def test_the_last_share_takes_what_rounding_left() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=3, price_usd=usd("1.2345"), fee_usd=usd("0")))
    gone = after_fill(held, a_fill(side="sell", quantity_shares=3, price_usd=usd("1.2345"), fee_usd=usd("0")))
    assert (gone.cost_usd, gone.realised_usd, gone.entered_at) == (0, 0, None)


def test_a_fill_through_zero_closes_first_and_opens_the_rest() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=10, price_usd=usd("50"), fee_usd=usd("0")))
    short = after_fill(held, a_fill(side="sell", quantity_shares=15, price_usd=usd("60"), fee_usd=usd("0")))
    assert (short.shares, short.cost_usd, short.realised_usd) == (-5, usd("-300"), usd("100"))
    flat = after_fill(short, a_fill(quantity_shares=5, price_usd=usd("55"), fee_usd=usd("0")))
    assert (flat.shares, flat.cost_usd, flat.realised_usd) == (0, 0, usd("125"))


def test_a_split_keeps_the_cost_and_pays_the_fraction() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=5, price_usd=usd("30"), fee_usd=usd("0")))
    split = after_action(held, an_action(kind="split", quantity_delta_shares=2, cash_usd=usd("9.50"), ratio=usd("1.5")))
    assert (split.shares, split.cost_usd, split.realised_usd) == (7, usd("150"), usd("9.50"))
    assert split.entered_at == AT


def test_a_delisting_realises_its_payment_less_the_cost() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=5, price_usd=usd("30"), fee_usd=usd("0")))
    gone = after_action(held, an_action(kind="delisting", quantity_delta_shares=-5, cash_usd=usd("100")))
    assert (gone.shares, gone.cost_usd, gone.realised_usd) == (0, 0, usd("-50"))


def test_a_fill_moves_cash_by_value_and_fee() -> None:
    fill = {"quantity_shares": 10, "price_usd": usd("50"), "fee_usd": usd("1")}
    assert cash_flow_usd(a_fill(**fill)) == usd("-501")
    assert cash_flow_usd(a_fill(side="sell", **fill)) == usd("499")


def test_adding_to_a_position_adds_its_cost_and_keeps_its_beginning() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=10, price_usd=usd("50"), fee_usd=usd("1")))
    later = AT + timedelta(days=1)
    more = after_fill(held, a_fill("x2", quantity_shares=5, price_usd=usd("60"), fee_usd=usd("1"), filled_at=later))
    assert (more.shares, more.cost_usd, more.entered_at) == (15, usd("802"), AT)


def test_a_position_begins_with_its_first_share() -> None:
    assert after_fill(NONE, a_fill(quantity_shares=1)).entered_at == AT


def test_a_position_that_turned_begins_with_the_fill_that_turned_it() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=10))
    later = AT + timedelta(days=1)
    assert after_fill(held, a_fill("x2", side="sell", quantity_shares=11, filled_at=later)).entered_at == later


def test_what_a_position_would_earn_is_its_value_less_its_cost() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=10, price_usd=usd("50"), fee_usd=usd("1")))
    assert held.unrealised_usd(usd("52")) == usd("19")


def test_a_position_that_is_gone_keeps_its_name() -> None:
    held = after_fill(NONE, a_fill(quantity_shares=5, price_usd=usd("30"), fee_usd=usd("0")))
    assert after_action(held, an_action(kind="delisting", quantity_delta_shares=-5)).symbol == "AAA"
