from decimal import Decimal
from typing import Any

import pytest

from tests.builders.sizing import EQUITY, constructed, left_out_of, plain, ranked, target_of


def test_the_best_fifth_is_bought_and_the_rest_is_told_its_rank() -> None:
    built = constructed(ranked(100))
    assert [target.symbol for target in built.targets] == [f"S{rank:03}" for rank in range(1, 21)]
    assert left_out_of(built, "S057").stage == "score"
    assert left_out_of(built, "S057").reason == "score too low: rank 57 of 100, top 20 are bought"


def test_equal_scores_are_ranked_by_symbol() -> None:
    built = constructed([plain(symbol, score=0.5) for symbol in ("C", "A", "B", "E", "D")])
    assert [target.symbol for target in built.targets] == ["A"]


def test_of_few_symbols_the_best_one_may_be_bought() -> None:
    assert [target.symbol for target in constructed(ranked(3)).targets] == ["S001"]


def test_an_entry_loses_a_fixed_part_of_equity_between_close_and_stop() -> None:
    wide = plain(atr14_usd=Decimal("5.00"))
    target = target_of(constructed([wide], entry_collar_bps=Decimal("0.01")), "AAA")
    # 1 % of 100,000 over 1.5 x 5.00 a share.
    assert target.quantity_shares == 133
    assert target.stop_usd == Decimal("42.50")


def test_a_calm_symbol_is_capped_by_the_weight_of_a_position() -> None:
    target = target_of(constructed([plain()]), "AAA")
    assert target.weight <= Decimal("0.10")
    assert target.quantity_shares == int(EQUITY * Decimal("0.10") / Decimal("50.75"))


def test_a_volatile_symbol_shrinks_in_proportion() -> None:
    calm = target_of(constructed([plain(volatility_20d=0.02)]), "AAA")
    wild = target_of(constructed([plain(volatility_20d=0.04)]), "AAA")
    assert wild.quantity_shares == pytest.approx(calm.quantity_shares / 2, abs=1)


def test_the_limit_of_an_entry_lies_a_collar_above_the_close() -> None:
    assert target_of(constructed([plain()]), "AAA").limit_usd == Decimal("50.75")


def test_all_entries_together_leave_the_cash_buffer() -> None:
    built = constructed(ranked(100))
    assert len(built.targets) == 20
    assert sum(target.weight for target in built.targets) <= Decimal("0.97")
    assert sum(target.weight for target in built.targets) > Decimal("0.95")


@pytest.mark.parametrize(
    ("regime", "vix", "heat"),
    [
        ("bull_calm", 15.0, "1"),
        ("bull_volatile", 15.0, "0.75"),
        ("bear_calm", 15.0, "0.5"),
        ("bear_volatile", 15.0, "0.25"),
        ("bull_calm", 25.0, "0.75"),
        ("bull_calm", 35.0, "0.5"),
        ("bear_volatile", 35.0, "0.25"),
        ("bull_calm", None, "1"),
        ("bull_calm", float("nan"), "1"),
        (None, 15.0, "0.5"),
        (None, None, "0.5"),
        ("unheard of", 15.0, "0.5"),
    ],
)
def test_heat_is_the_smaller_of_regime_and_volatility_index(regime: str | None, vix: float | None, heat: str) -> None:
    built = constructed(ranked(100), regime=regime, vix=vix)
    assert built.heat == Decimal(heat)
    assert sum(target.weight for target in built.targets) <= Decimal(heat) * Decimal("0.97")


def test_a_holding_is_kept_to_the_end_of_the_buffer_and_no_further() -> None:
    built = constructed(ranked(100), held={"S040": 10, "S041": 10})
    assert target_of(built, "S040").zone == "buffer"
    assert left_out_of(built, "S041").reason == "score too low to hold: rank 41 of 100, holdings are kept to rank 40"


def test_a_holding_among_the_best_is_kept_and_not_added_to() -> None:
    target = target_of(constructed(ranked(100), held={"S001": 10}), "S001")
    assert (target.zone, target.is_held, target.quantity_shares, target.limit_usd) == ("entry", True, 10, None)


def test_a_holding_that_outgrew_the_cap_is_wanted_smaller() -> None:
    assert target_of(constructed(ranked(100), held={"S001": 300}), "S001").quantity_shares == 200


def test_holdings_take_places_until_they_are_sold() -> None:
    built = constructed(ranked(100), held={"S099": 10, "S100": 10})
    assert [target.symbol for target in built.targets] == [f"S{rank:03}" for rank in range(1, 19)]
    assert left_out_of(built, "S019").stage == "slots"
    assert "2 of 20 places are held and 18 go to better ranks" in left_out_of(built, "S019").reason


def test_holdings_take_room_until_they_are_sold() -> None:
    built = constructed(ranked(100), held={"S100": 1_000})
    assert sum(target.weight for target in built.targets) <= Decimal("0.47")


def test_a_holding_without_a_price_leaves_no_room() -> None:
    built = constructed([*ranked(99), plain("S100", score=-9.0, close_usd=None)], held={"S100": 10})
    assert built.targets == ()
    assert left_out_of(built, "S001").stage == "size"


def test_a_foreign_holding_outside_the_batch_leaves_no_room() -> None:
    assert constructed(ranked(10), held={"FOREIGN": 10}).targets == ()


def test_a_short_position_is_left_alone() -> None:
    assert left_out_of(constructed(ranked(10), held={"S001": -5}), "S001").stage == "short"


@pytest.mark.parametrize(
    ("changes", "stage", "told"),
    [
        ({"is_tradable": False, "missing_reason": "volume below 500000"}, "universe", "volume below 500000"),
        ({"is_tradable": False}, "universe", "not in the session's universe"),
        ({"is_halted": True}, "halted", "halted"),
        ({"score": None, "missing_reason": "12 of 64 features"}, "no_data", "12 of 64 features"),
        ({"score": float("nan")}, "no_data", "no score"),
        ({"expected_return_bps": 20.0}, "cost", "20.0 bps does not exceed the cost of 20 bps"),
        ({"expected_return_bps": float("nan")}, "cost", "nan bps"),
        ({"close_usd": None}, "unknown", "unknown: close"),
        ({"atr14_usd": None}, "unknown", "unknown: average true range"),
        ({"volatility_20d": None}, "unknown", "unknown: volatility"),
        ({"volatility_20d": 0.0}, "unknown", "unknown: volatility"),
        ({"atr14_usd": Decimal(40)}, "size", "no stop above zero"),
    ],
)
def test_a_symbol_is_left_out_at_the_stage_that_says_why(changes: dict[str, Any], stage: str, told: str) -> None:
    left_out = left_out_of(constructed([plain(**changes)]), "AAA")
    assert left_out.stage == stage
    assert told in left_out.reason


def test_an_unknown_expected_return_passes() -> None:
    assert target_of(constructed([plain(expected_return_bps=None)]), "AAA").quantity_shares > 0


def test_a_share_dearer_than_a_position_is_too_small_to_buy() -> None:
    dear = plain(close_usd=Decimal(300_000), atr14_usd=Decimal(6_000))
    assert left_out_of(constructed([dear]), "AAA").stage == "size"


def test_when_room_is_short_the_worst_ranked_give_way() -> None:
    built = constructed(ranked(100), held={"S099": 958, "S098": 958})
    bought = [target.symbol for target in built.targets]
    assert bought == ["S001", "S002"]
    assert "too small" in left_out_of(built, "S003").reason


@pytest.mark.parametrize("equity", [Decimal(0), Decimal(-5)])
def test_an_account_without_equity_buys_nothing(equity: Decimal) -> None:
    assert constructed(ranked(10), equity_usd=equity).targets == ()


def test_an_empty_batch_gives_an_empty_construction() -> None:
    built = constructed([])
    assert (built.targets, built.left_out) == ((), ())
