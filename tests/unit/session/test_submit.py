"""The morning act: each order over the wire once, a stop behind every share, nothing outside the window."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import ChainBroken, Halted, LedgerError
from execution.domain.events import CancelRequested, ControlChanged, Event, SubmitFinished
from execution.domain.orders import BrokerFill, OrderRequest
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.order_record import OrderRecord
from execution.risk.kill_switch import KillSwitch
from execution.session import run_session
from execution.session.lease_of_act import ACT_LEASE, BUSY
from execution.session.protect import unprotected
from execution.session.reconcile import reconcile
from execution.session.reservation import view_at_send
from execution.session.send import send
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker

TRADED = SESSIONS[1]


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path, wrap_broker=ScriptedBroker)


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def legs(orders: list[OrderRequest]) -> list[tuple[str, str]]:
    return [(order.symbol, order.leg) for order in orders]


def test_entries_go_out_by_rank_and_a_stop_follows_each_fill(days: TradingDays) -> None:
    days.plan()
    report = days.submit()
    assert report.status == "submitted"
    entries = [(s, "entry") for s in ("AAA", "BBB", "CCC")]
    assert legs(wire(days).submitted) == entries + [(s, "stop") for s in ("AAA", "BBB", "CCC")]
    assert report.unprotected == ()


def test_a_stop_lies_below_the_fill_as_far_as_planned_below_the_close(days: TradingDays) -> None:
    days.plan()
    days.submit()
    book = days.desk.ledger.book()
    entry, stop = (
        next(r for r in book.orders.values() if r.order.symbol == "AAA" and r.leg == leg) for leg in ("entry", "stop")
    )
    assert entry.average_fill_usd is not None
    assert stop.order.stop_usd == entry.average_fill_usd - Decimal("1.50")
    assert (stop.order.quantity_shares, stop.order.time_in_force) == (entry.filled_shares, "gtc")


def test_submitting_again_sends_nothing(days: TradingDays) -> None:
    days.plan()
    days.submit()
    sent, head = len(wire(days).submitted), days.desk.ledger.verify_chain()
    again = days.submit()
    assert (again.status, again.reason) == ("already_submitted", "")
    assert (len(wire(days).submitted), days.desk.ledger.verify_chain()) == (sent, head)


@pytest.mark.parametrize("minutes", [0, 15])
def test_nothing_is_sent_outside_the_window(days: TradingDays, minutes: int) -> None:
    days.plan()
    days.clock.move_to(CALENDAR.opens_at(TRADED) + timedelta(minutes=minutes))
    report = run_session.submit(days.desk, session=FIRST)
    assert report.status == "refused"
    assert "outside the submit window" in report.reason
    assert wire(days).submitted == []


def test_what_is_left_when_the_window_closes_is_not_sent(days: TradingDays) -> None:
    days.plan()
    wire(days).before_submit = lambda _: days.clock.move_to(CALENDAR.submit_window(FIRST)[1])
    days.submit()
    assert [leg for leg in legs(wire(days).submitted) if leg[1] == "entry"] == [("AAA", "entry")]
    assert days.cancel_rest().voided == 2


def test_an_order_does_not_end_before_the_fills_it_counts_are_here(days: TradingDays) -> None:
    days.plan()
    wire(days).hides_fills = True
    days.submit()
    entries = [r for r in days.desk.ledger.book().orders.values() if r.leg == "entry"]
    assert {record.state for record in entries} == {"open"}
    wire(days).hides_fills = False
    days.submit()
    entries = [r for r in days.desk.ledger.book().orders.values() if r.leg == "entry"]
    assert {record.state for record in entries} == {"filled"}
    assert unprotected(days.desk.ledger.book()) == ()


def test_nothing_is_sent_without_a_plan(days: TradingDays) -> None:
    assert days.submit().reason == f"session {FIRST} has no plan"


def test_a_kill_file_stops_everything(days: TradingDays) -> None:
    days.plan()
    (days.folder / "KILL").touch()
    with pytest.raises(Halted):
        days.submit()
    assert wire(days).submitted == []


def test_a_kill_file_that_appears_while_sending_stops_the_rest(days: TradingDays) -> None:
    days.plan()
    wire(days).before_submit = lambda _: (days.folder / "KILL").touch()
    with pytest.raises(Halted):
        days.submit()
    assert legs(wire(days).submitted) == [("AAA", "entry")]


def test_a_kill_file_nobody_can_read_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    switch = KillSwitch(tmp_path / "home" / "KILL")
    days = TradingDays(tmp_path, desk_changes={"kill_switch": switch})
    days.plan()
    with pytest.raises(Halted, match="cannot be read"):
        days.submit()


def test_a_refused_order_is_not_sent_again(days: TradingDays) -> None:
    days.plan()
    wire(days).faults["AAA", "entry"] = "refuse"
    assert days.submit().refused == 1
    days.submit()
    assert legs(wire(days).submitted).count(("AAA", "entry")) == 1


@pytest.mark.parametrize("fault", ["lose_answer", "lose_request"])
def test_an_unknown_outcome_is_never_sent_again(days: TradingDays, fault: str) -> None:
    days.plan()
    wire(days).faults["AAA", "entry"] = fault
    days.submit()
    days.submit()
    days.cancel_rest()
    days.settle()
    assert legs(wire(days).submitted).count(("AAA", "entry")) == 1


def test_an_order_whose_answer_was_lost_is_found_filled_and_protected(days: TradingDays) -> None:
    days.plan()
    wire(days).faults["AAA", "entry"] = "lose_answer"
    report = days.submit()
    book = days.desk.ledger.book()
    assert book.held_shares["AAA"] == days.venue.account().positions_shares["AAA"]
    assert (report.unknown, report.unprotected) == (0, ())


def test_an_order_whose_request_was_lost_stays_unknown_until_its_day_is_over(days: TradingDays) -> None:
    days.plan()
    wire(days).faults["AAA", "entry"] = "lose_request"
    days.submit()
    days.cancel_rest()
    assert [r.state for r in days.desk.ledger.book().unproven_orders if r.leg == "entry"] == ["unknown"]
    assert days.settle().status == "settled"
    assert [r.state for r in days.desk.ledger.book().unproven_orders if r.leg == "entry"] == ["missed"]


def test_a_missed_order_that_turns_up_after_all_is_booked(days: TradingDays) -> None:
    days.plan()
    wire(days).faults["AAA", "entry"] = "lose_request"
    days.submit()
    lost = next(order for order in wire(days).submitted if order.symbol == "AAA")
    days.settle()
    days.clock.move_to(CALENDAR.opens_at(SESSIONS[2]) + timedelta(seconds=1))
    days.venue.submit(lost)
    report = days.plan(SESSIONS[2])
    assert report.status == "planned"
    assert days.desk.ledger.book().held_shares["AAA"] == lost.quantity_shares


def test_the_unfilled_rest_is_cancelled_at_the_deadline(tmp_path: Path) -> None:
    thin = a_day_of("AAA", TRADED, volume_shares=400)
    days = TradingDays(tmp_path, bars=[thin])
    days.plan()
    days.submit()
    assert FIRST in days.facts.open_entries
    report = days.cancel_rest()
    record = next(r for r in days.desk.ledger.book().orders.values() if r.order.symbol == "AAA" and r.leg == "entry")
    assert (report.status, record.state, record.filled_shares) == ("rest_cancelled", "cancelled", 20)
    assert FIRST not in days.facts.open_entries
    assert report.unprotected == ()


def test_a_plan_never_sent_is_voided_at_the_deadline(days: TradingDays) -> None:
    days.plan()
    report = days.cancel_rest()
    assert (report.voided, wire(days).submitted) == (3, [])
    assert FIRST in days.facts.submitted


def test_the_rest_is_not_cancelled_before_the_deadline(days: TradingDays) -> None:
    days.plan()
    days.submit()
    assert run_session.cancel_rest(days.desk, session=FIRST).status == "refused"


def test_nothing_is_decided_for_a_settled_session_any_more(days: TradingDays) -> None:
    # A halt between the decision and the wire would leave it there for ever: nobody ends a settled session's orders.
    days.live()
    for stop in days.venue.open_orders():
        days.venue.cancel(stop.client_order_id)
    decided = reconcile(days.desk).book.orders.keys()
    assert len(run_session.cancel_rest(days.desk, session=FIRST).unprotected) == 3
    assert days.desk.ledger.book().orders.keys() == decided


def hold_then_sell(days: TradingDays) -> None:
    """Buy AAA, BBB and CCC on the first session and plan to sell AAA on the second."""
    days.live()
    days.plan(TRADED, days.a_batch(TRADED, best=("BBB", "CCC", "DDD", "EEE", "FFF", "AAA")))


def test_an_exit_goes_out_only_after_its_stop_is_gone(days: TradingDays) -> None:
    hold_then_sell(days)
    open_at_exit: list[tuple[str, ...]] = []
    wire(days).before_submit = lambda order: open_at_exit.append(
        tuple(o.symbol for o in days.venue.open_orders() if o.order_type == "stop" and o.symbol == order.symbol)
    )
    days.submit(TRADED)
    assert legs(wire(days).submitted)[6] == ("AAA", "exit")
    assert open_at_exit[0] == ()
    assert "AAA" not in days.venue.account().positions_shares


def test_an_exit_waits_while_its_stop_may_still_trade(days: TradingDays) -> None:
    hold_then_sell(days)
    wire(days).ignores_cancel = lambda _: True
    assert days.submit(TRADED).status == "pending"
    assert ("AAA", "exit") not in legs(wire(days).submitted)
    wire(days).ignores_cancel = lambda _: False
    assert days.submit(TRADED).status == "submitted"
    assert ("AAA", "exit") in legs(wire(days).submitted)


def test_an_exit_waits_for_the_last_of_several_stops(days: TradingDays) -> None:
    days.plan()
    wire(days).faults["AAA", "stop"] = "take_less"
    days.submit()
    wire(days).faults.clear()
    assert days.submit().unprotected == ()
    days.cancel_rest()
    days.settle()
    days.plan(TRADED, days.a_batch(TRADED, best=("BBB", "CCC", "DDD", "EEE", "FFF", "AAA")))
    second = days.desk.order_id(FIRST, symbol="AAA", side="sell", leg="stop_2")
    wire(days).ignores_cancel = lambda order_id: order_id == second
    assert days.submit(TRADED).status == "pending"
    assert legs(wire(days).submitted).count(("AAA", "stop")) == 2
    wire(days).ignores_cancel = lambda _: False
    days.submit(TRADED)
    bought = days.desk.ledger.book().orders[days.desk.order_id(FIRST, symbol="AAA", side="buy", leg="entry")]
    exits = [order for order in wire(days).submitted if (order.symbol, order.leg) == ("AAA", "exit")]
    assert [order.quantity_shares for order in exits] == [bought.filled_shares]
    assert "AAA" not in days.venue.account().positions_shares


def test_an_order_that_would_oversell_is_stopped_at_the_last_row(days: TradingDays) -> None:
    hold_then_sell(days)
    days.morning(TRADED)
    book = days.desk.ledger.book()
    exit_order = next(r for r in book.orders.values() if (r.order.symbol, r.leg) == ("AAA", "exit"))
    sent = len(wire(days).submitted)
    # The stop still works: another process has not cancelled it, or has sent it a moment ago.
    view = view_at_send(days.desk, reconcile(days.desk), TRADED)
    send(days.desk, view, exit_order, exit_order.order.quantity_shares)
    assert len(wire(days).submitted) == sent
    assert days.desk.ledger.book().orders[exit_order.order.client_order_id].state == "intended"


def test_open_sells_never_exceed_what_is_held(days: TradingDays) -> None:
    hold_then_sell(days)

    def check(order: OrderRequest) -> None:
        held = days.venue.account().positions_shares.get(order.symbol, 0)
        working = sum(
            o.quantity_shares - o.filled_shares
            for o in days.venue.open_orders()
            if (o.symbol, o.side) == (order.symbol, "sell")
        )
        assert order.side == "buy" or working + order.quantity_shares <= held

    wire(days).before_submit = check
    days.submit(TRADED)
    days.cancel_rest(TRADED)
    days.settle(TRADED)


def test_an_exit_that_did_not_fill_gets_its_stop_back(tmp_path: Path) -> None:
    crashed = a_day_of("AAA", SESSIONS[2], open_usd="20.00", high_usd="21.00", low_usd="19.00", close_usd="20.00")
    days = TradingDays(tmp_path, bars=[crashed], wrap_broker=ScriptedBroker)
    hold_then_sell(days)
    days.submit(TRADED)
    days.cancel_rest(TRADED)
    exit_order = next(r for r in days.desk.ledger.book().orders.values() if (r.order.symbol, r.leg) == ("AAA", "exit"))
    # The stop already sold at the open below it: nothing is left to sell, or the exit's limit was out of reach.
    held = days.venue.account().positions_shares.get("AAA", 0)
    assert exit_order.state in ("voided", "cancelled")
    assert held == 0 or ("AAA", "stop") in legs(wire(days).submitted[6:])


def test_a_missing_stop_is_sent_again_by_the_next_session_even_without_a_batch(days: TradingDays) -> None:
    days.plan()
    wire(days).faults["BBB", "stop"] = "refuse"
    assert days.submit().unprotected == ("BBB",)
    days.cancel_rest()
    days.settle()
    wire(days).faults.clear()
    run_session.plan(days.evening(TRADED), session=TRADED, batch_hash=None)
    report = days.submit(TRADED)
    assert (report.unprotected, legs(wire(days).submitted)[-1]) == ((), ("BBB", "stop"))


def test_a_position_whose_stop_may_have_been_lost_is_told_as_unprotected(days: TradingDays) -> None:
    days.plan()
    wire(days).faults["BBB", "stop"] = "lose_request"
    report = days.submit()
    assert (report.unknown, report.unprotected) == (1, ("BBB",))
    assert legs(wire(days).submitted).count(("BBB", "stop")) == 1


def test_a_refused_stop_is_not_sent_twice_in_one_session(days: TradingDays) -> None:
    days.plan()
    wire(days).faults["BBB", "stop"] = "refuse"
    days.submit()
    days.submit()
    assert legs(wire(days).submitted).count(("BBB", "stop")) == 1


def test_every_order_id_is_used_once_over_many_sessions(days: TradingDays) -> None:
    for number, session in enumerate(SESSIONS[:4]):
        days.live(session, days.a_batch(session, best=SYMBOLS[number % 3 :] + SYMBOLS[: number % 3]))
    ids = [order.client_order_id for order in wire(days).submitted]
    assert len(ids) == len(set(ids)) > 8


def test_nothing_is_sent_while_cash_differs_and_no_symbol_explains_it(days: TradingDays) -> None:
    days.plan()
    wire(days).cash_apart_usd = Decimal("-12.34")
    with pytest.raises(LedgerError, match=r"cash is 100000 USD in the ledger, 99987\.66 at the venue"):
        days.submit()
    assert wire(days).submitted == []


# What is told, word by word.


def states(days: TradingDays, leg: str) -> dict[str, str]:
    orders = days.desk.ledger.book().orders.values()
    return {record.order.symbol: record.state for record in orders if record.leg == leg}


def order_of(days: TradingDays, symbol: str, leg: str) -> OrderRecord:
    orders = days.desk.ledger.book().orders.values()
    return next(r for r in reversed(list(orders)) if (r.order.symbol, r.leg) == (symbol, leg))


def written(days: TradingDays, kind: type[Event]) -> list[Any]:
    return [recorded.event for recorded in days.desk.ledger.events() if isinstance(recorded.event, kind)]


def test_a_report_counts_what_became_of_each_order(days: TradingDays) -> None:
    days.plan()
    wire(days).faults = {("AAA", "entry"): "refuse", ("BBB", "entry"): "lose_request", ("CCC", "stop"): "refuse"}
    report = days.submit()
    assert (report.session, report.status, report.reason) == (FIRST, "submitted", "")
    counts = (report.accepted, report.refused, report.unknown, report.voided, report.filled)
    assert counts == (1, 2, 1, 0, 1)
    assert (report.unprotected, report.bare_parts) == (("CCC",), {})
    late = days.cancel_rest()
    assert (late.accepted, late.refused, late.unknown, late.filled) == (1, 2, 1, 1)


def test_what_was_never_sent_is_counted_as_voided(days: TradingDays) -> None:
    days.plan()
    report = days.cancel_rest()
    assert (report.session, report.status, report.reason) == (FIRST, "rest_cancelled", "")
    assert (report.accepted, report.voided, report.filled) == (0, 3, 0)
    assert {record.note for record in days.desk.ledger.book().orders.values()} == {"not sent before the deadline"}


def test_while_another_process_acts_both_halves_of_the_morning_ask_to_be_asked_again(days: TradingDays) -> None:
    days.plan()
    days.desk.ledger.take_lease(ACT_LEASE, holder="another", ttl_seconds=600)
    for report in (days.submit(), days.cancel_rest()):
        assert (report.session, report.status, report.reason) == (FIRST, "busy", BUSY)
        assert report.voided == 0
    assert wire(days).submitted == []


def test_a_refusal_names_what_is_missing(days: TradingDays) -> None:
    assert days.submit().reason == f"session {FIRST} has no plan"
    early = run_session.cancel_rest(days.desk, session=FIRST)
    assert (early.status, early.reason) == ("refused", f"the deadline of {FIRST} has not come")
    late = days.cancel_rest()
    assert (late.status, late.reason) == ("refused", f"session {FIRST} has no plan")


def test_a_refusal_outside_of_the_window_tells_the_window(days: TradingDays) -> None:
    days.plan()
    opens, closes = CALENDAR.submit_window(FIRST)
    report = run_session.submit(days.evening(FIRST), session=FIRST)
    assert (report.status, report.reason) == (
        "refused",
        f"outside the submit window of {FIRST}: {opens.isoformat()} to {closes.isoformat()}",
    )


def test_a_missed_session_says_why_it_was_missed(days: TradingDays) -> None:
    days.publish(days.a_batch())
    days.deadline(FIRST)
    missed = run_session.plan(days.desk, session=FIRST, batch_hash=None)
    assert missed.status == "missed"
    report = run_session.submit(days.desk, session=FIRST)
    assert (report.status, report.reason) == ("refused", f"session {FIRST} was missed: {missed.reason}")


def test_a_settled_session_is_left_as_it_is(days: TradingDays) -> None:
    days.live()
    head = days.desk.ledger.head()
    report = run_session.cancel_rest(days.desk, session=FIRST)
    assert (report.status, report.reason) == ("rest_cancelled", f"session {FIRST} is settled")
    assert (days.desk.ledger.head(), report.filled) == (head, 3)


def test_an_exit_that_waits_for_its_stop_says_so_and_the_act_is_not_over(days: TradingDays) -> None:
    hold_then_sell(days)
    wire(days).ignores_cancel = lambda _: True
    report = days.submit(TRADED)
    assert (report.status, report.reason) == ("pending", "an exit waits until the venue has ended its stop")
    assert [event.session for event in written(days, SubmitFinished)] == [FIRST]
    exit_id = order_of(days, "AAA", "exit").order.client_order_id
    assert [event.reason for event in written(days, CancelRequested)] == [f"its position is sold by {exit_id}"]


def test_an_entry_that_waits_says_so_and_the_act_is_not_over(days: TradingDays) -> None:
    days.plan()
    days.desk.ledger.append(ControlChanged(at=days.clock.now(), state="reducing", actor="ann", reason="a bad week"))
    report = days.submit()
    assert (report.status, report.reason) == (
        "pending",
        "an entry waits: nothing may add to a position now, or not so fast",
    )
    assert written(days, SubmitFinished) == []
    assert days.cancel_rest().voided == 3
    assert [event.session for event in written(days, SubmitFinished)] == [FIRST]
    days.cancel_rest()
    assert len(written(days, SubmitFinished)) == 1


def test_the_end_of_an_act_is_written_with_its_cycle(days: TradingDays) -> None:
    days.plan()
    days.submit()
    [finished] = written(days, SubmitFinished)
    assert finished == SubmitFinished(at=days.clock.now(), cycle_id=days.desk.cycle_id(FIRST), session=FIRST)


def test_a_halt_at_the_deadline_cancels_the_rest_books_what_filled_and_sends_no_stop(tmp_path: Path) -> None:
    thin = a_day_of("AAA", TRADED, volume_shares=400)
    days = TradingDays(tmp_path, bars=[thin], wrap_broker=ScriptedBroker)
    days.plan()
    wire(days).hides_fills = True
    days.submit()
    wire(days).hides_fills = False
    (days.folder / "KILL").touch()
    report = days.cancel_rest()
    assert report.status == "rest_cancelled"
    assert report.reason.startswith("the kill file KILL exists: nothing is sent")
    assert (states(days, "entry")["AAA"], report.unprotected) == ("cancelled", ("AAA", "BBB", "CCC"))
    assert {order.leg for order in wire(days).submitted} == {"entry"}
    assert [event.reason for event in written(days, CancelRequested)] == ["not filled before the deadline"]


def test_no_act_goes_on_over_a_broken_chain(days: TradingDays, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ChainBroken("row 3 was changed")

    days.plan()
    monkeypatch.setattr(MemoryLedger, "verify_chain", broken)
    for act in (days.submit, days.cancel_rest):
        with pytest.raises(ChainBroken):
            act()
    assert wire(days).submitted == []


def test_a_stop_for_shares_that_are_gone_is_cancelled_with_its_reason(days: TradingDays) -> None:
    days.plan()
    days.submit()
    bought = order_of(days, "AAA", "entry").filled_shares
    wire(days).adds_fills = (
        BrokerFill(
            execution_id="by-hand",
            client_order_id="by-hand",
            symbol="AAA",
            side="sell",
            quantity_shares=bought,
            price_usd=Decimal("40.00"),
            fee_usd=Decimal(0),
            filled_at=days.clock.now(),
        ),
    )
    wire(days).positions_apart = {"AAA": -bought}
    wire(days).cash_apart_usd = bought * Decimal("40.00")
    days.submit()
    assert [event.reason for event in written(days, CancelRequested)] == ["it would sell more than is held"]
    assert order_of(days, "AAA", "stop").state == "cancelled"


def test_an_order_that_was_missed_is_still_counted_as_unknown(days: TradingDays) -> None:
    wire(days).faults["BBB", "entry"] = "lose_request"
    days.live()
    report = run_session.submit(days.desk, session=FIRST)
    assert (report.status, report.unknown) == ("refused", 1)
    assert states(days, "entry")["BBB"] == "missed"
