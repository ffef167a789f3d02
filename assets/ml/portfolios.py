"""Which portfolios live the same recorded sessions side by side: production, dearer, variants beside it, other sizes.

Each is a desk of its own with a book of its own, and none knows of another. What they share is the world, and the
batches where they score alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

from assets.ml.backtest_market import Scorer
from assets.ml.policy import LearningPolicy
from execution.backtest import Rules
from execution.domain.errors import SettingsRefused
from execution.portfolio.cost_model import CostModel
from execution.risk.limits import RiskLimits

Role = Literal["production", "dearer", "beside", "size"]

ASSUMED_IMPACT_BPS: Final = Decimal(150)
"""Price moved by trading a session's whole volume, where settings model none: a large stock's daily volatility."""
_SCALED: Final = (
    "order_notional_max_usd",
    "basket_notional_max_usd",
    "daily_loss_max_usd",
    "order_quantity_max_shares",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """One desk of a backtest.

    Attributes:
        name: by which tables call it.
        role: `production` is the settings as they are; `dearer` the same at a multiple of the costs; `beside` a
            variant; `size` production with another opening cash.
        rules: what it trades by.
        scorer: the rule, or models taught on the way.
        policy: horizon and learner.
        cost_multiple: how many times its settings' costs it pays.
    """

    name: str
    role: Role
    rules: Rules
    scorer: Scorer
    policy: LearningPolicy
    cost_multiple: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Other settings, or another way to score, to live beside production."""

    name: str
    rules: Rules
    scorer: Scorer
    policy: LearningPolicy


def side_by_side(
    rules: Rules,
    *,
    scorer: Scorer,
    policy: LearningPolicy,
    cost_multiples: Sequence[Decimal] = (Decimal(1),),
    variants: Sequence[Variant] = (),
    capitals_usd: Sequence[Decimal] = (),
) -> tuple[Portfolio, ...]:
    """Return the portfolios of a trial, production first: it pays the settings' own costs, wherever 1 stands.

    Args:
        rules: production's.
        scorer: production's.
        policy: production's.
        cost_multiples: how many times the settings' costs, one portfolio each; 1 is among them.
        variants: what lives beside production, at once its own costs.
        capitals_usd: other opening cash, one portfolio each, with impact on the price and limits in proportion.

    Raises:
        SettingsRefused: 1 is not among the multiples, so that there would be no production to compare with.
    """
    if 1 not in cost_multiples:
        raise SettingsRefused(
            f"a backtest at {', '.join(map(str, cost_multiples)) or 'no'} times the costs: expected 1 among them, the "
            "settings as they are, which all else is compared with; add 1"
        )
    own_first = sorted(cost_multiples, key=lambda multiple: multiple != 1)
    multiples = [
        Portfolio(
            name=f"{multiple}x costs",
            role="dearer" if number else "production",
            rules=replace(rules, costs=rules.costs.times(multiple)),
            scorer=scorer,
            policy=policy,
            cost_multiple=multiple,
        )
        for number, multiple in enumerate(own_first)
    ]
    beside = [
        Portfolio(name=one.name, role="beside", rules=one.rules, scorer=one.scorer, policy=one.policy)
        for one in variants
    ]
    sizes = [
        Portfolio(
            name=f"{capital:,.0f} USD",
            role="size",
            rules=of_size(rules, capital),
            scorer=scorer,
            policy=policy,
        )
        for capital in capitals_usd
    ]
    return (*multiples, *beside, *sizes)


def of_size(rules: Rules, capital_usd: Decimal) -> Rules:
    """Return rules of an account of another size: limits in dollars and shares in proportion, prices that it moves.

    Limits that are fractions stay, those of a session's volume among them: they and the impact are what capacity is.
    """
    scale = capital_usd / rules.initial_cash_usd
    return replace(
        rules, initial_cash_usd=capital_usd, limits=_scaled(rules.limits, scale), costs=with_impact(rules.costs)
    )


def with_impact(costs: CostModel) -> CostModel:
    """Return costs that grow with a trade's size; where none are modelled, half the slippage is the half spread."""
    if costs.impact_bps is not None:
        return costs
    return costs.model_copy(update={"half_spread_bps": costs.slippage_bps / 2, "impact_bps": ASSUMED_IMPACT_BPS})


def _scaled(limits: RiskLimits, scale: Decimal) -> RiskLimits:
    # Scaled past the bounds that settings have: those guard a person's typing, and nothing is sent from here.
    larger = {name: type(getattr(limits, name))(max(1, getattr(limits, name) * scale)) for name in _SCALED}
    return limits.model_copy(update=larger)
