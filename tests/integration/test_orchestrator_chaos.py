"""Whatever the orchestrator does with its runs (late, repeated, executed again, given up), a day ends in one ledger."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

import dagster as dg
import psutil
import pytest

from assets.run_tags import BUSY_TAG
from execution.domain.events import SubmissionStarted
from sensors.rules import Act
from tests.builders.trading_home import DEADLINE, EVENING, MORNING, NEXT_CLOSE, TradingHome
from tests.crash.stopping_process import LOST, run_submit_and_be_stopped

ACTS = (Act.PLAN, Act.SUBMIT, Act.WATCH, Act.CANCEL_REST, Act.SETTLE)
DAY = ((EVENING, "signal_batches"), (MORNING, "approved_plans"), (DEADLINE, "open_orders"), (NEXT_CLOSE, "open_orders"))
SECONDS_TO_STOP = 120.0

# What the orchestrator warns of in a long-lived process is its own.
pytestmark = pytest.mark.filterwarnings("default")


def live_on(home: TradingHome, instance: dg.DagsterInstance) -> None:
    """Live what is left of the day as the sensors ask for it."""
    for moment, sensor in DAY:
        if moment >= home.now:
            home.move_to(moment)
            for request in home.tick(instance, sensor):
                assert home.asked(instance, request).success


def assert_one_true_ledger(home: TradingHome) -> None:
    home.ledger.verify_chain()
    book, account = home.ledger.book(), home.venue.account()
    assert (book.cash_usd, book.held_shares) == (account.cash_usd, dict(account.positions_shares))
    started = [each.event.client_order_id for each in home.ledger.events() if isinstance(each.event, SubmissionStarted)]
    assert len(started) == len(set(started))
    assert book.last_settled is not None


def traded(home: TradingHome) -> list[tuple[str, str, int, Decimal]]:
    """Return what became of each order, and what the account then held."""
    book = home.ledger.book()
    orders = [(key, r.state, r.filled_shares, r.fee_usd) for key, r in sorted(book.orders.items())]
    return [*orders, *((symbol, "held", shares, book.cash_usd) for symbol, shares in sorted(book.held_shares.items()))]


@contextmanager
def run_stopped_on_its_way(home: TradingHome, run_id: str, *, rows: int, lease_seconds: float) -> Iterator[BaseProcess]:
    """Start a run in a process of its own and give it asleep, between a row of the ledger and the wire."""
    process = multiprocessing.get_context("spawn").Process(
        target=run_submit_and_be_stopped, args=(str(home.home.root), run_id, rows, lease_seconds)
    )
    process.start()
    try:
        watched, began = psutil.Process(process.pid), time.monotonic()
        while watched.status() != psutil.STATUS_STOPPED:
            assert process.exitcode is None
            assert time.monotonic() - began < SECONDS_TO_STOP
            os.sched_yield()
        yield process
    finally:
        process.kill()


def go_on(process: BaseProcess) -> int | None:
    os.kill(process.pid or 0, signal.SIGCONT)
    process.join(SECONDS_TO_STOP)
    return process.exitcode


def is_busy(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and BUSY_TAG in run.tags


def give_up(instance: dg.DagsterInstance, run_id: str) -> None:
    """Mark a run failed as run monitoring does once its time is up, whatever its process does."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_run_failed(run, "exceeded its maximum runtime")


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> TradingHome:
    return TradingHome(tmp_path_factory.mktemp("new") / "home")


@pytest.fixture(scope="module")
def undisturbed(new: TradingHome, tmp_path_factory: pytest.TempPathFactory) -> TradingHome:
    home = TradingHome(shutil.copytree(new.home.root, tmp_path_factory.mktemp("lived") / "home"))
    with home.instance() as instance:
        live_on(home, instance)
    assert home.ledger.book().fills
    return home


@pytest.fixture
def home(new: TradingHome, tmp_path: Path) -> TradingHome:
    return TradingHome(shutil.copytree(new.home.root, tmp_path / "home"))


@pytest.fixture
def instance(home: TradingHome) -> Iterator[dg.DagsterInstance]:
    with home.instance() as opened:
        yield opened


@pytest.mark.parametrize("act", ACTS)
def test_materializing_by_hand_what_a_lived_day_has_done_changes_nothing(
    undisturbed: TradingHome, tmp_path: Path, act: Act
) -> None:
    lived = TradingHome(shutil.copytree(undisturbed.home.root, tmp_path / "home"))
    with lived.instance() as instance:
        assert lived.by_hand(instance, act).success
    assert lived.ledger.trading_hash() == undisturbed.ledger.trading_hash()
    assert_one_true_ledger(lived)


def test_every_trading_asset_materialized_by_hand_at_every_moment_makes_the_same_day(
    home: TradingHome, instance: dg.DagsterInstance, undisturbed: TradingHome
) -> None:
    for moment, _ in DAY:
        home.move_to(moment)
        for act in reversed(ACTS):
            home.by_hand(instance, act, raise_on_error=False)
    live_on(home, instance)
    assert_one_true_ledger(home)
    assert traded(home) == traded(undisturbed)


@pytest.mark.parametrize("act", [Act.PLAN, Act.SUBMIT, Act.SETTLE])
def test_a_run_executed_again_from_the_page_changes_nothing(undisturbed: TradingHome, tmp_path: Path, act: Act) -> None:
    lived = TradingHome(shutil.copytree(undisturbed.home.root, tmp_path / "home"))
    job = dg.build_reconstructable_job(
        "tests.builders.trading_home", "trading_job", reconstructable_args=(str(lived.home.root), str(act))
    )
    with lived.instance() as instance:
        (parent,) = instance.get_runs(dg.RunsFilter(job_name=str(act)))
        options = dg.ReexecutionOptions(parent_run_id=parent.run_id)
        again = dg.execute_job(
            job, instance=instance, run_config=parent.run_config, tags=parent.tags, reexecution_options=options
        )
        assert again.success
    assert lived.ledger.trading_hash() == undisturbed.ledger.trading_hash()


def test_two_daemons_that_look_at_the_same_facts_ask_for_one_run(
    home: TradingHome, instance: dg.DagsterInstance
) -> None:
    first, second = (home.tick(instance, "signal_batches") for _ in range(2))
    assert [request.run_key for request in first] == [request.run_key for request in second]
    assert len(first) == 1


def test_two_runs_of_each_piece_of_work_make_the_same_day(
    home: TradingHome, instance: dg.DagsterInstance, undisturbed: TradingHome
) -> None:
    for moment, sensor in DAY:
        home.move_to(moment)
        # Both looked before either acted, as daemons without a common store of run keys do.
        for request in [*home.tick(instance, sensor), *home.tick(instance, sensor)]:
            assert home.asked(instance, request).success
    assert_one_true_ledger(home)
    assert traded(home) == traded(undisturbed)


def test_a_submission_asked_for_in_its_window_and_started_after_it_sends_nothing(
    home: TradingHome, instance: dg.DagsterInstance
) -> None:
    home.by_hand(instance, Act.PLAN)
    home.move_to(MORNING)
    (late,) = home.tick(instance, "approved_plans")
    home.move_to(DEADLINE)
    assert home.asked(instance, late).success
    assert [home.venue.order(order_id) for order_id in home.ledger.book().orders] == [None] * 3


def test_a_plan_asked_for_in_the_evening_and_started_after_the_window_orders_nothing(
    home: TradingHome, instance: dg.DagsterInstance
) -> None:
    (late,) = home.tick(instance, "signal_batches")
    home.move_to(DEADLINE)
    assert home.asked(instance, late).success
    assert not home.ledger.book().orders


def test_a_run_given_up_while_its_process_lives_keeps_its_successor_out_and_ends_the_work(
    home: TradingHome, instance: dg.DagsterInstance, undisturbed: TradingHome
) -> None:
    home.by_hand(instance, Act.PLAN)
    home.move_to(MORNING)
    run_id = str(uuid4())
    with run_stopped_on_its_way(home, run_id, rows=2, lease_seconds=60) as asleep:
        give_up(instance, run_id)
        (next_attempt,) = home.tick(instance, "approved_plans")
        refused = home.asked(instance, next_attempt)
        assert is_busy(instance, refused.run_id)
        assert go_on(asleep) == 0
    live_on(home, instance)
    assert_one_true_ledger(home)


def test_a_run_given_up_and_overtaken_writes_nothing_when_it_wakes(
    home: TradingHome, instance: dg.DagsterInstance
) -> None:
    home.by_hand(instance, Act.PLAN)
    home.move_to(MORNING)
    run_id = str(uuid4())
    with run_stopped_on_its_way(home, run_id, rows=2, lease_seconds=0.01) as asleep:
        give_up(instance, run_id)
        (next_attempt,) = home.tick(instance, "approved_plans")
        assert home.asked(instance, next_attempt).success
        overtaken = home.ledger.head()
        assert go_on(asleep) == LOST
        assert home.ledger.head() == overtaken
    live_on(home, instance)
    assert_one_true_ledger(home)
