"""An order as the simulated venue keeps it, and the fault for which this account takes none."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Final

from execution.brokers.fill_model import WorkingOrder
from execution.domain.orders import OrderRequest, OrderState, OrderType, Side, TimeInForce, WorkingStatus
from execution.domain.quantities import Shares, tick_below_usd

_WHOLE_BPS: Final = Decimal(10_000)


@dataclass(frozen=True, kw_only=True)
class VenueOrder:
    """An order as the venue keeps it. It is looked up many times a day, and most days nothing happens to it.

    Attributes:
        sequence: order of arrival; the earlier one is served first.
        time_in_force: `day` ends at the session's close, `gtc` stays.
        reserve_usd: cash per share set aside for a buy: its limit, or a guess above the last price; 0 for a sale.
        is_triggered: a stop that was reached and whose rest is now a market order, or a limit order with a limit.
        trail_usd: how far the stop of a trailing stop stays below the highest price; None where it is a part of it.
        trail_bps: the same as a part of that price.
        high_usd: for a trailing stop, the highest price seen since it was accepted; `stop_usd` follows it.
        waiting_shares: of an order attached to a buy, the shares that the buy has not bought.
        group_id: of linked orders, the client order id of the one they came with; empty for others.
    """

    sequence: int
    client_order_id: str
    broker_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity_shares: Shares
    filled_shares: Shares
    limit_usd: Decimal | None
    stop_usd: Decimal | None
    reserve_usd: Decimal
    is_triggered: bool
    status: WorkingStatus
    reason: str
    trail_usd: Decimal | None = None
    trail_bps: Decimal | None = None
    high_usd: Decimal | None = None
    waiting_shares: Shares = 0
    group_id: str = ""

    @property
    def remaining_shares(self) -> Shares:
        """Shares that may fill now."""
        return self.quantity_shares - self.filled_shares - self.waiting_shares

    @property
    def is_linked_entry(self) -> bool:
        """Whether it is the buy that others wait for."""
        return self.side == "buy" and self.client_order_id == self.group_id

    @cached_property
    def working(self) -> WorkingOrder:
        """The order as the fill rules see it."""
        return WorkingOrder(
            side=self.side,
            order_type=self.order_type,
            remaining_shares=self.remaining_shares,
            limit_usd=self.limit_usd,
            stop_usd=self.stop_usd,
            is_triggered=self.is_triggered,
        )

    @cached_property
    def state(self) -> OrderState:
        """The order as the port shows it."""
        return OrderState(
            client_order_id=self.client_order_id,
            broker_order_id=self.broker_order_id,
            symbol=self.symbol,
            side=self.side,
            quantity_shares=self.quantity_shares,
            filled_shares=self.filled_shares,
            status=self.status,
            order_type=self.order_type,
            limit_usd=self.limit_usd,
            stop_usd=self.stop_usd,
            reason=self.reason,
        )

    def trailed(self, price_usd: Decimal) -> "VenueOrder":
        """Return a trailing stop after a price was seen, its stop raised where the price is a new high; else itself."""
        if self.order_type != "trailing_stop" or self.is_triggered:
            return self
        high = price_usd if self.high_usd is None else max(price_usd, self.high_usd)
        trail = self.trail_usd if self.trail_bps is None else high * self.trail_bps / _WHOLE_BPS
        stop = tick_below_usd(max(Decimal(0), high - (trail or 0)))
        return replace(self, high_usd=high, stop_usd=stop or None)

    def ended(self, status: WorkingStatus, reason: str) -> "VenueOrder":
        """Return the order after its end."""
        return replace(self, status=status, reason=reason)


def account_fault(order: OrderRequest) -> str:
    """Return why a cash account that is never short takes no order of this side; empty when it may."""
    if order.side == "buy" and (order.is_reduce_only or order.order_type in ("stop", "trailing_stop")):
        return "nothing to reduce: this account is never short, so a buy is neither reduce-only nor a stop"
    return ""
