"""Entries and exits of one day from the outside: which still wait, which are overtaken, and how they end.

Nothing here sends an order. What was never sent is voided; what may work at the venue is asked to end, and only a
look-up proves that it did.
"""

from collections.abc import Sequence
from datetime import date

from execution.domain.canonical import canonical_text
from execution.domain.events import CancelRequested, Event, OrderVoided
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.session.desk import Desk
from execution.session.send import DAY_LEGS


def is_waiting(record: OrderRecord) -> bool:
    """Return whether an entry or exit was not sent yet, or works and was not asked to end."""
    if record.order.leg not in DAY_LEGS:
        return False
    return record.state == "intended" or (record.exposed_shares > 0 and not record.is_cancel_requested)


def intended(desk: Desk, session: date, *legs: str) -> tuple[OrderRecord, ...]:
    """Return a session's orders of some legs that were decided and not sent, in the order they were decided."""
    orders = desk.ledger.book().orders_of(desk.cycle_id(session))
    return tuple(record for record in orders if record.order.leg in legs and record.state == "intended")


def working_stops(book: Book, symbol: str) -> tuple[OrderRecord, ...]:
    """Return the stops of a symbol that may still trade."""
    return tuple(
        record
        for record in book.unproven_in.get(symbol, ())
        if record.order.leg == "stop" and record.exposed_shares > 0
    )


def end_day_orders(desk: Desk, *, session: date, before: str) -> bool:
    """Void a session's orders that were never sent and ask the venue to cancel the entries and exits that work.

    Args:
        desk: the desk that acts.
        session: the decision session whose orders these are.
        before: until when they could have been sent and filled, in words: it stands in the reason of each.

    Returns:
        Whether the venue was asked to end any, for the first time or again.
    """
    is_asked = False
    for record in desk.ledger.book().orders_of(desk.cycle_id(session)):
        if record.state == "intended":
            void(desk, record, f"not sent before {before}")
        elif record.is_unproven and record.order.leg in DAY_LEGS:
            cancel(desk, record, f"not filled before {before}")
            is_asked = True
    return is_asked


def void_overtaken(desk: Desk, session: date) -> None:
    """Void entries and exits that no longer mean what was planned: of a symbol that was split since, or in quarantine.

    They are not adjusted: other shares at another price are another plan, and the next evening makes it.
    """
    book = desk.ledger.book()
    for record in intended(desk, session, *DAY_LEGS):
        reason = _overtaken(book, record)
        if reason:
            void(desk, record, reason)


def void(desk: Desk, record: OrderRecord, reason: str) -> None:
    """End an order that was never sent; one that was sent meanwhile is left alone."""
    order_id = record.order.client_order_id
    voided = OrderVoided(at=desk.clock.now(), client_order_id=order_id, reason=reason)
    desk.ledger.record(lambda book: (voided,) if book.orders[order_id].state == "intended" else ())


def cancel(desk: Desk, record: OrderRecord, reason: str) -> None:
    """Ask the venue to end an order; the ledger says first that it was asked, and only a lookup proves the end."""
    order_id = record.order.client_order_id
    asked = CancelRequested(at=desk.clock.now(), client_order_id=order_id, reason=reason)

    def ask(book: Book) -> Sequence[Event]:
        newest = book.orders[order_id]
        return () if newest.is_cancel_requested or not newest.is_unproven else (asked,)

    desk.ledger.record(ask)
    if desk.ledger.book().orders[order_id].is_unproven:
        desk.broker.cancel(order_id)


def _overtaken(book: Book, record: OrderRecord) -> str:
    symbol = record.order.symbol
    if symbol in book.quarantined:
        return f"{symbol} is in quarantine: {book.quarantined[symbol].reason}"
    for split in book.splits_in(symbol):
        if split.session > record.session:
            return (
                f"{symbol} was split {canonical_text(split.ratio)} for 1 on {split.session}, after the plan: its price "
                "and size mean something else now; the next plan sizes it again"
            )
    return ""
