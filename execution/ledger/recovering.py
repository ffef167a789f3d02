"""A ledger that came back from a backup: it may be older than what the venue knows, so it begins in recovery.

Recovery is a halt of its own reason: nothing is sent until ledger and venue agree and a named person resumes. Whatever
was decided and not sent when the backup was made may have been sent since, so it counts as sent and is looked up, never
sent. Ids decided from here on carry a higher epoch, so none that the lost rows may have used is used again.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from execution.domain.events import ControlChanged, Event, LedgerRestored
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.ledger.sent_together import submission
from execution.ledger.store import LedgerStore


def begin_recovery(ledger: LedgerStore, *, at: datetime, epoch: int, backup: str, actor: str) -> LedgerRestored:
    """Write into a restored ledger that it was restored and return what was written.

    Args:
        ledger: the restored ledger, verified.
        at: the clock's instant.
        epoch: higher than any epoch ever used; one that only grew by one could meet an earlier restore of the same
            backup.
        backup: name of the backup.
        actor: the person who restores.

    Raises:
        IllegalTransition: the epoch does not rise.
    """
    rows = ledger.head().sequence
    restored = LedgerRestored(at=at, epoch=epoch, backup=backup, rows=rows, actor=actor)
    reason = (
        f"recovery: restored from {backup} with {rows} rows; nothing is sent until ledger and venue agree and a person "
        "resumes"
    )
    halted = ControlChanged(at=at, state="halted", actor=actor, reason=reason)

    def decide(book: Book) -> Sequence[Event]:
        waiting = [record for record in book.orders.values() if record.state == "intended"]
        return (restored, halted, *[row for record in waiting for row in _perhaps_sent(record, at)])

    ledger.record(decide)
    return restored


def _perhaps_sent(record: OrderRecord, at: datetime) -> Sequence[Event]:
    order = record.order
    price = order.limit_usd or record.reference_price_usd or Decimal(0)
    reserved = price * order.quantity_shares if order.side == "buy" else Decimal(0)
    return submission(record, at=at, quantity_shares=order.quantity_shares, reserved_usd=reserved)
