"""The one way to close an order whose end nobody proved: a person's word, once a later day's account agrees."""

from execution.domain.errors import LedgerError
from execution.domain.events import OrderWrittenOff
from execution.ledger.book import Book
from execution.session.answers import order_told
from execution.session.desk import Desk
from execution.session.reconcile import reconcile


def write_off(desk: Desk, *, client_order_id: str, actor: str, reason: str) -> OrderWrittenOff:
    """Stop looking an order up, in a person's name. A fill that is told later is booked all the same.

    Args:
        desk: the desk whose order it is.
        client_order_id: an order that was sent, whose end nobody knows, and that the venue does not have.
        actor: the person's name.
        reason: what the person saw: as a rule, the venue's statement of the day after.

    Raises:
        LedgerError: nobody is named, the order's end is known, the venue has it, the session after the one it traded
            in is not over, or the account does not agree with the ledger.
    """
    if not actor.strip() or not reason.strip():
        raise LedgerError(f"order {client_order_id} written off by {actor!r} for {reason!r}: expected a name and a why")
    reconciled = reconcile(desk)
    reconciled.refuse_differences()
    record = reconciled.book.orders.get(client_order_id)
    if record is None or record.state not in ("in_flight", "unknown", "missed"):
        found = "no such order" if record is None else f"an order that is {record.state}"
        raise LedgerError(f"{client_order_id} is {found}: only one of unknown outcome is written off")
    traded = desk.calendar.trades_in(record.session, record.sent_at)
    statement_at = desk.calendar.closes_at(desk.calendar.next(traded))
    if desk.clock.now() < statement_at:
        raise LedgerError(
            f"order {client_order_id} could have traded on {traded}: it can be written off from the close of the "
            f"session after, {statement_at.isoformat()}, when the account of that day is known"
        )
    if record.order.symbol in reconciled.apart_shares:
        raise LedgerError(
            f"{record.order.symbol} differs by {reconciled.apart_shares[record.order.symbol]} shares between venue and "
            f"ledger: order {client_order_id} may be why; explain the difference first"
        )
    if order_told(desk, record.order) is not None:
        raise LedgerError(f"the venue has order {client_order_id}: its end will be looked up, not written off")
    written_off = OrderWrittenOff(at=desk.clock.now(), client_order_id=client_order_id, actor=actor, reason=reason)
    desk.ledger.record(lambda book: _unless_known(book, written_off))
    return written_off


def _unless_known(book: Book, event: OrderWrittenOff) -> tuple[OrderWrittenOff, ...]:
    state = book.orders[event.client_order_id].state
    return (event,) if state in ("in_flight", "unknown", "missed") else ()
