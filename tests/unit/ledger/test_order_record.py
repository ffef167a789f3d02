"""Which facts may follow which, every pair of state and fact, and what each fact leaves behind."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace as changed

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
from execution.ledger.order_record import MAY_FOLLOW, OrderEvent, OrderRecord
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
    "given_up": RepriceRequested(at=AT, client_order_id=ID, next_order_id="t1next", reason="its time is over"),
    "amended": OrderAmended(at=AT, client_order_id=ID, quantity_shares=20, limit_usd=Decimal(25), stop_usd=None),
    "ended": OrderEnded(at=AT, client_order_id=ID, status="cancelled", filled_shares=0, reason=""),
    "repeated": SubmissionRepeated(at=AT, client_order_id=ID, reason="no answer"),
    "written_off": OrderWrittenOff(at=AT, client_order_id=ID, actor="ann", reason="the account agrees"),
}
ALLOWED = {
    "intended": {"sent": "in_flight", "voided": "voided"},
    "in_flight": {
        "accepted": "open",
        "refused": "refused",
        "unknown": "unknown",
        "missed": "missed",
        "cancel": "in_flight",
        "repeated": "in_flight",
        "voided": "voided",
        "written_off": "written_off",
    },
    "unknown": {
        "accepted": "open",
        "refused": "refused",
        "missed": "missed",
        "cancel": "unknown",
        "repeated": "unknown",
        "written_off": "written_off",
    },
    "missed": {"accepted": "open", "cancel": "missed", "written_off": "written_off"},
    "open": {"cancel": "open", "given_up": "open", "amended": "open", "ended": "cancelled"},
    "filled": {},
    "cancelled": {},
    "expired": {},
    "rejected": {},
    "refused": {},
    "voided": {},
    "written_off": {},
}
LATER = AT + timedelta(minutes=3)
STOP = an_order(side="sell", leg="stop", order_type="stop", limit_usd=None, stop_usd=Decimal("46.50"))


@pytest.mark.parametrize("state", sorted(ALLOWED))
@pytest.mark.parametrize("name", sorted(EVENTS))
def test_only_lawful_facts_follow(state: str, name: str) -> None:
    record = changed(INTENDED, state=state, sent_at=None if state in ("intended", "voided") else AT)
    if name in ALLOWED[state]:
        assert record.after(EVENTS[name]).state == ALLOWED[state][name]
    else:
        with pytest.raises(IllegalTransition, match=type(EVENTS[name]).__name__):
            record.after(EVENTS[name])


def test_an_order_given_up_for_another_names_it_and_is_asked_to_end_once() -> None:
    record = INTENDED.after(EVENTS["sent"]).after(EVENTS["accepted"])
    given_up = record.after(EVENTS["given_up"])
    assert (given_up.followed_by, given_up.is_cancel_requested) == ("t1next", True)
    for asked in (given_up, record.after(EVENTS["cancel"])):
        with pytest.raises(IllegalTransition, match="nothing may follow it for that"):
            asked.after(EVENTS["given_up"])


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


def test_every_fact_is_tried_in_every_state() -> None:
    assert {type(event) for event in EVENTS.values()} == MAY_FOLLOW.keys()


def test_an_intended_order_keeps_what_was_decided() -> None:
    event = intended(
        ORDER, leg="entry_2", reference_price_usd=Decimal("50.25"), protective_stop_usd=Decimal("46.50"), at=LATER
    )
    assert OrderRecord.intended(event, SESSION) == OrderRecord(
        cycle_id=event.cycle_id,
        session=SESSION,
        leg="entry_2",
        order=ORDER,
        reason="the test wants",
        intended_at=LATER,
        reference_price_usd=Decimal("50.25"),
        protective_stop_usd=Decimal("46.50"),
    )


def test_an_order_on_its_way_has_its_size_its_instant_and_its_reservation() -> None:
    event = SubmissionStarted(at=LATER, client_order_id=ID, quantity_shares=4, reserved_usd=Decimal("204.35"))
    assert INTENDED.after(event) == changed(
        INTENDED,
        state="in_flight",
        order=replace(ORDER, quantity_shares=4),
        sent_at=LATER,
        terms_at=LATER,
        reserved_usd=Decimal("204.35"),
    )


def test_a_whole_order_and_a_single_share_may_be_sent() -> None:
    assert INTENDED.after(EVENTS["sent"]).order.quantity_shares == 10
    assert INTENDED.after(replace(EVENTS["sent"], quantity_shares=1)).order.quantity_shares == 1


def test_no_shares_at_all_are_never_sent() -> None:
    with pytest.raises(IllegalTransition, match=f"order {ID}: 0 shares would be sent, 10 were decided"):
        INTENDED.after(replace(EVENTS["sent"], quantity_shares=0))


def test_an_accepted_order_bears_the_number_of_the_venue_and_no_doubt() -> None:
    doubted = INTENDED.after(EVENTS["sent"]).after(EVENTS["unknown"])
    assert doubted.note == "timed out"
    assert doubted.after(EVENTS["accepted"]) == changed(doubted, state="open", broker_order_id="v-1", note="")


def test_a_wish_to_cancel_is_remembered_and_proves_nothing() -> None:
    opened = INTENDED.after(EVENTS["sent"]).after(EVENTS["accepted"])
    assert opened.after(EVENTS["cancel"]) == changed(opened, is_cancel_requested=True)


def test_a_repeat_is_remembered_beside_the_first_sending() -> None:
    flying = INTENDED.after(EVENTS["sent"])
    assert flying.after(replace(EVENTS["repeated"], at=LATER)) == changed(flying, repeated_at=LATER)


def test_an_amended_order_has_the_terms_of_the_venue_and_since_when() -> None:
    stop = OrderRecord.intended(intended(STOP), SESSION)
    sent = changed(stop, state="open", sent_at=AT, terms_at=AT, broker_order_id="v-2")
    event = OrderAmended(
        at=LATER, client_order_id=STOP.client_order_id, quantity_shares=30, limit_usd=None, stop_usd=Decimal("15.50")
    )
    order = replace(STOP, quantity_shares=30, stop_usd=Decimal("15.50"))
    assert sent.after(event) == changed(sent, order=order, terms_at=LATER)


def test_an_amended_limit_replaces_the_old_one() -> None:
    opened = INTENDED.after(EVENTS["sent"]).after(EVENTS["accepted"])
    assert opened.after(EVENTS["amended"]).order == replace(ORDER, quantity_shares=20, limit_usd=Decimal(25))


@pytest.mark.parametrize("name", ["refused", "unknown", "missed", "written_off"])
def test_what_closes_or_doubts_an_order_says_why(name: str) -> None:
    flying = INTENDED.after(EVENTS["sent"])
    assert flying.after(EVENTS[name]) == changed(flying, state=name, note=EVENTS[name].reason)


def test_an_ended_order_says_how_and_why() -> None:
    opened = INTENDED.after(EVENTS["sent"]).after(EVENTS["accepted"]).after_fill(a_fill(quantity_shares=3))
    event = OrderEnded(at=LATER, client_order_id=ID, status="expired", filled_shares=3, reason="end of the day")
    assert opened.after(event) == changed(opened, state="expired", note="end of the day")


def test_a_fact_out_of_place_says_what_it_may_follow() -> None:
    told = f"order {ID} (AAA entry) is intended: OrderMissed may follow only in_flight, unknown"
    with pytest.raises(IllegalTransition) as refused:
        INTENDED.after(EVENTS["missed"])
    assert str(refused.value) == told


def test_fills_add_up_in_shares_value_and_fees() -> None:
    sent = INTENDED.after(EVENTS["sent"])
    once = sent.after_fill(a_fill(quantity_shares=4, price_usd=Decimal("50.10"), fee_usd=Decimal("0.35")))
    twice = once.after_fill(a_fill("x2", quantity_shares=6, price_usd=Decimal("50.60"), fee_usd=Decimal("0.15")))
    assert (once.filled_shares, once.filled_usd, once.fee_usd) == (4, Decimal("200.40"), Decimal("0.35"))
    assert twice == changed(sent, filled_shares=10, filled_usd=Decimal("504.00"), fee_usd=Decimal("0.50"))
    assert twice.average_fill_usd == Decimal("50.40")
    assert sent.average_fill_usd is None


def test_parts_that_make_whole_shares_are_counted_whole() -> None:
    half = INTENDED.after(EVENTS["sent"]).after_fill(a_fill(quantity_shares=Decimal("0.5")))
    whole = half.after_fill(a_fill("x2", quantity_shares=Decimal("1.5")))
    assert (half.filled_shares, repr(whole.filled_shares)) == (Decimal("0.5"), "2")


@pytest.mark.parametrize("fill", [a_fill(symbol="BBB"), a_fill(side="sell"), a_fill(quantity_shares=11)])
def test_a_fill_that_does_not_fit_is_told_beside_its_order(fill: BrokerFill) -> None:
    with pytest.raises(IllegalTransition) as refused:
        INTENDED.after(EVENTS["sent"]).after_fill(fill)
    assert str(refused.value) == (
        f"fill x1 ({fill.side} {fill.quantity_shares} {fill.symbol}) does not fit order {fill.client_order_id}: "
        "buy 10 AAA, 0 of them already filled; stop and compare with the venue"
    )


def test_a_fill_taken_back_leaves_the_shares_and_value_there_were_and_its_own_fee() -> None:
    sent = INTENDED.after(EVENTS["sent"])
    filled = sent.after_fill(a_fill(quantity_shares=4)).after_fill(a_fill("x2", quantity_shares=6))
    bust = a_fill("x3", side="sell", quantity_shares=6, fee_usd=Decimal("-0.30"), reverses="x2")
    once = sent.after_fill(a_fill(quantity_shares=4))
    assert filled.after_reversal(bust) == changed(once, fee_usd=Decimal("0.40"))


@pytest.mark.parametrize("state", ["in_flight", "unknown", "open"])
def test_an_order_that_may_trade_exposes_what_is_not_filled(state: str) -> None:
    record = changed(INTENDED, state=state, sent_at=AT).after_fill(a_fill(quantity_shares=4))
    assert (record.exposed_shares, record.is_unproven) == (6, True)


@pytest.mark.parametrize("state", ["intended", "missed", "filled", "cancelled", "refused", "voided", "written_off"])
def test_an_order_that_cannot_trade_exposes_nothing(state: str) -> None:
    assert changed(INTENDED, state=state, sent_at=AT).exposed_shares == 0
