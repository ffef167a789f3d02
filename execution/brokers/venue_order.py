"""An order as the simulated venue keeps it, and the fault for which this account takes none."""

from dataclasses import dataclass, replace
from decimal import Decimal

from execution.brokers.fill_model import WorkingOrder
from execution.domain.orders import OrderRequest, OrderState, OrderType, Side, TimeInForce, WorkingStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """An order as the venue keeps it.

    Attributes:
        sequence: order of arrival; the earlier one is served first.
        time_in_force: `day` ends at the session's close, `gtc` stays.
        reserve_usd: cash per share set aside for a buy: its limit, or a guess above the last price; 0 for a sale.
        is_triggered: a stop that was reached and whose rest is now a market order.
    """

    sequence: int
    client_order_id: str
    broker_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity_shares: int
    filled_shares: int
    limit_usd: Decimal | None
    stop_usd: Decimal | None
    reserve_usd: Decimal
    is_triggered: bool
    status: WorkingStatus
    reason: str

    @property
    def remaining_shares(self) -> int:
        """Shares that have not filled."""
        return self.quantity_shares - self.filled_shares

    @property
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

    @property
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

    def ended(self, status: WorkingStatus, reason: str) -> "VenueOrder":
        """Return the order after its end."""
        return replace(self, status=status, reason=reason)


def account_fault(order: OrderRequest) -> str:
    """Return why a cash account that is never short takes no order of this side; empty when it may."""
    if order.side == "buy" and (order.is_reduce_only or order.order_type in ("stop", "trailing_stop")):
        return "nothing to reduce: this account is never short, so a buy is neither reduce-only nor a stop"
    return ""
