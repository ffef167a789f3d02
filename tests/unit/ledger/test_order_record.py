"""Which facts may follow which: every pair of state and fact."""

from dataclasses import replace
from decimal import Decimal

import pytest

from execution.domain.errors import IllegalTransition
from execution.domain.events import (
    CancelRequested,
    OrderAccepted,
    OrderAmended,
    OrderEnded,
    OrderMissed,
    OrderRefused,
    OrderVoided,
    OutcomeUnknown,
    SubmissionStarted,
)
from execution.ledger.order_record import OrderEvent, OrderRecord
from tests.builders.batches import SESSION
from tests.builders.orders import AT, a_fill, an_order, intended

ORDER = an_order()
ID = ORDER.client_order_id
INTENDED = OrderRecord.intended(intended(ORDER), SESSION)
EVENTS: dict[str, OrderEvent] = {
    "sent": SubmissionStarted(at=AT, client_order_id=ID, quantity_shares=10),
    "voided": OrderVoided(at=AT, client_order_id=ID, reason="late"),
    "accepted": OrderAccepted(at=AT, client_order_id=ID, broker_order_id="v-1"),
    "refused": OrderRefused(at=AT, client_order_id=ID, reason="no"),
    "unknown": OutcomeUnknown(at=AT, client_order_id=ID, reason="timed out"),
    "missed": OrderMissed(at=AT, client_order_id=ID, reason="over"),
    "cancel": CancelRequested(at=AT, client_order_id=ID, reason="deadline"),
    "amended": OrderAmended(at=AT, client_order_id=ID, quantity_shares=20, limit_usd=Decimal(25), stop_usd=None),
    "ended": OrderEnded(at=AT, client_order_id=ID, status="cancelled", filled_shares=0, reason=""),
}
ALLOWED = {
    "intended": {"sent": "in_flight", "voided": "voided"},
    "in_flight": {
        "accepted": "open",
        "refused": "refused",
        "unknown": "unknown",
        "missed": "missed",
        "cancel": "in_flight",
    },
    "unknown": {"accepted": "open", "refused": "refused", "missed": "missed", "cancel": "unknown"},
    "missed": {"accepted": "open", "cancel": "missed"},
    "open": {"cancel": "open", "amended": "open", "ended": "cancelled"},
    "filled": {},
    "cancelled": {},
    "expired": {},
    "rejected": {},
    "refused": {},
    "voided": {},
}


@pytest.mark.parametrize("state", sorted(ALLOWED))
@pytest.mark.parametrize("name", sorted(EVENTS))
def test_only_lawful_facts_follow(state: str, name: str) -> None:
    record = replace(INTENDED, state=state, sent_at=None if state in ("intended", "voided") else AT)
    if name in ALLOWED[state]:
        assert record.after(EVENTS[name]).state == ALLOWED[state][name]
    else:
        with pytest.raises(IllegalTransition, match=type(EVENTS[name]).__name__):
            record.after(EVENTS[name])


def test_fewer_shares_may_be_sent_never_more() -> None:
    fewer = SubmissionStarted(at=AT, client_order_id=ID, quantity_shares=4)
    assert INTENDED.after(fewer).order.quantity_shares == 4
    with pytest.raises(IllegalTransition, match="never more"):
        INTENDED.after(replace(fewer, quantity_shares=11))


def test_an_order_is_never_filled_beyond_what_was_sent() -> None:
    record = INTENDED.after(EVENTS["sent"]).after_fill(a_fill())
    with pytest.raises(IllegalTransition, match="already filled"):
        record.after_fill(a_fill("x2", quantity_shares=1))


def test_a_fill_of_the_other_side_does_not_fit() -> None:
    with pytest.raises(IllegalTransition, match="does not fit"):
        INTENDED.after(EVENTS["sent"]).after_fill(a_fill(side="sell"))


def test_a_fill_of_an_order_never_sent_is_impossible() -> None:
    with pytest.raises(IllegalTransition, match="never sent"):
        INTENDED.after_fill(a_fill())


def test_an_end_waits_for_the_fills_it_counts() -> None:
    opened = INTENDED.after(EVENTS["sent"]).after(EVENTS["accepted"])
    ended = OrderEnded(at=AT, client_order_id=ID, status="filled", filled_shares=10, reason="")
    with pytest.raises(IllegalTransition, match="book the missing fills first"):
        opened.after(ended)
    assert opened.after_fill(a_fill()).after(ended).state == "filled"


def test_a_fill_told_late_is_booked_on_an_ended_order() -> None:
    opened = INTENDED.after(EVENTS["sent"]).after(EVENTS["accepted"]).after(EVENTS["ended"])
    assert opened.after_fill(a_fill(quantity_shares=3)).filled_shares == 3
