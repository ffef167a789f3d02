"""A bracket: the take-profit and the stop that go to the venue with an entry, in one piece, for the day.

Both work from the first share the entry has bought, or from its last one where the venue holds them back so long, so no
crash of ours leaves a filled entry without a stop. They end with the session, as the entry does: an order that outlives
us is one nobody may be there to end. After the close the settle act sends a stop that stays for what is still held
(`settle.py`).
"""

from decimal import Decimal

from execution.domain.orders import Leg, OrderRequest, ProposedOrder, attached_order_id
from execution.domain.quantities import tick_above_usd
from execution.session.desk import Desk


def exits_with(desk: Desk, entry: OrderRequest, proposed: ProposedOrder) -> tuple[OrderRequest, ...]:
    """Return what is attached to an entry: its take-profit and its stop.

    Nothing by another policy, at a venue that takes no brackets, and for a part of a share, which goes alone: the stop
    is then sent behind the fill.

    Args:
        desk: for its policy and its venue.
        entry: the order that buys.
        proposed: what it was made of, with the stop that sizing reckoned.
    """
    is_taken = "bracket" in desk.broker.capabilities.order_classes and isinstance(entry.quantity_shares, int)
    if desk.sizing.protective_stop != "bracket" or not is_taken or entry.leg != "entry":
        return ()
    if entry.limit_usd is None or proposed.stop_usd is None:
        return ()
    distance = proposed.reference_price_usd - proposed.stop_usd
    target = tick_above_usd(entry.limit_usd + desk.sizing.take_profit_multiple * distance)
    return (
        _leg(entry, limit_usd=target, stop_usd=None),
        _leg(entry, limit_usd=None, stop_usd=proposed.stop_usd),
    )


def _leg(entry: OrderRequest, *, limit_usd: Decimal | None, stop_usd: Decimal | None) -> OrderRequest:
    leg: Leg = "stop" if limit_usd is None else "take_profit"
    return OrderRequest(
        client_order_id=attached_order_id(entry.client_order_id, leg),
        symbol=entry.symbol,
        side="sell",
        leg=leg,
        quantity_shares=entry.quantity_shares,
        order_type="stop" if limit_usd is None else "limit",
        time_in_force=entry.time_in_force,
        limit_usd=limit_usd,
        stop_usd=stop_usd,
        is_reduce_only=True,
    )
