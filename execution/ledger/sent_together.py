"""What the ledger says of an order that goes to the venue: its own row before the wire, and one for each attached."""

from datetime import datetime
from decimal import Decimal

from execution.domain.events import OrderIntended, SubmissionStarted
from execution.domain.quantities import Shares
from execution.ledger.order_record import OrderRecord


def submission(
    record: OrderRecord, *, at: datetime, quantity_shares: Shares, reserved_usd: Decimal
) -> tuple[OrderIntended | SubmissionStarted, ...]:
    """Return the rows before the wire; orders attached to it are decided and under way with it, in one piece.

    Args:
        record: an order that was decided and not sent.
        at: the clock's instant.
        quantity_shares: shares that go out, of it and of what is attached.
        reserved_usd: what it may cost; what is attached only sells.
    """
    order_id = record.order.client_order_id
    rows: list[OrderIntended | SubmissionStarted] = [
        SubmissionStarted(at=at, client_order_id=order_id, quantity_shares=quantity_shares, reserved_usd=reserved_usd)
    ]
    for leg in record.order.of_size(quantity_shares).attached:
        reason = f"attached to {order_id}: it works as far as that has filled"
        rows.append(OrderIntended(at=at, cycle_id=record.cycle_id, leg=leg.leg, order=leg, reason=reason))
        rows.append(SubmissionStarted(at=at, client_order_id=leg.client_order_id, quantity_shares=quantity_shares))
    return tuple(rows)
