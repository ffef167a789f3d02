"""The last look at an entry: do the limits still hold on the newest book, in the transaction that lets the order out?

Pure. It asks the plan's own rules again, those that the account alone can answer; what the batch said of the symbol has
not changed since the plan. Nothing is cut here: an order that no longer fits was sized for another account.
"""

from collections.abc import Sequence
from typing import Final

from execution.domain.orders import ProposedOrder
from execution.risk.exposure import Exposure
from execution.risk.findings import Case
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import RULES, Blocked
from execution.risk.trading_context import TradingContext

ASKED_AGAIN: Final = frozenset(
    {
        "market_hours",
        "basket_notional",
        "order_notional",
        "order_quantity",
        "price_collar",
        "quarantined",
        "restricted",
        "entries_per_day",
        "names",
        "position_weight",
        "gross",
        "net",
        "cash",
    }
)
"""Rules of the plan that the account, the order and the quote answer without a batch."""


def last_look(
    *, order: ProposedOrder, sent_entries: Sequence[ProposedOrder], context: TradingContext, limits: RiskLimits
) -> Blocked | None:
    """Return why an entry may not go out any more, or None; orders that reduce risk always may.

    Args:
        order: the entry with the shares that would go out.
        sent_entries: entries of the same cycle sent before, whatever became of them: the basket is counted whole.
        context: the account as the newest book has it, everything that may still trade among its open orders, and the
            quotes of the moment.
        limits: what may not be exceeded.
    """
    if order.leg != "entry":
        return None
    case = Case(order, order.quantity_shares, context, limits, Exposure(context, limits, (*sent_entries, order)))
    for rule in RULES:
        finding = rule.judge(case) if rule.name in ASKED_AGAIN else None
        if finding is not None:
            return Blocked(
                order=order,
                quantity_shares=0,
                check=rule.name,
                found=finding.found,
                allowed=finding.allowed,
                reason=finding.reason,
            )
    return None
