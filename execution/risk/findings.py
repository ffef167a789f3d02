"""The value a pre-trade rule gets and the value it answers with."""

from dataclasses import dataclass
from decimal import Decimal

from execution.domain.orders import ProposedOrder
from execution.domain.quantities import Shares, affordable_shares, cents, share_decimals
from execution.domain.signals import SymbolSignal
from execution.risk.exposure import Exposure, worst_price_usd
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingContext


@dataclass(frozen=True, slots=True)
class Case:
    """One order before one rule; `quantity_shares` is what earlier rules left of it."""

    order: ProposedOrder
    quantity_shares: Shares
    context: TradingContext
    limits: RiskLimits
    exposure: Exposure

    @property
    def price_usd(self) -> Decimal:
        """The price the order is counted at: the worst it accepts."""
        return worst_price_usd(self.order)

    @property
    def share_decimals(self) -> int:
        """Digits after the point that a cut may have: the order's own, which the venue is known to take."""
        return share_decimals(self.order.quantity_shares)

    def affordable_shares(self, room_usd: Decimal) -> Shares:
        """Return how many shares fit an amount at the price the order is counted at."""
        return affordable_shares(room_usd, self.price_usd, decimals=self.share_decimals)

    @property
    def signal(self) -> SymbolSignal | None:
        """What the batch says of the symbol; None when it does not know it."""
        return self.context.signals.get(self.order.symbol)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's objection: what was found, what is allowed, why it matters, and how many shares may go (0 blocks)."""

    found: str
    allowed: str
    reason: str
    quantity_shares: Shares = 0


def unknown(what: str, allowed: str) -> Finding:
    """Return the objection of a rule that lacks what it needs: not knowing never passes."""
    return Finding(found="unknown", allowed=allowed, reason=f"unknown: {what}")


def cut_to_weight(case: Case, cap_weight: Decimal, *, carried_usd: Decimal, where: str, reason: str) -> Finding | None:
    """Return None when an order and what is carried beside it stay a part of equity, else the objection.

    Nearly every order fits, so its sentence is written only where one does not.

    Args:
        case: the order.
        cap_weight: the part of equity.
        carried_usd: what is carried without the order.
        where: what it is carried in, for a person.
        reason: why more of it matters.
    """
    fits = case.affordable_shares(cap_weight * case.context.equity_usd - carried_usd)
    if fits >= case.quantity_shares:
        return None
    total_usd = carried_usd + case.quantity_shares * case.price_usd
    return Finding(f"{dollars(total_usd)} {where}", part_of_equity(case, cap_weight), reason, fits)


def unpriced(case: Case, cap_weight: Decimal) -> Finding | None:
    """Return the objection where something held or ordered has no price, so that no total is known; else None."""
    missing = case.exposure.unpriced
    if not missing:
        return None
    told = f"no price of {', '.join(missing)}, which the account holds or orders"
    return unknown(told, part_of_equity(case, cap_weight))


def part_of_equity(case: Case, cap_weight: Decimal) -> str:
    """Return what a bounded part of equity allows, for a person."""
    return f"at most {percent(cap_weight)} of {dollars(case.context.equity_usd)}"


def dollars(amount_usd: Decimal) -> str:
    """Return an amount for a person, to the cent: `12345.60 USD`."""
    return f"{cents(amount_usd)} USD"


def percent(fraction: Decimal) -> str:
    """Return a fraction for a person, two digits after the point: `2.50 %`."""
    return f"{(fraction * 100).quantize(Decimal('0.01'))} %"
