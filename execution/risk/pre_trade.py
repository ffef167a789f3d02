"""Pre-trade checks: every proposed order meets every rule that concerns it, in declared order, and hears why.

Pure: no clock, no broker, no ledger. A rule lets an order pass, cuts it to what is allowed, or blocks it. What a rule
needs and does not know blocks with the reason "unknown". Exits meet only the rules that say so: nothing that limits
risk may keep risk from being reduced.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from execution.domain.orders import ProposedOrder
from execution.domain.quantities import Shares
from execution.risk import account_rules, book_rules, order_rules, symbol_rules
from execution.risk.exposure import Exposure
from execution.risk.findings import Case, Finding
from execution.risk.limits import RiskLimits
from execution.risk.market_hours import market_hours
from execution.risk.trading_context import TradingContext
from execution.risk.trend import trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Every rule let the order pass as proposed."""

    order: ProposedOrder
    quantity_shares: Shares
    check: str
    found: str
    allowed: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """The order may go with fewer shares; `check` is the rule that allowed the fewest."""

    order: ProposedOrder
    quantity_shares: Shares
    check: str
    found: str
    allowed: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The order may not go; `check` is the first rule that said no, and `quantity_shares` is 0."""

    order: ProposedOrder
    quantity_shares: Shares
    check: str
    found: str
    allowed: str
    reason: str


Verdict = Approved | Trimmed | Blocked


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name in every record, the orders it concerns, the function that judges, and whether it is asked."""

    name: str
    concerns: Literal["every", "entry", "exit"]
    judge: Callable[[Case], Finding | None]
    # Decisions are older than some rules: those count among the rules that passed only where somebody switched them on.
    is_on: Callable[[RiskLimits], bool] = lambda _limits: True


# Faults of the whole plan first, then the symbol's own, then what the account can carry; cuts come last, so that a cut
# is never the reason why an order passes a rule that its full size breaks. The book's own risk is judged at the size
# that is left.
RULES: Final[tuple[Rule, ...]] = (
    Rule("trading_state", "every", account_rules.trading_state),
    Rule("market_hours", "every", market_hours),
    Rule("order_shape", "every", order_rules.order_shape),
    Rule("basket_notional", "entry", order_rules.basket_notional),
    Rule("order_notional", "entry", order_rules.order_notional),
    Rule("order_quantity", "entry", order_rules.order_quantity),
    Rule("price_collar", "every", order_rules.price_collar),
    Rule("self_match", "every", order_rules.self_match),
    Rule("exit_size", "exit", order_rules.exit_size),
    Rule("restricted", "entry", symbol_rules.restricted),
    Rule("quarantined", "entry", symbol_rules.quarantined),
    Rule("tradable", "entry", symbol_rules.tradable),
    Rule("duplicate_position", "entry", symbol_rules.duplicate_position),
    Rule("cooldown", "entry", symbol_rules.cooldown),
    Rule("earnings_blackout", "entry", symbol_rules.earnings_blackout),
    Rule("macro_blackout", "entry", symbol_rules.macro_blackout),
    Rule("atr", "entry", symbol_rules.average_true_range),
    Rule("trend", "entry", trend, lambda limits: limits.trend_weeks > 0 or limits.trend_sessions > 0),
    Rule("entries_per_day", "entry", account_rules.entries_per_day),
    Rule("messages_per_day", "entry", account_rules.messages_per_day),
    Rule("losses_in_a_row", "entry", account_rules.losses_in_a_row),
    Rule("names", "entry", account_rules.names),
    Rule("daily_loss", "entry", account_rules.daily_loss),
    Rule("adv_share", "entry", symbol_rules.adv_share),
    Rule("position_weight", "entry", account_rules.position_weight),
    Rule("sector_weight", "entry", account_rules.sector_weight),
    Rule("gross", "entry", account_rules.gross),
    Rule("net", "entry", account_rules.net),
    Rule("concentration", "entry", book_rules.concentration),
    Rule("cash", "entry", account_rules.cash),
    Rule("correlation", "entry", book_rules.correlation),
    Rule("value_at_risk", "entry", book_rules.value_at_risk),
)


def review(*, orders: Sequence[ProposedOrder], context: TradingContext, limits: RiskLimits) -> tuple[Verdict, ...]:
    """Return one verdict per order, in the order given; an order let through counts in all that follow.

    Put exits first and entries by rank: what comes first gets the room there is.

    Args:
        orders: what sizing wants, in order of precedence.
        context: the account, the batch and the day so far.
        limits: what may not be exceeded.
    """
    if not orders:
        return ()
    exposure = Exposure(context, limits, orders)
    switched_on = [rule for rule in RULES if rule.is_on(limits)]
    rules = {kind: [r for r in switched_on if r.concerns in ("every", kind)] for kind in ("entry", "exit")}
    verdicts = []
    for order in orders:
        concerned = rules["entry" if order.leg == "entry" else "exit"]
        verdict = _judged(Case(order, order.quantity_shares, context, limits, exposure), concerned)
        verdicts.append(verdict)
        if not isinstance(verdict, Blocked):
            exposure.approve(order, verdict.quantity_shares)
    return tuple(verdicts)


def _judged(case: Case, concerned: Sequence[Rule]) -> Verdict:
    order = case.order
    binding: Trimmed | None = None
    for rule in concerned:
        finding = rule.judge(case)
        if finding is None:
            continue
        verdict_type = Blocked if finding.quantity_shares == 0 else Trimmed
        verdict = verdict_type(
            order=order,
            quantity_shares=finding.quantity_shares,
            check=rule.name,
            found=finding.found,
            allowed=finding.allowed,
            reason=finding.reason,
        )
        if isinstance(verdict, Blocked):
            return verdict
        binding = verdict
        case = Case(order, finding.quantity_shares, case.context, case.limits, case.exposure)
    return binding or Approved(
        order=order,
        quantity_shares=order.quantity_shares,
        check="all",
        found=f"{len(concerned)} rules passed",
        allowed="as proposed",
        reason="no rule objected",
    )
