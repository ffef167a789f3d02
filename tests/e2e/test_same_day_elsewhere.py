"""The promise of equal bytes: neither folder, nor machine's day, nor daemon leaves a trace in what was decided."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from pipelines.settings import load_settings
from tests.builders.lived_home import content_of, live_home
from tests.e2e.conftest import CALENDAR, SESSION, DaemonHome, new_home

pytestmark = pytest.mark.daemon
# The machine's day changes, and its month, while the home is lived in.
SHORTLY_BEFORE_ANOTHER_MIDNIGHT = datetime(2031, 2, 28, 23, 59, 50, tzinfo=UTC)


# What the orchestrator and the model library warn of in a long-lived process is theirs; every other test is strict.
@pytest.mark.filterwarnings("default")
def test_another_folder_on_another_day_without_the_daemon_ends_in_the_same_bytes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    other = new_home(tmp_path / "elsewhere" / "home")
    with time_machine.travel(SHORTLY_BEFORE_ANOTHER_MIDNIGHT, tick=True):
        live_home(other.home, load_settings(other.home.settings), until=CALENDAR.bars_known_at(CALENDAR.next(SESSION)))
    # Asked for only now, so that another worker may live it meanwhile.
    daemons: DaemonHome = request.getfixturevalue("traded_day")
    assert other.book.cycles == daemons.book.cycles
    assert other.ledger.trading_hash() == daemons.ledger.trading_hash()
    assert content_of(other.home) == content_of(daemons.home)
