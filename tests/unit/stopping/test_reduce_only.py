"""In `reducing` no order takes a position further from zero; in `halted` nothing goes out."""

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.risk.reduce_only import may_go_out

SHARES = st.integers(min_value=1, max_value=10_000)
HELD = st.integers(min_value=-10_000, max_value=10_000)
ORDERS = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), SHARES, st.floats(0, 1)), max_size=12)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_active_lets_everything_out(side: Literal["buy", "sell"]) -> None:
    assert may_go_out("active", side=side, quantity_shares=5, held_shares=0)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_halted_lets_nothing_out(side: Literal["buy", "sell"]) -> None:
    assert not may_go_out("halted", side=side, quantity_shares=5, held_shares=5)


def test_reducing_sells_what_is_held_and_not_a_share_more() -> None:
    assert may_go_out("reducing", side="sell", quantity_shares=5, held_shares=5)
    assert not may_go_out("reducing", side="sell", quantity_shares=6, held_shares=5)


def test_reducing_counts_the_other_open_sales_of_the_symbol() -> None:
    assert not may_go_out("reducing", side="sell", quantity_shares=3, held_shares=5, exposed_shares=3)


def test_reducing_buys_back_a_short_and_adds_to_no_long() -> None:
    assert may_go_out("reducing", side="buy", quantity_shares=5, held_shares=-5)
    assert not may_go_out("reducing", side="buy", quantity_shares=1, held_shares=5)


def assert_never_rises(held: int, orders: list[tuple[Literal["buy", "sell"], int, float]]) -> None:
    """Let orders out while others are open, fill each in part, and watch the distance from zero."""
    exposed = {"buy": 0, "sell": 0}
    for side, quantity, filled_part in orders:
        if not may_go_out(
            "reducing", side=side, quantity_shares=quantity, held_shares=held, exposed_shares=exposed[side]
        ):
            continue
        before, filled = abs(held), int(quantity * filled_part)
        held += filled if side == "buy" else -filled
        exposed[side] += quantity - filled
        assert abs(held) <= before
        # Even if everything still open filled at once.
        assert abs(held + exposed["buy"] - exposed["sell"]) <= before


@given(held=HELD, orders=ORDERS)
@settings(max_examples=200, deadline=None)
def test_a_position_never_grows_while_reducing(
    held: int, orders: list[tuple[Literal["buy", "sell"], int, float]]
) -> None:
    assert_never_rises(held, orders)


@pytest.mark.campaign
@given(held=HELD, orders=ORDERS)
@settings(max_examples=5_000, deadline=None)
def test_a_position_never_grows_while_reducing_in_5000_books(
    held: int, orders: list[tuple[Literal["buy", "sell"], int, float]]
) -> None:
    assert_never_rises(held, orders)
