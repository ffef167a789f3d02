"""Between the row and the wire: what stops an order there, and what happens to one nobody knows the outcome of."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import Halted
from execution.domain.events import ControlChanged, Event, SubmissionStarted
from execution.domain.orders import Accepted, OrderRequest
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.risk.limits import RiskLimits
from execution.session import run_session
from execution.session.lease_of_act import ACT_LEASE
from execution.session.reconcile import reconcile
from execution.session.reservation import view_at_send
from execution.session.send import send
from execution.session.send_policy import SendPolicy
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays
from tests.fakes.manual_clock import ManualClock
from tests.fakes.scripted_broker import ScriptedBroker

SAME_ID = SendPolicy(unknown_outcome_policy="same_id")


class PausingLedger:
    """A ledger after whose row before the wire something happens, once: a pause, a switch, another instant."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.after_row: Callable[[], object] | None = None

    def record(self, decide: Callable[[Book], Any]) -> tuple[Event, ...]:
        events: tuple[Event, ...] = self._ledger.record(decide)
        if self.after_row is not None and any(isinstance(event, SubmissionStarted) for event in events):
            happens, self.after_row = self.after_row, None
            happens()
        return events

    def fenced(self, lease: Any) -> "PausingLedger":
        under_lease = PausingLedger(self._ledger.fenced(lease))
        under_lease.after_row, self.after_row = self.after_row, None
        return under_lease

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def paused_days(folder: Path, **changes: Any) -> TradingDays:
    days = TradingDays(folder, wrap_broker=ScriptedBroker, wrap_ledger=PausingLedger, desk_changes=changes)
    days.plan()
    days.morning(FIRST)
    return days


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def after_first_row(days: TradingDays, happens: Callable[[], object]) -> None:
    ledger: Any = days.desk.ledger
    ledger.after_row = happens


def entries(days: TradingDays) -> list[OrderRequest]:
    return [order for order in wire(days).submitted if order.leg == "entry"]


def record_of(days: TradingDays, symbol: str, leg: str = "entry") -> OrderRecord:
    return next(r for r in days.desk.ledger.book().orders.values() if (r.order.symbol, r.leg) == (symbol, leg))


class SlowClock(ManualClock):
    """A clock whose monotonic reading a test moves alone."""

    paused_seconds = 0.0

    def monotonic_seconds(self) -> float:
        return self.paused_seconds


def with_slow_clock(folder: Path) -> tuple[TradingDays, SlowClock]:
    clock = SlowClock(CALENDAR.as_of(FIRST))
    days = TradingDays(
        folder, wrap_broker=ScriptedBroker, wrap_ledger=PausingLedger, desk_changes={"clock": clock, "run_id": "slow"}
    )
    days.plan()
    days.morning(FIRST)
    clock.move_to(days.clock.now())
    return days, clock


@pytest.mark.parametrize(("pause", "is_sent"), [(1.0, True), (1.01, False)])
def test_after_a_pause_longer_than_the_window_nothing_is_sent(tmp_path: Path, pause: float, *, is_sent: bool) -> None:
    days, clock = with_slow_clock(tmp_path)
    after_first_row(days, lambda: setattr(clock, "paused_seconds", pause))
    run_session.submit(days.desk, session=FIRST)
    assert ("AAA" in {order.symbol for order in entries(days)}) is is_sent


def test_an_order_that_came_too_late_to_the_wire_is_ended_and_never_sent(tmp_path: Path) -> None:
    days, clock = with_slow_clock(tmp_path)
    after_first_row(days, lambda: setattr(clock, "paused_seconds", 90.0))
    run_session.submit(days.desk, session=FIRST)
    assert record_of(days, "AAA").state == "voided"
    assert record_of(days, "AAA").exposed_shares == 0
    clock.move_to(days.clock.now() + timedelta(minutes=5))
    run_session.submit(days.desk, session=FIRST)
    assert [order.symbol for order in entries(days)] == ["BBB", "CCC"]
    notes = [note for (topic, _, _), note in days.desk.ledger.book().notes.items() if topic == "not_sent"]
    assert "90.0 s after its row" in notes[0].detail


def test_a_switch_engaged_after_the_row_stops_the_order(tmp_path: Path) -> None:
    days = paused_days(tmp_path)
    after_first_row(days, (days.folder / "KILL").touch)
    with pytest.raises(Halted):
        run_session.submit(days.desk, session=FIRST)
    assert (wire(days).submitted, record_of(days, "AAA").state) == ([], "voided")


def test_a_halt_written_down_after_the_row_stops_the_order(tmp_path: Path) -> None:
    days = paused_days(tmp_path)
    halted = ControlChanged(at=days.clock.now(), state="halted", actor="A. Person", reason="prices look wrong")
    after_first_row(days, lambda: days.restarted().ledger.record(lambda _: (halted,)))
    with pytest.raises(Halted):
        run_session.submit(days.desk, session=FIRST)
    assert wire(days).submitted == []


def test_a_deadline_that_passes_after_the_row_stops_the_order(tmp_path: Path) -> None:
    days, clock = with_slow_clock(tmp_path)
    after_first_row(days, lambda: clock.move_to(CALENDAR.submit_window(FIRST)[1]))
    run_session.submit(days.desk, session=FIRST)
    assert entries(days) == []
    assert record_of(days, "AAA").state == "voided"


def test_an_unknown_order_keeps_what_it_reserved_until_the_venue_proves_its_end(tmp_path: Path) -> None:
    days = paused_days(tmp_path)
    wire(days).faults["AAA", "entry"] = "lose_request"
    run_session.submit(days.desk, session=FIRST)
    lost = record_of(days, "AAA")
    assert lost.order.limit_usd is not None
    assert lost.reserved_usd == lost.order.quantity_shares * lost.order.limit_usd * Decimal("1.001")
    assert lost.exposed_shares == lost.order.quantity_shares


def lost_request(folder: Path, **changes: Any) -> TradingDays:
    days = paused_days(folder, **changes)
    wire(days).faults["AAA", "entry"] = "lose_request"
    run_session.submit(days.desk, session=FIRST)
    wire(days).faults.clear()
    return days


def test_an_order_lost_on_the_way_is_sent_again_under_its_id_where_that_is_safe(tmp_path: Path) -> None:
    days = lost_request(tmp_path, sending=SAME_ID)
    days.clock.move_to(days.clock.now() + timedelta(seconds=2))
    report = run_session.submit(days.desk, session=FIRST)
    first, second = [order for order in entries(days) if order.symbol == "AAA"]
    assert first == second
    assert (record_of(days, "AAA").state, report.unprotected) == ("filled", ())


def test_an_order_is_not_sent_again_before_an_answer_could_have_come(tmp_path: Path) -> None:
    days = lost_request(tmp_path, sending=SAME_ID)
    days.clock.move_to(days.clock.now() + timedelta(seconds=0.9))
    run_session.submit(days.desk, session=FIRST)
    assert [order.symbol for order in entries(days)].count("AAA") == 1


def test_the_wait_before_sending_again_counts_the_venues_own_times(tmp_path: Path) -> None:
    days = lost_request(tmp_path, sending=SAME_ID)
    slow = replace(days.venue.capabilities, answer_seconds=10.0, visibility_lag_seconds=20.0)
    wire(days).promises = slow
    days.clock.move_to(days.clock.now() + timedelta(seconds=30.9))
    run_session.submit(days.desk, session=FIRST)
    assert [order.symbol for order in entries(days)].count("AAA") == 1
    days.clock.move_to(days.clock.now() + timedelta(seconds=0.1))
    run_session.submit(days.desk, session=FIRST)
    assert [order.symbol for order in entries(days)].count("AAA") == 2


@pytest.mark.parametrize("promise", [{"id_uniqueness": "open_only"}, {"lookup_by_client_id": False}])
def test_an_order_is_never_sent_again_where_a_used_id_makes_a_second_order(
    tmp_path: Path, promise: dict[str, Any]
) -> None:
    days = lost_request(tmp_path, sending=SAME_ID)
    wire(days).promises = replace(days.venue.capabilities, **promise)
    days.clock.move_to(days.clock.now() + timedelta(minutes=5))
    run_session.submit(days.desk, session=FIRST)
    assert [order.symbol for order in entries(days)].count("AAA") == 1


def test_an_order_whose_first_sending_arrives_late_is_one_order(tmp_path: Path) -> None:
    days = lost_request(tmp_path, sending=SAME_ID)
    lost = entries(days)[0]
    days.clock.move_to(days.clock.now() + timedelta(seconds=2))
    # The first sending arrives between the look-up and the second one.
    wire(days).before_submit = lambda order: days.venue.submit(lost) if order == lost else None
    run_session.submit(days.desk, session=FIRST)
    run_session.submit(days.desk, session=FIRST)
    record = record_of(days, "AAA")
    assert (record.state, record.filled_shares) == ("filled", lost.quantity_shares)
    assert days.venue.account().positions_shares["AAA"] == lost.quantity_shares


def test_an_unclear_answer_is_an_unknown_outcome(tmp_path: Path) -> None:
    days = paused_days(tmp_path)
    wire(days).answers_with = Accepted("")
    run_session.submit(days.desk, session=FIRST)
    # Found by the look-up that follows: the venue had it all the same.
    assert record_of(days, "AAA").state == "filled"
    assert any(type(recorded.event).__name__ == "OutcomeUnknown" for recorded in days.desk.ledger.events())


def test_a_kind_of_order_the_venue_does_not_take_is_voided_with_its_name(tmp_path: Path) -> None:
    days = paused_days(tmp_path)
    wire(days).promises = replace(days.venue.capabilities, order_types=frozenset({"market", "stop"}))
    run_session.submit(days.desk, session=FIRST)
    assert (wire(days).submitted, record_of(days, "AAA").state) == ([], "voided")
    assert record_of(days, "AAA").note == "the venue does not take limit orders; it takes market, stop"


def test_entries_wait_while_messages_went_out_too_fast(tmp_path: Path) -> None:
    days = paused_days(tmp_path, limits=RiskLimits(messages_per_minute_max=2))
    report = run_session.submit(days.desk, session=FIRST)
    assert (report.status, len(entries(days))) == ("pending", 2)
    # What reduces risk is not throttled.
    assert [order.leg for order in wire(days).submitted].count("stop") == 2
    days.clock.move_to(days.clock.now() + timedelta(minutes=3))
    assert run_session.submit(days.desk, session=FIRST).status == "submitted"
    assert len(entries(days)) == 3


def test_a_stale_record_sends_nothing_twice(tmp_path: Path) -> None:
    days = paused_days(tmp_path)
    stale = record_of(days, "AAA")
    run_session.submit(days.desk, session=FIRST)
    sent = len(wire(days).submitted)
    send(days.desk, view_at_send(days.desk, reconcile(days.desk), FIRST), stale, stale.order.quantity_shares)
    assert len(wire(days).submitted) == sent


class RunningClock(ManualClock):
    """A clock that runs by itself, when somebody waits."""

    def __init__(self, instant: Any) -> None:
        super().__init__(instant)
        self.on_wait: Callable[[], object] = lambda: None
        self.waits = 0

    def wait_seconds(self, seconds: float) -> bool:
        self.waits += 1
        self.move_to(self.now() + timedelta(seconds=seconds))
        self.on_wait()
        return True


def running_days(folder: Path) -> tuple[TradingDays, RunningClock]:
    clock = RunningClock(CALENDAR.as_of(FIRST))
    days = TradingDays(folder, wrap_broker=ScriptedBroker, clock=clock)
    days.plan()
    days.morning(FIRST)
    return days, clock


def test_where_the_clock_runs_submit_looks_again_and_protects_each_late_fill(tmp_path: Path) -> None:
    days, clock = running_days(tmp_path)
    wire(days).hides_fills = True
    clock.on_wait = lambda: setattr(wire(days), "hides_fills", clock.waits < 3)
    report = run_session.submit(days.desk, session=FIRST)
    assert (clock.waits, report.unprotected) == (3, ())
    assert [order.leg for order in wire(days).submitted].count("stop") == 3


def test_where_the_clock_runs_submit_ends_at_the_deadline(tmp_path: Path) -> None:
    days, clock = running_days(tmp_path)
    wire(days).hides_fills = True
    desk = replace(days.desk, sending=SendPolicy(poll_seconds=60.0))
    run_session.submit(desk, session=FIRST)
    assert CALENDAR.submit_window(FIRST)[1] <= clock.now() < CALENDAR.submit_window(FIRST)[1] + timedelta(seconds=60)


def test_a_day_on_which_everything_filled_at_once_is_looked_at_once(tmp_path: Path) -> None:
    days, clock = running_days(tmp_path)
    assert (run_session.submit(days.desk, session=FIRST).status, clock.waits) == ("submitted", 0)


def test_where_the_clock_runs_a_desk_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    days, clock = running_days(tmp_path)
    lease = days.desk.ledger.take_lease(ACT_LEASE, holder="another", ttl_seconds=600)
    assert lease is not None
    clock.on_wait = lambda: days.desk.ledger.release_lease(lease) if clock.waits == 2 else None
    assert run_session.submit(days.desk, session=FIRST).status == "submitted"
    assert clock.waits == 2


def test_where_the_clock_runs_a_desk_that_stays_busy_says_so_at_the_deadline(tmp_path: Path) -> None:
    days, clock = running_days(tmp_path)
    days.desk.ledger.take_lease(ACT_LEASE, holder="another", ttl_seconds=6_000)
    desk = replace(days.desk, sending=SendPolicy(poll_seconds=60.0))
    assert run_session.submit(desk, session=FIRST).status == "busy"
    assert clock.now() >= CALENDAR.submit_window(FIRST)[1]


def test_where_the_clock_runs_what_has_no_stop_is_looked_at_again(tmp_path: Path) -> None:
    days, clock = running_days(tmp_path)
    wire(days).faults["AAA", "stop"] = "refuse"
    desk = replace(days.desk, sending=SendPolicy(poll_seconds=60.0))
    report = run_session.submit(desk, session=FIRST)
    assert (report.unprotected, clock.now() >= CALENDAR.submit_window(FIRST)[1]) == (("AAA",), True)


def test_where_the_clock_runs_a_stop_that_may_have_been_lost_is_looked_up_until_the_deadline(tmp_path: Path) -> None:
    days, clock = running_days(tmp_path)
    wire(days).faults["AAA", "stop"] = "lose_request"
    desk = replace(days.desk, sending=SendPolicy(poll_seconds=60.0))
    report = run_session.submit(desk, session=FIRST)
    assert (report.unprotected, clock.now() >= CALENDAR.submit_window(FIRST)[1]) == (("AAA",), True)
    assert [(order.symbol, order.leg) for order in wire(days).submitted].count(("AAA", "stop")) == 1


def test_where_the_clock_runs_a_refusal_is_not_asked_for_again(tmp_path: Path) -> None:
    days, clock = running_days(tmp_path)
    assert run_session.submit(days.desk, session=SESSIONS[1]).status == "refused"
    assert clock.waits == 0
