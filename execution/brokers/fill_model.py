"""When and at what price an order fills on a daily bar. Pure rules; the simulated venue and nothing else applies them.

A daily bar knows four prices and no order of events between them, so each rule takes the reading that is worse for us:
a stop fills before a target on the same bar, a resting limit wants the price to trade through it, and an order that
takes liquidity pays the costs on top of the open. A fill price may lie outside the bar by those costs, never better.
Whenever an order was sent during a session, the only price known to have traded after it is taken to be the open.
What is known to have traded after a trigger is the whole bar when the open was the trigger, else only the close.
"""

from dataclasses import dataclass
from decimal import Decimal

from execution.brokers.tape import TapeRow
from execution.domain.orders import STOP_TYPES, OrderType, Side
from execution.domain.quantities import Shares, floor_shares
from execution.portfolio.cost_model import CostModel


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingOrder:
    """What the rules need of an order: `remaining_shares` is not below zero.

    A triggered stop is a market order, a triggered stop-limit a limit order. The stop of a trailing stop is where its
    trail has brought it.
    """

    side: Side
    order_type: OrderType
    remaining_shares: Shares
    limit_usd: Decimal | None
    stop_usd: Decimal | None
    is_triggered: bool


@dataclass(frozen=True, slots=True)
class Fill:
    """Shares, above zero, at one price."""

    quantity_shares: Shares
    price_usd: Decimal


def available_shares(row: TapeRow | None, *, filled_shares: Shares, costs: CostModel, decimals: int = 0) -> Shares:
    """Return how many more shares the session lets an order have in a symbol: none without a bar or in a halt.

    Args:
        row: the symbol's bar of the session; None when it has none.
        filled_shares: our fills in the symbol in this session so far, both sides together.
        costs: names the largest part of the session's volume that is ours.
        decimals: digits after the point of the order's quantity: one of whole shares never fills in parts.
    """
    if row is None or row.is_halted:
        return 0
    return floor_shares(int(costs.volume_share_max * row.volume_shares) - filled_shares, decimals=decimals)


def meets_open(order: WorkingOrder) -> bool:
    """Return whether an order may fill at an open: all but stops that were not reached."""
    return order.is_triggered or order.order_type not in STOP_TYPES


def rests(order: WorkingOrder) -> bool:
    """Return whether an order rests at its limit: a limit order, or a stop-limit that was reached."""
    return order.order_type == "limit" or (order.order_type == "stop_limit" and order.is_triggered)


def fill_at_open(order: WorkingOrder, row: TapeRow, *, available: Shares, costs: CostModel) -> Fill | None:
    """Return the fill of an order that meets the open: market orders, triggered stops, and marketable limits.

    A limit is marketable when the open made worse by the costs is still within it.
    """
    if not meets_open(order):
        return None
    fill = _taking(order, row, reference_usd=row.open_usd, available=available, costs=costs)
    return fill if fill is None or _is_within_limit(order, fill.price_usd) else None


def is_stop_reached(order: WorkingOrder, row: TapeRow | None) -> bool:
    """Return whether the low reached the stop of a sale, the high that of a buy; never in a halt or without a bar."""
    if row is None or row.is_halted or order.order_type not in STOP_TYPES or order.stop_usd is None:
        return False
    return row.low_usd <= order.stop_usd if order.side == "sell" else row.high_usd >= order.stop_usd


def fill_of_stop(order: WorkingOrder, row: TapeRow, *, available: Shares, costs: CostModel) -> Fill | None:
    """Return the fill of a stop that was reached: at the stop, or at the open when the session began beyond it.

    A stop-limit takes that price when it is within the limit; else it rests at its limit from the trigger on.
    """
    if order.stop_usd is None:
        return None
    is_at_open = row.open_usd <= order.stop_usd if order.side == "sell" else row.open_usd >= order.stop_usd
    reference = row.open_usd if is_at_open else order.stop_usd
    fill = _taking(order, row, reference_usd=reference, available=available, costs=costs)
    if fill is None or _is_within_limit(order, fill.price_usd):
        return fill
    low, high = (row.low_usd, row.high_usd) if is_at_open else (row.close_usd, row.close_usd)
    return _resting(order, low_usd=low, high_usd=high, available=available)


def fill_of_resting_limit(order: WorkingOrder, row: TapeRow, *, available: Shares) -> Fill | None:
    """Return the fill of a limit that rests: at the limit, once the price has traded through it."""
    if not rests(order):
        return None
    return _resting(order, low_usd=row.low_usd, high_usd=row.high_usd, available=available)


def _resting(order: WorkingOrder, *, low_usd: Decimal, high_usd: Decimal, available: Shares) -> Fill | None:
    if order.limit_usd is None:
        return None
    traded_through = low_usd < order.limit_usd if order.side == "buy" else high_usd > order.limit_usd
    quantity = min(order.remaining_shares, available)
    return Fill(quantity, order.limit_usd) if traded_through and quantity > 0 else None


def _taking(
    order: WorkingOrder, row: TapeRow, *, reference_usd: Decimal, available: Shares, costs: CostModel
) -> Fill | None:
    quantity = min(order.remaining_shares, available)
    if quantity <= 0:
        return None
    participation = Decimal(quantity) / row.volume_shares
    price = costs.execution_price_usd(side=order.side, reference_usd=reference_usd, participation=participation)
    # A sale of a symbol worth less than its costs has no price left; the venue gives nothing for it.
    return Fill(quantity, price) if price > 0 else None


def _is_within_limit(order: WorkingOrder, price_usd: Decimal) -> bool:
    if order.limit_usd is None:
        return True
    return price_usd <= order.limit_usd if order.side == "buy" else price_usd >= order.limit_usd
