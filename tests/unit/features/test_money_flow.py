"""Both flows are TA-Lib's own, told as what a window says alone; one day has the bits of a rebuild."""

from dataclasses import replace

import numpy as np
import pytest
import talib

from assets.features.feature_library import switched_on
from tests.unit.features.test_alpha158 import bits, history

LIBRARY = switched_on(["money_flow"])


def test_the_money_flow_index_is_talibs():
    bars = history()
    expected = talib.MFI(bars.high, bars.low, bars.close, bars.volume, timeperiod=14)
    np.testing.assert_allclose(LIBRARY.compute(bars, 0)[0], expected, rtol=1e-5, equal_nan=True)


def test_on_balance_volume_is_the_gain_of_talibs_over_the_volume_traded():
    bars = history()
    total = talib.OBV(bars.close, bars.volume)
    traded = np.convolve(bars.volume, np.ones(20), "valid")[1:]
    found = LIBRARY.compute(bars, 0)[1]
    np.testing.assert_allclose(found[20:], (total[20:] - total[:-20]) / traded, rtol=1e-5, atol=1e-7)
    assert np.isnan(found[:20]).all()


@pytest.mark.parametrize("row", [20, 21, 99])
def test_one_session_has_the_bits_of_the_whole_history(row):
    bars = history()
    whole, alone = LIBRARY.compute(bars, 0), LIBRARY.compute(bars.until(row + 1), row)
    assert np.array_equal(bits(alone), bits(whole[:, row : row + 1]))


def test_a_price_that_stands_still_or_a_symbol_nobody_trades_has_no_value():
    bars = history()
    still = np.full(bars.close.size, 50.0)
    assert np.isnan(LIBRARY.compute(replace(bars, high=still, low=still, close=still), 30)[0]).all()
    assert np.isnan(LIBRARY.compute(replace(bars, volume=np.zeros(bars.close.size)), 30)).all()
