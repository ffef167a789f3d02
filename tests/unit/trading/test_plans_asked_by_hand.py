"""`trading/order_plan` materialized by hand at any hour: what it may plan, and what it leaves to the cycle."""

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.trading.defs import exit_watch, order_plan, orders, settlement
from execution.domain.errors import SettingsRefused
from execution.session.run_session import Desk
from sensors.rules import Act, Work, trading_due
from tests.builders.batches import a_red_certificate
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path)


def asked(desk: Desk, session: date = FIRST, **config: Any) -> dict[str, Any]:
    """Return what the page shows of a plan asked for by hand."""
    result = dg.materialize(
        [order_plan],
        partition_key=session.isoformat(),
        resources={"desk": desk},
        run_config={"ops": {"trading__order_plan": {"config": config}}},
    )
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def due(days: TradingDays) -> tuple[Work, ...]:
    return trading_due(now=days.clock.now(), calendar=CALENDAR, facts=days.facts)


def test_a_plan_asked_for_before_the_batch_is_published_leaves_the_cycle_to_it(days: TradingDays) -> None:
    told = asked(days.evening(FIRST))
    opens = CALENDAR.submit_window(FIRST)[0].isoformat()
    assert (told["status"], told["plan_hash"]) == ("no_batch_yet", "none")
    assert told["reason"] == (
        f"no batch of session {FIRST} is published: when its cycle publishes one, the plan follows by itself; "
        f"without one, positions alone are managed from {opens} on, or now where `is_hold` asks for it"
    )
    assert not days.desk.ledger.book().cycles
    digest = days.publish(days.a_batch())
    assert due(days) == (Work(act=Act.PLAN, session=FIRST, batch_hash=digest),)
    assert (asked(days.desk)["status"], asked(days.desk)["status"]) == ("planned", "already_planned")


def test_a_red_gate_in_the_evening_may_still_turn_green(days: TradingDays) -> None:
    days.batches.publish_certificate(a_red_certificate(session=FIRST))
    assert asked(days.evening(FIRST))["status"] == "no_batch_yet"


def test_a_batch_and_a_hold_at_once_are_refused(days: TradingDays) -> None:
    digest = days.publish(days.a_batch())
    with pytest.raises(SettingsRefused, match=f"found is_hold and batch {digest[:12]}, expected one of them"):
        asked(days.evening(FIRST), batch_hash=digest, is_hold=True)
    assert not days.desk.ledger.book().cycles


def test_a_hold_that_is_asked_for_is_planned_in_the_evening(days: TradingDays) -> None:
    assert asked(days.evening(FIRST), is_hold=True)["status"] == "held"


def test_once_the_submit_window_is_open_a_plan_without_a_batch_manages_positions(days: TradingDays) -> None:
    assert asked(days.morning(FIRST))["status"] == "held"


def test_a_plan_asked_for_without_a_batch_after_the_plan_says_that_it_stands(days: TradingDays) -> None:
    asked(days.evening(FIRST), is_hold=True)
    assert asked(days.desk)["status"] == "already_planned"


def test_the_page_of_a_plan_shows_its_orders_and_the_next_page_what_became_of_them(days: TradingDays) -> None:
    days.publish(days.a_batch())
    plan = asked(days.evening(FIRST))["plan_table"]
    assert [line.split(" | ")[0] for line in plan.splitlines()[2:]] == ["| AAA", "| BBB", "| CCC"]
    result = dg.materialize([orders], partition_key=FIRST.isoformat(), resources={"desk": days.morning(FIRST)})
    (event,) = result.get_asset_materialization_events()
    _, _, *sent = str(event.materialization.metadata["orders_table"].value).splitlines()
    assert ["| filled |" in line for line in sent] == [True] * 3 + [False] * 3
    assert ["| open |" in line for line in sent] == [False] * 3 + [True] * 3


def test_a_backfill_over_a_session_before_the_first_decision_leaves_the_ledger_as_it_was(days: TradingDays) -> None:
    days.live(SESSIONS[1])
    days.publish(days.a_batch(FIRST))
    before = days.desk.ledger.head()
    dg.materialize(
        [order_plan, orders, exit_watch, settlement],
        partition_key=FIRST.isoformat(),
        resources={"desk": days.desk, "artifacts_root": days.artifacts_root},
    )
    assert days.desk.ledger.head() == before
    assert {cycle.session for cycle in days.desk.ledger.book().cycles.values()} == {SESSIONS[1]}
