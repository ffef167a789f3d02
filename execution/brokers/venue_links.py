"""What the fill or the end of one order means for the orders linked to it. Each in a transaction of the caller.

Orders attached to a buy work as far as it has filled, or, at a venue that holds them back so long, once it has filled
whole. Of a take-profit and a stop each share is sold by one: what one has sold the other gives up, and where one ends
unfilled, so does the other.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from execution.brokers.venue_order import VenueOrder
from execution.brokers.venue_store import VenueStore
from execution.domain.orders import WorkingStatus
from execution.domain.quantities import Shares


def fill_order(
    store: VenueStore, order: VenueOrder, *, quantity_shares: Shares, price_usd: Decimal, links_wait_for_whole: bool
) -> None:
    """Store an order after a fill.

    Args:
        store: where it is kept.
        order: before the fill.
        quantity_shares: of the fill.
        price_usd: of the fill.
        links_wait_for_whole: what is attached to a buy works only once that has filled whole.
    """
    filled = order.filled_shares + quantity_shares
    is_filled = filled == order.quantity_shares
    end: dict[str, Any] = {"status": "filled", "reason": ""} if is_filled else {}
    store.update_order(replace(order, filled_shares=filled, **end))
    for other in store.linked_orders(order):
        if order.is_linked_entry:
            if links_wait_for_whole and not is_filled:
                continue
            waiting = 0 if links_wait_for_whole else other.waiting_shares - quantity_shares
            store.update_order(replace(other, waiting_shares=waiting).trailed(price_usd))
        elif not other.is_linked_entry:
            reason = f"{order.client_order_id} sold what it was to sell"
            _give_up(store, other, quantity_shares, waiting_shares=other.waiting_shares, reason=reason)


def end_order(store: VenueStore, order: VenueOrder, status: WorkingStatus, reason: str) -> None:
    """Store an order's end."""
    store.update_order(order.ended(status, reason))
    for other in store.linked_orders(order):
        if order.is_linked_entry:
            _give_up_waiting(store, other)
        elif not other.is_linked_entry:
            store.update_order(other.ended(status, f"linked to {order.client_order_id}: {reason}"))


def end_waiting(store: VenueStore) -> None:
    """Let go of shares that wait for a buy that was ended from outside, as by a halt that leaves stops working."""
    for order in store.open_orders():
        entry = store.order(order.group_id) if order.waiting_shares else None
        if entry is not None and entry.status != "open":
            _give_up_waiting(store, order)


def _give_up_waiting(store: VenueStore, order: VenueOrder) -> None:
    reason = f"{order.group_id} ended before it had bought what this was to sell"
    _give_up(store, order, order.waiting_shares, waiting_shares=0, reason=reason)


def _give_up(store: VenueStore, order: VenueOrder, shares: Shares, *, waiting_shares: Shares, reason: str) -> None:
    # An end is told with the quantity that was asked for; a venue shows no order of nothing.
    if order.quantity_shares - order.filled_shares == shares:
        store.update_order(order.ended("cancelled", reason))
        return
    store.update_order(replace(order, quantity_shares=order.quantity_shares - shares, waiting_shares=waiting_shares))
