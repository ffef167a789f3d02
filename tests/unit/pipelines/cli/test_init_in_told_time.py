from pathlib import Path

import pytest

from execution.domain.errors import SettingsRefused
from pipelines.cli.clock import movable_clock
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import Settings, load_settings

URL = "http://127.0.0.1:9"
KEY = "12345678"


def settings(**changes: str) -> Settings:
    given = {
        "TOUCHSTONE__MODE": "paper",
        "TOUCHSTONE__FIRST_CYCLE_SESSION": "2024-01-04",
        "TOUCHSTONE__ALPACA__TRADING_URL": URL,
        "TOUCHSTONE__ALPACA__DATA_URL": URL,
        **{
            f"TOUCHSTONE__{part}__{name}": KEY
            for part in ("BROKER_KEYS", "ALPACA_DATA")
            for name in ("KEY_ID", "SECRET_KEY")
        },
    }
    return load_settings(environ={**given, **changes})


def test_a_paper_home_in_told_time_begins_at_its_first_session(tmp_path: Path) -> None:
    home = Home(tmp_path)
    create_home(settings(), home, is_time_told=True)
    assert movable_clock(settings(), home).now().isoformat() == "2024-01-04T21:15:00+00:00"


def test_a_paper_home_has_no_clock_unless_asked(tmp_path: Path) -> None:
    home = Home(tmp_path)
    create_home(settings(), home)
    with pytest.raises(SettingsRefused, match="the machine's own time"):
        movable_clock(settings(), home)


def test_a_live_home_cannot_be_told_the_time(tmp_path: Path) -> None:
    live = settings(
        TOUCHSTONE__MODE="live",
        TOUCHSTONE_LIVE_ACCOUNT="main",
        TOUCHSTONE__ALPACA__TRADING_URL="https://api.alpaca.markets",
        TOUCHSTONE__ALPACA__DATA_URL="https://data.alpaca.markets",
    )
    with pytest.raises(SettingsRefused, match="machine's own time"):
        create_home(live, Home(tmp_path), is_time_told=True)
