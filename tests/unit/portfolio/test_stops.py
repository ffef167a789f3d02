from decimal import Decimal

import pytest

from execution.portfolio.stops import is_exit_due, protective_stop_usd, split_adjusted_shares, split_adjusted_stop_usd


def stop_of(entry: str, atr: str) -> Decimal | None:
    return protective_stop_usd(entry_usd=Decimal(entry), atr14_usd=Decimal(atr), atr_multiple=Decimal("1.5"))


def test_a_stop_lies_one_and_a_half_ranges_below_the_entry() -> None:
    assert stop_of("50.00", "1.20") == Decimal("48.20")


def test_a_stop_is_rounded_down_to_the_tick() -> None:
    assert stop_of("50.00", "1.001") == Decimal("48.49")
    assert stop_of("0.90", "0.01001") == Decimal("0.8849")


def test_a_range_larger_than_the_price_leaves_no_stop() -> None:
    assert stop_of("3.00", "2.00") is None


@pytest.mark.parametrize(
    ("ratio", "stop"), [("2", "23.50"), ("3", "15.66"), ("0.333333", "141.00"), ("1.5", "31.33"), ("1", "47.00")]
)
def test_a_split_divides_the_stop_and_rounds_down(ratio: str, stop: str) -> None:
    assert split_adjusted_stop_usd(Decimal("47.00"), Decimal(ratio)) == Decimal(stop)


@pytest.mark.parametrize(
    ("shares", "ratio", "whole", "fraction"),
    [
        (100, "2", 200, "0"),
        (101, "1.5", 151, "0.5"),
        (300, "0.333333", 100, "0"),
        (7, "0.142857", 1, "0"),
        (5, "0.1", 0, "0.5"),
        (0, "2", 0, "0"),
    ],
)
def test_a_split_gives_whole_shares_and_a_fraction_in_cash(shares: int, ratio: str, whole: int, fraction: str) -> None:
    after = split_adjusted_shares(shares, Decimal(ratio))
    assert (after.kept, after.fraction) == (whole, Decimal(fraction))


def test_a_ratio_no_small_fraction_explains_is_taken_as_it_stands() -> None:
    assert split_adjusted_shares(1_000_000, Decimal("1.046137")).kept == 1_046_137


def test_an_exit_is_due_with_the_last_session_of_the_horizon() -> None:
    assert not is_exit_due(held_sessions=4, horizon_sessions=5)
    assert is_exit_due(held_sessions=5, horizon_sessions=5)


def test_a_split_of_a_position_of_parts_keeps_parts_to_the_ninth_digit() -> None:
    after = split_adjusted_shares(Decimal("10.4"), Decimal("0.333333"))
    assert after.kept == Decimal("3.466666666")
    assert 0 < after.fraction < Decimal("0.000000001")
