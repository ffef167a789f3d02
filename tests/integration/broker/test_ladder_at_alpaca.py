"""Sessions of a desk whose entries try several limits, at Alpaca's adapter: each one ends before the next goes out."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.portfolio.sizing_policy import SizingPolicy
from execution.session import run_session
from execution.session.send_policy import SendPolicy
from execution.venue.faults import FaultPlan
from tests.builders.alpaca_days import SAME_ID, AlpacaDays, alpaca_days
from tests.builders.bad_wire import DyingBroker, live
from tests.builders.trading_days import FIRST, SESSIONS
from tests.fakes.dying_port import Killed

LADDER = SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7"), entry_rungs=3)


def assert_nothing_was_bought_twice(told: AlpacaDays) -> None:
    """Judge by the venue's own sheet: limits rise one by one, and what was bought is what was planned at most."""
    book = told.days.desk.ledger.book()
    planned: dict[tuple[str, str], Any] = {}
    bought: Counter[tuple[str, str]] = Counter()
    limits: dict[tuple[str, str], list[Any]] = {}
    for row in told.venue.accepted:
        if row.order.side == "buy":
            record = book.orders[row.order.client_order_id]
            key = record.cycle_id, row.order.symbol
            planned.setdefault(key, row.order.quantity_shares)
            bought[key] += row.order.filled_shares
            limits.setdefault(key, []).append(row.order.limit_usd)
    assert all(count <= planned[key] for key, count in bought.items())
    assert all(tried == sorted(set(tried)) and len(tried) <= 3 for tried in limits.values())


def test_an_entry_climbs_to_the_limit_that_buys(tmp_path: Path) -> None:
    with alpaca_days(tmp_path, sizing=LADDER) as told:
        told.days.plan()
        report = told.days.submit()
        assert (report.status, report.unprotected) == ("submitted", ())
        buys = [row.order for row in told.venue.accepted if row.order.side == "buy"]
        # Each opens at its close, which the costs make dearer than the first limit.
        assert Counter(order.status for order in buys) == {"cancelled": 3, "filled": 3}
        told.days.cancel_rest()
        told.days.settle()
        assert_nothing_was_bought_twice(told)
        told.assert_ledger_is_venue()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [4, 5])
def test_a_process_killed_beside_any_message_goes_on_without_a_second_purchase(
    tmp_path: Path, number: int, moment: Any
) -> None:
    deaths, sent = {number: moment}, list[str]()
    with alpaca_days(tmp_path, sizing=LADDER, wrap_broker=lambda broker: DyingBroker(broker, deaths, sent)) as told:
        told.days.plan()
        desk = told.days.morning(FIRST)
        with pytest.raises(Killed):
            run_session.submit(desk, session=FIRST)
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=2))
        run_session.submit(told.restarted(), session=FIRST)
        told.days.cancel_rest()
        told.days.settle()
        assert_nothing_was_bought_twice(told)
        assert told.days.desk.ledger.book().quarantined == {}
        assert run_session.settle(told.days.desk, session=FIRST).status == "already_settled"
        told.assert_ledger_is_venue()


@pytest.mark.parametrize(("seed", "sending"), [(3, SendPolicy()), (4, SAME_ID)])
def test_sessions_of_ladders_on_a_bad_wire_leave_the_ledger_equal_to_the_venue(
    tmp_path: Path, seed: int, sending: SendPolicy
) -> None:
    faults = FaultPlan(seed=seed, rate=0.1)
    with alpaca_days(tmp_path, sizing=LADDER, sending=sending, faults=faults, breaker_failures=100) as told:
        for session in SESSIONS[:3]:
            live(told, session)
        assert faults.met()
        faults.clear()
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=5))
        run_session.settle(told.days.desk, session=SESSIONS[2])
        assert told.days.desk.ledger.book().quarantined == {}
        assert_nothing_was_bought_twice(told)
        told.assert_ledger_is_venue()
