"""The order of the files in a run of all tests: first who has others wait, then who lasts long, then all the rest.

Four tests at once fill two cores as long as two of them compute while the others wait for a daemon. In the order of
their names all days of daemons would begin together, and most would wait for the one home they begin with; the longest
file would begin last, and be alone at the end.

A worker also looks for garbage less often than Python does by itself: it holds the orchestrator and thousands of tests,
and to walk through all of it again and again would take a tenth of its time.
"""

import gc
from pathlib import Path
from typing import Final

import pytest

_FIRST: Final = (
    # The day of the daemon that many look at.
    "e2e/test_day_through_daemon.py",
    # Nobody's day but their own, and all of it work.
    "integration/test_real_data_cycle.py",
    "e2e/test_same_day_elsewhere.py",
    "integration/test_decisions_made_again.py",
    # What goes on from the daemon's day, in turn with what waits for nothing.
    "e2e/test_traps_through_daemon.py",
    "integration/features/test_rebuild.py",
    "e2e/test_unattended_sessions.py",
    "integration/rehearsal/test_paper_home_over_http.py",
    "e2e/test_two_daemons.py",
    "simulation/test_schedules.py",
    "e2e/test_red_feature_gate.py",
    "integration/ml/test_learning_face.py",
    "e2e/test_daemon_of_one_machine.py",
    "simulation/test_mutants.py",
    "e2e/test_ui_in_browser.py",
    "simulation/test_exhaustive.py",
    "unit/quality/test_gate.py",
    "integration/features/test_dbt_bridge.py",
    "integration/test_orchestrator_chaos.py",
    "unit/quality/test_feature_checks.py",
    "unit/ml/test_noise_and_power.py",
)
_HERE: Final = Path(__file__).parent

gc.set_threshold(100_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files named here before all others; within a file, and among the others, nothing moves."""
    places = {_HERE / name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """Leave what all tests stand on out of every later search for garbage."""
    gc.freeze()
