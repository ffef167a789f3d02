"""Give up a limit that stood long enough, so that the next one of its entry may follow.

Nothing is sent here. The ledger says first what is given up and for what, then the venue is asked to end it, and asked
again by each look until it has: only a look-up proves the end, and only then the next rung has its turn (`ladder.py`).
"""

from collections.abc import Sequence
from datetime import date, timedelta

from execution.domain.canonical import canonical_text
from execution.domain.events import Event, RepriceRequested
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.session.desk import Desk
from execution.session.ladder import next_rung


def give_up_rungs(desk: Desk, session: date, *, is_time_up: bool) -> bool:
    """Ask the venue to end each entry whose time at its limit is over and whose next limit waits.

    Args:
        desk: the desk that acts, on a book that was just reconciled.
        session: the decision session whose entries these are.
        is_time_up: whether all of them have had their time, as where no time goes by.

    Returns:
        Whether the venue was asked for any end.
    """
    book = desk.ledger.book()
    if book.control is not None and book.control.state != "active":
        # No entry goes out now, so that one that works would be given up for nothing.
        return False
    given_up = [record for record in book.orders_of(desk.cycle_id(session)) if _is_due(desk, book, record, is_time_up)]
    for record in given_up:
        _give_up(desk, record)
    return bool(given_up)


def _is_due(desk: Desk, book: Book, record: OrderRecord, is_time_up: bool) -> bool:  # noqa: FBT001 - one reading
    follower = next_rung(book, record)
    if follower is None or follower.state != "intended" or record.state != "open" or record.sent_at is None:
        return False
    if record.is_cancel_requested:
        # Asked again: a request may be lost. What somebody else asked to end is followed by nothing.
        return record.followed_by == follower.order.client_order_id
    return is_time_up or desk.clock.now() - record.sent_at >= timedelta(seconds=desk.sizing.entry_rung_seconds)


def _give_up(desk: Desk, record: OrderRecord) -> None:
    order_id = record.order.client_order_id

    def ask(book: Book) -> Sequence[Event]:
        newest = book.orders[order_id]
        follower = next_rung(book, newest)
        is_possible = newest.state == "open" and not newest.is_cancel_requested
        if follower is None or follower.state != "intended" or not is_possible:
            return ()
        return (
            RepriceRequested(
                at=desk.clock.now(),
                client_order_id=order_id,
                next_order_id=follower.order.client_order_id,
                reason=f"{newest.filled_shares} of {newest.order.quantity_shares} shares bought at "
                f"{canonical_text(newest.order.limit_usd)} USD in its time; next is "
                f"{canonical_text(follower.order.limit_usd)} USD",
            ),
        )

    desk.ledger.record(ask)
    if desk.ledger.book().orders[order_id].is_cancel_requested:
        desk.broker.cancel(order_id)
