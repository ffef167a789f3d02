"""Homes to measure in: a simulated market of a given size with seven years of history before its first decision."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from execution.trading_calendar import TradingCalendar
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import Settings, load_settings

FIRST_BAR: Final = date(2017, 1, 3)
# A Monday: the days measured lie in one week, so that weekly training falls into none of them.
FIRST_DECISION: Final = date(2024, 1, 8)
LAST_BAR: Final = date(2024, 6, 28)
CALENDAR: Final = TradingCalendar.shipped()


@dataclass(frozen=True)
class BenchHome:
    """A prepared home, its settings and the sessions it can live."""

    home: Home
    settings: Settings

    def session(self, number: int) -> date:
        """Return the decision session of a day; day 0 takes in the history and trains."""
        return CALENDAR.offset(FIRST_DECISION, number)


def bench_home(root: Path, *, symbols: int) -> BenchHome:
    """Create a home, or open the one that is there."""
    home = Home(root)
    home.create()
    tree = {
        "mode": "simulated",
        "first_cycle_session": FIRST_DECISION.isoformat(),
        "simulated": {
            "symbols": symbols,
            "first_session": FIRST_BAR.isoformat(),
            "last_session": LAST_BAR.isoformat(),
        },
    }
    if not home.settings.exists():
        # JSON is YAML.
        home.settings.write_text(json.dumps(tree), encoding="utf-8")
    settings = load_settings(home.settings, environ={})
    create_home(settings, home)
    return BenchHome(home, settings)
