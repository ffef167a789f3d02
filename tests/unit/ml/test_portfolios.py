"""What lives beside production: dearer, other settings, other sizes; what factors explain; how much money it bears."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from assets.ml.backtest_progress import Progress
from assets.ml.capacity import SizePoint, capacity_sentence, capacity_usd
from assets.ml.judgement import Estimate
from assets.ml.lived_factors import UNEXPLAINED, explained, thirds_apart
from assets.ml.policy import LearningPolicy
from assets.ml.portfolios import ASSUMED_IMPACT_BPS, Variant, of_size, side_by_side, with_impact
from assets.performance import SESSIONS_PER_YEAR
from execution.domain.errors import SettingsRefused
from execution.portfolio.cost_model import CostModel
from tests.builders.backtest_quarter import CASH, DEAR, FREE, lived, rules_of

POLICY = LearningPolicy()


def points(*sharpe: float) -> list[SizePoint]:
    return [
        SizePoint(capital_usd=10.0 ** (5 + place), sharpe=Estimate(value=one, low=one - 1, high=one + 1), invested=0.9)
        for place, one in enumerate(sharpe)
    ]


def test_production_comes_first_and_what_is_beside_it_keeps_its_own_rules() -> None:
    made = side_by_side(
        rules_of(DEAR),
        scorer="momentum_12_1",
        policy=POLICY,
        cost_multiples=(Decimal(1), Decimal(3)),
        variants=[Variant(name="free", rules=rules_of(FREE), scorer="model", policy=POLICY)],
        capitals_usd=(Decimal(1_000_000),),
    )
    assert [(one.name, one.role, one.scorer) for one in made] == [
        ("1x costs", "production", "momentum_12_1"),
        ("3x costs", "dearer", "momentum_12_1"),
        ("free", "beside", "model"),
        ("1,000,000 USD", "size", "momentum_12_1"),
    ]
    assert made[0].rules == rules_of(DEAR)
    assert made[1].rules.costs == DEAR.times(Decimal(3))
    assert made[2].rules == rules_of(FREE)


def test_dearer_costs_change_nothing_that_is_decided_by() -> None:
    multiples = (Decimal(1), Decimal(3))
    production, dearer = side_by_side(rules_of(DEAR), scorer="model", policy=POLICY, cost_multiples=multiples)
    assert replace(dearer.rules, costs=production.rules.costs) == production.rules


def test_production_pays_the_settings_costs_wherever_they_stand_among_the_multiples() -> None:
    multiples = (Decimal(2), Decimal("1.0"), Decimal(3))
    made = side_by_side(rules_of(DEAR), scorer="momentum_12_1", policy=POLICY, cost_multiples=multiples)
    assert [one.role for one in made] == ["production", "dearer", "dearer"]
    assert [one.cost_multiple for one in made] == [1, 2, 3]
    assert made[0].rules == rules_of(DEAR)


def test_multiples_of_the_costs_without_the_costs_themselves_are_refused() -> None:
    with pytest.raises(SettingsRefused, match="at 2, 3 times the costs: expected 1 among them"):
        side_by_side(rules_of(DEAR), scorer="momentum_12_1", policy=POLICY, cost_multiples=(Decimal(2), Decimal(3)))


def test_an_account_ten_times_as_large_has_limits_in_dollars_ten_times_as_large_and_fractions_as_they_are() -> None:
    rules = rules_of(DEAR)
    large = of_size(rules, 10 * CASH)
    assert large.initial_cash_usd == 10 * CASH
    assert large.limits.daily_loss_max_usd == 10 * rules.limits.daily_loss_max_usd
    assert large.limits.order_quantity_max_shares == 10 * rules.limits.order_quantity_max_shares
    assert large.limits.adv_share_max == rules.limits.adv_share_max
    assert large.costs.volume_share_max == rules.costs.volume_share_max


def test_the_price_a_size_moves_is_modelled_where_the_settings_model_none() -> None:
    flat = with_impact(CostModel(slippage_bps=Decimal(10)))
    assert (flat.half_spread_bps, flat.impact_bps) == (Decimal(5), ASSUMED_IMPACT_BPS)
    own = CostModel(half_spread_bps=Decimal(2), impact_bps=Decimal(80))
    assert with_impact(own) == own
    assert flat.adverse_bps(Decimal("0.04")) == 2 * (flat.adverse_bps(Decimal("0.01")) - 5) + 5


def test_half_of_the_ratio_is_gone_between_the_sizes_it_lies_between() -> None:
    assert capacity_usd(points(1.0, 0.75, 0.25)) == pytest.approx(10**6.5)
    assert capacity_usd(points(1.0, 0.9)) is None
    assert "1,000,000 USD more than half" in capacity_sentence(points(1.0, 0.9))
    assert "earns nothing" in capacity_sentence(points(-0.1, -0.5))


def test_the_best_third_less_the_worst_is_a_factors_return_and_few_names_are_none() -> None:
    day = np.repeat([0, 1], [9, 8])
    values = np.concatenate([np.arange(9.0), np.arange(8.0)])
    returns = np.concatenate([0.01 * np.arange(9), np.ones(8)])
    told = thirds_apart(day, values, returns, 2)
    assert told[0] == pytest.approx(0.07 - 0.01)
    assert np.isnan(told[1])


def test_what_factors_explain_and_what_none_does_add_up_to_the_whole() -> None:
    random = np.random.default_rng(3)
    market, momentum = 0.01 * random.standard_normal((2, 500))
    returns = 0.0004 + 0.8 * market - 0.3 * momentum + 0.001 * random.standard_normal(500)
    parts = explained(returns, {"market": market, "momentum": momentum}, block_sessions=20)
    assert sum(part.a_year.value for part in parts.values()) == pytest.approx(returns.mean() * SESSIONS_PER_YEAR)
    for name, true in (("market", 0.8), ("momentum", -0.3)):
        exposure = parts[name].exposure
        assert exposure is not None
        assert exposure.low < true < exposure.high
    assert parts[UNEXPLAINED].a_year.low > 0


@pytest.mark.parametrize("sessions", [21, 30, 60, 252])
def test_intervals_of_what_factors_explain_hold_the_truth_as_often_as_they_say_in_short_histories(
    sessions: int,
) -> None:
    random = np.random.default_rng(7)
    mean, slopes = 0.0004, (0.5, -0.3)
    held = []
    for _ in range(500):
        market, momentum = mean + 0.01 * random.standard_normal((2, sessions))
        returns = slopes[0] * market + slopes[1] * momentum + 0.01 * random.standard_normal(sessions)
        parts = explained(returns, {"market": market, "momentum": momentum}, block_sessions=20)
        truths = [(parts[UNEXPLAINED].a_year, 0.0)]
        for name, slope in zip(("market", "momentum"), slopes, strict=True):
            exposure = parts[name].exposure
            assert exposure is not None
            truths += [(exposure, slope), (parts[name].a_year, slope * mean * SESSIONS_PER_YEAR)]
        held.append([found.low <= true <= found.high for found, true in truths])
    # Of 500 draws the standard error is 1 of 100.
    assert np.mean(held, axis=0) == pytest.approx(0.955, abs=0.035)


def test_progress_is_told_every_few_seconds_with_what_is_left() -> None:
    now = iter([0.0, 2.0, 6.0, 7.0])
    progress = Progress(12, now_seconds=lambda: next(now))
    told = [progress.told(day) for day in lived(FREE)[:3]]
    assert told[0] == told[2] == ""
    assert "2 of 12 sessions" in told[1]
    assert told[1].endswith("about 40 s left")


def test_what_came_before_the_first_session_is_no_measure_of_the_others() -> None:
    now = iter([0.0, 60.0, 66.0, 67.0, 72.0])
    progress = Progress(12, now_seconds=lambda: next(now))
    told = [progress.told(day) for day in lived(FREE)[:4]]
    assert told[0].endswith("USD")
    assert told[1].endswith("about 60 s left")
    assert told[3].endswith("about 32 s left")
