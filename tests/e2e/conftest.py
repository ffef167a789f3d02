"""One small day lived through the real daemon, shared by every test that only looks at it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from execution.clock import FileClock
from execution.trading_calendar import TradingCalendar
from pipelines.cli.demo import live_day_through_daemon
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import Settings, load_settings

SESSION = date(2024, 1, 4)
SETTINGS = """\
mode: simulated
first_cycle_session: 2024-01-04
simulated:
  symbols: 40
  first_session: 2022-03-01
  last_session: 2024-06-28
learning:
  num_trees: 40
"""
SECONDS_A_TEST_DAY_MAY_TAKE = 400.0


@dataclass(frozen=True, slots=True)
class LivedDay:
    """A home in which one decision session was planned, traded, settled and reported."""

    home: Path
    dagster_home: Path
    session: date
    environment: dict[str, str]


def prepared_home(root: Path, settings_text: str = SETTINGS) -> tuple[Home, Settings]:
    """Return a new home with settings of its own, its clock before the first cut-off."""
    home = Home(root).create()
    home.settings.write_text(settings_text, encoding="utf-8")
    settings = load_settings(home.settings)
    create_home(settings, home)
    return home, settings


@pytest.fixture(scope="session")
def lived_day(tmp_path_factory: pytest.TempPathFactory) -> LivedDay:
    home, _ = prepared_home(tmp_path_factory.mktemp("lived") / "home")
    calendar = TradingCalendar.shipped()
    FileClock(home.clock).live_until(calendar.bars_known_at(calendar.next(SESSION)))
    report = home.reports / f"{SESSION.isoformat()}.html"
    live_day_through_daemon(
        home, is_over=report.exists, timeout_seconds=SECONDS_A_TEST_DAY_MAY_TAKE, tell=lambda _line: None
    )
    return LivedDay(home.root, home.dagster, SESSION, home.process_environment())
