"""What a traded home says of its own running."""

from datetime import date
from pathlib import Path

from assets.maintenance.health import refusal
from assets.maintenance.nights import record_night
from execution.clock import FileClock
from execution.domain.events import ControlChanged
from pipelines.home import Home
from pipelines.settings import load_settings
from pipelines.upkeep.health import health_of
from tests.builders.trading_days import CALENDAR, FIRST
from tests.integration.upkeep.traded_home import TradedHome


def test_a_home_that_planned_every_session_is_well(tmp_path: Path) -> None:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    traded.tell_the_clock()
    report = health_of(traded.settings, traded.home)
    assert (report.sessions, report.missed, report.uptime_share) == (1, (), None)
    assert refusal(report, traded.settings.health) == ""


def test_sessions_that_went_by_halts_and_red_nights_are_counted(tmp_path: Path) -> None:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    traded.tell_the_clock()
    record_night(traded.home.upkeep, FIRST, {"refusal": "a piece is gone", "restore_seconds": 0.5})
    halted = ControlChanged(at=traded.days.clock.now(), state="halted", actor="ann", reason="looks odd")
    traded.days.desk.ledger.record(lambda _: (halted,))
    _, over = CALENDAR.submit_window(CALENDAR.offset(FIRST, 2))
    FileClock(traded.home.clock).advance_to(over)
    report = health_of(traded.settings, traded.home)
    assert report.missed == (CALENDAR.next(FIRST), CALENDAR.offset(FIRST, 2))
    assert (report.restores, report.red_restores, report.halts) == (1, 1, 1)
    assert report.halted_seconds_max == (over - halted.at).total_seconds()
    assert "2 of 3 sessions had no plan" in refusal(report, traded.settings.health)


def test_a_new_home_has_nothing_to_be_ill_of(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    FileClock(home.clock).initialise(CALENDAR.bars_known_at(date(2024, 1, 4)))
    settings = load_settings(environ={})
    assert refusal(health_of(settings, home), settings.health) == ""
