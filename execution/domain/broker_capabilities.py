"""What a venue promises and what it can do, declared by its adapter; what is not declared is not relied on."""

from dataclasses import dataclass
from typing import Literal

from execution.domain.orders import OrderClass, OrderRequest, OrderType, TimeInForce

IdUniqueness = Literal["forever", "open_only", "ttl", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCapabilities:
    """One venue's promises.

    Attributes:
        id_uniqueness: how long a used client order id is refused: for ever, while its order is open, for a time, never.
        lookup_by_client_id: whether `order` finds an order by the id we gave it.
        answer_seconds: longest time a submission may be under way before its answer or its time-out.
        visibility_lag_seconds: longest time an accepted order may be missing from look-ups.
        order_types: order types it takes.
        times_in_force: times in force it takes.
        has_extended_hours: whether orders may trade outside of the regular session.
        has_fractional_shares: whether quantities may be parts of a share.
        order_classes: how orders may be linked.
        refuses_opposing_orders: whether a sale is refused while a purchase of the same symbol works, and the other way
            round, as a possible wash trade.
    """

    id_uniqueness: IdUniqueness
    lookup_by_client_id: bool
    answer_seconds: float
    visibility_lag_seconds: float
    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    has_extended_hours: bool
    has_fractional_shares: bool
    order_classes: frozenset[OrderClass] = frozenset({"simple"})
    refuses_opposing_orders: bool = False

    @property
    def may_repeat(self) -> bool:
        """Whether sending an id again can never make a second order, and whether a look-up would tell."""
        return self.id_uniqueness == "forever" and self.lookup_by_client_id

    def fault_of(self, order: OrderRequest) -> str:
        """Return why the venue cannot take an order of this kind; empty when it can."""
        if order.order_type not in self.order_types:
            return f"{order.order_type} orders; it takes {', '.join(sorted(self.order_types))}"
        if order.time_in_force not in self.times_in_force:
            return f"time in force {order.time_in_force}; it takes {', '.join(sorted(self.times_in_force))}"
        if order.is_extended_hours and not self.has_extended_hours:
            return "orders in extended hours; it trades in the regular session"
        if order.order_class not in self.order_classes:
            return f"{order.order_class} orders; it takes {', '.join(sorted(self.order_classes))}"
        return next((fault for fault in map(self.fault_of, order.attached) if fault), "")
