"""Real processes on real files: killed at any moment, or stopped past their lease, they leave one true ledger.

A child is forked from a server that has imported everything, so that what is killed is trading and not importing.
"""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from execution.domain.events import SubmissionStarted
from execution.simulation.draws import Draws
from tests.builders.postgres import a_schema, postgres_dsn
from tests.crash import trading_process
from tests.crash.trading_process import SECOND, Place, live, made_home, opened_days

IN_FILES = Place()
KILLS_A_HOME = 3
LEASE_OUTLIVED_SECONDS = 60.0 / trading_process.FAST + 0.05
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def context() -> Any:
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["tests.crash.trading_process"])
    return forking


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Hundreds of synced writes a home: memory, where there is some to be had.
    shared = Path("/dev/shm")  # noqa: S108 - only for speed, any folder will do
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as found:
        made_home(Path(found) / "new")
        yield Path(found)


@pytest.fixture(scope="module")
def usual_seconds(context: Any, folder: Path) -> float:
    """How long a child lives that nobody disturbs."""
    live_undisturbed(context, fresh(folder))
    began = time.monotonic()
    live_undisturbed(context, fresh(folder))
    return time.monotonic() - began


def fresh(folder: Path) -> Path:
    home = folder / f"home-{next(_NUMBERS)}"
    shutil.copytree(folder / "new", home)
    return home


def started(context: Any, home: Path, run_id: str, place: Place = IN_FILES) -> Any:
    process = context.Process(target=live, args=(str(home), run_id, place))
    process.start()
    return process


def live_undisturbed(context: Any, home: Path, place: Place = IN_FILES) -> None:
    process = started(context, home, "executor", place)
    process.join(60)
    assert process.exitcode == 0


def assert_nothing_doubled_and_nothing_lost(home: Path, place: Place = IN_FILES) -> None:
    days = opened_days(home, "judge", place)
    ledger, venue = days.desk.ledger, days.venue
    ledger.verify_chain()
    book, account = ledger.book(), venue.account()
    assert (book.cash_usd, book.held_shares) == (account.cash_usd, dict(account.positions_shares))
    started_ids = [each.event.client_order_id for each in ledger.events() if isinstance(each.event, SubmissionStarted)]
    assert len(started_ids) == len(set(started_ids))
    assert {record.session for record in book.orders.values()} == set(trading_process.LIVED)
    assert book.last_settled is not None
    assert book.last_settled.session == SECOND
    ended = {"filled", "cancelled", "expired", "rejected", "refused", "voided", "missed"}
    open_at_venue = {order.client_order_id for order in venue.open_orders()}
    for record in book.orders.values():
        assert record.state in ended or record.order.client_order_id in open_at_venue


def kill_at_random(context: Any, home: Path, draws: Draws, usual_seconds: float, place: Place = IN_FILES) -> int:
    """Kill a few children one after the other, let the last one end, and return how many died."""
    died = 0
    for _ in range(KILLS_A_HOME):
        process = started(context, home, "executor", place)
        process.join(draws.between(0.0, usual_seconds * 0.9))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            died += process.exitcode == -signal.SIGKILL
    live_undisturbed(context, home, place)
    assert_nothing_doubled_and_nothing_lost(home, place)
    shutil.rmtree(home)
    return died


def stop_past_the_lease(context: Any, home: Path, draws: Draws, usual_seconds: float) -> None:
    """Stop a child somewhere, let another take over when its lease is over, and let the first go on."""
    first = started(context, home, "first")
    first.join(draws.between(0.0, usual_seconds))
    if first.exitcode is None:
        os.kill(first.pid, signal.SIGSTOP)
    second = started(context, home, "second")
    second.join(max(LEASE_OUTLIVED_SECONDS, draws.between(0.0, usual_seconds)))
    if first.exitcode is None:
        os.kill(first.pid, signal.SIGCONT)
    for process in (first, second):
        process.join(60)
        assert process.exitcode == 0
    assert_nothing_doubled_and_nothing_lost(home)
    shutil.rmtree(home)


@pytest.mark.parametrize("first_number", [0, 100, 200])
def test_processes_killed_at_random_leave_one_true_ledger(
    first_number: int, context: Any, folder: Path, usual_seconds: float
) -> None:
    died, number = 0, first_number
    while died < 10:
        died += kill_at_random(context, fresh(folder), Draws(number, "kill"), usual_seconds)
        number += 1


@pytest.mark.parametrize("number", range(4))
def test_a_process_stopped_past_its_lease_writes_nothing_when_it_wakes(
    number: int, context: Any, folder: Path, usual_seconds: float
) -> None:
    stop_past_the_lease(context, fresh(folder), Draws(number, "stop"), usual_seconds)


@pytest.mark.campaign
def test_five_hundred_kills_leave_one_true_ledger(
    context: Any, folder: Path, usual_seconds: float, record_property: Callable[[str, Any], None]
) -> None:
    died, number = 0, 1_000
    while died < 500:
        died += kill_at_random(context, fresh(folder), Draws(number, "kill"), usual_seconds)
        number += 1
    record_property("killed", died)


@pytest.mark.campaign
def test_a_hundred_stopped_processes_write_nothing_when_they_wake(
    context: Any, folder: Path, usual_seconds: float
) -> None:
    for number in range(100, 200):
        stop_past_the_lease(context, fresh(folder), Draws(number, "stop"), usual_seconds)


@pytest.mark.campaign
def test_a_hundred_kills_leave_one_true_ledger_in_postgres(
    context: Any, folder: Path, record_property: Callable[[str, Any], None]
) -> None:
    dsn = postgres_dsn()
    began = time.monotonic()
    live_undisturbed(context, fresh(folder), Place(dsn, a_schema()))
    usual = time.monotonic() - began
    died, number = 0, 5_000
    while died < 100:
        died += kill_at_random(context, fresh(folder), Draws(number, "kill"), usual, Place(dsn, a_schema()))
        number += 1
    record_property("killed", died)
