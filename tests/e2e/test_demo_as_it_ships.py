"""The demo as a stranger gets it: nothing of it is loosened for the test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from execution.domain.events import PlanRecorded
from execution.ledger.sqlite_ledger import SqliteLedger
from pipelines.home import Home

TOUCHSTONE = Path(sys.executable).with_name("touchstone")


@pytest.mark.campaign
def test_the_demo_as_it_ships_is_decided_by_a_model_that_passed_the_gate(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    environment = {**os.environ, "TOUCHSTONE_HOME": str(home.root)}
    done = subprocess.run([TOUCHSTONE, "demo"], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    book = SqliteLedger(home.ledger).book()
    (cycle,) = book.cycles.values()
    assert isinstance(cycle.plan, PlanRecorded)
    assert cycle.plan.decision_source == "model"
    assert book.fills
