"""Whole sessions at Alpaca's adapters while one request of ten, drawn from a seed, is dropped, late or cut off."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from execution.domain.errors import VenueUnavailable
from execution.session import run_session
from execution.session.send_policy import SendPolicy
from execution.venue.faults import FaultPlan
from tests.builders.alpaca_days import SAME_ID, AlpacaDays, alpaca_days
from tests.builders.trading_days import SESSIONS

T = TypeVar("T")
RATE = 0.1
LIVED = 5
"""Decision sessions whose settlement the tape still has."""
TRIES = 60


def tried(told: AlpacaDays, act: Callable[[], T]) -> T:
    """Ask again after a while, as the sensors do, until the venue answers."""
    for _ in range(TRIES):
        try:
            return act()
        except VenueUnavailable:
            told.days.clock.move_to(told.days.clock.now() + timedelta(seconds=3))
    raise AssertionError(f"the venue did not answer in {TRIES} tries")


def live(told: AlpacaDays, session: date) -> None:
    days, desk = told.days, told.days.desk
    digest = days.publish(days.a_batch(session))
    days.evening(session)
    tried(told, lambda: run_session.plan(desk, session=session, batch_hash=digest))
    days.morning(session)
    for _ in range(4):
        tried(told, lambda: run_session.submit(desk, session=session))
        days.clock.move_to(days.clock.now() + timedelta(seconds=45))
    days.clock.move_to(max(days.clock.now(), days.desk.submit_until(session)))
    tried(told, lambda: run_session.cancel_rest(desk, session=session))
    days.next_close(session)
    tried(told, lambda: run_session.settle(desk, session=session))


def assert_nothing_twice(told: AlpacaDays) -> None:
    """Assert that the venue took each order once, and of each cycle's entries one per symbol."""
    taken = told.accepted_ids
    assert len(taken) == len(set(taken))
    book = told.days.desk.ledger.book()
    entries = [record for record in book.orders.values() if record.order.leg == "entry"]
    assert len({(record.session, record.order.symbol) for record in entries}) == len(entries)
    assert set(taken) <= set(book.orders)


def lived_on_a_bad_wire(folder: Path, *, seed: int, sessions: int, sending: SendPolicy) -> None:
    faults = FaultPlan(seed=seed, rate=RATE)
    with alpaca_days(folder, sending=sending, faults=faults, breaker_failures=100) as told:
        for session in SESSIONS[:sessions]:
            live(told, session)
        assert faults.met()
        faults.clear()
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=5))
        run_session.settle(told.days.desk, session=SESSIONS[sessions - 1])
        assert_nothing_twice(told)
        told.assert_ledger_is_venue()


@pytest.mark.parametrize(("seed", "sending"), [(1, SendPolicy()), (2, SAME_ID)])
def test_three_sessions_on_a_bad_wire_leave_the_ledger_equal_to_the_venue(
    tmp_path: Path, seed: int, sending: SendPolicy
) -> None:
    lived_on_a_bad_wire(tmp_path, seed=seed, sessions=3, sending=sending)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_hundred_sessions_on_a_bad_wire_leave_the_ledger_equal_to_the_venue(tmp_path: Path, seed: int) -> None:
    lived_on_a_bad_wire(tmp_path, seed=seed, sessions=LIVED, sending=SAME_ID if seed % 2 else SendPolicy())


def test_the_campaign_lives_a_hundred_sessions() -> None:
    assert 20 * LIVED >= 100
    # The last session of the tape is the one the last decision settles on.
    assert len(SESSIONS) > LIVED
