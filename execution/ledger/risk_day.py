"""What one exchange day's orders may still spend, have traded and have earned, as the limits of the day count it.

New York sessions lie within one UTC day, so the date of an instant is its exchange day.
"""

from datetime import date
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from execution.domain.events import FillBooked
from execution.ledger.order_record import OrderRecord


class RiskDay(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One exchange day. A struct, for each fact of its orders makes another one.

    Attributes:
        reserved_usd: what orders sent that day may cost whose end the venue has not proven; freed in the transaction
            that proves it.
        filled_usd: shares times price of executions, both sides; a reversal takes away what it reverses.
        entries: orders sent to open a position.
        realised_usd: earned that day: on sales after fees, and on dividends and delistings; less what a reversal of
            that day took back of an earlier one.
        sent: orders as they stood when they went out that day, in that order.
        fills: executions of that day, in the order they were booked.
    """

    session: date
    reserved_usd: Decimal = Decimal(0)
    filled_usd: Decimal = Decimal(0)
    entries: int = 0
    realised_usd: Decimal = Decimal(0)
    sent: tuple[OrderRecord, ...] = ()
    fills: tuple[FillBooked, ...] = ()

    def after_order(self, before: OrderRecord, after: OrderRecord) -> "RiskDay":
        """Return the day on which an order was sent, after a fact of the order."""
        reserved = (after.reserved_usd if after.is_unproven else Decimal(0)) - (
            before.reserved_usd if before.is_unproven else Decimal(0)
        )
        is_first = before.sent_at is None
        return replace(
            self,
            reserved_usd=self.reserved_usd + reserved,
            entries=self.entries + (is_first and after.leg == "entry"),
            sent=(*self.sent, after) if is_first else self.sent,
        )

    def after_fill(self, booked: FillBooked, *, realised_usd: Decimal) -> "RiskDay":
        """Return the day after an execution of its own.

        Args:
            booked: the execution.
            realised_usd: what it realised, fees taken off.
        """
        fill = booked.fill
        value = fill.quantity_shares * fill.price_usd
        filled = self.filled_usd + (value if fill.reverses is None else -value)
        realised = self.realised_usd + realised_usd
        return replace(self, filled_usd=filled, realised_usd=realised, fills=(*self.fills, booked))
