"""What is done with every symbol and why, decided on values: the rows an operator reads and the orders that go."""

from decimal import Decimal
from typing import Any

from execution.portfolio.capital_ramp import RampStage
from execution.portfolio.rebalance import Holding
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingContext
from execution.session.decide import Decisions, SymbolDecision, decided_on_batch, decided_to_hold
from tests.builders.sizing import a_context, ranked

# Ten symbols by rank: two may be bought, four may be held.
SIGNALS = ranked(10)


def account(**held: int) -> TradingContext:
    return a_context(*SIGNALS, positions_shares=held)


def ours(held_sessions: int = 2, **held: int) -> dict[str, Holding]:
    return {
        symbol: Holding(symbol=symbol, quantity_shares=shares, held_sessions=held_sessions)
        for symbol, shares in held.items()
    }


def on_batch(context: TradingContext | None = None, *, limits: RiskLimits | None = None, **changes: Any) -> Decisions:
    given: dict[str, Any] = {"signals": SIGNALS, "regime": "bull_calm", "vix": 15.0, "holdings": {}, **changes}
    return decided_on_batch(
        context=context or account(), sizing=SizingPolicy(), limits=limits or RiskLimits.standard(), **given
    )


def without_batch(context: TradingContext, holdings: dict[str, Holding] | None = None) -> Decisions:
    return decided_to_hold(
        reason="the gate is red",
        stage="gate",
        symbols=("S001", "S002"),
        holdings=holdings or {},
        context=context,
        sizing=SizingPolicy(),
        limits=RiskLimits.standard(),
    )


def told(decision: SymbolDecision) -> tuple[str, str, str]:
    return decision.outcome, decision.stage, decision.reason


def test_an_order_no_guard_objects_to_goes_whole_and_says_what_it_aims_at() -> None:
    row = on_batch().by_symbol["S001"]
    assert row.order is not None
    assert (row.symbol, row.outcome, row.stage, row.shares) == ("S001", "buy", "order", 197)
    assert (row.order.quantity_shares, row.target_weight) == (197, Decimal("0.099978"))
    assert row.reason == row.order.reason
    assert row.checks == ("all: 30 rules passed; allowed: as proposed",)


def test_an_order_cut_by_a_guard_says_from_how_many_shares() -> None:
    row = on_batch(limits=RiskLimits(position_max_weight=Decimal("0.05"))).by_symbol["S001"]
    assert row.order is not None
    assert (row.outcome, row.stage, row.order.quantity_shares, row.shares) == ("buy", "order", 197, 98)
    assert row.reason.startswith(f"{row.order.reason}; cut from 197 to 98 shares, ")
    assert row.checks[0].startswith("position_weight: ")


def test_a_blocked_entry_is_not_bought_and_keeps_the_order_it_would_have_been() -> None:
    decisions = on_batch(limits=RiskLimits(restricted_symbols=("S001",)))
    row = decisions.by_symbol["S001"]
    assert row.order is not None
    assert (row.outcome, row.stage, row.shares, row.order.quantity_shares) == ("none", "guard:restricted", 0, 197)
    assert row.checks == ("restricted: restricted; allowed: not on the restricted list",)
    assert row.reason.endswith(": restricted, allowed not on the restricted list")
    assert [order.symbol for order in decisions.orders] == ["S002"]


def test_an_exit_that_may_not_go_is_held_on() -> None:
    context = a_context(*SIGNALS, positions_shares={"S010": 100}, trading_state="halted")
    row = on_batch(context, holdings=ours(S010=100)).by_symbol["S010"]
    assert (row.outcome, row.stage, row.shares) == ("hold", "guard:trading_state", 0)


def test_what_falls_too_low_is_sold_before_anything_is_bought() -> None:
    decisions = on_batch(account(S010=100), holdings=ours(S010=100))
    assert [(row.symbol, row.outcome, row.shares) for row in decisions.orders] == [
        ("S010", "sell", 100),
        ("S001", "buy", 197),
        ("S002", "buy", 197),
    ]


def test_a_holding_of_good_rank_is_held_with_the_weight_it_has() -> None:
    row = on_batch(account(S001=100), holdings=ours(S001=100)).by_symbol["S001"]
    assert told(row) == ("hold", "rebalance", "held: rank 1 of 10, top 2 are bought")
    assert row.target_weight == Decimal("0.05")


def test_a_holding_above_its_cap_by_little_is_not_worth_a_sale() -> None:
    row = on_batch(account(S001=220), holdings=ours(S001=220)).by_symbol["S001"]
    assert row.reason.endswith("1000.00 USD above its cap, inside the band of 2000.00 USD")


def test_a_position_of_somebody_else_that_the_batch_does_not_know_is_left_alone() -> None:
    row = on_batch(account(ZZZ=7)).by_symbol["ZZZ"]
    reason = "held on the account, but neither in the batch nor a position of this strategy: left alone"
    assert (row.symbol, *told(row)) == ("ZZZ", "hold", "account", reason)


def test_a_position_of_somebody_else_that_the_batch_likes_is_left_alone() -> None:
    decisions = on_batch(account(S001=7))
    assert (decisions.by_symbol["S001"].outcome, decisions.by_symbol["S001"].stage) == ("hold", "account")
    assert [order.symbol for order in decisions.orders] == ["S002"]


def test_a_position_closed_to_nothing_gets_no_row() -> None:
    assert "ZZZ" not in on_batch(account(ZZZ=0)).by_symbol


def test_a_position_already_decided_on_is_not_decided_on_again() -> None:
    row = on_batch(account(S005=40)).by_symbol["S005"]
    assert told(row) == ("hold", "score", "score too low to hold: rank 5 of 10, holdings are kept to rank 4")


def test_rows_come_by_symbol() -> None:
    assert list(on_batch(account(ZZZ=7, AAA=7)).by_symbol) == ["AAA", *(s.symbol for s in SIGNALS), "ZZZ"]


def test_an_alarmed_market_halves_what_is_bought() -> None:
    assert on_batch(vix=40.0).by_symbol["S001"].shares == 98


def test_a_drawdown_of_the_account_halves_what_is_bought() -> None:
    context = a_context(*SIGNALS, drawdown_fraction=Decimal("0.04"))
    assert on_batch(context).by_symbol["S001"].shares == 98


def test_the_first_stage_of_a_ramp_buys_a_tenth() -> None:
    ramp = RampStage(number=1, stages=2, share=Decimal("0.1"), reason="new account")
    assert on_batch(ramp=ramp).by_symbol["S001"].shares == 19


def test_without_a_batch_nothing_is_bought_and_every_symbol_says_why() -> None:
    decisions = without_batch(account())
    assert decisions.orders == ()
    assert {symbol: told(row) for symbol, row in decisions.by_symbol.items()} == {
        "S001": ("none", "gate", "the gate is red"),
        "S002": ("none", "gate", "the gate is red"),
    }


def test_without_a_batch_a_holding_whose_time_is_not_up_is_held_and_says_both() -> None:
    row = without_batch(account(S001=100), ours(S001=100)).by_symbol["S001"]
    assert (row.symbol, *told(row)) == ("S001", "hold", "gate", "held for 2 of 5 sessions; the gate is red")


def test_without_a_batch_what_has_had_its_sessions_is_sold() -> None:
    [row] = without_batch(account(S001=100), ours(held_sessions=5, S001=100)).orders
    assert (row.symbol, row.outcome, row.stage, row.shares) == ("S001", "sell", "order", 100)
    assert row.reason == "held for 5 of 5 sessions"
    assert row.target_weight is None


def test_without_a_batch_a_position_of_somebody_else_is_left_alone_whether_asked_about_or_not() -> None:
    rows = without_batch(account(S002=7, ZZZ=9)).by_symbol
    left_alone = ("hold", "gate", "held and left alone; the gate is red")
    assert {symbol: told(row) for symbol, row in rows.items()} == {
        "S001": ("none", "gate", "the gate is red"),
        "S002": left_alone,
        "ZZZ": left_alone,
    }
