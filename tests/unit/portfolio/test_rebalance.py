from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.orders import ProposedOrder
from execution.domain.signals import SymbolSignal
from execution.portfolio.exit_rules import DueExit
from execution.portfolio.rebalance import Holding, Rebalance, horizon_exits, rebalance
from execution.portfolio.sizing_policy import SizingPolicy
from tests.builders.sizing import CLOSE, EQUITY, constructed, plain, ranked


def holding(symbol: str, shares: int = 10, sessions: int = 1) -> Holding:
    return Holding(symbol=symbol, quantity_shares=shares, held_sessions=sessions)


def rebalanced(signals: list[SymbolSignal], *holdings: Holding, **policy: Any) -> Rebalance:
    held = {each.symbol: each for each in holdings}
    return rebalance(
        construction=constructed(signals, held={s: h.quantity_shares for s, h in held.items()}, **policy),
        holdings=held,
        closes_usd={signal.symbol: signal.close_usd for signal in signals if signal.close_usd is not None},
        equity_usd=EQUITY,
        policy=SizingPolicy(**policy),
    )


def exits(result: Rebalance) -> list[ProposedOrder]:
    return [order for order in result.orders if order.leg == "exit"]


def kept_reason(result: Rebalance, symbol: str) -> str:
    [kept] = [kept for kept in result.kept if kept.symbol == symbol]
    return kept.reason


def test_exits_come_first_and_entries_by_rank() -> None:
    result = rebalanced(ranked(20), holding("S020"), holding("S019"))
    assert [(order.leg, order.symbol) for order in result.orders] == [
        ("exit", "S019"),
        ("exit", "S020"),
        ("entry", "S001"),
        ("entry", "S002"),
        ("entry", "S003"),
        ("entry", "S004"),
    ]


def test_an_entry_carries_its_limit_stop_and_reason() -> None:
    [order] = rebalanced([plain()]).orders
    assert (order.side, order.limit_usd, order.stop_usd) == ("buy", Decimal("50.75"), Decimal("48.50"))
    assert order.reason.startswith("bought: rank 1 of 1")


def test_a_holding_whose_rank_left_the_buffer_is_sold_whole() -> None:
    [order] = exits(rebalanced(ranked(10), holding("S005", 7)))
    assert (order.symbol, order.quantity_shares) == ("S005", 7)
    assert order.reason == "score too low to hold: rank 5 of 10, holdings are kept to rank 4"


def test_an_exit_accepts_a_price_a_collar_below_the_close() -> None:
    [order] = exits(rebalanced(ranked(10), holding("S010")))
    assert (order.reference_price_usd, order.limit_usd) == (CLOSE, Decimal("47.75"))


def test_a_full_exit_ignores_the_band() -> None:
    assert exits(rebalanced(ranked(10), holding("S010", 1)))[0].quantity_shares == 1


def test_a_holding_in_the_buffer_is_kept_until_its_horizon_is_over() -> None:
    assert exits(rebalanced(ranked(10), holding("S004", sessions=4))) == []
    [order] = exits(rebalanced(ranked(10), holding("S004", sessions=5)))
    assert "held for 5 of 5 sessions" in order.reason


def test_a_holding_still_among_the_best_outlives_its_horizon() -> None:
    assert exits(rebalanced(ranked(10), holding("S001", sessions=50))) == []


def test_a_holding_without_a_score_waits_for_its_horizon() -> None:
    signals = [*ranked(10), plain("GONE", score=None, missing_reason="no features")]
    assert "no features" in kept_reason(rebalanced(signals, holding("GONE")), "GONE")
    [order] = exits(rebalanced(signals, holding("GONE", sessions=5)))
    assert (order.symbol, order.reason) == ("GONE", "held for 5 of 5 sessions; no features")


def test_a_holding_that_left_the_universe_is_sold() -> None:
    signals = [*ranked(10), plain("OUT", is_tradable=False, missing_reason="left the index")]
    [order] = exits(rebalanced(signals, holding("OUT")))
    assert order.reason == "left the index"


def test_a_halted_holding_is_kept_even_after_its_horizon() -> None:
    signals = [*ranked(10), plain("HALT", is_halted=True)]
    assert "halted" in kept_reason(rebalanced(signals, holding("HALT", sessions=9)), "HALT")


def test_a_holding_above_its_cap_by_less_than_the_band_is_kept() -> None:
    assert "inside the band" in kept_reason(rebalanced(ranked(10), holding("S001", 239)), "S001")


def test_a_holding_above_its_cap_by_the_band_is_reduced_to_the_cap() -> None:
    [order] = exits(rebalanced(ranked(10), holding("S001", 240)))
    assert order.quantity_shares == 40


def test_an_exit_that_cannot_be_priced_waits() -> None:
    signals = [*ranked(9), plain("S010", score=-1.0, close_usd=None)]
    assert "unknown: no close" in kept_reason(rebalanced(signals, holding("S010")), "S010")


def test_a_holding_the_batch_does_not_know_waits_for_its_horizon() -> None:
    assert kept_reason(rebalanced(ranked(10), holding("ZZZ")), "ZZZ") == "held for 1 of 5 sessions"


def test_without_a_batch_only_what_had_its_sessions_is_sold() -> None:
    result = horizon_exits(
        holdings={"OLD": holding("OLD", sessions=5), "NEW": holding("NEW", sessions=4)},
        closes_usd={"OLD": CLOSE, "NEW": CLOSE},
        policy=SizingPolicy(),
    )
    assert [order.symbol for order in result.orders] == ["OLD"]
    assert [kept.symbol for kept in result.kept] == ["NEW"]


def due(symbol: str, shares: int, *, sells: int, sessions: int = 1) -> Holding:
    rule = DueExit("half", sells, "the rule half is due")
    return replace(holding(symbol, shares, sessions), due=rule)


def test_an_exit_is_told_in_full() -> None:
    [order] = exits(rebalanced(ranked(10), holding("S010", 7)))
    assert order == ProposedOrder(
        symbol="S010",
        side="sell",
        leg="exit",
        quantity_shares=7,
        reference_price_usd=CLOSE,
        limit_usd=Decimal("47.75"),
        stop_usd=None,
        reason="score too low to hold: rank 10 of 10, holdings are kept to rank 4",
        part_rule="",
    )


@pytest.mark.parametrize(("sells", "part_rule"), [(4, "half"), (10, "")])
def test_a_due_rule_names_itself_only_where_it_sells_a_part(sells: int, part_rule: str) -> None:
    [order] = exits(rebalanced(ranked(10), due("S001", 10, sells=sells)))
    assert (order.quantity_shares, order.part_rule, order.reason) == (sells, part_rule, "the rule half is due")


def test_a_holding_whose_horizon_is_over_in_the_buffer_is_sold_whole_though_a_rule_asks_for_a_part() -> None:
    [order] = exits(rebalanced(ranked(10), due("S004", 10, sells=4, sessions=5)))
    assert (order.quantity_shares, order.part_rule) == (10, "")


def test_a_rule_that_sells_all_is_the_reason_though_the_horizon_is_over_too() -> None:
    [order] = exits(rebalanced(ranked(10), due("S004", 10, sells=10, sessions=5)))
    assert order.reason == "the rule half is due"


def test_a_rule_sells_its_part_of_a_holding_the_batch_has_no_score_for() -> None:
    signals = [*ranked(10), plain("GONE", score=None)]
    [order] = exits(rebalanced(signals, due("GONE", 10, sells=4)))
    assert (order.quantity_shares, order.part_rule) == (4, "half")


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        (200, "held: rank 1 of 10, top 2 are bought"),
        (201, "held: rank 1 of 10, top 2 are bought; 50.00 USD above its cap, inside the band of 2000.00 USD"),
    ],
)
def test_a_kept_holding_tells_how_far_above_its_cap_it_is(shares: int, told: str) -> None:
    assert kept_reason(rebalanced(ranked(10), holding("S001", shares)), "S001") == told


def test_a_reduction_tells_its_cap() -> None:
    [order] = exits(rebalanced(ranked(10), holding("S001", 240)))
    assert (order.reason, order.part_rule) == ("2000.00 USD above its cap of 0.10 of equity", "")


def test_a_holding_of_which_no_share_fits_under_the_cap_is_sold_even_inside_the_band() -> None:
    held = {"AAA": holding("AAA", 1)}
    policy: dict[str, Any] = {"no_trade_band_weight": Decimal("0.1")}
    small = Decimal(499)
    result = rebalance(
        construction=constructed([plain()], held={"AAA": 1}, equity_usd=small, **policy),
        holdings=held,
        closes_usd={"AAA": Decimal(49)},
        equity_usd=small,
        policy=SizingPolicy(**policy),
    )
    assert [order.quantity_shares for order in exits(result)] == [1]


@pytest.mark.parametrize(("close", "is_sold"), [("0", False), ("-1", False), ("0.50", True)])
def test_an_exit_is_priced_by_any_close_above_zero(close: str, is_sold: bool) -> None:  # noqa: FBT001 - a column of the table
    result = horizon_exits(
        holdings={"OLD": holding("OLD", sessions=5)}, closes_usd={"OLD": Decimal(close)}, policy=SizingPolicy()
    )
    assert bool(result.orders) is is_sold


def test_what_is_kept_without_a_batch_tells_its_sessions() -> None:
    result = horizon_exits(holdings={"NEW": holding("NEW", sessions=4)}, closes_usd={}, policy=SizingPolicy())
    assert kept_reason(result, "NEW") == "held for 4 of 5 sessions"
