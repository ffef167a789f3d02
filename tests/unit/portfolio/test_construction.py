from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from execution.portfolio.targets import LeftOut, Target
from tests.builders.sizing import CLOSE, EQUITY, constructed, left_out_of, plain, ranked, target_of

EVERY_RANK = {"entry_top_fraction": Decimal(1), "hold_top_fraction": Decimal(1)}


def test_the_best_fifth_is_bought_and_the_rest_is_told_its_rank() -> None:
    built = constructed(ranked(100))
    assert [target.symbol for target in built.targets] == [f"S{rank:03}" for rank in range(1, 21)]
    left_out = left_out_of(built, "S057")
    assert (left_out.stage, left_out.rank, left_out.is_held) == ("score", 57, False)
    assert left_out_of(built, "S057").reason == "score too low: rank 57 of 100, top 20 are bought"


def test_equal_scores_are_ranked_by_symbol() -> None:
    built = constructed([plain(symbol, score=0.5) for symbol in ("C", "A", "B", "E", "D")])
    assert [target.symbol for target in built.targets] == ["A"]


@pytest.mark.parametrize(("lower", "higher"), [(0.1, 0.9), (0.0, 0.5), (-0.5, 0.0)])
def test_the_higher_score_ranks_first_whatever_its_symbol(lower: float, higher: float) -> None:
    built = constructed([plain("A", score=lower), plain("B", score=higher)])
    assert [target.symbol for target in built.targets] == ["B"]


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


def test_the_place_of_a_candidate_whose_share_costs_too_much_goes_to_the_next_rank() -> None:
    prices = {"AAA": "900.00", "BBB": "800.00", "CCC": "20.00", "DDD": "20.00", "EEE": "20.00"}
    signals = [
        plain(symbol, score=1.0 - place / 10, close_usd=Decimal(price), atr14_usd=Decimal(price) / 50)
        for place, (symbol, price) in enumerate(prices.items())
    ]
    built = constructed(signals, equity_usd=Decimal(3_000), max_names=2, **EVERY_RANK)
    assert [target.symbol for target in built.targets] == ["CCC", "DDD"]
    assert {left_out.symbol: left_out.stage for left_out in built.left_out} == {
        "AAA": "size",
        "BBB": "size",
        "EEE": "slots",
    }


def test_the_place_of_a_candidate_of_unknown_movement_goes_to_the_next_rank() -> None:
    first, *others = ranked(4)
    signals = [replace(first, returns_60d=(0.0,) * 60), *others]
    built = constructed(signals, spread="risk_parity", max_names=2, **EVERY_RANK)
    assert [target.symbol for target in built.targets] == ["S002", "S003"]
    assert left_out_of(built, "S001").stage == "unknown"


def test_a_worse_rank_that_wants_more_takes_nothing_from_a_better_one() -> None:
    # Room for two at the least weight: three good ranks of which each wants little, then three that want much.
    wild = [plain(f"S{rank:03}", score=1 - rank / 10, volatility_20d=0.06) for rank in (1, 2, 3)]
    calm = [plain(f"S{rank:03}", score=1 - rank / 10) for rank in (4, 5, 6)]
    held = plain("HELD", score=-1.0)
    built = constructed([*wild, *calm, held], held={"HELD": 1_916}, max_names=4, **EVERY_RANK)
    alone = constructed([*wild, held], held={"HELD": 1_916}, max_names=4, **EVERY_RANK)
    bought = {target.symbol: target.quantity_shares for target in built.targets}
    assert bought == {target.symbol: target.quantity_shares for target in alone.targets}
    assert bought.keys() == {"HELD", "S001", "S002"}


def test_who_finds_no_room_left_is_told_so_and_not_that_others_have_the_places() -> None:
    built = constructed(ranked(100), held={"S099": 958, "S098": 958})
    for symbol in (f"S{rank:03}" for rank in range(3, 21)):
        assert left_out_of(built, symbol).stage == "size"
    assert left_out_of(built, "S020").reason == (
        "too small: weight 0.000000 at 50.75 USD a share, at least 0.005 and one share; rank 20 of 100, "
        "room left 0.000000"
    )


def test_room_that_those_before_leave_goes_to_the_next_rank() -> None:
    # 4 % are free and all fit alone; beside the first, no share of the second does, and the third takes what is left.
    signals = [
        plain("S001", score=0.9, close_usd=Decimal(1_000), atr14_usd=Decimal(20), volatility_20d=0.1),
        plain("S002", score=0.8, close_usd=Decimal(3_900), atr14_usd=Decimal(78)),
        plain("S003", score=0.7, volatility_20d=0.2),
        plain("HELD", score=-1.0, close_usd=Decimal(100)),
    ]
    built = constructed(signals, held={"HELD": 930}, max_names=3, position_min_weight=0, **EVERY_RANK)
    assert [target.symbol for target in built.targets] == ["S001", "S003", "HELD"]
    assert left_out_of(built, "S002").stage == "size"


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
        ({"close_usd": Decimal(0)}, "unknown", "unknown: close"),
        ({"atr14_usd": None}, "unknown", "unknown: average true range"),
        ({"atr14_usd": Decimal(0)}, "unknown", "unknown: average true range"),
        ({"close_usd": None, "atr14_usd": None}, "unknown", "unknown: close, average true range"),
        ({"volatility_20d": None}, "unknown", "unknown: volatility"),
        ({"volatility_20d": 0.0}, "unknown", "unknown: volatility"),
        ({"atr14_usd": Decimal(40)}, "size", "no stop above zero"),
    ],
)
def test_a_symbol_is_left_out_at_the_stage_that_says_why(changes: dict[str, Any], stage: str, told: str) -> None:
    left_out = left_out_of(constructed([plain(**changes)]), "AAA")
    assert left_out.stage == stage
    assert told in left_out.reason
    assert left_out.rank == (None if stage in ("universe", "halted", "no_data") else 1)
    assert left_out.is_held is False


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


# Of ten symbols the first two are bought and holdings are kept to the fourth.
@pytest.mark.parametrize(
    ("rank", "zone", "bound"),
    [(1, "entry", "top 2 are bought"), (2, "entry", "top 2 are bought"), (3, "buffer", "kept to rank 4")],
)
def test_a_kept_holding_is_told_in_full(rank: int, zone: Any, bound: str) -> None:
    symbol = f"S{rank:03}"
    assert target_of(constructed(ranked(10), held={symbol: 10}), symbol) == Target(
        symbol=symbol,
        rank=rank,
        ranked=10,
        weight=Decimal("0.005"),
        quantity_shares=10,
        close_usd=CLOSE,
        limit_usd=None,
        stop_usd=None,
        is_held=True,
        zone=zone,
        reason=f"held: rank {rank} of 10, {bound}",
    )


def test_a_single_share_held_is_no_short_position() -> None:
    assert target_of(constructed(ranked(10), held={"S001": 1}), "S001").quantity_shares == 1


@pytest.mark.parametrize("close", [None, Decimal(0), Decimal(-1)])
def test_a_holding_without_a_price_keeps_its_shares_and_weighs_nothing(close: Decimal | None) -> None:
    target = target_of(constructed([plain(close_usd=close)], held={"AAA": 10_000}), "AAA")
    assert (target.quantity_shares, target.close_usd, target.weight) == (10_000, None, Decimal(0))


def test_a_holding_of_penny_shares_has_a_price() -> None:
    target = target_of(constructed([plain(close_usd=Decimal("0.50"))], held={"AAA": 10_000}), "AAA")
    assert (target.close_usd, target.weight) == (Decimal("0.50"), Decimal("0.05"))


@pytest.mark.parametrize("equity", [Decimal(0), Decimal(-5)])
def test_a_holding_weighs_nothing_where_there_is_no_equity(equity: Decimal) -> None:
    assert target_of(constructed([plain()], held={"AAA": 10}, equity_usd=equity), "AAA").weight == 0


def test_a_holding_of_an_account_of_a_dollar_has_a_weight() -> None:
    dear = constructed([plain(close_usd=Decimal("0.05"))], held={"AAA": 1}, equity_usd=Decimal(1))
    assert target_of(dear, "AAA").weight == Decimal("0.05")


def test_a_short_position_is_left_out_with_its_shares_and_rank() -> None:
    assert left_out_of(constructed(ranked(10), held={"S003": -5}), "S003") == LeftOut(
        symbol="S003",
        stage="short",
        reason="-5 shares held: long only, a short position is left alone",
        rank=3,
        is_held=True,
    )


def test_a_holding_that_left_the_buffer_is_left_out_with_its_rank() -> None:
    left_out = left_out_of(constructed(ranked(10), held={"S005": 5}), "S005")
    assert (left_out.stage, left_out.rank, left_out.is_held) == ("score", 5, True)


def test_a_newcomer_without_a_place_is_left_out_with_its_rank() -> None:
    built = constructed(ranked(10), held={"S009": 1, "S010": 1}, max_names=2)
    assert left_out_of(built, "S001") == LeftOut(
        symbol="S001",
        stage="slots",
        reason="no place free: rank 1 of 10; 2 of 2 places are held and 0 go to better ranks",
        rank=1,
        is_held=False,
    )


@pytest.mark.parametrize("shares", [0, 10])
@pytest.mark.parametrize("changes", [{"is_tradable": False}, {"is_halted": True}, {"score": None}])
def test_what_has_no_score_has_no_rank_and_tells_whether_it_is_held(changes: dict[str, Any], shares: int) -> None:
    left_out = left_out_of(constructed([plain(**changes)], held={"AAA": shares}), "AAA")
    assert (left_out.rank, left_out.is_held) == (None, shares > 0)


def test_an_entry_is_told_in_full() -> None:
    assert constructed([plain()]).targets == (
        Target(
            symbol="AAA",
            rank=1,
            ranked=1,
            # 197 shares at 50.75 of 100,000.
            weight=Decimal("0.099978"),
            quantity_shares=197,
            close_usd=CLOSE,
            limit_usd=Decimal("50.75"),
            stop_usd=Decimal("48.50"),
            is_held=False,
            zone="entry",
            reason="bought: rank 1 of 1, 197 shares at up to 50.75 USD, stop 48.5 USD, sized by cap of a position",
        ),
    )


def test_an_entry_that_its_stop_sizes_says_so() -> None:
    target = target_of(constructed([plain(atr14_usd=Decimal("5.00"))]), "AAA")
    assert target.reason.endswith("sized by risk per trade")


def test_heat_shrinks_an_entry_that_has_all_the_room_there_is() -> None:
    # Half of the 197 shares that a calm rising market allows.
    assert target_of(constructed([plain()], regime="bear_calm"), "AAA").quantity_shares == 98


def test_each_regime_has_a_heat_of_its_own() -> None:
    assert constructed([], regime="bear_calm", heat_bear_calm=Decimal("0.4")).heat == Decimal("0.4")


def test_what_gives_way_for_want_of_room_keeps_its_rank() -> None:
    left_out = left_out_of(constructed(ranked(100), held={"S099": 958, "S098": 958}), "S003")
    assert (left_out.stage, left_out.rank, left_out.is_held) == ("size", 3, False)


def test_a_share_of_less_than_a_dollar_is_sized_like_any_other() -> None:
    cheap = plain(close_usd=Decimal("0.90"), atr14_usd=Decimal("0.02"))
    assert target_of(constructed([cheap]), "AAA").quantity_shares > 10_000
