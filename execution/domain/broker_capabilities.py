"""What a venue promises and what it can do, declared by its adapter; what is not declared is not relied on."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from execution.domain.orders import OrderClass, OrderRequest, OrderType, TimeInForce
from execution.domain.quantities import share_decimals, shares_text

IdUniqueness = Literal["forever", "open_only", "ttl", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionalSizes:
    """Which orders a venue takes for a part of a share; such an order is never linked to another.

    Attributes:
        decimals: digits after the point of the smallest part.
        order_types: order types that may have one.
        times_in_force: times in force that may have one.
    """

    decimals: int
    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]

    def fault_of(self, order: OrderRequest) -> str:
        """Return why the venue cannot take an order for a part of a share; empty when it can."""
        if share_decimals(order.quantity_shares) > self.decimals:
            return f"size {shares_text(order.quantity_shares)}; it takes {self.decimals} digits after the point"
        if order.order_type not in self.order_types:
            return f"part of a share in {order.order_type} orders; it takes {', '.join(sorted(self.order_types))}"
        if order.time_in_force not in self.times_in_force:
            return f"part of a share for {order.time_in_force}; it takes {', '.join(sorted(self.times_in_force))}"
        if order.order_class != "simple":
            return f"part of a share in {order.order_class} orders; it takes simple ones"
        return ""


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
        order_classes: how orders may be linked.
        links_wait_for_whole: whether what is attached to a buy works only once that has filled whole; else from its
            first share on.
        fractional_sizes: which orders may be for a part of a share; None where every size is whole.
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
    order_classes: frozenset[OrderClass] = frozenset({"simple"})
    links_wait_for_whole: bool = False
    fractional_sizes: FractionalSizes | None = None
    refuses_opposing_orders: bool = False

    @property
    def may_repeat(self) -> bool:
        """Whether sending an id again can never make a second order, and whether a look-up would tell."""
        return self.id_uniqueness == "forever" and self.lookup_by_client_id

    @property
    def has_fractional_shares(self) -> bool:
        """Whether quantities may be parts of a share."""
        return self.fractional_sizes is not None

    @property
    def entry_decimals(self) -> int:
        """Digits after the point that an entry's shares may have: entries are limits for the day."""
        sizes = self.fractional_sizes
        is_taken = sizes is not None and "limit" in sizes.order_types and "day" in sizes.times_in_force
        return sizes.decimals if sizes is not None and is_taken else 0

    def fault_of(self, order: OrderRequest) -> str:
        """Return why the venue cannot take an order of this kind; empty when it can."""
        if isinstance(order.quantity_shares, Decimal):
            if self.fractional_sizes is None:
                return "part of a share; it takes whole shares"
            if fault := self.fractional_sizes.fault_of(order):
                return fault
        if order.order_type not in self.order_types:
            return f"{order.order_type} orders; it takes {', '.join(sorted(self.order_types))}"
        if order.time_in_force not in self.times_in_force:
            return f"time in force {order.time_in_force}; it takes {', '.join(sorted(self.times_in_force))}"
        if order.is_extended_hours and not self.has_extended_hours:
            return "orders in extended hours; it trades in the regular session"
        if order.order_class not in self.order_classes:
            return f"{order.order_class} orders; it takes {', '.join(sorted(self.order_classes))}"
        return next((fault for fault in map(self.fault_of, order.attached) if fault), "")
