import math
from decimal import Decimal

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.performance import (
    SHORTEST_HISTORY_SESSIONS,
    drawdowns,
    earned_only,
    one_session_returns,
    performance,
    recovery_sessions,
    rolling_returns,
    sharpe_with_standard_error,
    sortino_ratio,
    values_with_returns,
    yearly_return,
)

EQUITY = st.lists(st.decimals("1000", "500000", places=2), min_size=2, max_size=40)


def test_return_is_equity_over_the_equity_before_it_less_one():
    assert one_session_returns([Decimal(100), Decimal(110), Decimal(99)]) == pytest.approx((0.1, -0.1))


def test_equity_of_zero_has_no_return_and_says_which_value():
    with pytest.raises(ValueError, match="equity value 1 is 0 USD"):
        one_session_returns([Decimal(100), Decimal(0)])


def test_drawdown_is_measured_from_the_highest_equity_so_far():
    assert drawdowns([Decimal(100), Decimal(120), Decimal(90), Decimal(130)]) == pytest.approx((0, 0, -0.25, 0))


@settings(deadline=None, max_examples=60)
@given(equity=EQUITY)
def test_returns_compound_to_the_total_return(equity):
    compounded = math.prod(1 + one for one in one_session_returns(equity)) - 1
    assert performance(equity).total_return == pytest.approx(compounded, rel=1e-9, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(equity=EQUITY)
def test_drawdown_is_never_positive_and_never_below_minus_one(equity):
    assert all(-1 < fall <= 0 for fall in drawdowns(equity))


@settings(deadline=None, max_examples=30)
@given(equity=EQUITY)
def test_worst_drawdown_is_the_one_empyrical_finds(equity):
    returns = np.array(one_session_returns(equity))
    assert performance(equity).max_drawdown == pytest.approx(float(empyrical.max_drawdown(returns)), abs=1e-9)


def test_history_of_fifty_nine_returns_has_no_sharpe_ratio():
    assert sharpe_with_standard_error([0.01, -0.01] * 29 + [0.01]) is None


def test_history_of_sixty_returns_has_one():
    assert sharpe_with_standard_error([0.01, -0.01] * (SHORTEST_HISTORY_SESSIONS // 2)) is not None


def test_constant_returns_have_no_sharpe_ratio():
    assert sharpe_with_standard_error([0.001] * 80) is None


def test_sharpe_is_mean_over_standard_deviation_by_the_year():
    returns = np.random.default_rng(3).normal(0.001, 0.01, 300)
    ratio = sharpe_with_standard_error(returns.tolist())
    assert ratio is not None
    assert ratio[0] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(252))


def test_sortino_is_the_one_empyrical_finds():
    returns = np.random.default_rng(3).normal(0.001, 0.01, 300)
    assert sortino_ratio(returns.tolist()) == pytest.approx(float(empyrical.sortino_ratio(returns)))


def test_gains_spread_wide_lower_the_sharpe_ratio_and_not_the_sortino_ratio():
    even, uneven = [0.01, -0.005] * 60, [0.0195, -0.005, 0.0005, -0.005] * 30
    sharpe = [sharpe_with_standard_error(one)[0] for one in (even, uneven)]
    assert sharpe[0] > sharpe[1]
    assert sortino_ratio(even) == pytest.approx(sortino_ratio(uneven))


def test_a_short_history_and_one_that_never_fell_have_no_sortino_ratio():
    assert sortino_ratio([0.01, -0.01] * 29 + [0.01]) is None
    assert sortino_ratio([0.01, 0.0] * 40) is None


@pytest.mark.parametrize(
    ("equity", "sessions"),
    [
        ([100, 120, 90, 110, 120, 130], 2),
        ([100, 120, 90, 110, 119], None),
        ([100, 120, 119, 121, 80, 100, 100, 121], 3),
        ([100, 120, 90, 90, 120, 60, 120], 1),
        ([100, 80, 100, 80, 90], 1),
        ([100, 101, 102], 0),
        ([100], 0),
    ],
)
def test_recovery_is_counted_from_the_deepest_trough_to_the_high_before_it(equity, sessions):
    assert recovery_sessions([Decimal(value) for value in equity]) == sessions


@settings(deadline=None, max_examples=60)
@given(equity=EQUITY)
def test_recovery_ends_with_the_first_session_that_is_not_below_the_high_any_more(equity):
    falls = drawdowns(equity)
    trough = falls.index(min(falls))
    until = [number for number in range(trough, len(falls)) if falls[number] == 0]
    assert recovery_sessions(equity) == (until[0] - trough if until else None)


def test_standard_error_is_the_spread_of_ratios_over_many_histories():
    random = np.random.default_rng(8)
    ratios = [sharpe_with_standard_error(random.normal(0.0008, 0.01, 250).tolist()) for _ in range(400)]
    seen = np.std([one[0] for one in ratios if one])
    said = np.mean([one[1] for one in ratios if one])
    assert said == pytest.approx(seen, rel=0.12)


def test_one_settled_session_has_no_return():
    assert performance([Decimal(100_000)]).last_return is None


def test_short_history_has_a_return_but_no_ratio():
    past = performance([Decimal(100_000), Decimal(101_000)])
    assert (past.last_return, past.sharpe, past.volatility, past.is_too_short) == (
        pytest.approx(0.01),
        None,
        None,
        True,
    )


def test_what_is_paid_in_or_taken_out_is_no_return() -> None:
    equity = [Decimal(100), Decimal(110), Decimal(160), Decimal(80), Decimal(88)]
    paid_in = [Decimal(100), Decimal(100), Decimal(150), Decimal(70), Decimal(70)]
    earned = earned_only(equity, paid_in)
    assert one_session_returns(earned) == pytest.approx((0.1, 0.0, 0.0, 0.1))
    assert performance(earned).max_drawdown == pytest.approx(0)


@pytest.mark.parametrize(("equity", "paid_in", "told"), [([9, 0], [9, 0], 1), ([9, 8], [9, 18], 1), ([0], [0], 0)])
def test_returns_end_where_nothing_is_left_to_earn_on(equity: list[int], paid_in: list[int], told: int) -> None:
    given = [Decimal(value) for value in equity], [Decimal(value) for value in paid_in]
    assert values_with_returns(*given) == told
    assert values_with_returns([Decimal(9), Decimal(8)], [Decimal(9), Decimal(9)]) == 2


def test_without_payments_the_values_stay_to_the_digit() -> None:
    equity = (Decimal("100.10"), Decimal("99.97"), Decimal("101.3"))
    assert earned_only(equity, (Decimal(100),) * 3) == equity


def test_a_return_a_year_compounds_and_a_short_history_has_none() -> None:
    doubled = [Decimal(2) ** (Decimal(number) / 126) for number in range(127)]
    assert yearly_return(doubled) == pytest.approx(3.0)
    assert yearly_return(doubled[:SHORTEST_HISTORY_SESSIONS]) is None
    assert performance(doubled).yearly_return == pytest.approx(3.0)


def test_a_window_ends_at_each_close_and_none_is_told_before_the_first_is_whole() -> None:
    equity = [Decimal(value) for value in (100, 110, 121, 60)]
    assert rolling_returns(equity, 2) == pytest.approx((0.21, 60 / 110 - 1))
    assert rolling_returns(equity, 4) == ()


def test_values_with_gaps_between_are_a_year_by_the_sessions_they_span_and_not_by_their_number():
    returns = np.random.default_rng(4).normal(0.0008, 0.01, 756)
    every = [Decimal(str(value)) for value in 100_000 * np.cumprod([1.0, *(1 + returns)])]
    whole, gaps = performance(every), performance(every[::3], spanned_sessions=756)
    assert gaps.yearly_return == pytest.approx(whole.yearly_return)
    # The same account looked at a third as often: one standard error of a volatility of 252 returns is 4.5 of 100.
    assert gaps.volatility == pytest.approx(whole.volatility, rel=0.1)
    assert gaps.sharpe == pytest.approx(whole.sharpe, rel=0.1)
    assert gaps.sortino == pytest.approx(whole.sortino, rel=0.2)
    assert gaps.sharpe_standard_error == pytest.approx(whole.sharpe_standard_error, rel=0.1)


def test_where_every_session_has_a_value_the_sessions_spanned_change_nothing_by_a_bit():
    returns = np.random.default_rng(4).normal(0.0008, 0.01, 101)
    equity = [Decimal(str(value)) for value in 100_000 * np.cumprod(1 + returns)]
    assert performance(equity, spanned_sessions=100) == performance(equity)
