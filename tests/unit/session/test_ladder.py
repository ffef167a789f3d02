"""An entry that tries several limits: one order at a time, each behind the proven end of the former, never too much."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from execution.artifact_files import FileArtifacts
from execution.brokers.tape import TapeRow
from execution.domain.errors import LedgerError
from execution.domain.events import ControlChanged, FillBooked, OrderEnded, OrderIntended, RepriceRequested
from execution.ledger.event_codec import trading_hash
from execution.ledger.why_rows import read_why_rows
from execution.portfolio.sizing_policy import SizingPolicy
from execution.replay import replay_plan
from execution.risk.limits import RiskLimits
from execution.session import run_session
from execution.session.approval import PLANS_FOLDER
from execution.session.day_orders import cancel
from execution.session.day_so_far import entries_sent
from execution.session.ladder import turn_of
from execution.session.protect import next_stop
from execution.session.reconcile import reconcile
from execution.session.reservation import view_at_send
from execution.session.send_policy import ApprovalPolicy
from tests.builders.trading_days import FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker

TRADED = SESSIONS[1]
SIZING = SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7"), entry_rungs=3)


def days_at(tmp_path: Path, *, bars: Iterable[TapeRow] = (), **given: Any) -> TradingDays:
    """Return days whose first orders meet the opens given by symbol; other names are what the desk has otherwise.

    AAA closed at 40.25, so its limits are 40.25, 40.55 and 40.85.
    """
    opens = {name: usd for name, usd in given.items() if name in SYMBOLS}
    known = [a_day_of(symbol, TRADED, open_usd=usd, high_usd="60", low_usd=usd) for symbol, usd in opens.items()]
    changes = {"sizing": SIZING} | {name: value for name, value in given.items() if name not in SYMBOLS}
    return TradingDays(tmp_path, bars=[*known, *bars], desk_changes=changes, wrap_broker=ScriptedBroker)


def wire(days: TradingDays) -> ScriptedBroker:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return broker


def rungs(days: TradingDays, symbol: str = "AAA") -> list[Any]:
    orders = days.desk.ledger.book().orders.values()
    return [record for record in orders if (record.order.symbol, record.order.leg) == (symbol, "entry")]


def limits_sent(days: TradingDays) -> list[str]:
    sent = [order for order in wire(days).submitted if (order.symbol, order.leg) == ("AAA", "entry")]
    return [str(order.limit_usd) for order in sent]


def test_an_entry_begins_at_the_close_and_rises_to_its_limit(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    report = days.submit()
    assert report.status == "submitted"
    assert limits_sent(days) == ["40.25", "40.55"]
    assert [(r.leg, r.state) for r in rungs(days)] == [
        ("entry", "cancelled"),
        ("entry_2", "filled"),
        ("entry_3", "voided"),
    ]


def test_a_ladder_settles_as_one_decision_that_says_which_limits_were_tried(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.live()
    desk = days.desk
    cycle = desk.ledger.book().cycles[desk.cycle_id(FIRST)]
    row = next(r for r in read_why_rows(desk.artifacts, cycle.why_rows[-1].artifact_hash) if r.symbol == "AAA")
    assert (row.outcome, row.not_filled_reason) == ("bought", None)
    assert row.reason.endswith("tried at 40.25, 40.55 USD one after the other")


def test_an_entry_that_no_limit_buys_says_so_of_the_last_one(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="41.50")
    settled = days.live()
    rows = read_why_rows(days.desk.artifacts, settled.why_rows_hash or "")
    row = next(r for r in rows if r.symbol == "AAA")
    assert (row.outcome, row.filled_shares) == ("not_filled", 0)
    assert row.not_filled_reason is not None
    assert "the order is cancelled" in row.not_filled_reason
    assert [(r.leg, r.state) for r in rungs(days)] == [(leg, "cancelled") for leg in ("entry", "entry_2", "entry_3")]


def test_a_limit_that_fills_leaves_the_others_unsent(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.00")
    days.plan()
    assert days.submit().status == "submitted"
    assert [(r.leg, r.state) for r in rungs(days)] == [
        ("entry", "filled"),
        ("entry_2", "voided"),
        ("entry_3", "voided"),
    ]
    assert [r.note for r in rungs(days)[1:]] == ["not needed: its entry at 40.25 USD is filled"] * 2


def test_each_step_is_a_fact_of_the_ledger_with_its_reason(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    days.submit()
    first, second, _ = rungs(days)
    asked = [one.event for one in days.desk.ledger.events() if isinstance(one.event, RepriceRequested)]
    steps = [event for event in asked if event.client_order_id == first.order.client_order_id]
    assert [(s.client_order_id, s.next_order_id) for s in steps] == [
        (first.order.client_order_id, second.order.client_order_id)
    ]
    shares = first.order.quantity_shares
    assert steps[0].reason == f"0 of {shares} shares bought at 40.25 USD in its time; next is 40.55 USD"


def test_every_limit_stands_in_the_plan_that_is_approved(tmp_path: Path) -> None:
    days = days_at(tmp_path)
    plan_hash = days.plan().plan_hash or ""
    frozen = orjson.loads(days.desk.artifacts.read(PLANS_FOLDER, plan_hash, suffix=".json"))
    kept = [one["order"]["limit_usd"] for one in frozen["orders"] if one["order"]["symbol"] == "AAA"]
    assert kept == ["40.25", "40.55", "40.85"]
    assert (frozen["sizing"]["entry_rungs"], frozen["sizing"].get("entry_rung_seconds")) == (3, None)


def test_an_approval_counts_an_entry_once_at_its_dearest_limit(tmp_path: Path) -> None:
    plain = TradingDays(tmp_path / "plain")
    plain.plan()
    worst = sum(r.order.quantity_shares * r.order.limit_usd for r in plain.desk.ledger.book().orders.values())
    policy = ApprovalPolicy(threshold_usd=worst)
    days = days_at(tmp_path, approval=policy)
    report = days.plan()
    assert (report.entries, report.is_approved) == (3, True)
    above = days_at(tmp_path / "above", approval=ApprovalPolicy(threshold_usd=worst - 1))
    assert not above.plan().is_approved


def test_a_limit_of_another_price_than_the_plan_s_is_not_sent(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    cycle_id, planned = days.desk.cycle_id(FIRST), rungs(days)[0]
    dearer = replace(planned.order, client_order_id="t1another", limit_usd=Decimal("49.00"))
    days.desk.ledger.append(
        OrderIntended(at=days.clock.now(), cycle_id=cycle_id, leg="entry_4", order=dearer, reason=planned.reason)
    )
    with pytest.raises(LedgerError, match="does not stand so in plan"):
        days.submit()
    assert wire(days).submitted == []


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer"])
def test_behind_an_unknown_outcome_no_other_limit_goes_out(tmp_path: Path, fault: Any) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    wire(days).faults["AAA", "entry"] = fault
    wire(days).hides_orders_of = "AAA"
    report = days.submit()
    assert (report.status, report.unknown) == ("pending", 1)
    assert limits_sent(days) == ["40.25"]
    assert [r.state for r in rungs(days)] == ["unknown", "intended", "intended"]
    days.cancel_rest()
    assert [r.state for r in rungs(days)] == ["unknown", "voided", "voided"]


def test_while_an_end_is_not_proven_no_other_limit_goes_out(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    wire(days).ignores_cancel = lambda _: True
    assert days.submit().status == "pending"
    assert limits_sent(days) == ["40.25"]
    assert [(r.state, r.is_cancel_requested) for r in rungs(days)][:2] == [("open", True), ("intended", False)]
    # The request is made again, and what is proven then is followed.
    wire(days).ignores_cancel = lambda _: False
    days.submit()
    assert limits_sent(days) == ["40.25", "40.55"]


def test_an_end_that_counts_more_fills_than_were_told_is_no_proof(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.20")
    days.plan()
    wire(days).hides_fills_of = "AAA"
    days.submit()
    assert limits_sent(days) == ["40.25"]
    assert rungs(days)[0].state == "open"


def test_behind_a_refusal_no_other_limit_goes_out(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    wire(days).faults["AAA", "entry"] = "refuse"
    assert days.submit().status == "submitted"
    assert limits_sent(days) == ["40.25"]
    assert [r.state for r in rungs(days)] == ["refused", "voided", "voided"]


def test_what_somebody_else_cancelled_is_followed_by_nothing(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    first = rungs(days)[0].order.client_order_id
    wire(days).after_submit = lambda order: days.venue.cancel(first) if order.client_order_id == first else None
    days.submit()
    assert [(r.state, r.followed_by) for r in rungs(days)] == [("cancelled", None), ("voided", None), ("voided", None)]


def test_what_the_desk_asked_to_end_for_another_reason_is_followed_by_nothing(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    run_session.submit(replace(days.morning(FIRST), sizing=SIZING.model_copy(update={"entry_rungs": 1})), session=FIRST)
    cancel(days.desk, rungs(days)[0], "a person closes the account")
    days.submit()
    assert limits_sent(days) == ["40.25"]
    assert [r.state for r in rungs(days)] == ["cancelled", "voided", "voided"]


def test_a_rest_is_bought_for_what_is_missing_alone(tmp_path: Path) -> None:
    # A volume of 2,000 shares lets an order have 5 % of them.
    bar = a_day_of("AAA", TRADED, open_usd="40.10", high_usd="60", low_usd="40.10", volume_shares=2_000)
    days = days_at(tmp_path, bars=[bar])
    days.plan()
    days.submit()
    planned = days.desk.ledger.book()
    first, second, third = rungs(days)
    assert first.filled_shares == 100
    assert second.order.quantity_shares == third.order.quantity_shares == first.order.quantity_shares - 100
    assert planned.held_shares["AAA"] == 100


def test_a_fill_taken_back_is_not_bought_again(tmp_path: Path) -> None:
    bar = a_day_of("AAA", TRADED, open_usd="40.10", high_usd="60", low_usd="40.10", volume_shares=2_000)
    days = days_at(tmp_path, bars=[bar])
    days.plan()
    run_session.submit(replace(days.morning(FIRST), sizing=SIZING.model_copy(update={"entry_rungs": 1})), session=FIRST)
    book = days.desk.ledger.book()
    first, second, _ = rungs(days)
    [fill] = [one.fill for one in book.fills_in["AAA"]]
    bust = replace(fill, execution_id="bust", side="sell", fee_usd=Decimal(0), reverses=fill.execution_id)
    at, ids = days.clock.now(), (first.order.client_order_id, second.order.client_order_id)
    days.desk.ledger.append(
        RepriceRequested(at=at, client_order_id=ids[0], next_order_id=ids[1], reason="its time is over"),
        FillBooked(at=at, fill=bust),
        OrderEnded(at=at, client_order_id=ids[0], status="cancelled", filled_shares=0, reason=""),
    )
    turn = turn_of(days.desk.ledger.book(), second)
    assert turn.shares == second.order.quantity_shares - fill.quantity_shares


def test_a_limit_waits_its_time_where_the_clock_runs(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    one_look = {"sizing": SIZING.model_copy(update={"entry_rungs": 1, "entry_rung_seconds": 60})}
    desk = replace(days.morning(FIRST), **one_look)
    run_session.submit(desk, session=FIRST)
    days.clock.move_to(days.clock.now() + timedelta(seconds=59))
    run_session.submit(desk, session=FIRST)
    assert limits_sent(days) == ["40.25"]
    days.clock.move_to(days.clock.now() + timedelta(seconds=1))
    run_session.submit(desk, session=FIRST)
    assert limits_sent(days) == ["40.25", "40.55"]


def test_an_account_that_only_reduces_gives_no_limit_up(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.plan()
    wire(days).after_submit = lambda _: days.desk.ledger.append(
        ControlChanged(at=days.clock.now(), state="reducing", actor="ann", reason="a bad week")
    )
    days.submit()
    assert (rungs(days)[0].state, rungs(days)[0].is_cancel_requested) == ("open", False)
    assert limits_sent(days) == ["40.25"]


def test_a_day_s_last_entry_may_try_all_its_limits(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50", BBB="42.50", CCC="44.50", limits=RiskLimits(entries_per_day_max=3))
    days.plan()
    days.submit()
    held = days.desk.ledger.book().held_shares
    assert sorted(held) == ["AAA", "BBB", "CCC"]
    assert entries_sent(days.desk.ledger.book(), FIRST) == 3


def test_a_basket_holds_no_share_twice(tmp_path: Path) -> None:
    plain = TradingDays(tmp_path / "plain")
    plain.plan()
    worst = sum(r.order.quantity_shares * r.order.limit_usd for r in plain.desk.ledger.book().orders.values())
    limits = RiskLimits(basket_notional_max_usd=worst)
    days = days_at(tmp_path, AAA="41.50", BBB="43.50", CCC="45.50", limits=limits)
    days.plan()
    days.submit()
    assert {r.state for symbol in ("AAA", "BBB", "CCC") for r in rungs(days, symbol)} == {"cancelled", "open"}


def test_a_stop_waits_for_the_next_limit_where_a_venue_refuses_it_beside_a_purchase(tmp_path: Path) -> None:
    bar = a_day_of("AAA", TRADED, open_usd="40.10", high_usd="60", low_usd="40.10", volume_shares=2_000)
    days = days_at(tmp_path, bars=[bar])
    days.plan()
    wire(days).promises = replace(days.venue.capabilities, refuses_opposing_orders=True)
    wire(days).ignores_cancel = lambda _: True
    days.submit()
    # Its end comes to light while the act protects: the next limit still comes before the stop.
    wire(days).ignores_cancel = lambda _: False
    first = rungs(days)[0].order.client_order_id
    days.venue.cancel(first)
    reconcile(days.desk)
    assert next_stop(days.desk, days.desk.ledger.book(), session=FIRST, symbol="AAA") is None
    days.submit()
    assert limits_sent(days) == ["40.25", "40.55", "40.85"]
    days.cancel_rest()
    assert [(o.leg, o.quantity_shares) for o in wire(days).submitted if o.symbol == "AAA"][-1] == ("stop", 100)


def test_a_plain_entry_is_what_it_was(tmp_path: Path) -> None:
    days = TradingDays(tmp_path)
    days.plan()
    assert [(r.leg, r.order.limit_usd) for r in rungs(days)] == [("entry", Decimal("40.85"))]


def test_a_limit_whose_turn_has_not_come_asks_for_no_price(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50", BBB="43.50", CCC="45.50")
    days.plan()
    wire(days).ignores_cancel = lambda _: True
    days.submit()
    view = view_at_send(days.desk, reconcile(days.desk), FIRST)
    assert {r.state for r in rungs(days)} == {"open", "intended"}
    assert (view.closes_usd, view.quotes_usd) == ({}, {})


def test_a_plan_of_ladders_is_made_again_bit_for_bit(tmp_path: Path) -> None:
    days = days_at(tmp_path, AAA="40.50")
    days.live()
    cycle = days.desk.ledger.book().cycles[days.desk.cycle_id(FIRST)]
    steps = replay_plan(days.desk, cycle, beside=FileArtifacts(tmp_path / "again"))
    assert [step.name for step in steps if not step.is_equal] == []


def test_two_desks_that_live_the_same_day_climb_alike(tmp_path: Path) -> None:
    homes = [days_at(tmp_path / name, AAA="40.50") for name in ("one", "two")]
    for days in homes:
        days.live()
    one, two = (trading_hash(row.event for row in days.desk.ledger.events()) for days in homes)
    assert one == two
