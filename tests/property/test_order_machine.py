"""Any facts in any order told of one order: what may follow is what a few sentences about its life allow.

The sentences are kept apart from the table the program asks: was it sent, was it seen at the venue, is its end known.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from execution.domain.errors import IllegalTransition
from execution.domain.events import (
    CancelRequested,
    OrderAccepted,
    OrderAmended,
    OrderEnded,
    OrderMissed,
    OrderRefused,
    OrderVoided,
    OrderWrittenOff,
    OutcomeUnknown,
    RepriceRequested,
    SubmissionRepeated,
    SubmissionStarted,
)
from execution.domain.orders import BrokerFill
from execution.ledger.order_record import OrderEvent, OrderRecord
from tests.builders.batches import SESSION
from tests.builders.orders import AT, a_fill, an_order, intended

ORDER = an_order()
ID = ORDER.client_order_id
DECIDED = ORDER.quantity_shares
PRICES = st.decimals("0.01", "900", places=4)
Knowledge = Literal["none", "doubted", "missed", "seen"]


class OrderLife(RuleBasedStateMachine):
    """One order; `record` is the program's, everything else the sentences' own."""

    def __init__(self) -> None:
        super().__init__()
        self.record = OrderRecord.intended(intended(ORDER), SESSION)
        self.at = AT
        self.is_sent, self.is_over, self.is_asked = False, False, False
        self.known: Knowledge = "none"
        self.size = DECIDED
        self.fills: dict[str, BrokerFill] = {}
        self.count = 0
        self.end: OrderRecord | None = None

    def tell(self, event: OrderEvent, *, is_lawful: bool) -> bool:
        """Tell a fact, and let the program refuse exactly what the sentences refuse."""
        try:
            self.record = self.record.after(event)
        except IllegalTransition:
            assert not is_lawful
            return False
        assert is_lawful
        return True

    @property
    def filled(self) -> int:
        return sum(int(fill.quantity_shares) for fill in self.fills.values())

    @property
    def is_out(self) -> bool:
        """It was sent, and nobody has proven its end."""
        return self.is_sent and not self.is_over

    @rule(shares=st.integers(-1, DECIDED + 1), reserved=PRICES)
    def go_out(self, shares: int, reserved: Decimal) -> None:
        event = SubmissionStarted(at=self.at, client_order_id=ID, quantity_shares=shares, reserved_usd=reserved)
        if self.tell(event, is_lawful=not self.is_sent and not self.is_over and 1 <= shares <= DECIDED):
            self.is_sent, self.size = True, shares

    @rule()
    def be_voided(self) -> None:
        event = OrderVoided(at=self.at, client_order_id=ID, reason="late")
        # Of one whose row is written, only the process that held it back can say so, and only before anybody looked.
        if self.tell(event, is_lawful=not self.is_over and self.known == "none"):
            self.is_over = True

    @rule()
    def be_accepted(self) -> None:
        event = OrderAccepted(at=self.at, client_order_id=ID, broker_order_id="v-1")
        if self.tell(event, is_lawful=self.is_out and self.known != "seen"):
            self.known = "seen"

    @rule()
    def be_refused(self) -> None:
        event = OrderRefused(at=self.at, client_order_id=ID, reason="no")
        # A venue that did not know the order when its day was over cannot refuse it any more.
        if self.tell(event, is_lawful=self.is_out and self.known in ("none", "doubted")):
            self.is_over = True

    @rule()
    def be_doubted(self) -> None:
        event = OutcomeUnknown(at=self.at, client_order_id=ID, reason="timed out")
        if self.tell(event, is_lawful=self.is_out and self.known == "none"):
            self.known = "doubted"

    @rule()
    def be_missed(self) -> None:
        event = OrderMissed(at=self.at, client_order_id=ID, reason="its day is over")
        if self.tell(event, is_lawful=self.is_out and self.known in ("none", "doubted")):
            self.known = "missed"

    @rule()
    def be_asked_to_cancel(self) -> None:
        event = CancelRequested(at=self.at, client_order_id=ID, reason="deadline")
        self.is_asked |= self.tell(event, is_lawful=self.is_out)

    @rule()
    def be_given_up_for_another(self) -> None:
        event = RepriceRequested(at=self.at, client_order_id=ID, next_order_id="t1next", reason="its time is over")
        is_lawful = self.is_out and self.known == "seen" and not self.is_asked
        if self.tell(event, is_lawful=is_lawful):
            self.is_asked = True
            assert self.record.followed_by == "t1next"

    @rule()
    def be_sent_again(self) -> None:
        event = SubmissionRepeated(at=self.at, client_order_id=ID, reason="no answer")
        self.tell(event, is_lawful=self.is_out and self.known in ("none", "doubted"))

    @rule(more=st.integers(0, 20))
    def be_amended(self, more: int) -> None:
        size = max(1, self.filled + more)
        event = OrderAmended(
            at=self.at, client_order_id=ID, quantity_shares=size, limit_usd=Decimal("25.50"), stop_usd=None
        )
        if self.tell(event, is_lawful=self.is_out and self.known == "seen"):
            self.size = size

    @rule(status=st.sampled_from(["filled", "cancelled", "expired", "rejected"]), off_by=st.sampled_from([0, 0, 0, 1]))
    def end_at_the_venue(self, status: Any, off_by: int) -> None:
        event = OrderEnded(
            at=self.at, client_order_id=ID, status=status, filled_shares=self.filled + off_by, reason="over"
        )
        if self.tell(event, is_lawful=self.is_out and self.known == "seen" and not off_by):
            self.is_over = True

    @rule()
    def be_written_off(self) -> None:
        event = OrderWrittenOff(at=self.at, client_order_id=ID, actor="ann", reason="the account agrees")
        if self.tell(event, is_lawful=self.is_out and self.known != "seen"):
            self.is_over = True

    @rule(shares=st.integers(1, DECIDED + 5), price=PRICES, side=st.sampled_from(["buy", "buy", "buy", "sell"]))
    def be_filled(self, shares: int, price: Decimal, side: Any) -> None:
        self.count += 1
        fill = a_fill(
            f"x{self.count}", client_order_id=ID, quantity_shares=shares, price_usd=price, side=side, filled_at=self.at
        )
        # Also after its end: what the venue tells late is booked all the same.
        is_lawful = self.is_sent and side == "buy" and self.filled + shares <= self.size
        try:
            self.record = self.record.after_fill(fill)
        except IllegalTransition:
            assert not is_lawful
        else:
            assert is_lawful
            self.fills[fill.execution_id] = fill

    @precondition(lambda self: self.fills)
    @rule(data=st.data())
    def lose_a_fill(self, data: st.DataObject) -> None:
        fill = self.fills.pop(data.draw(st.sampled_from(sorted(self.fills))))
        bust = replace(fill, execution_id=f"bust-{fill.execution_id}", side="sell", fee_usd=-fill.fee_usd)
        self.record = self.record.after_reversal(replace(bust, reverses=fill.execution_id))

    @rule(minutes=st.integers(1, 60))
    def grow_old(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)

    @invariant()
    def it_is_looked_up_exactly_while_it_is_out(self) -> None:
        assert self.record.is_unproven == self.is_out

    @invariant()
    def what_may_still_trade_is_what_was_sent_and_is_not_filled(self) -> None:
        may_trade = self.is_out and self.known != "missed"
        assert self.record.exposed_shares == (self.size - self.filled if may_trade else 0)

    @invariant()
    def fills_add_up(self) -> None:
        value = sum((fill.quantity_shares * fill.price_usd for fill in self.fills.values()), Decimal(0))
        fees = sum((fill.fee_usd for fill in self.fills.values()), Decimal(0))
        assert (self.record.filled_shares, self.record.filled_usd, self.record.fee_usd) == (self.filled, value, fees)
        assert self.filled <= self.size

    @invariant()
    def what_was_never_sent_holds_nothing(self) -> None:
        if not self.is_sent:
            assert (self.record.sent_at, self.record.reserved_usd, self.fills) == (None, 0, {})

    @invariant()
    def an_end_is_for_ever(self) -> None:
        if self.is_over:
            self.end = self.end or self.record
            assert (self.record.state, self.record.note) == (self.end.state, self.end.note)


TestOrderLife = OrderLife.TestCase
# Four thousand steps.
TestOrderLife.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
