"""Shares, what they cost, and what was earned on them: exact arithmetic of fills and corporate actions.

Cost is carried, not an average, and fees belong to it: whatever the order of fills, cash plus the cost of what is held
equals opening cash plus what was realised, to the last digit. Dividends and payments for fractions count as realised.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.quantities import Shares, state_shares, unsigned_shares

CENT: Final = Decimal("0.01")
_SHOWN: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One symbol's holding and history.

    Attributes:
        shares: signed shares; negative only when somebody else sold short on the account.
        cost_usd: what the shares held cost, fees included; negative for a short position.
        realised_usd: earned so far on shares no longer held, plus dividends.
        entered_at: the fill that opened what is held now; None when nothing is held.
    """

    symbol: str
    shares: Shares = 0
    cost_usd: Decimal = Decimal(0)
    realised_usd: Decimal = Decimal(0)
    entered_at: datetime | None = None

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "shares")

    @property
    def average_cost_usd(self) -> Decimal:
        """Cost per share held, rounded to a millionth of a dollar; 0 when nothing is held."""
        return (self.cost_usd / self.shares).quantize(_SHOWN, ROUND_HALF_EVEN) if self.shares else Decimal(0)

    def unrealised_usd(self, close_usd: Decimal) -> Decimal:
        """Return market value at a close less cost."""
        return self.shares * close_usd - self.cost_usd


def cash_flow_usd(fill: BrokerFill) -> Decimal:
    """Return what a fill adds to cash: negative for a buy, fees taken off in both directions."""
    value = fill.quantity_shares * fill.price_usd
    return (-value if fill.side == "buy" else value) - fill.fee_usd


def after_fill(position: Position, fill: BrokerFill) -> Position:
    """Return a position after a fill of its symbol.

    A fill that reduces takes cost away in proportion, rounded to the cent; the last of them takes what is left, so
    nothing is lost to rounding. A fill that turns the position closes it first and opens the rest. One that takes
    another back is a trade here; a ledger leaves out both (`execution.ledger.moves`).
    """
    direction = 1 if fill.side == "buy" else -1
    opening: Shares = fill.quantity_shares
    cost, realised, fee = position.cost_usd, position.realised_usd, fill.fee_usd
    if position.shares * direction < 0:
        held = unsigned_shares(position.shares)
        closing = min(fill.quantity_shares, held)
        opening = fill.quantity_shares - closing
        removed = cost if closing == held else _share_of(cost, closing, held)
        realised += -direction * closing * fill.price_usd - fee - removed
        cost -= removed
        fee = Decimal(0)
    if opening:
        cost += direction * opening * fill.price_usd + fee
    shares = position.shares + direction * fill.quantity_shares
    is_opened = shares != 0 and position.shares * shares <= 0
    entered_at = fill.filled_at if is_opened else position.entered_at
    return replace(
        position, shares=shares, cost_usd=cost, realised_usd=realised, entered_at=entered_at if shares else None
    )


def after_action(position: Position, entry: CorporateActionEntry) -> Position:
    """Return a position after a corporate action of its symbol.

    A split keeps the cost and pays fractions as realised cash; a dividend is realised; a delisting, or a split that
    leaves no share, realises its cash less the remaining cost.
    """
    shares = position.shares + entry.quantity_delta_shares
    realised = position.realised_usd + entry.cash_usd
    if shares == 0:
        return Position(symbol=position.symbol, realised_usd=realised - position.cost_usd)
    return replace(position, shares=shares, realised_usd=realised)


def after_adjustment(position: Position, *, shares_delta: Shares, cost_usd: Decimal, at: datetime) -> Position:
    """Return a long position after shares came in at a cost, or went out with theirs; nothing is realised.

    Args:
        position: before.
        shares_delta: shares that came in, or with a minus went out; never more than are held.
        cost_usd: what shares that came in are booked at.
        at: when, which is when it was entered if nothing was held.
    """
    shares = position.shares + shares_delta
    if shares_delta < 0:
        cost_usd = -(_share_of(position.cost_usd, -shares_delta, position.shares) if shares else position.cost_usd)
    entered_at = (position.entered_at or at) if shares else None
    return replace(position, shares=shares, cost_usd=position.cost_usd + cost_usd, entered_at=entered_at)


def _share_of(cost_usd: Decimal, part: Shares, whole: Shares) -> Decimal:
    return (cost_usd * part / whole).quantize(CENT, ROUND_HALF_EVEN)
