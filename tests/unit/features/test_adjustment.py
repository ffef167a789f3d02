import numpy as np
import pytest

from assets.features.adjustment import cash_dividends, split_ratios, total_returns
from execution.domain.errors import DataError

NOT_CARRIED = np.zeros(3, dtype=bool)


def test_later_split_leaves_earlier_factors_alone():
    before = np.cumprod(split_ratios(sessions=5, splits=[(2, 2.0)]))
    after = np.cumprod(split_ratios(sessions=5, splits=[(2, 2.0), (4, 3.0)]))
    assert before[:4].tolist() == after[:4].tolist() == [1.0, 1.0, 2.0, 2.0]
    assert after[4] == 6.0


def test_split_on_the_first_session_counts_nowhere():
    assert split_ratios(sessions=3, splits=[(0, 2.0), (-1, 2.0), (3, 2.0)]).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("ratio", [0.0, -2.0, float("nan"), float("inf")])
def test_split_ratio_that_is_no_ratio_is_refused(ratio):
    with pytest.raises(DataError, match="split ratio"):
        split_ratios(sessions=3, splits=[(1, ratio)])


def test_split_alone_returns_nothing():
    returns = total_returns(
        last_close_usd=np.array([100.0, 50.0, 50.0]),
        is_carried=NOT_CARRIED,
        ratios=np.array([1.0, 2.0, 1.0]),
        dividends_usd=np.zeros(3),
    )
    assert np.isnan(returns[0])
    assert returns[1:].tolist() == [0.0, 0.0]


def test_dividend_on_the_day_of_a_split_is_per_share_held_before_it():
    returns = total_returns(
        last_close_usd=np.array([100.0, 50.0, 50.0]),
        is_carried=NOT_CARRIED,
        ratios=np.array([1.0, 2.0, 1.0]),
        dividends_usd=cash_dividends(sessions=3, dividends=[(1, 1.0)]),
    )
    assert returns[1] == pytest.approx(0.01)


def test_split_while_nothing_traded_is_settled_by_the_next_bar():
    returns = total_returns(
        last_close_usd=np.array([100.0, 100.0, 100.0, 55.0]),
        is_carried=np.array([False, True, True, False]),
        ratios=np.array([1.0, 2.0, 1.0, 1.0]),
        dividends_usd=np.array([0.0, 0.0, 0.5, 0.0]),
    )
    # The dividend is paid on two shares for each one held.
    assert returns[1:].tolist() == pytest.approx([0.0, 0.01, 0.1])
