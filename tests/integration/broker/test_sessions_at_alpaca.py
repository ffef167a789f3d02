"""Whole sessions through the adapter over HTTP, with the conformance cases that only a session can show."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.alpaca import AlpacaBroker
from execution.domain.errors import Halted, TimeDisagrees, VenueUnavailable
from execution.domain.orders import Accepted, OrderRequest, SubmitOutcome
from execution.session import run_session
from execution.session.flatten import FlattenPolicy, arming_phrase, flatten
from execution.session.send_policy import SendPolicy
from tests.builders.alpaca_days import SAME_ID, AlpacaDays, alpaca_days
from tests.builders.http_venue import SECRET_KEY
from tests.builders.trading_days import FIRST, SESSIONS, a_day_of
from tests.builders.venue import buy
from tests.fakes.dying_port import Killed

LOOKUP = "/v2/orders:by_client_order_id"
NO_SUCH_ORDER = '{"code": 40410000, "message": "order not found"}'


def lived(told: AlpacaDays, sessions: int) -> None:
    for session in SESSIONS[:sessions]:
        told.days.live(session)


def test_days_lived_over_http_end_with_the_venues_own_books(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        lived(told, 3)
        told.assert_ledger_is_venue()
        assert told.days.desk.ledger.book().held_shares


@pytest.mark.parametrize("fault", ["drop_after", "answer_after", "truncate"])
def test_case_11_12_14_an_entry_accepted_and_not_answered_is_found_and_never_doubled(
    tmp_path: Path, fault: str
) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        told.meets(fault, times=2, status=504)
        told.days.submit()
        entries = [row for row in told.venue.accepted if row.order.side == "buy"]
        assert len(entries) == len({row.order.symbol for row in entries})
        told.days.submit()
        told.days.cancel_rest()
        told.days.settle()
        told.assert_ledger_is_venue()


@pytest.mark.parametrize(("sending", "is_sent_again"), [(SendPolicy(), False), (SAME_ID, True)])
def test_case_16_what_was_dropped_before_it_arrived_is_sent_again_only_where_the_policy_says(
    tmp_path: Path, sending: SendPolicy, *, is_sent_again: bool
) -> None:
    with alpaca_days(tmp_path, sending=sending) as told:
        told.days.plan()
        planned = len(told.days.desk.ledger.book().orders)
        told.meets("drop_before", times=planned)
        told.days.submit()
        assert told.venue.accepted == ()
        # As long as it might still arrive, or stay unseen, it is not sent.
        run_session.submit(told.days.desk, session=FIRST)
        assert told.venue.accepted == ()
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=2))
        run_session.submit(told.days.desk, session=FIRST)
        entries = [row for row in told.venue.accepted if row.order.side == "buy"]
        assert len(entries) == (planned if is_sent_again else 0)
        told.days.cancel_rest()
        told.days.settle()
        told.assert_ledger_is_venue()


def test_case_17_an_order_that_look_ups_miss_for_a_while_is_one_order(tmp_path: Path) -> None:
    with alpaca_days(tmp_path, sending=SAME_ID) as told:
        told.days.plan()
        planned = len(told.days.desk.ledger.book().orders)
        told.meets("drop_after", times=1)
        told.meets("answer", "GET", LOOKUP, status=404, body=NO_SUCH_ORDER, times=4)
        told.days.submit()
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=2))
        run_session.submit(told.days.desk, session=FIRST)
        told.days.cancel_rest()
        told.days.settle()
        entries = [row for row in told.venue.accepted if row.order.side == "buy"]
        assert len(entries) == planned
        told.assert_ledger_is_venue()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_case_20_a_process_killed_at_the_wire_leaves_one_order_after_a_restart(tmp_path: Path, moment: str) -> None:
    with alpaca_days(tmp_path, sending=SAME_ID) as told:
        told.days.plan()
        planned = len(told.days.desk.ledger.book().orders)
        dying = replace(told.days.desk, broker=_AtTheWire(told.client().broker, **{moment: _die}))
        told.days.morning(FIRST)
        with pytest.raises(Killed):
            run_session.submit(dying, session=FIRST)
        assert len(told.venue.accepted) == (1 if moment == "after" else 0)
        told.restarted()
        # The dead process holds the lease until it runs out.
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=2))
        run_session.submit(told.days.desk, session=FIRST)
        entries = [row for row in told.venue.accepted if row.order.side == "buy"]
        assert len(entries) == planned == len({row.order.symbol for row in entries})
        told.days.cancel_rest()
        told.days.settle()
        told.assert_ledger_is_venue()


def test_case_21_two_workers_of_one_decision_make_each_order_once(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        planned = len(told.days.desk.ledger.book().orders)
        told.days.morning(FIRST)
        desks = [told.restarted(), told.restarted()]
        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(lambda desk: run_session.submit(desk, session=FIRST), desks))
        assert {report.status for report in reports} <= {"submitted", "already_submitted", "busy"}
        run_session.submit(told.days.desk, session=FIRST)
        entries = [row for row in told.venue.accepted if row.order.side == "buy"]
        assert len(entries) == planned


def test_case_22_a_day_with_a_small_quota_goes_on_and_nothing_is_doubled(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        told.meets("answer", "GET", "/v2/orders", status=429, headers={"Retry-After": "0"}, times=2)
        told.days.submit()
        told.days.cancel_rest()
        told.days.settle()
        told.assert_ledger_is_venue()


def test_case_46_what_happened_while_nobody_listened_is_booked_by_the_next_act(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        told.meets("drop_after", times=99)
        told.days.submit()
        told.venue.faults.clear()
        told.days.settle()
        told.assert_ledger_is_venue()
        assert told.days.desk.ledger.book().held_shares


def test_case_10_flatten_sells_the_rest_when_one_sale_is_refused(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        lived(told, 1)
        held = sorted(told.days.desk.ledger.book().held_shares)
        told.venue.faults.assets[held[0]] = {"tradable": False}
        desk = told.days.morning(SESSIONS[1])
        told.days.clock.move_to(told.days.clock.now() + timedelta(hours=1))
        for _ in range(2):
            flatten(desk, policy=FlattenPolicy(), arm=arming_phrase(desk), actor="ann", reason="closing")
        assert sorted(told.venue.floor.broker.account().positions_shares) == held[:1]


def test_case_52_a_trade_by_hand_puts_its_symbol_in_quarantine_and_the_rest_goes_on(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        ours = sorted(record.order.symbol for record in told.days.desk.ledger.book().orders.values())
        told.days.morning(FIRST)
        by_hand = buy(3, symbol=ours[0], client_order_id="by-hand", order_type="market", limit_usd=None)
        assert isinstance(told.venue.floor.broker.submit(by_hand), Accepted)
        run_session.submit(told.days.desk, session=FIRST)
        assert set(told.days.desk.ledger.book().quarantined) == {ours[0]}
        sent = {row.order.symbol for row in told.venue.accepted if row.order.client_order_id != "by-hand"}
        assert sent == set(ours[1:])


@pytest.mark.parametrize(("limits", "bought"), [(["42.50"], 244), (["42.50", "41.00"], 100)])
def test_case_52_an_entry_whose_limit_a_person_raised_is_booked_and_protected(
    tmp_path: Path, limits: list[str], bought: int
) -> None:
    dearer = a_day_of("AAA", SESSIONS[1], open_usd="42", high_usd="43", low_usd="41.50", close_usd="42")
    with alpaca_days(tmp_path, bars=[dearer]) as told:
        told.days.plan()
        told.days.submit()
        [entry] = [row for row in told.venue.accepted if row.order.symbol == "AAA"]
        assert (entry.order.status, entry.order.filled_shares) == ("open", 0)
        if len(limits) > 1:
            # A twentieth of it is ours, so that the rest works on at the last of the limits.
            told.venue.faults.volumes_shares["AAA"] = 2000
        order_id = entry.order_id
        for limit in limits:
            order_id = told.venue.floor.replace(order_id, {"limit_price": limit})["id"]
        report = told.days.cancel_rest()
        assert (report.status, report.unprotected) == ("rest_cancelled", ())
        assert told.days.settle().status == "settled"
        book, account = told.days.desk.ledger.book(), told.venue.floor.broker.account()
        assert (book.cash_usd, dict(book.held_shares)) == (account.cash_usd, dict(account.positions_shares))
        assert book.held_shares["AAA"] == bought


def test_case_54_nothing_is_sent_while_the_venues_clock_is_apart(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        told.venue.faults.clock_skew_seconds = 90
        with pytest.raises(TimeDisagrees):
            told.days.submit()
        assert told.venue.accepted == ()


def test_case_57_a_stop_pressed_between_two_orders_lets_no_further_one_out(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        assert len(told.days.desk.ledger.book().orders) > 1
        switch = told.days.folder / "KILL"
        broker = _AtTheWire(told.client().broker, after=switch.touch)
        told.days.morning(FIRST)
        with pytest.raises(Halted):
            run_session.submit(replace(told.days.desk, broker=broker), session=FIRST)
        assert told.venue.wire["POST /v2/orders"] == 1


def test_case_30_a_partly_filled_entry_gets_its_stop_once_its_rest_is_gone(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        symbol = min(record.order.symbol for record in told.days.desk.ledger.book().orders.values())
        # A twentieth of it is ours; a stop against the rest of the entry would be refused as a wash trade.
        told.venue.faults.volumes_shares[symbol] = 200
        told.days.submit()
        assert told.days.desk.ledger.book().held_shares[symbol] == 10
        assert told.days.cancel_rest().unprotected == ()
        stops = [row.order for row in told.venue.accepted if row.order.symbol == symbol and row.order.side == "sell"]
        assert [(order.quantity_shares, order.status) for order in stops] == [(10, "open")]


def test_keys_are_in_nothing_that_a_session_writes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        told.meets("drop_after", times=2)
        told.meets("answer", status=403, body=f'{{"message": "no such key {SECRET_KEY}"}}')
        told.days.submit()
        told.days.cancel_rest()
        told.days.settle()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if SECRET_KEY.encode() in path.read_bytes()] == []
    assert SECRET_KEY not in caplog.text


def test_a_venue_that_is_away_stops_an_act_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with alpaca_days(tmp_path, read_attempts=2, breaker_failures=50) as told:
        told.days.plan()
        told.meets("answer", "GET", "/v2", status=503, times=2)
        with pytest.raises(VenueUnavailable):
            told.days.submit()
        assert told.venue.accepted == ()
        told.days.submit()
        assert told.venue.accepted != ()


@dataclass
class _AtTheWire:
    """A broker with something that happens right before or right after an order goes over the wire."""

    broker: AlpacaBroker
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.broker, name)

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        self.before()
        outcome = self.broker.submit(order)
        self.after()
        return outcome


def _die() -> None:
    raise Killed
