"""A real process that is stopped in the middle of sending, as by SIGSTOP from outside, at a moment a test can name."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from execution.domain.errors import Halted, TouchstoneError
from execution.domain.events import Event, SubmissionStarted
from execution.session import lease_of_act, run_session
from pipelines import trading_adapters
from sensors.rules import Act
from tests.builders.trading_days import FIRST, TradingDays
from tests.builders.trading_home import TradingHome

HALTED = 3
"""The exit code of a process that found trading halted."""
LOST = 4
"""The exit code of a run that found its work taken over."""


class StoppingLedger:
    """Stops the process behind the n-th row that lets an order out; behind the check of the chain when n is 0."""

    def __init__(self, target: Any, rows: int) -> None:
        self._target = target
        self._rows = rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def fenced(self, lease: Any) -> "StoppingLedger":
        return StoppingLedger(self._target.fenced(lease), self._rows)

    def verify_chain(self) -> Any:
        head = self._target.verify_chain()
        if self._rows == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        return head

    def record(self, decide: Any) -> Sequence[Event]:
        events: Sequence[Event] = self._target.record(decide)
        if any(isinstance(event, SubmissionStarted) for event in events):
            self._rows -= 1
            if self._rows == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
                self._rows = -1
        return events


def submit_and_be_stopped(folder: str, rows: int) -> None:
    """Send the plan of a home, being stopped once on the way; exit with `HALTED` when nothing may be sent."""
    days = TradingDays(Path(folder), wrap_ledger=lambda ledger: StoppingLedger(ledger, rows), is_on_files=True)
    try:
        run_session.submit(days.morning(FIRST), session=FIRST)
    except Halted:
        sys.exit(HALTED)


def run_submit_and_be_stopped(root: str, run_id: str, rows: int, lease_seconds: float) -> None:
    """Send as a run of the orchestrator does, being stopped once on the way; exit with `LOST` when another took over.

    Args:
        root: a `TradingHome` whose clock stands in the submit window.
        run_id: the run's id in the home's instance.
        rows: behind which row to stop.
        lease_seconds: how long its lease holds while it sleeps.
    """
    opened = trading_adapters.open_ledger
    trading_adapters.open_ledger = lambda settings, home: StoppingLedger(opened(settings, home), rows)  # type: ignore[assignment, return-value]  # stands in for the ledger it wraps
    lease_of_act.LEASE_SECONDS = lease_seconds  # type: ignore[misc]  # so that a test can outlive it
    home = TradingHome(Path(root))
    with home.instance() as instance:
        try:
            home.by_hand(instance, Act.SUBMIT, run_id=run_id)
        except TouchstoneError:
            sys.exit(LOST)
