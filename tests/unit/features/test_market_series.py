import numpy as np
import pytest

from assets.features.market_series import market_series, trend_regime, volatility_regime


def test_market_is_the_mean_of_its_members():
    returns = np.array([[np.nan, 0.02], [np.nan, 0.04], [np.nan, 0.90]])
    members = np.array([[True, True], [True, True], [False, False]])
    found = market_series(returns, members)
    assert np.isnan(found.return_1d[0])
    assert found.return_1d[1] == pytest.approx(0.03)
    assert found.breadth_1d[1] == 1.0


def test_without_members_every_symbol_counts():
    found = market_series(np.array([[0.02], [-0.04]]), np.zeros((2, 1), dtype=bool))
    assert found.return_1d[0] == pytest.approx(-0.01)
    assert found.breadth_1d[0] == 0.5


def test_trend_turns_only_beyond_the_band():
    trend = np.array([np.nan, 0.005, -0.005, -0.02, -0.005, 0.005, 0.02])
    assert trend_regime(trend)[1:].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]


def calm_then_wild():
    random = np.random.default_rng(2)
    return np.concatenate(
        ([np.nan], random.normal(0, 0.005, 300), random.normal(0, 0.03, 60), random.normal(0, 0.005, 200))
    )


def test_volatility_regime_follows_the_storm_and_leaves_it():
    state = volatility_regime(calm_then_wild())
    assert np.isnan(state[:200]).all()
    assert state[310:361].mean() > 0.95
    assert state[500:].mean() < 0.5


def test_regimes_never_look_ahead():
    returns = calm_then_wild()
    whole = market_series(returns[None, :], np.ones((1, returns.size), dtype=bool))
    for cut in (201, 250, 307, 333, 421):
        part = market_series(returns[None, :cut], np.ones((1, cut), dtype=bool))
        for name in ("is_bull", "is_volatile", "trend_200d", "volatility_20d"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:cut])


def test_uptrend_is_bull_and_downtrend_bear():
    up, down = np.full(260, 0.002), np.full(260, -0.002)
    up[0] = down[0] = np.nan
    one = np.ones((1, 260), dtype=bool)
    assert market_series(up[None, :], one).is_bull[-1] == 1.0
    assert market_series(down[None, :], one).is_bull[-1] == 0.0


def test_sessions_before_the_first_known_return_are_no_part_of_the_level():
    returns = np.concatenate(([np.nan], np.random.default_rng(5).normal(0.0005, 0.01, 260)))
    alone = market_series(returns[None, :], np.ones((1, returns.size), dtype=bool))
    nothing = np.full(60, np.nan)
    longer = market_series(np.concatenate((nothing, returns))[None, :], np.ones((1, 60 + returns.size), dtype=bool))
    for name in ("trend_200d", "is_bull", "is_volatile", "volatility_20d", "return_20d"):
        assert np.isfinite(getattr(alone, name)).any()
        np.testing.assert_array_equal(getattr(longer, name)[60:], getattr(alone, name))
        assert np.isnan(getattr(longer, name)[:60]).all()


def test_without_any_return_there_is_no_trend():
    found = market_series(np.full((1, 260), np.nan), np.ones((1, 260), dtype=bool))
    assert np.isnan(found.trend_200d).all()
    assert np.isnan(found.is_bull).all()
