from decimal import Decimal

import pytest

from execution.portfolio.kelly import kelly_weight
from tests.builders.sizing import constructed, left_out_of, plain, target_of


def a_quarter(probability: float | None, *, payoff: str = "1", stop: str = "0.5") -> Decimal | None:
    return kelly_weight(
        probability_up=probability,
        stop_fraction=Decimal(stop),
        payoff_ratio=Decimal(payoff),
        multiple=Decimal("0.25"),
    )


@pytest.mark.parametrize(
    ("probability", "payoff", "stop", "weight"),
    [
        (0.6, "1", "1", "0.05"),  # The textbook bet: 2p - 1 = 0.2, a quarter of it.
        (0.6, "1", "0.5", "0.1"),  # Half the loss a position, so twice the position.
        (0.5, "2", "1", "0.0625"),  # p - (1 - p) / 2 = 0.25.
        (0.5, "1", "1", "0"),
        (0.4, "1", "1", "-0.05"),
        (1.0, "1", "1", "0.25"),
    ],
)
def test_a_part_of_the_growth_optimal_bet(probability: float, payoff: str, stop: str, weight: str) -> None:
    assert a_quarter(probability, payoff=payoff, stop=stop) == Decimal(weight)


@pytest.mark.parametrize("probability", [None, float("nan"), float("inf"), -0.1, 1.1])
def test_without_a_probability_there_is_no_bet(probability: float | None) -> None:
    assert a_quarter(probability) is None


def test_a_multiple_of_nothing_switches_kelly_off() -> None:
    off = kelly_weight(probability_up=0.6, stop_fraction=Decimal(1), payoff_ratio=Decimal(1), multiple=Decimal(0))
    assert off is None


def test_a_probability_near_a_coin_makes_a_small_entry() -> None:
    near = target_of(constructed([plain(probability_up=0.505)]), "AAA")
    sure = target_of(constructed([plain(probability_up=0.6)]), "AAA")
    # A quarter of 0.01 over a stop of 1.50 USD below 50.75 USD, in whole shares.
    assert near.quantity_shares == int(Decimal(100_000) * Decimal("0.0025") / Decimal("1.5"))
    assert near.quantity_shares < sure.quantity_shares
    assert near.reason.endswith("sized by Kelly bet")


def test_a_bet_not_worth_taking_is_left_out_with_its_probability() -> None:
    left = left_out_of(constructed([plain(probability_up=0.5)]), "AAA")
    assert left.stage == "size"
    assert left.reason.startswith("the Kelly bet is nothing: probability 0.5000")


def test_an_unknown_probability_is_not_used_and_the_entry_says_so() -> None:
    target = target_of(constructed([plain(probability_up=None)]), "AAA")
    assert target.reason.endswith("sized by cap of a position, no probability for Kelly")


@pytest.mark.parametrize(
    ("drawdown", "heat"),
    [("0", "1"), ("0.0199", "1"), ("0.02", "0.75"), ("0.0349", "0.75"), ("0.035", "0.5"), ("0.9", "0.5")],
)
def test_a_drawdown_puts_less_to_work_in_bands(drawdown: str, heat: str) -> None:
    assert constructed([plain()], drawdown_fraction=Decimal(drawdown)).heat == Decimal(heat)


def test_the_least_of_regime_volatility_and_drawdown_holds() -> None:
    built = constructed([plain()], regime="bear_volatile", vix=30.0, drawdown_fraction=Decimal("0.02"))
    assert built.heat == Decimal("0.25")
