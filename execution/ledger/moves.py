"""What moved a position, and the position that comes of it when executions that were taken back never were."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from execution.domain.events import AccountAdjusted, CorporateActionBooked, FillBooked
from execution.domain.orders import BrokerFill
from execution.domain.positions import Position, after_action, after_adjustment, after_fill

Move = FillBooked | CorporateActionBooked | AccountAdjusted
"""A fact that changes shares, cost or profit of a symbol."""


def after_move(position: Position, move: Move) -> Position:
    """Return a position after a move of its symbol."""
    match move:
        case FillBooked():
            return after_fill(position, move.fill)
        case CorporateActionBooked():
            return after_action(position, move.entry)
        case AccountAdjusted():
            return after_adjustment(position, shares_delta=move.shares_delta, cost_usd=move.cost_usd, at=move.at)


def undoes(reversal: BrokerFill, fill: BrokerFill) -> bool:
    """Return whether a reversal is of exactly this execution: order, symbol, shares and price, on the other side."""
    told, taken = ((one.client_order_id, one.symbol, one.quantity_shares, one.price_usd) for one in (reversal, fill))
    return told == taken and reversal.side != fill.side and reversal.reverses == fill.execution_id


def position_after(symbol: str, moves: Sequence[Move]) -> Position:
    """Return a position as if what was taken back had never been bought or sold; only fees that were kept are lost.

    Where a split, a delisting or a transfer stands between the two, the shares are no longer those of the execution:
    there, and where a reversal is not exactly of what it names, it counts as a trade.

    Args:
        symbol: exchange symbol.
        moves: everything that moved it, in the order it was booked.
    """
    left_out = taken_back(moves)
    position = Position(symbol=symbol)
    for place, move in enumerate(moves):
        if place not in left_out:
            position = after_move(position, move)
    kept_fees_usd = sum((fill.fee_usd for fill in left_out.values()), Decimal(0))
    return replace(position, realised_usd=position.realised_usd - kept_fees_usd)


def taken_back(moves: Sequence[Move]) -> dict[int, BrokerFill]:
    """Return executions that were taken back and those that took them back, by their place among the moves."""
    found: dict[int, BrokerFill] = {}
    standing: dict[str, tuple[int, BrokerFill]] = {}
    for place, move in enumerate(moves):
        match move:
            case FillBooked(fill=fill) if fill.reverses is None:
                standing[fill.execution_id] = (place, fill)
            case FillBooked(fill=fill):
                # An execution is taken back once: the first that names it is believed or nothing is.
                named = standing.pop(fill.reverses or "", None)
                if named is not None and undoes(fill, named[1]):
                    found |= {named[0]: named[1], place: fill}
            case CorporateActionBooked(entry=entry) if not entry.quantity_delta_shares:
                pass
            case _:
                standing.clear()
    return found
