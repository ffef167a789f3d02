"""A home in which a desk traded: ledger, venue, tape, artifacts, anchors and clock where a real home has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from execution.clock import FileClock
from execution.portfolio.sizing_policy import SizingPolicy
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.ledger_opening import anchoring_of
from pipelines.settings import Settings, load_settings
from tests.builders.trading_days import TradingDays

SETTINGS = """\
mode: simulated
account: paper-1
strategy: momentum
first_cycle_session: 2024-01-04
simulated: {symbols: 30, first_session: 2022-03-01, last_session: 2024-06-28}
costs: {slippage_bps: 10, commission_usd_per_share: 0.005}
sizing: {entry_top_fraction: 0.5, hold_top_fraction: 0.7}
backup: {folder: STORE}
"""
KEYS = {
    "TOUCHSTONE__BROKER_KEYS__KEY_ID": "PK-of-a-test-home",
    "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": "secret-of-a-test-home",
}


@dataclass
class TradedHome:
    """Days of one desk in a home, with backups in a folder beside it."""

    folder: Path
    mode: str = "simulated"
    desk_changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "settings.yaml"
        told = SETTINGS.replace("STORE", str(self.folder / "store")).replace("mode: simulated", f"mode: {self.mode}")
        path.write_text(told, encoding="utf-8")
        self.settings: Settings = load_settings(path, KEYS if self.mode == "paper" else {})
        self.home = Home(self.folder / "home")
        create_home(self.settings, self.home)
        # The builder makes the market of a folder that has none.
        self.home.tape.rmdir()
        changes = {
            "anchoring": anchoring_of(self.settings, self.home),
            "settings_hash": self.settings.settings_hash,
            "sizing": SizingPolicy.model_validate(self.settings.sizing.model_dump()),
            "limits": self.settings.limits,
            **self.desk_changes,
        }
        self.days = TradingDays(self.home.root, desk_changes=changes, is_on_files=True)

    def tell_the_clock(self) -> None:
        """Let the home's clock stand where the desk's does."""
        clock = FileClock(self.home.clock)
        clock.advance_to(max(clock.now(), self.days.clock.now()))
