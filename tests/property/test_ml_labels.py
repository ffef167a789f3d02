"""Labels and ranks against plain oracles."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm, pearsonr, rankdata, spearmanr

from assets.ml.calibration import fit_calibration
from assets.ml.dataset import build_training_set, gaussian_rank, mean_ranks
from assets.ml.forward_returns import ENTRY_LAG_SESSIONS
from assets.ml.walk_forward import ics_of_each_day
from tests.unit.ml.marts_builder import CALENDAR, NOISE, a_market, a_policy

values = hnp.arrays(np.float64, st.integers(1, 40), elements=st.integers(-5, 5).map(float))


@given(values)
@settings(deadline=None, max_examples=100)
def test_ranks_equal_the_textbook_average_ranks(sample):
    assert mean_ranks(sample).tolist() == rankdata(sample, method="average").tolist()


@given(values, st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=100)
def test_each_days_correlations_are_those_of_the_textbook(sample, sessions, seed):
    days = np.sort(np.arange(len(sample)) % sessions).astype("datetime64[D]")
    scores = np.random.default_rng(seed).permutation(sample)
    plain, ranked = ics_of_each_day(days, scores, sample)
    for place, day in enumerate(np.unique(days)):
        one, other = scores[days == day], sample[days == day]
        varies = len(set(one)) > 1 and len(set(other)) > 1
        expected = (pearsonr(one, other)[0], spearmanr(one, other)[0]) if varies else (np.nan, np.nan)
        np.testing.assert_allclose((plain[place], ranked[place]), expected, atol=1e-12)


@given(values, st.integers(1, 4))
@settings(deadline=None, max_examples=100)
def test_a_gaussian_rank_is_taken_within_each_session_alone(sample, sessions):
    groups = np.sort(np.arange(len(sample)) % sessions)
    made = gaussian_rank(sample, groups)
    for group in np.unique(groups):
        rows = groups == group
        expected = norm.ppf((rankdata(sample[rows]) - 0.5) / rows.sum())
        np.testing.assert_allclose(made[rows], expected, atol=1e-12)


@given(st.floats(0.1, 10.0), st.floats(-3.0, 3.0), values)
@settings(deadline=None, max_examples=50)
def test_a_rank_ignores_scale_and_level(scale, level, sample):
    groups = np.zeros(len(sample), dtype=np.int64)
    # Whole numbers stay apart under scale and level, so ties stay ties and nothing else becomes one.
    np.testing.assert_array_equal(gaussian_rank(sample, groups), gaussian_rank(sample * scale + level, groups))


@given(st.integers(0, 2**16), st.integers(1, 7))
@settings(deadline=None, max_examples=6)
def test_labels_equal_a_plain_walk_through_the_prices(tmp_path_factory, seed, horizon):
    random = np.random.default_rng(seed)
    market = a_market(symbols=7, sessions=70, seed=seed)
    market.has_bar = random.random(market.returns.shape) > 0.03
    last_bar = np.where(random.random(7) < 0.4, random.integers(20, 69, 7), 69)
    market.has_bar &= np.arange(70)[:, None] <= last_bar
    policy = a_policy(horizon_sessions=horizon, min_history_sessions=40, min_names_per_session=2)
    made = build_training_set(
        market.write(tmp_path_factory.mktemp("oracle") / "warehouse.duckdb"),
        cut_off=market.sessions[-1],
        feature_names=(NOISE,),
        policy=policy,
        calendar=CALENDAR,
    )
    expected = walked(market, horizon)
    found = {
        (session.item(), symbol): value
        for session, symbol, value in zip(made.sessions, made.symbols, made.net_return, strict=True)
    }
    assert found.keys() == expected.keys()
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), atol=1e-12)


def walked(market, horizon):
    """Hold one share of value from the close of the entry session; a day without a bar changes nothing."""
    expected = {}
    for start in range(70 - ENTRY_LAG_SESSIONS - horizon):
        gross = {}
        for column, symbol in enumerate(market.symbols):
            entry = start + ENTRY_LAG_SESSIONS
            later = [day for day in range(entry + 1, entry + horizon + 1) if market.has_bar[day, column]]
            if not (market.has_bar[start, column] and market.has_bar[entry, column] and later):
                continue
            value = 1.0
            for day in later:
                value *= 1.0 + market.returns[day, column]
            gross[symbol] = value - 1.0
        if len(gross) >= 2:
            mean = sum(gross.values()) / len(gross)
            expected |= {(market.sessions[start], symbol): value - mean for symbol, value in gross.items()}
    return expected


@given(st.integers(0, 2**16), st.integers(1, 300), st.integers(2, 30))
@settings(deadline=None, max_examples=30)
def test_a_probability_is_monotone_and_within_bounds(seed, count, bins):
    random = np.random.default_rng(seed)
    fitted = fit_calibration(
        z=random.standard_normal(count),
        net_return=random.standard_normal(count),
        volatility_20d=np.where(random.random(count) < 0.2, np.nan, 0.02),
        rank_ic=0.03,
        horizon_sessions=5,
        bins=bins,
    )
    made = [fitted.probability_up(z) for z in np.linspace(-5, 5, 40)]
    assert made == sorted(made)
    assert 0.0 <= made[0] <= made[-1] <= 1.0
