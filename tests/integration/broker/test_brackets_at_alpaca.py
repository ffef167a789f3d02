"""Sessions of a desk that sends each entry with its take-profit and stop in one message, at Alpaca's adapter."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.ledger.order_record import OrderRecord
from execution.portfolio.sizing_policy import SizingPolicy
from execution.session import run_session
from execution.session.send_policy import SendPolicy
from execution.venue.faults import FaultPlan
from tests.builders.alpaca_days import SAME_ID, AlpacaDays, alpaca_days
from tests.builders.bad_wire import DyingBroker, live
from tests.builders.trading_days import FIRST, SESSIONS
from tests.fakes.dying_port import Killed

BRACKET = SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7"), protective_stop="bracket")


def orders(told: AlpacaDays, symbol: str) -> dict[str, OrderRecord]:
    records = told.days.desk.ledger.book().orders_of(told.days.desk.cycle_id(FIRST))
    return {record.leg: record for record in records if record.order.symbol == symbol}


def bought(told: AlpacaDays) -> str:
    return min(record.order.symbol for record in told.days.desk.ledger.book().orders.values())


def test_one_message_is_three_orders_of_the_ledger_and_a_stop_that_stays_follows(tmp_path: Path) -> None:
    with alpaca_days(tmp_path, sizing=BRACKET) as told:
        told.days.plan()
        symbol = bought(told)
        assert told.days.submit().unprotected == ()
        assert {leg: record.state for leg, record in orders(told, symbol).items()} == {
            "entry": "filled",
            "take_profit": "open",
            "stop": "open",
        }
        assert told.venue.wire["POST /v2/orders"] == len(told.venue.accepted) / 3
        told.days.cancel_rest()
        told.days.settle()
        assert orders(told, symbol)["stop"].state == "expired"
        assert (orders(told, symbol)["stop_2"].state, orders(told, symbol)["stop_2"].order.time_in_force) == (
            "open",
            "gtc",
        )
        told.assert_ledger_is_venue()
        assert told.days.desk.ledger.book().quarantined == {}


def test_what_an_entry_bought_in_part_gets_its_stop_when_the_deadline_ends_its_rest(tmp_path: Path) -> None:
    with alpaca_days(tmp_path, sizing=BRACKET) as told:
        told.days.plan()
        symbol = bought(told)
        told.venue.faults.volumes_shares[symbol] = 200
        # Its legs are held until it has filled, and the report does not call that a stop.
        assert told.days.submit().unprotected == (symbol,)
        assert told.days.desk.ledger.book().held_shares[symbol] == 10
        assert told.days.cancel_rest().unprotected == ()
        stop = orders(told, symbol)["stop_2"]
        assert (stop.state, stop.order.quantity_shares) == ("open", 10)
        told.days.settle()
        told.assert_ledger_is_venue()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_beside_a_bracket_leaves_each_once_and_its_legs_known(tmp_path: Path, moment: Any) -> None:
    deaths, sent = {1: moment}, list[str]()
    with alpaca_days(
        tmp_path, sizing=BRACKET, sending=SAME_ID, wrap_broker=lambda broker: DyingBroker(broker, deaths, sent)
    ) as told:
        told.days.plan()
        desk = told.days.morning(FIRST)
        with pytest.raises(Killed):
            run_session.submit(desk, session=FIRST)
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=2))
        run_session.submit(told.restarted(), session=FIRST)
        told.days.cancel_rest()
        told.days.settle()
        book = told.days.desk.ledger.book()
        entries = [row for row in told.venue.accepted if row.order.side == "buy"]
        assert len(entries) == len({row.order.symbol for row in entries}) == 3
        assert book.quarantined == {}
        assert run_session.settle(told.days.desk, session=FIRST).status == "already_settled"
        told.assert_ledger_is_venue()


@pytest.mark.parametrize(("seed", "sending"), [(3, SendPolicy()), (4, SAME_ID)])
def test_sessions_of_brackets_on_a_bad_wire_leave_the_ledger_equal_to_the_venue(
    tmp_path: Path, seed: int, sending: SendPolicy
) -> None:
    faults = FaultPlan(seed=seed, rate=0.1)
    with alpaca_days(tmp_path, sizing=BRACKET, sending=sending, faults=faults, breaker_failures=100) as told:
        for session in SESSIONS[:3]:
            live(told, session)
        assert faults.met()
        faults.clear()
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=5))
        run_session.settle(told.days.desk, session=SESSIONS[2])
        assert told.days.desk.ledger.book().quarantined == {}
        told.assert_ledger_is_venue()
