"""Whole sessions at Alpaca's adapters while one request of ten, drawn from a seed, is dropped, late or cut off."""

from datetime import timedelta
from pathlib import Path

import pytest

from execution.session import run_session
from execution.session.send_policy import SendPolicy
from execution.venue.faults import FaultPlan
from tests.builders.alpaca_days import SAME_ID, alpaca_days
from tests.builders.bad_wire import assert_nothing_twice, live
from tests.builders.trading_days import SESSIONS

RATE = 0.1
LIVED = 5
"""Decision sessions whose settlement the tape still has."""


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
