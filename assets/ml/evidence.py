"""What speaks for a model besides its walk-forward: money over the market on every judged day, beside rules and luck.

Nothing here depends on what else was ever tried; that is counted where promotion is decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from assets.ml.combinatorial import path_scores
from assets.ml.dataset import Floats, TrainingSet
from assets.ml.held_returns import ReturnGrid, held_weights, luck_quantile, net_returns, turnover
from assets.ml.judgement import Estimate, estimate
from assets.ml.judging import unsealed_returns
from assets.ml.policy import LearningPolicy
from assets.ml.rule_strategies import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleComparison:
    """A rule held the same way, on the days it spoke.

    Attributes:
        days: days on which it held anything.
        net_bps: its mean return over the market a day, after costs.
        model_less_rule_bps: the model's on the same days, less the rule's.
    """

    days: int
    net_bps: float
    model_less_rule_bps: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How the model's best fifth, held for the horizon, did on days it had not learned from.

    Attributes:
        days: days judged.
        net_bps: mean return over holding every member alike, a day, after costs; the mean of all paths.
        path_net_bps: the same of each path.
        turnover: mean share of the money bought plus sold in a day.
        luck_quantile: share of random portfolios with the same turnover that earned less.
        rules: comparison with each rule that spoke, by name.
    """

    days: int
    net_bps: Estimate
    path_net_bps: tuple[float, ...]
    turnover: float
    luck_quantile: float
    rules: Mapping[str, RuleComparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyRecord:
    """Returns over the market after costs, day by day, as fractions, on the same days for all.

    Attributes:
        days: ascending.
        model: the model's, mean of its paths.
        rules: each rule's, by name; 0 on days it held nothing.
    """

    days: tuple[date, ...]
    model: tuple[float, ...]
    rules: Mapping[str, tuple[float, ...]]


def gathered(
    training_set: TrainingSet, names: tuple[str, ...], *, policy: LearningPolicy
) -> tuple[Evidence, DailyRecord]:
    """Return the evidence for a learner on a training set, and the daily returns behind it.

    Args:
        training_set: the rows.
        names: features the learner uses.
        policy: groups, costs, learner and seed.

    Raises:
        DataError: too few days for the groups.
    """
    rows, paths = path_scores(training_set, names, policy)
    grid = ReturnGrid.of(training_set, rows, unsealed_returns(training_set, policy)[rows, 0])
    cost_bps, horizon = policy.promotion.cost_bps, training_set.horizon_sessions
    held = [held_weights(grid, scores, horizon_sessions=horizon) for scores in paths]
    by_path = np.array([net_returns(grid, weights, cost_bps=cost_bps) for weights in held])
    model = by_path.mean(axis=0)
    block = horizon + 1
    rules: dict[str, Floats] = {}
    compared: dict[str, RuleComparison] = {}
    for rule in RULES:
        weights = held_weights(
            grid, rule.scores(training_set.features[rows], training_set.feature_names), horizon_sessions=horizon
        )
        spoke = weights.any(axis=1)
        if spoke.any():
            rules[rule.name] = net_returns(grid, weights, cost_bps=cost_bps)
            difference = 1e4 * (model - rules[rule.name])[spoke]
            compared[rule.name] = RuleComparison(
                days=int(spoke.sum()),
                net_bps=float(1e4 * rules[rule.name][spoke].mean()),
                model_less_rule_bps=estimate(difference, block_sessions=block),
            )
    evidence = Evidence(
        days=len(grid.days),
        net_bps=estimate(1e4 * model, block_sessions=block),
        path_net_bps=tuple((1e4 * by_path.mean(axis=1)).tolist()),
        turnover=float(np.mean([turnover(weights).mean() for weights in held])),
        luck_quantile=luck_quantile(grid, np.mean(held, axis=0), seed=policy.seed),
        rules=compared,
    )
    record = DailyRecord(
        days=tuple(grid.days.astype("datetime64[D]").tolist()),
        model=tuple(model.tolist()),
        rules={name: tuple(values.tolist()) for name, values in rules.items()},
    )
    return evidence, record
