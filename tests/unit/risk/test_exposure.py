"""What an account carries, counted by hand: two positions, two working buys, working exits, and what is approved."""

from decimal import Decimal

import pytest

from execution.risk.exposure import Exposure, cost_usd, worst_price_usd
from execution.risk.limits import RiskLimits
from tests.builders.sizing import CLOSE, EQUITY, a_context, a_working, an_entry, an_exit, plain

LIMITS = RiskLimits(fee_allowance_bps=Decimal(100))
SIGNALS = (plain("AAA"), plain("BBB", sector="Utilities"), plain("CCC", close_usd=Decimal(20)))
# 100 AAA long and 40 BBB short at 50; 100 more AAA and 50 CCC on their way, 30 of those filled.
CARRIED = a_context(
    *SIGNALS,
    positions_shares={"AAA": 100, "BBB": -40, "CCC": 0},
    open_orders=(
        a_working("buy", "AAA", limit_usd=Decimal(51)),
        a_working("buy", "CCC", quantity_shares=80, filled_shares=30, order_type="market", limit_usd=None),
        a_working("sell", "AAA"),
        a_working("sell", "AAA", client_order_id="second", quantity_shares=20, filled_shares=5),
        a_working("sell", "AAA", client_order_id="stop", order_type="stop", limit_usd=None, stop_usd=Decimal(45)),
    ),
)


@pytest.fixture
def carried() -> Exposure:
    return Exposure(CARRIED, LIMITS, [])


def test_positions_and_working_buys_are_one_value_a_symbol(carried: Exposure) -> None:
    assert dict(carried.positions_usd) == {"AAA": 5_000 + 5_100, "BBB": 2_000, "CCC": 1_000}


def test_gross_counts_both_sides_and_net_takes_the_short_one_off(carried: Exposure) -> None:
    assert (carried.gross_usd, carried.net_usd) == (13_100, 9_100)


def test_a_sector_is_the_sum_of_its_symbols(carried: Exposure) -> None:
    assert (carried.sector_usd("Energy"), carried.sector_usd("Utilities")) == (11_100, 2_000)


def test_a_working_buy_takes_its_cash_and_fees_at_its_limit_or_the_close(carried: Exposure) -> None:
    assert carried.cash_usd == EQUITY - (5_100 + 1_000) * Decimal("1.01")


def test_working_exits_are_counted_and_stops_are_not(carried: Exposure) -> None:
    assert dict(carried.exits_shares) == {"AAA": 115}


def test_every_session_earns_what_the_whole_book_would_have_earned(carried: Exposure) -> None:
    a, b, c = (signal.returns_60d for signal in SIGNALS)
    expected = [10_100 * x - 2_000 * y + 1_000 * z for x, y, z in zip(a, b, c, strict=True)]
    assert carried.results_usd == pytest.approx(expected)


def test_a_symbol_is_carried_when_it_is_held_or_ordered_with_a_price_or_without(carried: Exposure) -> None:
    unpriced = Exposure(a_context(positions_shares={"XXX": 1}), LIMITS, [])
    assert [carried.has(symbol) for symbol in ("AAA", "CCC", "DDD")] == [True, True, False]
    assert (unpriced.has("XXX"), unpriced.names, unpriced.unpriced) == (True, 1, ["XXX"])
    assert carried.names == 3


def test_a_symbol_held_without_a_price_and_ordered_at_a_limit_is_one_name() -> None:
    working = a_working("buy", "XXX", limit_usd=Decimal(51))
    both = Exposure(a_context(positions_shares={"XXX": 1}, open_orders=(working,)), LIMITS, [])
    assert (both.unpriced, both.names) == (["XXX"], 1)


def test_the_four_largest_others_follow_every_entry_that_is_approved(carried: Exposure) -> None:
    # The fifth of the others is left out, and a symbol's own value is never among them.
    for symbol, shares in (("DDD", 10), ("EEE", 200), ("FFF", 50), ("GGG", 30), ("DDD", 60), ("CCC", 100)):
        carried.approve(an_entry(shares, symbol, limit_usd=Decimal(50)), shares)
        for own in ("AAA", "DDD", "HHH"):
            others = [value for held, value in carried.positions_usd.items() if held != own]
            assert carried.largest_others_usd(own) == sum(sorted(others, reverse=True)[:4])
    assert len(carried.positions_usd) == 7


def test_an_approved_entry_takes_cash_and_an_entry_and_counts_as_a_message(carried: Exposure) -> None:
    before = carried.cash_usd
    carried.approve(an_entry(10, "BBB", limit_usd=Decimal(51)), 10)
    assert before - carried.cash_usd == Decimal("515.10")
    assert (carried.entries, carried.messages, carried.positions_usd["BBB"]) == (1, 1, 2_510)


def test_approved_exits_add_up_and_free_neither_cash_nor_a_name(carried: Exposure) -> None:
    before = (carried.cash_usd, carried.names, carried.entries)
    carried.approve(an_exit(10), 10)
    carried.approve(an_exit(5), 5)
    assert carried.exits_shares["AAA"] == 130
    assert (carried.cash_usd, carried.names, carried.entries) == before
    assert carried.messages == 2


def test_the_basket_is_every_entry_at_its_worst_price_and_no_exit() -> None:
    orders = [an_entry(10, limit_usd=Decimal(51)), an_entry(10, "BBB", limit_usd=None), an_exit(100)]
    assert Exposure(a_context(), LIMITS, orders).basket_usd == 510 + 500


def test_an_order_is_counted_at_its_limit_else_at_its_reference() -> None:
    assert worst_price_usd(an_entry(limit_usd=Decimal(51))) == 51
    assert worst_price_usd(an_entry(limit_usd=None)) == CLOSE


def test_a_buy_costs_its_value_and_the_allowance_for_fees() -> None:
    assert cost_usd(10, Decimal(50), LIMITS) == 505
