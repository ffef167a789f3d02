"""Does an accepted order keep the limits, judged by the venue's truth at that moment? Pure."""

from collections.abc import Iterator
from decimal import Decimal

from execution.domain.orders import OrderRequest
from execution.domain.quantities import Shares
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.risk.limits import RiskLimits
from execution.simulation.venue import Venue, VenueOrder


def limits_broken(
    venue: Venue,
    book: Book,
    record: OrderRecord,
    order: OrderRequest,
    limits: RiskLimits,
    *,
    foreign_spent_usd: Decimal,
) -> Iterator[tuple[str, str]]:
    """Yield which promise an order breaks that the venue just took, and how.

    Args:
        venue: as it stands with the order in it.
        book: the committed book.
        record: the order as the book has it.
        order: as it arrived.
        limits: what may not be exceeded.
        foreign_spent_usd: what strangers had spent when the sender last saw the account; it cannot know of more.
    """
    if order.quantity_shares > record.order.quantity_shares:
        yield "I4", f"{named(order)} is accepted and {record.order.quantity_shares} shares were decided"
    if isinstance(order.quantity_shares, Decimal) and (order.time_in_force, order.order_class) != ("day", "simple"):
        yield "I4", f"{named(order)} is for a part of a share and neither for the day nor alone"
    if order.side == "sell":
        yield from _shares_broken(venue, order)
        return
    if _worst_usd(order) > limits.order_notional_max_usd:
        yield "I4", f"{named(order)} is worth {_worst_usd(order)} USD"
    bought = [other for other in venue.orders if other.is_ours and other.request.side == "buy"]
    basket = sum((_basket_usd(book, one) for one in bought if _cycle_of(book, one) == record.cycle_id), Decimal(0))
    if basket > limits.basket_notional_max_usd:
        yield "I4", f"the entries of {record.cycle_id} are worth {basket} USD"
    reserved = sum((one.remaining_shares * (one.request.limit_usd or Decimal(0)) for one in bought), Decimal(0))
    left = venue.cash_usd + max(Decimal(0), venue.foreign_spent_usd - foreign_spent_usd) - reserved
    if left < 0:
        yield "I4", f"{named(order)} is accepted and working buys exceed the cash by {-left} USD"
    buys = [other for other in book.orders.values() if (other.order.symbol, other.order.side) == (order.symbol, "buy")]
    if sum(other.state in ("in_flight", "unknown") for other in buys) > 1:
        yield "I10", f"{named(order)} is accepted while another buy of {order.symbol} is unknown"


def named(order: OrderRequest) -> str:
    """Return an order as a person names it."""
    return f"{order.client_order_id[:8]} {order.side} {order.quantity_shares} {order.symbol} {order.leg}"


def _shares_broken(venue: Venue, order: OrderRequest) -> Iterator[tuple[str, str]]:
    if order.symbol in venue.touched:
        return
    working: dict[str, Shares] = {}
    for other in venue.orders:
        if other.request.symbol == order.symbol and other.request.side == "sell":
            # Linked orders sell the same shares.
            key = other.group or other.broker_order_id
            working[key] = max(working.get(key, 0), other.remaining_shares)
    held, sold = venue.positions.get(order.symbol, 0), sum(working.values())
    if sold > held:
        yield "I4", f"{named(order)} is accepted: {sold} shares may be sold and {held} are held"


def _cycle_of(book: Book, taken: VenueOrder) -> str:
    record = book.orders.get(taken.request.client_order_id)
    return record.cycle_id if record else ""


def _basket_usd(book: Book, taken: VenueOrder) -> Decimal:
    """Return what an order counts in its basket: whole whatever became of it, unless its rest went out again."""
    record = book.orders.get(taken.request.client_order_id)
    is_given_up = record is not None and record.followed_by is not None and taken.status != "open"
    shares = taken.filled_shares if is_given_up else taken.request.quantity_shares
    return shares * (taken.request.limit_usd or Decimal(0))


def _worst_usd(order: OrderRequest) -> Decimal:
    return order.quantity_shares * (order.limit_usd or Decimal(0))
