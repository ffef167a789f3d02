"""What the venue refuses before the engine sees it, and the engine's own refusals in Alpaca's words."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from execution.brokers.venue_order import VenueOrder
from execution.domain.orders import OrderRequest, Refused
from execution.domain.quantities import Shares
from execution.venue.faults import FaultPlan
from execution.venue.order_sheet import derived_uuid
from execution.venue.order_words import FORBIDDEN, INVALID, REFUSED, Refusal

# What the engine's refusals begin with, and Alpaca's answer to each; the engine's own words follow.
_REFUSALS: Final = (
    ("duplicate", 422, INVALID, "client_order_id must be unique"),
    ("insufficient cash", 403, FORBIDDEN, "insufficient buying power"),
    ("insufficient shares", 403, FORBIDDEN, "insufficient qty available for order"),
    ("unknown symbol", 422, REFUSED, "asset not found"),
    ("", 422, REFUSED, "order refused"),
)
_BLOCKS: Final = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


def refuse_order(order: OrderRequest, *, plan: FaultPlan, held_shares: Shares, working: Iterable[VenueOrder]) -> None:
    """Do nothing with an order the house takes.

    Args:
        order: what is asked for.
        plan: what is said of account and assets.
        held_shares: of its symbol.
        working: the account's working orders.

    Raises:
        Refusal: account or asset may not trade, it would sell short, or it could trade with one of the account's own.
    """
    if any(plan.account.get(name) for name in _BLOCKS):
        raise Refusal(403, FORBIDDEN, "account is restricted from trading")
    asset = plan.assets.get(order.symbol, {})
    if asset.get("tradable") is False or asset.get("status", "active") != "active":
        raise Refusal(422, REFUSED, f"asset {order.symbol} is not active")
    if isinstance(order.quantity_shares, Decimal) and asset.get("fractionable") is False:
        raise Refusal(403, FORBIDDEN, f"asset {order.symbol} is not fractionable")
    if order.side == "sell" and not held_shares:
        raise Refusal(403, FORBIDDEN, "account is not allowed to short", symbol=order.symbol)
    for other in working:
        if _may_cross(order, other):
            raise Refusal(
                403,
                FORBIDDEN,
                "potential wash trade detected. use complex orders",
                existing_order_id=order_id_of(other.client_order_id),
                reject_reason=f"opposite side {other.order_type} order exists",
            )


def refusal_of(outcome: Refused, order: OrderRequest) -> Refusal:
    """Return the engine's refusal of an order as Alpaca would tell it."""
    for beginning, status, code, message in _REFUSALS:
        if outcome.reason.startswith(beginning):
            return Refusal(status, code, f"{message}: {outcome.reason}", symbol=order.symbol)
    raise AssertionError("the last row of the table fits every reason")


def order_id_of(client_order_id: str) -> str:
    """Return the venue's id of an order: the same for the same client order id, on any day."""
    return derived_uuid("order", client_order_id)


def _may_cross(order: OrderRequest, other: VenueOrder) -> bool:
    """Return whether an order could trade with one of the account's own, as Alpaca sees it."""
    if order.symbol != other.symbol or order.side == other.side:
        return False
    if other.group_id or order.attached:
        return False
    if order.order_type != "limit" or other.order_type != "limit" or not order.limit_usd or not other.limit_usd:
        return True
    bid, ask = (order.limit_usd, other.limit_usd) if order.side == "buy" else (other.limit_usd, order.limit_usd)
    return bid >= ask
