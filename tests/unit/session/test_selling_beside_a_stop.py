"""An exit beside the stop of its position, on a ledger in memory: each share is sold once, by one of the two."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.clock import MovedClock
from execution.domain.canonical import canonical_bytes
from execution.domain.events import Event, FillBooked, OrderAccepted, OrderIntended, PlanApproved
from execution.domain.orders import OrderRequest
from execution.ledger.memory_ledger import MemoryLedger
from execution.memory_artifacts import MemoryArtifacts
from execution.session import run_session
from execution.session.approval import frozen_orders
from execution.session.run_session import SubmitReport
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import SESSION
from tests.builders.memory_desk import a_memory_desk
from tests.builders.orders import AT, CYCLE, a_fill, account_opened, an_order, intended, plan_recorded, sent
from tests.fakes.telling_venue import TellingVenue, at_venue

CALENDAR = TradingCalendar.shipped()
OPENS = CALENDAR.submit_window(SESSION)[0]
STOP = an_order(
    side="sell",
    leg="stop",
    order_type="stop",
    time_in_force="gtc",
    limit_usd=None,
    stop_usd=Decimal(46),
    is_reduce_only=True,
)
BOUGHT = a_fill("bought", filled_at=AT - timedelta(days=1))


def an_exit(shares: int = 10) -> OrderIntended:
    return intended(
        an_order(side="sell", leg="exit", quantity_shares=shares, limit_usd=Decimal(45), is_reduce_only=True)
    )


class NoSwitch:
    def refuse_when_engaged(self) -> None:
        """Let everything pass."""


class Morning:
    """Ten shares are held with their stop at the venue, and the plan sells some of them."""

    def __init__(self, planned: OrderIntended, *, others: tuple[OrderRequest, ...] = ()) -> None:
        entry = an_order()
        self.venue, self.ledger = TellingVenue(), MemoryLedger()
        self.exit_id = planned.order.client_order_id
        artifacts = MemoryArtifacts()
        plan_hash = artifacts.write("plans", canonical_bytes({"orders": frozen_orders([planned])}), suffix=".json")
        word = PlanApproved(at=AT, cycle_id=CYCLE, plan_hash=plan_hash, approver="auto", reason="a test")
        self.venue.executions = [BOUGHT]
        events: list[Event] = [account_opened(), plan_recorded(plan_hash=plan_hash), word, intended(entry), sent(entry)]
        for order in (STOP, *others):
            accepted = OrderAccepted(at=AT, client_order_id=order.client_order_id, broker_order_id="v-0")
            events += [intended(order, leg=f"{order.leg}_{order.quantity_shares}"), sent(order), accepted]
            self.venue.orders[order.client_order_id] = at_venue(order, broker_order_id="v-0")
        self.venue.orders[entry.client_order_id] = at_venue(entry, filled_shares=10, status="filled")
        self.ledger.append(*events, FillBooked(at=AT, fill=BOUGHT), planned)
        self.desk = a_memory_desk(
            OPENS,
            broker=self.venue,
            clock=MovedClock(OPENS),
            ledger=self.ledger,
            artifacts=artifacts,
            kill_switch=NoSwitch(),
        )

    def stop_sells(self, shares: int, **state: Any) -> None:
        """Let the stop have sold so many shares since the evening."""
        fill = a_fill("stopped", side="sell", quantity_shares=shares, price_usd=Decimal(46), filled_at=OPENS)
        self.venue.executions.append(replace(fill, client_order_id=STOP.client_order_id))
        told = self.venue.orders[STOP.client_order_id]
        self.venue.orders[STOP.client_order_id] = replace(told, filled_shares=shares, **state)

    def submit(self) -> SubmitReport:
        return run_session.submit(self.desk, session=SESSION)

    @property
    def exits_sent(self) -> list[int | Decimal]:
        return [order.quantity_shares for order in self.venue.submitted if order.leg == "exit"]

    @property
    def fate(self) -> tuple[str, str]:
        record = self.ledger.book().orders[self.exit_id]
        return record.state, record.note


def test_an_exit_takes_the_place_of_its_stop() -> None:
    morning = Morning(an_exit())
    report = morning.submit()
    assert (report.status, morning.exits_sent, morning.venue.cancelled) == ("submitted", [10], [STOP.client_order_id])
    assert morning.fate == ("open", "")


def test_a_part_of_a_position_is_sold_as_decided() -> None:
    morning = Morning(an_exit(3))
    morning.submit()
    assert morning.exits_sent == [3]


def test_what_a_stop_has_sold_since_the_evening_is_not_sold_again() -> None:
    morning = Morning(an_exit())
    morning.stop_sells(10, status="filled")
    report = morning.submit()
    assert (report.status, morning.exits_sent, morning.venue.cancelled) == ("submitted", [], [])
    assert morning.fate == ("voided", "nothing is left to sell")


@pytest.mark.parametrize(("by_stop", "left"), [(1, 9), (4, 6), (9, 1)])
def test_of_what_a_stop_has_sold_in_part_the_rest_is_sold(by_stop: int, left: int) -> None:
    morning = Morning(an_exit())
    morning.stop_sells(by_stop)
    morning.submit()
    assert (morning.exits_sent, morning.venue.cancelled) == ([left], [STOP.client_order_id])


def test_while_its_stop_may_still_trade_an_exit_waits() -> None:
    morning = Morning(an_exit())
    morning.venue.ignores_cancels = True
    report = morning.submit()
    assert (report.status, morning.exits_sent, morning.fate) == ("pending", [], ("intended", ""))


@pytest.mark.parametrize(("other", "left"), [(4, [6]), (9, [1]), (10, [])])
def test_what_another_sale_may_still_trade_is_left_to_it(other: int, left: list[int]) -> None:
    sale = an_order(side="sell", leg="monitor", quantity_shares=other, limit_usd=Decimal(45), is_reduce_only=True)
    morning = Morning(an_exit(), others=(sale,))
    morning.submit()
    assert morning.exits_sent == left
    assert morning.fate == (("open", "") if left else ("intended", ""))
