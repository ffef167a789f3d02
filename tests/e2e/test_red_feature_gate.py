"""A red gate of the features in the home of a traded day; the raw one is met by a daemon, beside the other traps."""

from pathlib import Path

import pytest

from pipelines.settings import load_settings
from sensors.rules import Act
from tests.builders.lived_home import live_home
from tests.e2e.conftest import CALENDAR, DaemonHome
from tests.e2e.red_gates import NEXT, assert_held_for_a_red_gate

pytestmark = pytest.mark.daemon


# What the orchestrator and the model library warn of in a long-lived process is theirs; every other test is strict.
@pytest.mark.filterwarnings("default")
def test_a_red_feature_gate_holds_and_its_reason_stands_in_every_row(traded_day: DaemonHome, tmp_path: Path) -> None:
    lived = traded_day.copied_to(tmp_path / "home")
    with lived.home.settings.open("a", encoding="utf-8") as settings:
        settings.write("gates:\n  min_symbols: 100000\n")
    settled_by = CALENDAR.bars_known_at(CALENDAR.next(NEXT))
    # The run of a cycle whose gate is red fails: that is how the page shows it.
    live_home(
        lived.home,
        load_settings(lived.home.settings),
        until=settled_by,
        may_fail=lambda work: (work.act, work.session) == (Act.CYCLE, NEXT),
    )
    assert (lived.home.reports / f"{NEXT.isoformat()}.html").exists()
    assert_held_for_a_red_gate(lived, stage="features")
