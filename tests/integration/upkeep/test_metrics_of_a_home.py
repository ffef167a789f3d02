"""What Prometheus is told of a home."""

from datetime import date
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from assets.ingest.simulated_market import SimulatedMarket
from assets.ingest.sources import simulated_sources
from assets.maintenance.nights import record_night
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS, NEWS
from execution.clock import FileClock
from execution.domain.events import ControlChanged
from pipelines.home import Home
from pipelines.metrics import HomeMetrics
from pipelines.settings import load_settings
from tests.builders.trading_days import CALENDAR, FIRST
from tests.integration.upkeep.traded_home import TradedHome


def figures(metrics: HomeMetrics) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(metrics)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_a_traded_home_tells_its_state_in_figures(tmp_path: Path) -> None:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    traded.tell_the_clock()
    record_night(traded.home.upkeep, date(2024, 3, 5), {"refusal": "a piece is gone", "restore_seconds": 0.5})
    halted = ControlChanged(at=traded.days.clock.now(), state="halted", actor="ann", reason="looks odd")
    traded.days.desk.ledger.record(lambda _: (halted,))
    found = figures(HomeMetrics(traded.settings, traded.home))
    book = traded.days.desk.ledger.book()
    assert found["touchstone_readable"] == 1
    assert found["touchstone_ledger_rows"] == traded.days.desk.ledger.head().sequence
    assert found["touchstone_positions"] == len(book.held_shares) > 0
    assert found['touchstone_trading_state{state="halted"}'] == 1
    assert found['touchstone_trading_state{state="active"}'] == 0
    assert found["touchstone_drill_green"] == 0
    assert found["touchstone_missed_session"] == 0
    assert found["touchstone_missed_sessions"] == 0
    assert 0 < found['touchstone_limit_used{limit="names"}'] <= 1
    assert found["touchstone_equity_usd"] == float(book.marks[-1].equity_usd)
    assert found["touchstone_load_per_core"] >= 0
    assert found["touchstone_memory_available_bytes"] > 0
    assert found["touchstone_disk_free_bytes"] > 0


def test_each_source_has_its_age_beside_what_is_allowed(tmp_path: Path) -> None:
    traded = TradedHome(tmp_path / "original")
    sources, as_of = simulated_sources(SimulatedMarket(traded.settings.simulated)), CALENDAR.as_of(FIRST)
    for table in (DAILY_BARS, NEWS):
        rows = sources.rows(table, after=CALENDAR.as_of(CALENDAR.offset(FIRST, -5)), upto=as_of)
        RawStore(traded.home.raw).append(table, rows, session=FIRST, recorded_at=as_of)
    FileClock(traded.home.clock).advance_to(CALENDAR.as_of(CALENDAR.offset(FIRST, 2)))
    found = figures(HomeMetrics(traded.settings, traded.home))
    assert found['touchstone_data_age_sessions{table="daily_bars"}'] == 2
    assert found['touchstone_data_age_allowed_sessions{table="daily_bars"}'] == 0
    assert found['touchstone_data_age_sessions{table="news"}'] >= 2
    assert 'touchstone_data_age_allowed_sessions{table="news"}' not in found  # nothing is demanded of headlines


def test_a_home_that_cannot_be_read_says_only_that(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    home.ledger.write_bytes(b"not a ledger" * 100)
    assert figures(HomeMetrics(load_settings(environ={}), home)) == {"touchstone_readable": 0.0}


def test_a_new_home_has_no_figures_of_trading_yet(tmp_path: Path) -> None:
    found = figures(HomeMetrics(load_settings(environ={}), Home(tmp_path / "home").create()))
    assert (found["touchstone_readable"], found["touchstone_ledger_rows"]) == (1, 0)
    assert "touchstone_equity_usd" not in found


def test_a_kill_switch_that_is_a_link_to_nowhere_is_on_in_the_figures_too(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    assert figures(HomeMetrics(load_settings(environ={}), home))["touchstone_kill_switch"] == 0
    home.kill.symlink_to("nowhere")
    assert figures(HomeMetrics(load_settings(environ={}), home))["touchstone_kill_switch"] == 1
