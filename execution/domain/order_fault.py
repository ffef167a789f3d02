"""What is wrong with an order as it is written: missing and superfluous prices, ticks, sides, links. Pure shape.

Neither the account nor the market is looked at, and what one venue takes is its capability table's to say.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Final

from execution.domain.orders import STOP_TYPES, OrderRequest, OrderType
from execution.domain.quantities import SHARE_DECIMALS_MAX, is_on_tick, is_share_count

_PRICES: Final[dict[OrderType, frozenset[str]]] = {
    "market": frozenset(),
    "limit": frozenset({"limit"}),
    "stop": frozenset({"stop"}),
    "stop_limit": frozenset({"limit", "stop"}),
    "trailing_stop": frozenset({"trail"}),
}
_WHOLE_BPS: Final = Decimal(10_000)
_RESTING: Final = frozenset({"day", "gtc"})


def order_fault(order: OrderRequest) -> str:
    """Return why no venue should see an order as it is written; empty when its shape is right.

    Args:
        order: with everything attached to it.
    """
    return next((fault for fault in (*_faults(order), *_links(order)) if fault), "")


def _faults(order: OrderRequest) -> Iterator[str]:
    if not order.client_order_id or not order.symbol:
        yield "an order needs a client_order_id and a symbol"
    if not is_share_count(order.quantity_shares) or order.quantity_shares <= 0:
        yield (
            f"quantity must be shares above zero of at most {SHARE_DECIMALS_MAX} digits after the point, "
            f"found {order.quantity_shares}"
        )
    yield from _prices(order)
    yield from _times(order)


def _prices(order: OrderRequest) -> Iterator[str]:
    kind, needed = order.order_type, _PRICES[order.order_type]
    for name, price in (("limit", order.limit_usd), ("stop", order.stop_usd)):
        if (price is not None) != (name in needed):
            yield f"a {kind} order has {'a' if name in needed else 'no'} {name} price, found {price}"
        if price is not None and (price <= 0 or not is_on_tick(price)):
            yield f"{name} price {price} USD is not above zero on a tick: sub-penny prices are refused"
    trails = (order.trail_usd, order.trail_bps)
    if sum(trail is not None for trail in trails) != ("trail" in needed):
        wanted = "exactly one of trail_usd and trail_bps" if "trail" in needed else "no trail"
        yield f"a {kind} order has {wanted}, found {order.trail_usd} and {order.trail_bps}"
    if order.trail_usd is not None and (order.trail_usd <= 0 or not is_on_tick(order.trail_usd)):
        yield f"trail {order.trail_usd} USD is not above zero on a tick"
    if order.trail_bps is not None and not 0 < order.trail_bps < _WHOLE_BPS:
        yield f"trail {order.trail_bps} bps is not between 0 and {_WHOLE_BPS}"
    if kind == "stop_limit" and order.limit_usd is not None and order.stop_usd is not None:
        is_apart = order.limit_usd > order.stop_usd if order.side == "sell" else order.limit_usd < order.stop_usd
        if is_apart:
            side = "above" if order.side == "sell" else "below"
            yield f"limit {order.limit_usd} lies {side} stop {order.stop_usd}: a {order.side} could not fill there"


def _times(order: OrderRequest) -> Iterator[str]:
    if order.order_type in STOP_TYPES and order.time_in_force not in _RESTING:
        yield f"a {order.order_type} order waits for its trigger: time in force {order.time_in_force} gives it no time"
    if order.is_extended_hours and (order.order_type, order.time_in_force) != ("limit", "day"):
        yield f"only day limits trade in extended hours, found {order.time_in_force} {order.order_type}"


def _links(order: OrderRequest) -> Iterator[str]:
    exits = order.attached
    if not exits:
        return
    target, stop = exits[0] if order.side == "buy" else order, exits[-1]
    kinds = [leg.order_type for leg in exits]
    wanted = ["limit", stop.order_type] if order.side == "buy" else [stop.order_type]
    if kinds != wanted or target.order_type != "limit" or stop.order_type not in STOP_TYPES:
        yield (
            "attached to a buy are its take-profit limit and its stop, to a take-profit limit its stop; "
            f"found {', '.join(kinds)} attached to a {order.side} {order.order_type}"
        )
    for leg in exits:
        yield from _faults(leg)
        if leg.attached:
            yield f"{leg.client_order_id} is attached and has orders attached: links go one step"
        if leg.side != "sell" or not leg.is_reduce_only:
            yield f"{leg.client_order_id} is attached and must be a reduce-only sale"
        for name in ("symbol", "quantity_shares", "time_in_force"):
            if getattr(leg, name) != getattr(order, name):
                yield f"linked orders share their {name}, found {getattr(order, name)} and {getattr(leg, name)}"
    if len({order.client_order_id, *(leg.client_order_id for leg in exits)}) <= len(exits):
        yield "linked orders need a client_order_id each"
    if order.time_in_force not in _RESTING or any(leg.is_extended_hours for leg in (order, *exits)):
        yield "linked orders are day or gtc, in the regular session"
    yield from _between(order, target, stop)


def _between(order: OrderRequest, target: OrderRequest, stop: OrderRequest) -> Iterator[str]:
    prices = [stop.stop_usd, order.limit_usd if order.side == "buy" else None, target.limit_usd]
    known = [price for price in prices if price is not None]
    if any(lower >= upper for lower, upper in pairwise(known)):
        yield f"stop, entry and take-profit must rise, found {', '.join(str(price) for price in known)}"
