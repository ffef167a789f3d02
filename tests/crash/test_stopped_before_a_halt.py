"""A process stopped before a halt and continued after it sends nothing more, wherever it slept."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipelines.cli import halt
from pipelines.home import Home
from pipelines.stopping import prepare_stopping
from tests.builders.trading_days import FIRST, TradingDays
from tests.crash.stopping_process import HALTED, submit_and_be_stopped

SECONDS_TO_STOP = 60.0


@contextmanager
def stopped_on_its_way(folder: Path, rows: int) -> Iterator[multiprocessing.process.BaseProcess]:
    process = multiprocessing.get_context("spawn").Process(target=submit_and_be_stopped, args=(str(folder), rows))
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


def press_halt(home: Home) -> None:
    command = [sys.executable, "-I", "-S", str(halt.__file__), "--reason", "prices look wrong", "--by", "ada"]
    subprocess.run([*command, "--home", str(home.root)], check=True, capture_output=True, timeout=60)


def at_the_venue(days: TradingDays) -> list[str]:
    return [order_id for order_id in days.desk.ledger.book().orders if days.venue.order(order_id) is not None]


# The plan has three entries: stopped before the first row, between the first and its wire, between the last and its.
@pytest.mark.parametrize(("rows", "sent_before"), [(0, 0), (1, 0), (3, 2)])
def test_a_process_continued_after_a_halt_sends_nothing(tmp_path: Path, rows: int, sent_before: int) -> None:
    home = Home(tmp_path)
    prepare_stopping(home)
    days = TradingDays(tmp_path, is_on_files=True)
    days.plan()
    with stopped_on_its_way(tmp_path, rows) as asleep:
        press_halt(home)
        os.kill(asleep.pid or 0, signal.SIGCONT)
        asleep.join(60)
        assert asleep.exitcode == HALTED
    days.morning(FIRST)
    assert len(at_the_venue(days)) == sent_before
    assert days.venue.open_orders() == ()
    days.cancel_rest()
    assert days.settle().session == FIRST
    book, account = days.desk.ledger.book(), days.venue.account()
    assert (book.cash_usd, book.held_shares) == (account.cash_usd, dict(account.positions_shares))
    assert len(at_the_venue(days)) == sent_before
    days.desk.ledger.verify_chain()
