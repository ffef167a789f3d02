"""Events into the book: what each leaves there, and what a book that goes on keeps of the one before."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.errors import IllegalTransition, SameIdOtherOrder
from execution.domain.events import (
    AuditNoted,
    BatchSuperseded,
    ControlChanged,
    CorporateActionBooked,
    Event,
    FillBooked,
    LedgerRestored,
    OrderEnded,
    OrderRefused,
    PlanApproved,
    PositionsMarked,
    QuarantineLifted,
    ReleaseApproved,
    SettleFinished,
    SubmissionStarted,
    SubmitFinished,
    SymbolQuarantined,
    WhyRowsRecorded,
    WordSigned,
)
from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.positions import Position
from execution.ledger.book import Book
from execution.ledger.folding import Folding, folded, takes_back
from execution.ledger.risk_day import RiskDay
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    accepted,
    account_opened,
    an_action,
    an_adjustment,
    an_order,
    intended,
    plan_recorded,
    sent,
)

BUY = an_order()
BEGUN = (account_opened(), plan_recorded())
MARKED = PositionsMarked(
    at=AT,
    cycle_id=CYCLE,
    marked_session=SESSION,
    positions=(),
    cash_usd=Decimal(1),
    equity_usd=Decimal(1),
    realised_usd=Decimal(0),
    unrealised_usd=Decimal(0),
)
RELEASED = ReleaseApproved(
    at=AT, release_id="r", code_hash="c", settings_hash="s", schema_version=3, model_hash=None, approver="auto"
)
HALTED = ControlChanged(at=AT, state="halted", actor="ann", reason="a test")
NOTED = AuditNoted(at=AT, topic="test", session=None, subject="AAA", detail="first")
DOUBTED = SymbolQuarantined(at=AT, symbol="BBB", reason="not ours")
RESTORED = LedgerRestored(at=AT, epoch=1, backup="b", rows=3, actor="ann")
FULL: tuple[Event, ...] = (
    *BEGUN,
    intended(BUY),
    sent(BUY),
    intended(an_order("EEE", attached=(an_order("EEE", side="sell", leg="stop"),))),
    FillBooked(at=AT, fill=a_fill(quantity_shares=4)),
    CorporateActionBooked(at=AT, entry=an_action()),
    an_adjustment(cash_usd=Decimal(5)),
    MARKED,
    NOTED,
    HALTED,
    DOUBTED,
    SymbolQuarantined(at=AT, symbol="CCC", reason="not ours"),
    QuarantineLifted(at=AT, symbol="CCC", actor="ann", reason="looked at"),
    RELEASED,
    WordSigned(at=AT, matter="release", subject="r", signer="ann", word="as signed"),
    RESTORED,
    FillBooked(at=AT, fill=a_fill("x9", "DDD", client_order_id="foreign")),
    SettleFinished(at=AT, cycle_id=CYCLE, session=SESSION),
)


def a_book(*events: Event) -> Book:
    return folded(Book(), events)


def booked(*fills: BrokerFill) -> list[Event]:
    return [FillBooked(at=AT, fill=fill) for fill in fills]


def actions(*entries: CorporateActionEntry) -> list[Event]:
    return [CorporateActionBooked(at=AT, entry=entry) for entry in entries]


def test_a_book_that_goes_on_forgets_nothing() -> None:
    book, empty = a_book(*FULL), Book()
    assert [name for name in Book.__struct_fields__ if getattr(book, name) == getattr(empty, name)] == []
    assert folded(book, ()) == book


def test_a_symbols_splits_are_its_own_and_nothing_else_a_venue_books() -> None:
    told = [
        an_action("c1"),
        an_action("c2", kind="split", ratio=Decimal(2)),
        an_action("c3", "BBB", kind="split", ratio=Decimal(3)),
        an_action("c4", kind="split", ratio=Decimal("0.5")),
    ]
    book = a_book(*BEGUN, *booked(a_fill(client_order_id="foreign")), *actions(*told))
    assert [split.entry_id for split in book.splits_in("AAA")] == ["c2", "c4"]
    assert book.splits_in("CCC") == ()


def test_what_was_never_heard_of_is_empty_and_bears_its_name() -> None:
    folding = Folding(Book())
    assert folding.position("ZZZ") == Position(symbol="ZZZ")
    assert folding.day(SESSION) == RiskDay(session=SESSION)
    assert folding.order("nothing") is None
    assert folding.cycle("nothing") is None


def test_a_book_being_written_shows_what_stands_in_it() -> None:
    folding = Folding(a_book(*FULL))
    book = folding.book()
    assert folding.position("AAA") == book.positions["AAA"]
    assert folding.day(AT.date()) == book.days[AT.date()]
    assert folding.order(BUY.client_order_id) == book.orders[BUY.client_order_id]
    assert folding.cycle(CYCLE) == book.cycles[CYCLE]


def test_a_book_once_given_is_not_written_on() -> None:
    before = a_book(*BEGUN)
    folding = Folding(before)
    folding.apply(intended(BUY))
    assert before == a_book(*BEGUN)
    assert BUY.client_order_id in folding.book().orders


@pytest.mark.parametrize(
    ("before", "event", "told"),
    [
        (BEGUN, plan_recorded(), f"cycle {CYCLE} has a plan already"),
        ((*BEGUN, DOUBTED), QuarantineLifted(at=AT, symbol="AAA", actor="ann", reason=""), "AAA is in no quarantine"),
        ((*BEGUN, RESTORED), RESTORED, "a restored ledger begins epoch 1, and epoch 1 was used"),
        (BEGUN, LedgerRestored(at=AT, epoch=0, backup="b", rows=3, actor="ann"), "epoch 0 was used"),
        (
            (*BEGUN, SettleFinished(at=AT, cycle_id=CYCLE, session=SESSION)),
            SettleFinished(at=AT, cycle_id=CYCLE, session=SESSION),
            f"cycle {CYCLE} is settled already",
        ),
        ((*BEGUN, *booked(a_fill())), *booked(a_fill()), "fill x1 is booked already"),
    ],
)
def test_what_exists_once_is_not_written_twice(before: Sequence[Event], event: Event, told: str) -> None:
    book = a_book(*before)
    with pytest.raises(IllegalTransition, match=told):
        folded(book, [event])


def test_an_id_is_intended_once_for_ever() -> None:
    told = f"order {BUY.client_order_id} .AAA entry. is recorded already"
    with pytest.raises(SameIdOtherOrder, match=told):
        a_book(*BEGUN, intended(BUY), intended(BUY))


def test_nothing_but_an_event_is_folded() -> None:
    with pytest.raises(TypeError, match="str is no ledger event"):
        Folding(Book()).apply("a fill")


def test_a_cycle_gathers_its_acts() -> None:
    approval = PlanApproved(at=AT, cycle_id=CYCLE, plan_hash="p" * 64, approver="ann", reason="looks right")
    late = BatchSuperseded(at=AT, cycle_id=CYCLE, session=SESSION, batch_hash="late", reason="a plan stands")
    why = WhyRowsRecorded(at=AT, cycle_id=CYCLE, session=SESSION, stage="plan", artifact_hash="w", rows=2)
    submitted = SubmitFinished(at=AT, cycle_id=CYCLE, session=SESSION)
    settled = SettleFinished(at=AT, cycle_id=CYCLE, session=SESSION)
    events = (*BEGUN, approval, late, late, why, submitted, settled)
    cycle = a_book(*events).cycles[CYCLE]
    assert (cycle.session, cycle.plan, cycle.approval) == (SESSION, plan_recorded(), approval)
    assert (cycle.superseded, cycle.why_rows) == (("late", "late"), (why,))
    assert (cycle.is_submitted, cycle.settled) == (True, settled)


def test_marks_are_kept_in_their_order_and_the_last_word_on_control_and_release_counts() -> None:
    active = ControlChanged(at=AT, state="active", actor="ann", reason="over")
    book = a_book(*BEGUN, MARKED, MARKED, HALTED, active, RELEASED)
    assert (book.marks, book.control, book.release) == ((MARKED, MARKED), active, RELEASED)


def test_the_first_note_of_a_subject_and_the_first_reason_of_a_quarantine_stay() -> None:
    second = AuditNoted(at=AT, topic="test", session=None, subject="AAA", detail="second")
    again = SymbolQuarantined(at=AT, symbol="BBB", reason="another reason")
    book = a_book(*BEGUN, NOTED, second, DOUBTED, again)
    assert book.notes == {("test", None, "AAA"): NOTED}
    assert book.quarantined == {"BBB": DOUBTED}


def test_a_lifted_quarantine_remembers_how_many_fills_were_answered_for() -> None:
    lifted = QuarantineLifted(at=AT, symbol="BBB", actor="ann", reason="looked at")
    book = a_book(*BEGUN, *booked(a_fill(), a_fill("x2")), DOUBTED, lifted)
    assert (book.quarantined, book.lifted) == ({}, {"BBB": 2})


def test_a_fill_moves_its_order_its_cash_its_position_and_its_day() -> None:
    book = a_book(*BEGUN, intended(BUY), sent(BUY), *booked(a_fill(quantity_shares=4)))
    assert book.orders[BUY.client_order_id].filled_shares == 4
    assert book.cash_usd == Decimal("99799.25")
    assert book.positions["AAA"].shares == 4
    day = book.days[AT.date()]
    assert [each.order for each in day.sent] == [BUY]
    assert [each.fill for each in day.fills] == [a_fill(quantity_shares=4)]
    told = RiskDay(session=AT.date(), filled_usd=Decimal("200.40"), entries=1, sent=day.sent, fills=day.fills)
    assert book.days == {AT.date(): told}


def test_a_fill_of_somebody_else_moves_the_account_and_no_order() -> None:
    book = a_book(*BEGUN, intended(BUY), sent(BUY), *booked(a_fill(client_order_id="foreign")))
    assert book.orders[BUY.client_order_id].filled_shares == 0
    assert book.held_shares == {"AAA": 10}


def test_a_sale_earns_on_the_day_it_is_filled() -> None:
    later = AT + timedelta(days=1)
    sale = a_fill("x2", side="sell", client_order_id="foreign", price_usd=Decimal(52), filled_at=later)
    book = a_book(*BEGUN, *booked(a_fill(), sale))
    assert book.days[AT.date()].realised_usd == 0
    assert book.days[later.date()].realised_usd == Decimal("18.30")
    assert book.realised_usd == Decimal("18.30")


def test_the_newest_movement_and_the_newest_fill_of_a_symbol_are_remembered_whatever_is_told_last() -> None:
    early, late = AT - timedelta(hours=1), AT + timedelta(hours=1)
    fills = booked(a_fill("x1", filled_at=late), a_fill("x2", filled_at=early), a_fill("x3", "BBB", filled_at=AT))
    book = a_book(*BEGUN, *fills)
    assert (book.moved_at, book.traded_at["AAA"], book.traded_at["BBB"]) == (late, late, AT)
    action = CorporateActionBooked(at=AT, entry=an_action(booked_at=late + timedelta(hours=1)))
    assert folded(book, [action]).moved_at == late + timedelta(hours=1)
    assert a_book(*BEGUN).moved_at is None


def test_a_position_that_is_sold_out_is_held_no_more_and_keeps_what_it_earned() -> None:
    sale = a_fill("x2", side="sell", client_order_id="foreign", price_usd=Decimal(52))
    book = a_book(*BEGUN, *booked(a_fill(), sale))
    assert (book.held_shares, book.positions["AAA"].realised_usd) == ({}, Decimal("18.30"))


def test_days_stand_oldest_first_also_when_an_earlier_one_is_told_late() -> None:
    late, early = AT + timedelta(days=2), AT - timedelta(days=1)
    fills = booked(a_fill("x1"), a_fill("x2", filled_at=late), a_fill("x3", filled_at=early))
    book = a_book(*BEGUN, *fills)
    assert list(book.days) == [early.date(), AT.date(), late.date()]
    assert [one.fill.execution_id for one in book.fills_since(early)] == ["x3", "x1", "x2"]


def test_a_dividend_is_earned_on_its_own_session_beside_what_was() -> None:
    first = CorporateActionBooked(at=AT, entry=an_action(cash_usd=Decimal("1.20")))
    second = CorporateActionBooked(at=AT, entry=an_action("c2", cash_usd=Decimal("0.30")))
    book = a_book(*BEGUN, *booked(a_fill()), first, second)
    assert book.actions == {"c1": first, "c2": second}
    assert book.days[SESSION].realised_usd == Decimal("1.50")
    assert book.cash_usd == Decimal("99500.15")


def test_a_reservation_is_held_while_the_end_is_unproven_and_freed_by_the_proof() -> None:
    def reserved(*after: Event) -> Decimal:
        order_id = BUY.client_order_id
        start = SubmissionStarted(at=AT, client_order_id=order_id, quantity_shares=10, reserved_usd=Decimal("510.35"))
        return a_book(*BEGUN, intended(BUY), start, *after).days[AT.date()].reserved_usd

    ended = OrderEnded(at=AT, client_order_id=BUY.client_order_id, status="cancelled", filled_shares=0, reason="")
    refused = OrderRefused(at=AT, client_order_id=BUY.client_order_id, reason="no")
    assert [reserved(), reserved(accepted(BUY))] == [Decimal("510.35")] * 2
    assert [reserved(accepted(BUY), ended), reserved(refused)] == [0, 0]


def test_an_order_never_sent_touches_no_day() -> None:
    assert a_book(*BEGUN, intended(BUY)).days == {}


def test_unproven_orders_are_told_in_the_order_they_were_decided() -> None:
    first, second, third = an_order("AAA"), an_order("BBB"), an_order("CCC")
    decided = [intended(first), intended(second), intended(third)]
    sent_backwards = a_book(*BEGUN, *decided, sent(third), sent(second), sent(first))
    assert [record.order.symbol for record in sent_backwards.unproven_orders] == ["AAA", "BBB", "CCC"]
    refused = OrderRefused(at=AT, client_order_id=second.client_order_id, reason="no")
    book = folded(sent_backwards, [refused, accepted(third)])
    assert [record.order.symbol for record in book.unproven_orders] == ["AAA", "CCC"]
    assert [record.order.symbol for record in book.orders_of(CYCLE)] == ["AAA", "BBB", "CCC"]


def test_an_order_still_to_be_sent_is_not_among_the_unproven() -> None:
    first, second = an_order("AAA"), an_order("BBB")
    book = a_book(*BEGUN, intended(first), intended(second), sent(second))
    assert list(book.unproven) == [second.client_order_id]


def test_a_second_book_finds_the_unproven_of_the_first() -> None:
    first, second = an_order("AAA"), an_order("BBB")
    book = a_book(*BEGUN, intended(first), intended(second), sent(second))
    book = folded(book, [sent(first), accepted(second)])
    assert list(book.unproven) == [first.client_order_id, second.client_order_id]


def test_an_order_that_was_attached_to_another_knows_it_and_no_other_does() -> None:
    stop, other_stop = (an_order(name, side="sell", leg="stop") for name in ("AAA", "BBB"))
    entry = an_order("AAA", attached=(stop,))
    book = a_book(*BEGUN, intended(entry), sent(entry), intended(stop), sent(stop), intended(other_stop))
    found = [book.entry_of(record) for record in book.orders_of(CYCLE)]
    assert found == [None, book.orders[entry.client_order_id], None]


def test_what_was_paid_in_or_carried_away_realises_nothing() -> None:
    fill = a_fill(price_usd=Decimal(50), fee_usd=Decimal(0))
    moved = [an_adjustment(cash_usd=Decimal(5)), an_adjustment(symbol="AAA", shares_delta=-4)]
    book = a_book(*BEGUN, intended(BUY), sent(BUY), *booked(fill), *moved)
    assert (book.held_shares, book.realised_usd) == ({"AAA": 6}, 0)


FILL = a_fill()
TAKEN: dict[str, Any] = {"side": "sell", "reverses": "x1", "client_order_id": FILL.client_order_id}


def test_a_reversal_takes_back_exactly_the_fill_it_names() -> None:
    fills = a_book(*BEGUN, *booked(FILL, a_fill("x0", client_order_id="foreign"))).fills
    assert takes_back(a_fill("x2", **TAKEN), fills)


@pytest.mark.parametrize(
    "changes",
    [
        {"reverses": "x9"},
        {"reverses": None},
        {"side": "buy"},
        {"symbol": "BBB"},
        {"quantity_shares": 9},
        {"price_usd": Decimal("50.11")},
        {"client_order_id": "foreign"},
    ],
)
def test_what_differs_from_the_fill_it_names_takes_nothing_back(changes: dict[str, Any]) -> None:
    fills = a_book(*BEGUN, *booked(FILL)).fills
    assert not takes_back(a_fill("x2", **{**TAKEN, **changes}), fills)


def test_a_fill_is_taken_back_once() -> None:
    bust = a_fill("x2", **TAKEN)
    fills = a_book(*BEGUN, *booked(FILL, bust)).fills
    assert not takes_back(a_fill("x3", **TAKEN), fills)


def test_a_bust_leaves_its_order_as_before_the_fill() -> None:
    before = a_book(*BEGUN, intended(BUY), sent(BUY))
    bust = a_fill("x2", **TAKEN, fee_usd=Decimal("-0.35"))
    after = folded(before, booked(FILL, bust))
    assert after.orders == before.orders
    assert after.cash_usd == before.cash_usd
    assert after.days[AT.date()].filled_usd == 0


def test_a_bust_that_fits_no_fill_moves_the_account_alone() -> None:
    filled = a_book(*BEGUN, intended(BUY), sent(BUY), *booked(FILL))
    bust = a_fill("x2", **{**TAKEN, "quantity_shares": 9})
    after = folded(filled, booked(bust))
    assert after.orders == filled.orders
    assert after.held_shares == {"AAA": 1}
