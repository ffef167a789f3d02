"""One order's life in the ledger: which facts may follow which, and what each leaves behind."""

import dataclasses
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from execution.domain.errors import IllegalTransition
from execution.domain.events import (
    CancelRequested,
    OrderAccepted,
    OrderAmended,
    OrderEnded,
    OrderIntended,
    OrderMissed,
    OrderRefused,
    OrderVoided,
    OrderWrittenOff,
    OutcomeUnknown,
    RepriceRequested,
    SubmissionRepeated,
    SubmissionStarted,
)
from execution.domain.orders import BrokerFill, OrderRequest
from execution.domain.quantities import Shares, stated_shares

LedgerOrderState = Literal[
    "intended",
    "in_flight",
    "unknown",
    "missed",
    "open",
    "filled",
    "cancelled",
    "expired",
    "rejected",
    "refused",
    "voided",
    "written_off",
]
OrderEvent = (
    SubmissionStarted
    | OrderAccepted
    | OrderRefused
    | OutcomeUnknown
    | OrderMissed
    | OrderVoided
    | CancelRequested
    | RepriceRequested
    | OrderAmended
    | OrderEnded
    | SubmissionRepeated
    | OrderWrittenOff
)

UNPROVEN: Final = frozenset({"in_flight", "unknown", "missed", "open"})
"""Ever sent and not proven ended by the venue: looked up on every occasion, whatever else is known."""
EXPOSED: Final = frozenset({"in_flight", "unknown", "open"})
"""May still trade: counted in every limit."""

MAY_FOLLOW: Final[dict[type[OrderEvent], frozenset[str]]] = {
    SubmissionStarted: frozenset({"intended"}),
    OrderVoided: frozenset({"intended", "in_flight"}),
    OrderAccepted: frozenset({"in_flight", "unknown", "missed"}),
    OrderRefused: frozenset({"in_flight", "unknown"}),
    OutcomeUnknown: frozenset({"in_flight"}),
    OrderMissed: frozenset({"in_flight", "unknown"}),
    CancelRequested: UNPROVEN,
    RepriceRequested: frozenset({"open"}),
    OrderAmended: frozenset({"open"}),
    OrderEnded: frozenset({"open"}),
    SubmissionRepeated: frozenset({"in_flight", "unknown"}),
    OrderWrittenOff: frozenset({"in_flight", "unknown", "missed"}),
}
"""From which states each fact may be recorded.

An order that went out ends only after the venue was seen to have it. One whose row is written and that did not go out
is voided by the process that held it back; nobody else can tell.
"""
_STATE_AFTER: Final[dict[type[OrderEvent], LedgerOrderState]] = {
    OrderRefused: "refused",
    OutcomeUnknown: "unknown",
    OrderMissed: "missed",
    OrderVoided: "voided",
    OrderWrittenOff: "written_off",
}


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as the ledger knows it. A struct, for each fact of its life makes another one.

    Attributes:
        leg: entry, exit, stop, or a numbered leg.
        order: as intended, with the quantity sent and what the venue amended.
        sent_at: when the write-ahead row was written; None when it never was.
        terms_at: when quantity and prices were last stated: when it was sent, or amended by the venue.
        repeated_at: when it was last sent again; None when it went out once at most.
        reserved_usd: what the buy could cost at its worst price, counted from the row before the wire on.
        filled_usd: sum of shares times price over its fills.
        followed_by: the order its rest was given up for; None where nobody asked for its end, or asked for it alone.
        note: why it was refused, unknown, voided or ended; empty otherwise.
    """

    cycle_id: str
    session: date
    leg: str
    order: OrderRequest
    reason: str
    intended_at: datetime
    reference_price_usd: Decimal | None = None
    protective_stop_usd: Decimal | None = None
    state: LedgerOrderState = "intended"
    sent_at: datetime | None = None
    terms_at: datetime | None = None
    repeated_at: datetime | None = None
    reserved_usd: Decimal = Decimal(0)
    broker_order_id: str | None = None
    filled_shares: Shares = 0
    filled_usd: Decimal = Decimal(0)
    fee_usd: Decimal = Decimal(0)
    is_cancel_requested: bool = False
    followed_by: str | None = None
    note: str = ""

    @classmethod
    def intended(cls, event: OrderIntended, session: date) -> "OrderRecord":
        """Return the record of an order that was decided and not sent."""
        return cls(
            cycle_id=event.cycle_id,
            session=session,
            leg=event.leg,
            order=event.order,
            reason=event.reason,
            intended_at=event.at,
            reference_price_usd=event.reference_price_usd,
            protective_stop_usd=event.protective_stop_usd,
        )

    @property
    def is_unproven(self) -> bool:
        """Whether it was ever sent and the venue has not proven its end."""
        return self.state in UNPROVEN

    @property
    def average_fill_usd(self) -> Decimal | None:
        """Mean price of its fills, not rounded; None without any."""
        return self.filled_usd / self.filled_shares if self.filled_shares else None

    @property
    def exposed_shares(self) -> Shares:
        """Shares it may still trade."""
        return self.order.quantity_shares - self.filled_shares if self.state in EXPOSED else 0

    def after(self, event: OrderEvent) -> "OrderRecord":
        """Return the record after a fact.

        Raises:
            IllegalTransition: the fact does not follow from the state, or contradicts the fills.
        """
        if self.state not in MAY_FOLLOW[type(event)]:
            raise IllegalTransition(
                f"order {event.client_order_id} ({self.order.symbol} {self.leg}) is {self.state}: "
                f"{type(event).__name__} may follow only {', '.join(sorted(MAY_FOLLOW[type(event)]))}"
            )
        match event:
            case SubmissionStarted():
                return self._sent(event)
            case OrderEnded():
                return self._ended(event)
            case OrderAccepted():
                return replace(self, state="open", broker_order_id=event.broker_order_id, note="")
            case CancelRequested():
                return replace(self, is_cancel_requested=True)
            case RepriceRequested():
                return self._given_up(event)
            case SubmissionRepeated():
                return replace(self, repeated_at=event.at)
            case OrderAmended():
                return replace(self, order=_amended(self.order, event), terms_at=event.at)
            case _:
                return replace(self, state=_STATE_AFTER[type(event)], note=event.reason)

    def _given_up(self, event: RepriceRequested) -> "OrderRecord":
        if self.is_cancel_requested:
            raise IllegalTransition(
                f"order {event.client_order_id} was asked to end already: nothing may follow it for that"
            )
        return replace(self, is_cancel_requested=True, followed_by=event.next_order_id)

    def _sent(self, event: SubmissionStarted) -> "OrderRecord":
        if not 0 < event.quantity_shares <= self.order.quantity_shares:
            raise IllegalTransition(
                f"order {event.client_order_id}: {event.quantity_shares} shares would be sent, "
                f"{self.order.quantity_shares} were decided; fewer may go out, never more"
            )
        order = self.order.of_size(event.quantity_shares)
        return replace(
            self,
            state="in_flight",
            order=order,
            sent_at=event.at,
            terms_at=event.at,
            reserved_usd=event.reserved_usd,
        )

    def _ended(self, event: OrderEnded) -> "OrderRecord":
        if event.filled_shares != self.filled_shares:
            raise IllegalTransition(
                f"order {event.client_order_id} ended with {event.filled_shares} shares filled at the venue, "
                f"{self.filled_shares} are booked: book the missing fills first"
            )
        return replace(self, state=event.status, note=event.reason)

    def after_fill(self, fill: BrokerFill) -> "OrderRecord":
        """Return the record after an execution, also one that the venue told late.

        Raises:
            IllegalTransition: the order was never sent, or would be filled beyond what was sent.
        """
        if self.sent_at is None:
            raise IllegalTransition(f"fill {fill.execution_id} of order {fill.client_order_id}, which was never sent")
        filled = stated_shares(self.filled_shares + fill.quantity_shares)
        if filled > self.order.quantity_shares or (fill.symbol, fill.side) != (self.order.symbol, self.order.side):
            raise IllegalTransition(
                f"fill {fill.execution_id} ({fill.side} {fill.quantity_shares} {fill.symbol}) does not fit order "
                f"{fill.client_order_id}: {self.order.side} {self.order.quantity_shares} {self.order.symbol}, "
                f"{self.filled_shares} of them already filled; stop and compare with the venue"
            )
        return replace(
            self,
            filled_shares=filled,
            filled_usd=self.filled_usd + fill.quantity_shares * fill.price_usd,
            fee_usd=self.fee_usd + fill.fee_usd,
        )

    def after_reversal(self, fill: BrokerFill) -> "OrderRecord":
        """Return the record after the venue took back one of its executions; its state is the venue's to change."""
        return replace(
            self,
            filled_shares=stated_shares(self.filled_shares - fill.quantity_shares),
            filled_usd=self.filled_usd - fill.quantity_shares * fill.price_usd,
            fee_usd=self.fee_usd + fill.fee_usd,
        )


def _amended(order: OrderRequest, event: OrderAmended) -> OrderRequest:
    return dataclasses.replace(
        order, quantity_shares=event.quantity_shares, limit_usd=event.limit_usd, stop_usd=event.stop_usd
    )
