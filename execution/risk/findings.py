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


def cut(case: Case, *, room_usd: Decimal, found: str, allowed: str, reason: str) -> Finding | None:
    """Return None when the order fits the room left, else the objection with the shares that do fit."""
    fits = affordable_shares(room_usd, case.price_usd, decimals=case.share_decimals)
    return None if fits >= case.quantity_shares else Finding(found, allowed, reason, fits)


def dollars(amount_usd: Decimal) -> str:
    """Return an amount for a person, to the cent: `12345.60 USD`."""
    return f"{cents(amount_usd)} USD"


def percent(fraction: Decimal) -> str:
    """Return a fraction for a person, two digits after the point: `2.50 %`."""
    return f"{(fraction * 100).quantize(Decimal('0.01'))} %"
