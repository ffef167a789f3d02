"""Seeded schedules over HTTP: the wire fails, processes die at any call, and the books stay the venue's."""

import random
from datetime import timedelta
from pathlib import Path

import pytest

from execution.session import run_session
from execution.session.send_policy import SendPolicy
from execution.venue.faults import FaultPlan
from tests.builders.alpaca_days import SAME_ID, alpaca_days
from tests.builders.bad_wire import DyingBroker, assert_nothing_twice, live, tried
from tests.builders.trading_days import SESSIONS
from tests.fakes.dying_port import DyingPort, Fuse

SLICE, WHOLE = 4, 300
SESSIONS_LIVED = 2
SENT_AT_LEAST = 3
CALLS_AT_LEAST = 80


def lived(folder: Path, seed: int) -> int:
    """Live one schedule, assert its promises, and return how many processes died."""
    draws = random.Random(seed)  # noqa: S311 - draws of a test, from its seed
    places = draws.sample(range(SENT_AT_LEAST), draws.randint(0, 2))
    deaths = {place: draws.choice(("before", "after")) for place in places}
    sending = draws.choice((SendPolicy(), SAME_ID))
    faults = FaultPlan(seed=seed, rate=draws.choice((0.0, 0.05, 0.1, 0.2)))
    died = len(deaths)
    sent: list[str] = []
    # One more process dies at a call of any kind: a look-up, a list, the account, a cancel.
    fuse = Fuse(burns_at=draws.randint(1, CALLS_AT_LEAST), after_call=draws.random() < 0.5)
    with alpaca_days(
        folder,
        sending=sending,
        faults=faults,
        wrap_broker=lambda broker: DyingPort(DyingBroker(broker, deaths, sent), fuse),
        breaker_failures=100,
    ) as told:
        for session in SESSIONS[:SESSIONS_LIVED]:
            live(told, session)
        faults.clear()
        told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=5))
        tried(told, lambda desk: run_session.settle(desk, session=SESSIONS[SESSIONS_LIVED - 1]))
        assert_nothing_twice(told)
        told.assert_ledger_is_venue()
    return died - len(deaths) + (len(fuse.calls) >= fuse.burns_at)


def test_a_slice_of_the_schedules_keeps_every_promise(tmp_path: Path) -> None:
    assert sum(lived(tmp_path / str(seed), seed) for seed in range(SLICE)) >= SLICE


@pytest.mark.campaign
@pytest.mark.parametrize("first_seed", range(1_000, 1_000 + WHOLE, 50))
def test_every_schedule_of_the_campaign_keeps_every_promise(tmp_path: Path, first_seed: int) -> None:
    died = sum(lived(tmp_path / str(seed), seed) for seed in range(first_seed, first_seed + 50))
    assert died > 50
