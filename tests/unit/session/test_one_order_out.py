"""One order on its way out, on a ledger in memory: what is written, what goes over the wire, what keeps it back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.clock import MovedClock
from execution.domain.broker_capabilities import BrokerCapabilities
from execution.domain.errors import Halted
from execution.domain.events import (
    ControlChanged,
    Event,
    FillBooked,
    GateJudged,
    OrderAccepted,
    OrderRefused,
    OrderVoided,
    OutcomeUnknown,
    SubmissionRepeated,
    SubmissionStarted,
    SymbolQuarantined,
)
from execution.domain.orders import Accepted, OrderRequest, Refused, Unknown
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.order_record import OrderRecord
from execution.risk.limits import RiskLimits
from execution.session.lease_of_act import ACT_LEASE, LEASE_SECONDS
from execution.session.reservation import SendView
from execution.session.send import is_in_time, repeat_wait, send, send_again
from execution.session.send_policy import SendPolicy
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import SESSION
from tests.builders.memory_desk import a_memory_desk
from tests.builders.orders import (
    AT,
    a_check,
    a_fill,
    accepted,
    account_opened,
    an_order,
    an_order_id,
    gate_judged,
    intended,
    plan_recorded,
    sent,
)

CALENDAR = TradingCalendar.shipped()
OPENS, CLOSES = CALENDAR.submit_window(SESSION)
FIFTY = Decimal(50)
GREEN = gate_judged()
ID = an_order_id()
SAME_ID = SendPolicy(unknown_outcome_policy="same_id", window_seconds=1.0)
PROMISES = BrokerCapabilities(
    id_uniqueness="forever",
    lookup_by_client_id=True,
    answer_seconds=10.0,
    visibility_lag_seconds=20.0,
    order_types=frozenset({"limit", "market", "stop"}),
    times_in_force=frozenset({"day", "gtc"}),
    has_extended_hours=False,
)


class Wire:
    """A broker of which nothing but `submit` is asked; `happens` goes on while an order is under way."""

    def __init__(self) -> None:
        self.capabilities = PROMISES
        self.submitted: list[OrderRequest] = []
        self.outcome: Any = Accepted("v-1")
        self.happens: Callable[[], object] = lambda: None

    def submit(self, order: OrderRequest) -> Any:
        self.submitted.append(order)
        self.happens()
        return self.outcome


class Watch(MovedClock):
    """A clock whose monotonic reading a test moves alone, by so much at each look from now on."""

    def __init__(self, instant: datetime) -> None:
        super().__init__(instant)
        self.seconds, self.per_look = 1_000.0, 0.0

    def monotonic_seconds(self) -> float:
        self.seconds += self.per_look
        return self.seconds


class Switch:
    """A kill switch that is engaged from a look on."""

    def __init__(self) -> None:
        self.looks, self.engaged_at_look = 0, 10**9

    def refuse_when_engaged(self) -> None:
        self.looks += 1
        if self.looks >= self.engaged_at_look:
            raise Halted("the switch is engaged")


class Counter:
    """A desk with one wire, one clock and one ledger that a test holds in its hands."""

    def __init__(
        self,
        *events: Event,
        at: datetime = OPENS,
        sending: SendPolicy = SAME_ID,
        gate: GateJudged | None = GREEN,
        **limits: Any,
    ) -> None:
        self.wire, self.clock, self.switch = Wire(), Watch(at), Switch()
        self.lease_seconds = 0.0
        self.ledger = MemoryLedger(lambda: self.lease_seconds)
        told = (gate,) if gate else ()
        self.ledger.record(lambda _: (account_opened(), plan_recorded(equity_usd=Decimal(100_000)), *told, *events))
        self.begun = self.ledger.head().sequence
        self.desk = a_memory_desk(
            at,
            clock=self.clock,
            broker=self.wire,
            ledger=self.ledger,
            kill_switch=self.switch,
            limits=RiskLimits(**limits),
            sending=sending,
        )
        self.view = SendView(
            session=SESSION,
            apart_shares={},
            apart_usd=Decimal(0),
            foreign_orders=(),
            closes_usd={"AAA": FIFTY, "BBB": FIFTY},
            quotes_usd={"AAA": FIFTY},
        )

    def record_of(self, order_id: str = ID) -> OrderRecord:
        return self.ledger.book().orders[order_id]

    def send(self, order_id: str = ID, *, shares: int = 10) -> list[Event]:
        """Send, and return what was written."""
        send(self.desk, self.view, self.record_of(order_id), shares)
        return self.written

    def send_again(self, *, looked_at: datetime) -> list[Event]:
        send_again(self.desk, self.view, self.record_of(), looked_at=looked_at)
        return self.written

    @property
    def written(self) -> list[Event]:
        return [recorded.event for recorded in self.ledger.events()][self.begun :]

    @property
    def notes(self) -> list[tuple[str, str]]:
        notes = self.ledger.book().notes
        assert all(session == SESSION for _, session, _ in notes)
        return [(note.subject, note.detail) for note in notes.values() if note.topic == "not_sent"]


def an_entry(symbol: str = "AAA", **changes: Any) -> Event:
    return intended(an_order(symbol, **changes), reference_price_usd=FIFTY, protective_stop_usd=Decimal(47))


def held(shares: int = 10) -> Event:
    return FillBooked(at=AT, fill=a_fill("held", client_order_id="before", quantity_shares=shares))


def an_exit(symbol: str = "AAA", **changes: Any) -> OrderRequest:
    return an_order(symbol, side="sell", leg="exit", limit_usd=Decimal(49), is_reduce_only=True, **changes)


def a_stop(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {"order_type": "stop", "time_in_force": "gtc", "limit_usd": None, "stop_usd": Decimal(46)}
    return an_order(side="sell", leg="stop", is_reduce_only=True, **{**fields, **changes})


# What is written and what goes out.


def test_the_row_stands_before_the_wire_and_the_answer_behind_it() -> None:
    counter = Counter(an_entry())
    seen: list[str] = []
    counter.wire.happens = lambda: seen.append(counter.record_of().state)
    written = counter.send(shares=4)
    reserved = 4 * Decimal("51.00") * (1 + counter.desk.limits.fee_allowance_bps / 10_000)
    assert written == [
        SubmissionStarted(at=OPENS, client_order_id=ID, quantity_shares=4, reserved_usd=reserved),
        OrderAccepted(at=OPENS, client_order_id=ID, broker_order_id="v-1"),
    ]
    assert counter.wire.submitted == [an_order(quantity_shares=4)]
    assert seen == ["in_flight"]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Refused("no"), OrderRefused(at=OPENS, client_order_id=ID, reason="no")),
        (Unknown("timed out"), OutcomeUnknown(at=OPENS, client_order_id=ID, reason="timed out")),
        (None, OutcomeUnknown(at=OPENS, client_order_id=ID, reason="the venue's answer is unclear: None")),
    ],
)
def test_each_answer_is_written_as_what_it_is(outcome: Any, told: Event) -> None:
    counter = Counter(an_entry())
    counter.wire.outcome = outcome
    assert counter.send()[1:] == [told]


def test_what_another_process_proved_while_the_answer_came_stands() -> None:
    counter = Counter(an_entry())
    counter.wire.outcome = Refused("no")
    counter.wire.happens = lambda: counter.ledger.record(lambda _: (accepted(an_order()),))
    counter.send()
    assert counter.record_of().state == "open"


def test_an_order_that_went_out_is_not_sent_a_second_time() -> None:
    counter = Counter(an_entry(), sent(an_order()))
    assert counter.send() == []
    assert counter.wire.submitted == []


# What keeps an order back for now: nothing is written, it may go later.


@pytest.mark.parametrize(
    ("at", "goes"),
    [(OPENS - timedelta(microseconds=1), False), (OPENS, True), (CLOSES, False)],
)
def test_entries_and_exits_go_in_their_window_alone(at: datetime, *, goes: bool) -> None:
    order = an_exit()
    for counter in (Counter(an_entry(), at=at), Counter(held(), intended(order), at=at)):
        order_id = next(iter(counter.ledger.book().orders))
        assert bool(counter.send(order_id)) is goes
        assert len(counter.wire.submitted) == goes


def test_a_stop_goes_at_any_hour() -> None:
    order = a_stop()
    counter = Counter(held(), intended(order), at=CLOSES)
    counter.send(order.client_order_id)
    assert counter.wire.submitted == [order]
    assert is_in_time(counter.desk, counter.view, order)
    assert not is_in_time(counter.desk, counter.view, an_order())


@pytest.mark.parametrize(("shares", "goes"), [(10, True), (11, False)])
def test_no_more_is_sold_than_is_held(shares: int, *, goes: bool) -> None:
    order = an_exit(quantity_shares=shares)
    counter = Counter(held(10), intended(order))
    assert bool(counter.send(order.client_order_id, shares=shares)) is goes


def test_a_single_share_of_what_is_not_held_is_not_sold() -> None:
    order = an_exit(quantity_shares=1)
    counter = Counter(intended(order))
    assert counter.send(order.client_order_id, shares=1) == []


@pytest.mark.parametrize(("shares", "goes"), [(6, True), (7, False)])
def test_what_other_sales_may_still_trade_is_not_sold_again(shares: int, *, goes: bool) -> None:
    stop, order = a_stop(quantity_shares=4), an_exit(quantity_shares=shares)
    counter = Counter(held(10), intended(stop), sent(stop), intended(order))
    assert (order in counter.wire.submitted) is False
    counter.send(order.client_order_id, shares=shares)
    assert (order in counter.wire.submitted) is goes


def test_nothing_goes_out_in_a_symbol_in_which_the_account_differs() -> None:
    counter = Counter(an_entry(), an_entry("BBB"))
    counter.view = replace(counter.view, apart_shares={"AAA": 1})
    assert counter.send() == []
    assert counter.send(an_order_id("BBB")) != []


def test_a_reducing_account_sends_what_reduces_alone() -> None:
    reducing = ControlChanged(at=AT, state="reducing", actor="ann", reason="a bad week")
    order = an_exit("BBB")
    bought = FillBooked(at=AT, fill=a_fill("b", "BBB", client_order_id="before"))
    counter = Counter(bought, an_entry(), intended(order), reducing)
    assert counter.send() == []
    counter.send(order.client_order_id)
    assert counter.wire.submitted == [order]


def test_a_halted_account_sends_nothing_and_says_so() -> None:
    counter = Counter(an_entry(), ControlChanged(at=AT, state="halted", actor="ann", reason="a test"))
    with pytest.raises(Halted, match="trading was halted"):
        counter.send()
    assert counter.written == []


def test_an_account_let_go_on_sends_again() -> None:
    counter = Counter(an_entry(), ControlChanged(at=AT, state="active", actor="ann", reason="over"))
    assert counter.send() != []


def test_entries_wait_for_the_pace_of_messages_and_exits_do_not() -> None:
    before = an_order("CCC")
    just_now = replace(sent(before), at=OPENS)
    order = an_exit("BBB")
    bought = FillBooked(at=AT, fill=a_fill("b", "BBB", client_order_id="before"))
    events = (bought, intended(before), just_now, an_entry(), intended(order))
    counter = Counter(*events, messages_per_minute_max=1)
    counter.view = replace(counter.view, closes_usd={**counter.view.closes_usd, "CCC": FIFTY})
    assert counter.send() == []
    counter.send(order.client_order_id)
    assert counter.wire.submitted == [order]
    calm = Counter(*events, messages_per_minute_max=2)
    calm.view = counter.view
    assert calm.send() != []


# What ends an order before it went out.


def voided(counter: Counter, order_id: str = ID) -> str:
    [event] = counter.send(order_id)
    assert isinstance(event, OrderVoided)
    assert (event.at, event.client_order_id) == (OPENS, order_id)
    assert counter.wire.submitted == []
    return event.reason


@pytest.mark.parametrize(
    "gate",
    [
        None,
        gate_judged(checks=()),
        gate_judged(checks=(a_check(), a_check("bars_late", passed=False))),
        gate_judged(stage="raw"),
        gate_judged(session=CALENDAR.previous(SESSION)),
    ],
    ids=["none", "empty", "red", "raw alone", "of another session"],
)
def test_an_entry_without_a_green_gate_beside_its_plan_is_voided_and_an_exit_goes(gate: GateJudged | None) -> None:
    order = an_exit("BBB")
    bought = FillBooked(at=AT, fill=a_fill("b", "BBB", client_order_id="before"))
    counter = Counter(bought, an_entry(), intended(order), gate=gate)
    told = f"no green gate of {SESSION} stands in the ledger beside its plan"
    unwritten = "" if gate else ": a version that wrote none planned it, and the next evening plans again"
    assert voided(counter) == told + unwritten
    counter.send(order.client_order_id)
    assert counter.wire.submitted == [order]


def test_an_order_in_quarantine_is_voided_with_its_reason() -> None:
    counter = Counter(an_entry(), SymbolQuarantined(at=AT, symbol="AAA", reason="not ours"))
    assert voided(counter) == "AAA is in quarantine: not ours"


def test_a_malformed_order_is_voided_with_its_fault() -> None:
    counter = Counter(an_entry(limit_usd=Decimal("51.005")))
    assert "51.005" in voided(counter)


def test_an_order_the_venue_does_not_take_is_voided() -> None:
    counter = Counter(an_entry())
    counter.wire.capabilities = replace(PROMISES, order_types=frozenset({"market"}))
    assert voided(counter) == "the venue does not take limit orders; it takes market"


def test_an_order_the_last_look_refuses_is_voided_with_its_numbers() -> None:
    counter = Counter(an_entry(quantity_shares=11), order_quantity_max_shares=10)
    send(counter.desk, counter.view, counter.record_of(), 11)
    [event] = counter.written
    assert isinstance(event, OrderVoided)
    assert event.reason == (
        "last look, order_quantity: the order's quantity is above the hard cap: 11 shares, allowed at most 10 shares"
    )


# Between the row and the wire.


def test_a_switch_engaged_after_the_row_keeps_the_order_back() -> None:
    counter = Counter(an_entry())
    counter.switch.engaged_at_look = 2
    with pytest.raises(Halted):
        counter.send()
    assert (counter.record_of().state, counter.wire.submitted) == ("voided", [])


def test_a_halt_that_comes_out_of_the_sending_itself_ends_no_order() -> None:
    counter = Counter(an_entry())

    def taken_and_halted(_order: OrderRequest) -> Any:
        raise Halted("the venue has it, and a person stopped everything")

    counter.wire.submit = taken_and_halted  # type: ignore[method-assign] # a broker that stops after it has sent
    with pytest.raises(Halted):
        counter.send()
    assert counter.record_of().state == "in_flight"


@pytest.mark.parametrize(("pause", "goes"), [(0.5, True), (0.51, False)])
def test_after_a_pause_longer_than_the_window_the_order_is_ended_and_not_sent(pause: float, *, goes: bool) -> None:
    counter = Counter(an_entry(), sending=SendPolicy(window_seconds=0.5))
    counter.clock.per_look = pause
    counter.send()
    assert len(counter.wire.submitted) == goes
    told = "not sent: 0.5 s after its row, allowed are 0.5 s"
    assert counter.notes == ([] if goes else [(ID, told)])
    assert counter.record_of().state == ("open" if goes else "voided")


def test_an_order_whose_window_ended_after_its_row_is_ended_and_not_sent() -> None:
    counter = Counter(an_entry(), at=CLOSES - timedelta(microseconds=1))
    record = counter.ledger.record

    def recorded(decide: Any) -> Any:
        events = record(decide)
        counter.clock.move_to(CLOSES)
        return events

    counter.ledger.record = recorded  # type: ignore[method-assign] # time goes by while the row is written
    counter.send()
    told = "not sent: its window was over when it should have gone out"
    assert (counter.notes, counter.wire.submitted) == ([(ID, told)], [])


@pytest.mark.parametrize(("answer_seconds", "is_kept"), [(1.0, False), (1.1, True)])
def test_after_a_slow_answer_the_lease_is_held_on_to(answer_seconds: float, *, is_kept: bool) -> None:
    counter = Counter(an_entry())
    lease = counter.ledger.take_lease(ACT_LEASE, holder="this", ttl_seconds=LEASE_SECONDS)
    counter.desk = replace(counter.desk, lease=lease)

    def answer_slowly() -> None:
        counter.clock.seconds += answer_seconds
        counter.lease_seconds = LEASE_SECONDS - 1

    counter.wire.happens = answer_slowly
    counter.send()
    counter.lease_seconds = LEASE_SECONDS + 1
    other = counter.ledger.take_lease(ACT_LEASE, holder="other", ttl_seconds=LEASE_SECONDS)
    assert (other is None) is is_kept


# Once more, under the same id.


def lost(**changes: Any) -> Counter:
    """Return a counter with an order of unknown outcome, sent 31 seconds ago: as long as it may be under way."""
    out = replace(sent(an_order()), at=OPENS)
    doubt = OutcomeUnknown(at=OPENS, client_order_id=ID, reason="timed out")
    return Counter(an_entry(), out, doubt, at=OPENS + timedelta(seconds=31), **changes)


DUE = OPENS + timedelta(seconds=31)


def test_the_wait_is_the_window_the_answer_and_the_lag() -> None:
    assert repeat_wait(lost().desk) == timedelta(seconds=31)
    slower = lost(sending=SendPolicy(unknown_outcome_policy="same_id", window_seconds=0.25))
    assert repeat_wait(slower.desk) == timedelta(seconds=30.25)


def test_a_lost_order_goes_out_again_as_it_was() -> None:
    counter = lost()
    assert counter.send_again(looked_at=DUE) == [
        SubmissionRepeated(at=DUE, client_order_id=ID, reason="unknown to the venue 31 s and more after it was sent"),
        OrderAccepted(at=DUE, client_order_id=ID, broker_order_id="v-1"),
    ]
    assert counter.wire.submitted == [an_order()]


def test_a_look_before_the_wait_was_over_proves_nothing() -> None:
    counter = lost()
    assert counter.send_again(looked_at=DUE - timedelta(microseconds=1)) == []


def test_the_wait_begins_anew_with_each_sending() -> None:
    counter = lost()
    counter.wire.outcome = Unknown("timed out")
    again = counter.send_again(looked_at=DUE)
    assert [type(event) for event in again] == [SubmissionRepeated]
    counter.clock.move_to(DUE + timedelta(seconds=31))
    assert counter.send_again(looked_at=DUE + timedelta(seconds=30)) == again
    assert len(counter.send_again(looked_at=DUE + timedelta(seconds=31))) == 2


@pytest.mark.parametrize("promise", [{"id_uniqueness": "open_only"}, {"lookup_by_client_id": False}])
def test_where_a_used_id_is_not_refused_for_ever_nothing_goes_out_again(promise: dict[str, Any]) -> None:
    counter = lost()
    counter.wire.capabilities = replace(PROMISES, **promise)
    assert counter.send_again(looked_at=DUE) == []


def test_by_default_nothing_goes_out_again() -> None:
    assert lost(sending=SendPolicy()).send_again(looked_at=DUE) == []


def test_an_order_never_sent_does_not_go_out_again() -> None:
    assert Counter(an_entry(), at=DUE).send_again(looked_at=DUE) == []


def test_after_the_window_nothing_goes_out_again() -> None:
    counter = lost()
    counter.clock.move_to(CLOSES)
    assert counter.send_again(looked_at=CLOSES) == []


def test_a_halt_keeps_a_lost_order_back() -> None:
    counter = lost()
    counter.switch.engaged_at_look = 1
    with pytest.raises(Halted):
        counter.send_again(looked_at=DUE)
    assert counter.written == []


def test_an_order_found_meanwhile_does_not_go_out_again() -> None:
    counter = lost()
    stale = counter.record_of()
    counter.ledger.record(lambda _: (accepted(an_order()),))
    send_again(counter.desk, counter.view, stale, looked_at=DUE)
    assert counter.wire.submitted == []


def test_a_refusal_of_the_second_sending_proves_nothing_of_the_first() -> None:
    counter = lost()
    counter.wire.outcome = Refused("client_order_id must be unique")
    assert [type(event) for event in counter.send_again(looked_at=DUE)] == [SubmissionRepeated]
    assert counter.record_of().state == "unknown"
