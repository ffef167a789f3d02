"""A ladder: the limits one entry tries one after the other, each an order of the plan, and never two of them at work.

Pure over the book. Every rung is decided with the plan, under an id of its own and for the whole size, so an approval
covers every price that can go out. Which of them may go out, and for how many shares, follows from what became of those
before it: a rung follows the proven end of the former, for what that one did not buy.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

from execution.domain.canonical import canonical_text
from execution.domain.events import OrderIntended
from execution.domain.quantities import Shares, tick_below_usd
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.session.desk import Desk

Planned = TypeVar("Planned", bound=OrderIntended | OrderRecord)


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether an entry that was decided may go out now.

    Attributes:
        shares: shares it may go out for; 0 while its turn has not come.
        over: why its turn will never come; empty while it may.
    """

    shares: Shares
    over: str = ""


def rung_limits_usd(*, reference_usd: Decimal, limit_usd: Decimal, rungs: int) -> tuple[Decimal, ...]:
    """Return the limits of a ladder, rising from a reference price to the last limit in even steps.

    Args:
        reference_usd: the price both sides met at last: the close of the decision session.
        limit_usd: the worst acceptable price, on a tick; it is the last rung.
        rungs: how many at most; fewer where ticks leave no room between two.

    Returns:
        Dollars a share, on ticks, each above the one before, none above the last.
    """
    step = (limit_usd - reference_usd) / max(1, rungs - 1)
    below = {tick_below_usd(reference_usd + step * number) for number in range(rungs - 1)}
    return (*sorted(usd for usd in below if 0 < usd < limit_usd), limit_usd)


def rungs_of(desk: Desk, entry: OrderIntended, session: date) -> tuple[OrderIntended, ...]:
    """Return the orders an entry goes out as, the lowest limit first: itself alone where it tries one limit.

    Args:
        desk: for its policy, and for the ids.
        entry: the entry at the limit it was judged by; no rung is dearer.
        session: its decision session.
    """
    reference, limit = entry.reference_price_usd, entry.order.limit_usd
    # What goes with its exits goes in one piece: they would end with each rung.
    if desk.sizing.entry_rungs == 1 or entry.order.attached or reference is None or limit is None:
        return (entry,)
    limits = rung_limits_usd(reference_usd=reference, limit_usd=limit, rungs=desk.sizing.entry_rungs)
    return tuple(_rung(desk, entry, session, number=number, limits=limits) for number in range(1, len(limits) + 1))


def once_each(orders: Iterable[Planned]) -> tuple[Planned, ...]:
    """Return a plan's orders, as decided or as recorded since, with each entry once: of a ladder the dearest rung."""
    told = tuple(orders)
    lower = {one.order.client_order_id for one, behind in pairwise(told) if _is_next_rung(one, behind)}
    return tuple(intent for intent in told if intent.order.client_order_id not in lower)


def ladder_of(book: Book, record: OrderRecord) -> tuple[OrderRecord, ...]:
    """Return the orders an entry goes out as, the lowest limit first: itself alone where it tries one limit."""
    of_cycle = book.orders_of(record.cycle_id, symbol=record.order.symbol)
    return tuple(other for other in of_cycle if other.order.leg == "entry")


def next_rung(book: Book, record: OrderRecord) -> OrderRecord | None:
    """Return the rung behind an entry; None behind the last one and for any other order."""
    if record.order.leg != "entry":
        return None
    order_id = record.order.client_order_id
    pairs = pairwise(ladder_of(book, record))
    return next((higher for lower, higher in pairs if lower.order.client_order_id == order_id), None)


def turn_of(book: Book, record: OrderRecord) -> Turn:
    """Return whether an entry that was decided and not sent may go out now, and for how many shares.

    Each rung before it must have been given up for the one behind it, and must have ended so by the venue's proof. What
    any of them ever bought is taken off, also where the fill was taken back since: a correction may follow.
    """
    order_id = record.order.client_order_id
    bought: Shares = 0
    for former, follower in pairwise(ladder_of(book, record)):
        if former.order.client_order_id == order_id:
            break
        if former.state == "intended" or former.is_unproven:
            return Turn(0)
        bought += bought_shares(book, former)
        if former.state != "cancelled" or former.followed_by != follower.order.client_order_id:
            return Turn(0, f"not needed: its entry at {canonical_text(former.order.limit_usd)} USD is {former.state}")
    rest = record.order.quantity_shares - bought
    return Turn(rest) if rest > 0 else Turn(0, "not needed: everything planned was bought")


def bought_shares(book: Book, record: OrderRecord) -> Shares:
    """Return the shares an order ever bought, those taken back included."""
    order_id = record.order.client_order_id
    fills = (booked.fill for booked in book.fills_in.get(record.order.symbol, ()))
    return sum(fill.quantity_shares for fill in fills if fill.client_order_id == order_id and fill.reverses is None)


def is_between_rungs(book: Book, symbol: str) -> bool:
    """Return whether an entry in a symbol was given up for the next rung and that one has not gone out yet."""
    given_up = (book.orders.get(record.followed_by or "") for record in book.orders_in(symbol))
    return any(follower is not None and follower.state == "intended" for follower in given_up)


def _rung(
    desk: Desk, entry: OrderIntended, session: date, *, number: int, limits: tuple[Decimal, ...]
) -> OrderIntended:
    symbol, leg = entry.order.symbol, entry.leg if number == 1 else f"{entry.leg}_{number}"
    order_id = desk.order_id(session, symbol=symbol, side=entry.order.side, leg=leg)
    limit_usd = limits[number - 1]
    return replace(
        entry,
        leg=leg,
        order=replace(entry.order, client_order_id=order_id, limit_usd=limit_usd),
        reason=f"{entry.reason}; limit {number} of {len(limits)}",
    )


def _is_next_rung(lower: OrderIntended | OrderRecord, higher: OrderIntended | OrderRecord) -> bool:
    is_numbered = higher.order.leg == "entry" and higher.leg != higher.order.leg
    return is_numbered and lower.order.leg == "entry" and lower.order.symbol == higher.order.symbol
