"""Exits as data: which rule says that a position, or a part of it, is to be sold, and with which numbers.

A rule is a name, conditions that must all hold, and the part of the position to sell. Several rules are alternatives:
the first due in the declared order speaks, except that a rule that sells everything is asked before one that sells a
part. There is nothing to parse and nothing to evaluate but a fact against a number, so a file of rules can do no harm.

    exits:
      - name: time_is_up
        when: [{fact: held_sessions, at_least: 10}]
      - name: first_target
        when: [{fact: gain_atr, at_least: 2}]
        sell_fraction: 0.5
      - name: bear_and_losing
        when: [{fact: regime, one_of: [bear_calm, bear_volatile]}, {fact: gain_fraction, at_most: -0.02}]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from execution.domain.quantities import Shares, share_decimals, stated_shares

NumericFact = Literal[
    "held_sessions",
    "gain_fraction",
    "gain_atr",
    "drop_from_high_fraction",
    "drop_from_high_atr",
    "score",
    "rank_fraction",
    "expected_return_bps",
    "vix_points",
]
Regime = Literal["bull_calm", "bull_volatile", "bear_calm", "bear_volatile"]
_BOUND = Field(default=None, ge=-1_000_000, le=1_000_000, allow_inf_nan=False)


class NumberCondition(BaseModel):
    """A fact of the position compared with a number; exactly one of the two bounds, the bound itself included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fact: NumericFact = Field(description="What is compared; units are in its name, fractions are not per cent.")
    at_least: Decimal | None = _BOUND
    at_most: Decimal | None = _BOUND

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"condition on {self.fact}: give exactly one of at_least and at_most")
        return self


class RegimeCondition(BaseModel):
    """The market's regime is one of those named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fact: Literal["regime"] = Field(description="The batch's market regime.")
    one_of: tuple[Regime, ...] = Field(min_length=1, description="Regimes in which the condition holds.")


Condition = NumberCondition | RegimeCondition


class ExitRule(BaseModel):
    """One rule: when every condition holds, so much of the position is sold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,31}$", description="What reports call it; unique among the rules of a strategy."
    )
    when: tuple[Condition, ...] = Field(min_length=1, description="Conditions that must all hold.")
    sell_fraction: Decimal = Field(
        default=Decimal(1),
        gt=0,
        le=1,
        description="Part of the position to sell, rounded up to a whole share; a part is sold once per position.",
    )


def _named_once(rules: tuple[ExitRule, ...]) -> tuple[ExitRule, ...]:
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"exit rules {', '.join(twice)} are named twice: reports tell rules apart by their names")
    return rules


ExitRules = Annotated[tuple[ExitRule, ...], AfterValidator(_named_once)]
"""A strategy's rules in the order they are asked, each name once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFacts:
    """What is known of one long position when its exits are judged; None is unknown, and unknown never sells.

    Attributes:
        quantity_shares: shares held, above zero.
        price_usd: the price judged at: the close, or a quote while the market is open.
        entry_usd: mean price of its entry's fills, split-adjusted.
        high_usd: highest close since the entry, its own price included, split-adjusted.
        atr14_usd: average true range over 14 sessions.
        held_sessions: sessions held, the entry's is the first.
        score: the batch's score.
        rank_fraction: place among the scored symbols, 0 is best, 1 is worst.
        expected_return_bps: expected return over the horizon, net of the market.
        regime: the market's regime.
        vix_points: the volatility index.
        parts_sold: names of the rules by which a part of this position was sold already.
    """

    quantity_shares: Shares
    price_usd: Decimal | None
    entry_usd: Decimal | None
    high_usd: Decimal | None
    atr14_usd: Decimal | None
    held_sessions: int
    score: Decimal | None = None
    rank_fraction: Decimal | None = None
    expected_return_bps: Decimal | None = None
    regime: str | None = None
    vix_points: Decimal | None = None
    parts_sold: frozenset[str] = frozenset()

    @property
    def gain_usd(self) -> Decimal | None:
        """Price less entry, per share; negative is a loss."""
        return None if self.price_usd is None or self.entry_usd is None else self.price_usd - self.entry_usd

    @property
    def drop_from_high_usd(self) -> Decimal | None:
        """Highest close since the entry less price, per share; never negative."""
        if self.price_usd is None or self.high_usd is None:
            return None
        return max(Decimal(0), self.high_usd - self.price_usd)

    def value(self, fact: NumericFact) -> Decimal | None:
        """Return a fact as a number; None when something it is made of is unknown."""
        match fact:
            case "held_sessions":
                return Decimal(self.held_sessions)
            case "gain_fraction":
                return _ratio(self.gain_usd, self.entry_usd)
            case "gain_atr":
                return _ratio(self.gain_usd, self.atr14_usd)
            case "drop_from_high_fraction":
                return _ratio(self.drop_from_high_usd, self.high_usd)
            case "drop_from_high_atr":
                return _ratio(self.drop_from_high_usd, self.atr14_usd)
            case "score":
                return self.score
            case "rank_fraction":
                return self.rank_fraction
            case "expected_return_bps":
                return self.expected_return_bps
            case "vix_points":
                return self.vix_points


@dataclass(frozen=True, slots=True)
class DueExit:
    """A sale that is due: the exit rule's name, empty for another reason to sell; the shares; why, with its numbers."""

    rule: str
    sell_shares: Shares
    reason: str


def due_exit(rules: Sequence[ExitRule], facts: PositionFacts) -> DueExit | None:
    """Return the exit that is due for a position; None when no rule is.

    Args:
        rules: in declared order, names unique.
        facts: what is known of the position.
    """
    everything = [rule for rule in rules if rule.sell_fraction == 1]
    parts = [rule for rule in rules if rule.sell_fraction < 1 and rule.name not in facts.parts_sold]
    for rule in (*everything, *parts):
        found = [_found(condition, facts) for condition in rule.when]
        if all(told is not None for told in found):
            step = Decimal(1).scaleb(-share_decimals(facts.quantity_shares))
            shares = stated_shares((facts.quantity_shares * rule.sell_fraction).quantize(step, rounding=ROUND_UP))
            return DueExit(rule.name, shares, f"{rule.name}: {'; '.join(told for told in found if told)}")
    return None


def _found(condition: NumberCondition | RegimeCondition, facts: PositionFacts) -> str | None:
    """Return what was found when a condition holds, as text; None when it does not hold or is unknown."""
    if isinstance(condition, RegimeCondition):
        return f"regime {facts.regime}" if facts.regime in condition.one_of else None
    value = facts.value(condition.fact)
    if value is None:
        return None
    if condition.at_least is not None and value >= condition.at_least:
        return f"{condition.fact} {value:.4g}, at least {condition.at_least}"
    if condition.at_most is not None and value <= condition.at_most:
        return f"{condition.fact} {value:.4g}, at most {condition.at_most}"
    return None


def _ratio(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return None if part is None or whole is None or whole <= 0 else part / whole
