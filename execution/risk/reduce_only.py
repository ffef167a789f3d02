"""What each trading state lets out. In `reducing`, no order may take a position further from zero."""

from execution.domain.events import ControlState
from execution.domain.orders import Side
from execution.domain.quantities import Shares


def may_go_out(
    state: ControlState, *, side: Side, quantity_shares: Shares, held_shares: Shares, exposed_shares: Shares = 0
) -> bool:
    """Return whether an order may be sent in a trading state.

    Args:
        state: `active` lets everything out, `halted` nothing.
        side: buy or sell.
        quantity_shares: shares the order may trade, above zero.
        held_shares: signed shares of its symbol.
        exposed_shares: shares that other open orders of the same side and symbol may still trade. They count: two
            orders that each reduce could turn the position together.
    """
    if state != "reducing":
        return state == "active"
    reducible = held_shares if side == "sell" else -held_shares
    return quantity_shares + exposed_shares <= reducible
