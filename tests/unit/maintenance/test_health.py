"""What a home promises of its own running, and when a promise is broken."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from assets.maintenance.data_ages import DataAge
from assets.maintenance.health import (
    HealthPolicy,
    HealthReport,
    growth,
    halts,
    judged_sessions,
    missed_of,
    refusal,
    restores,
)
from assets.maintenance.machine import MachineUse
from execution.trading_calendar import TradingCalendar
from execution.uptime_log import UptimeLog, is_in_session

CALENDAR = TradingCalendar.shipped()
BARS = DataAge(table="daily_bars", newest=date(2024, 1, 4), sessions=0, allowed_sessions=0)
THURSDAY, FRIDAY, MONDAY = date(2024, 1, 4), date(2024, 1, 5), date(2024, 1, 8)
WELL = HealthReport(
    sessions=3,
    missed=(),
    uptime_share=1.0,
    data_ages=(BARS,),
    restores=1,
    red_restores=0,
    restore_seconds_max=1.5,
    growth_bytes_max=1_000,
    halts=0,
    halted_seconds_max=0.0,
    machine=MachineUse(load_per_core=0.5, memory_available_bytes=2**33, disk_free_bytes=2**36, peak_memory_bytes=2**20),
)


def test_a_home_that_did_all_it_promised_is_well() -> None:
    assert refusal(WELL, HealthPolicy()) == ""


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (replace(WELL, missed=(THURSDAY,)), "1 of 3 sessions had no plan, the newest 2024-01-04"),
        (replace(WELL, uptime_share=0.99), "alive in 99.00% of session minutes, promised 99.50%"),
        (
            replace(WELL, data_ages=(replace(BARS, sessions=1),)),
            "daily_bars: nothing new for 1 sessions past their cut-off, allowed are 0",
        ),
        (replace(WELL, red_restores=1), "1 of 1 restores found a backup wanting"),
        (
            replace(WELL, growth_bytes_max=100_000_001),
            "the home grew by 100,000,001 bytes a night, allowed are 100,000,000",
        ),
    ],
)
def test_a_broken_promise_is_named(broken: HealthReport, said: str) -> None:
    assert refusal(broken, HealthPolicy()) == said


def test_an_uptime_nobody_watched_breaks_no_promise() -> None:
    assert refusal(replace(WELL, uptime_share=None), HealthPolicy()) == ""


def test_a_session_is_judged_when_its_submit_window_is_over() -> None:
    _, end = CALENDAR.submit_window(FRIDAY)
    assert judged_sessions(CALENDAR, first=THURSDAY, now=end, window=20) == (THURSDAY, FRIDAY)
    assert judged_sessions(CALENDAR, first=THURSDAY, now=end - timedelta(seconds=1), window=20) == (THURSDAY,)


def test_only_the_newest_sessions_are_judged() -> None:
    _, end = CALENDAR.submit_window(FRIDAY)
    assert judged_sessions(CALENDAR, first=THURSDAY, now=end, window=1) == (FRIDAY,)


def test_a_home_that_never_decided_is_not_judged() -> None:
    assert judged_sessions(CALENDAR, first=None, now=datetime(2024, 1, 9, tzinfo=UTC), window=5) == ()


def test_a_session_the_ledger_noted_as_missed_and_one_it_never_heard_of_are_missed() -> None:
    assert missed_of((THURSDAY, FRIDAY, MONDAY), {THURSDAY: True, FRIDAY: False}) == (FRIDAY, MONDAY)


def test_the_age_of_each_table_is_a_fact() -> None:
    news = replace(BARS, table="news", sessions=3, allowed_sessions=None)
    facts = replace(WELL, data_ages=(BARS, news)).facts()
    assert (facts["data_age_sessions_daily_bars"], facts["data_age_sessions_news"]) == (0, 3)


def test_a_halt_lasts_until_somebody_resumes() -> None:
    began = datetime(2024, 1, 5, 15, tzinfo=UTC)
    changes = [(began, "halted"), (began + timedelta(minutes=5), "halted"), (began + timedelta(hours=1), "active")]
    assert halts(changes, since=began, now=began + timedelta(days=1)) == (1, 3600.0)


def test_a_halt_nobody_ended_lasts_until_now() -> None:
    began = datetime(2024, 1, 5, 15, tzinfo=UTC)
    assert halts([(began, "halted")], since=began, now=began + timedelta(hours=2)) == (1, 7200.0)


def test_a_halt_from_before_is_not_counted() -> None:
    began = datetime(2024, 1, 5, 15, tzinfo=UTC)
    assert halts([(began, "halted")], since=began + timedelta(1), now=began + timedelta(2)) == (0, 0.0)


def test_the_slowest_restore_and_every_red_one_count() -> None:
    nights = {THURSDAY: {"refusal": "", "restore_seconds": 2.5}, FRIDAY: {"refusal": "gone", "restore_seconds": 1}}
    assert restores(nights) == (2, 1, 2.5)


def nights_of(*home_bytes: int) -> dict[date, dict[str, object]]:
    days = CALENDAR.between(THURSDAY, date(2024, 12, 31))
    return {day: {"home_bytes": size} for day, size in zip(days, home_bytes, strict=False)}


def test_growth_is_a_mean_of_the_nights_while_there_is_no_week_of_them() -> None:
    assert growth(nights_of(100, 180, 150)) == 25
    assert growth({THURSDAY: {"home_bytes": 100}, FRIDAY: {"refusal": "from before sizes were kept"}}) is None


def test_the_week_of_nights_that_grew_most_counts() -> None:
    assert growth(nights_of(0, 10, 20, 30, 40, 50, 150, 250)) == (250 - 20) // 5


def test_growth_is_the_same_on_whichever_side_of_its_night_a_training_fell() -> None:
    before = growth(nights_of(0, 4, 8, 12, 16, 28, 32, 36, 40, 44, 56))
    after = growth(nights_of(0, 4, 8, 12, 16, 20, 32, 36, 40, 44, 48, 60))
    assert before == after == 5


def test_minutes_nobody_saw_count_as_down(tmp_path: Path) -> None:
    log, opens = UptimeLog(tmp_path / "operations.db"), CALENDAR.opens_at(FRIDAY)
    for minute in range(195):
        log.see(at=opens + timedelta(minutes=minute), is_up=True)
    assert log.share((FRIDAY,), CALENDAR) == 0.5


def test_a_minute_once_seen_down_stays_down(tmp_path: Path) -> None:
    log, opens = UptimeLog(tmp_path / "operations.db"), CALENDAR.opens_at(FRIDAY)
    for seconds, is_up in ((0, True), (20, False), (40, True)):
        log.see(at=opens + timedelta(seconds=seconds), is_up=is_up)
    assert log.share((FRIDAY,), CALENDAR) == 0.0


def test_sessions_before_anybody_watched_are_left_out(tmp_path: Path) -> None:
    log, opens = UptimeLog(tmp_path / "operations.db"), CALENDAR.opens_at(FRIDAY)
    assert log.share((THURSDAY, FRIDAY), CALENDAR) is None
    for minute in range(390):
        log.see(at=opens + timedelta(minutes=minute), is_up=True)
    assert log.share((THURSDAY, FRIDAY), CALENDAR) == 1.0


def test_an_early_close_ends_the_session() -> None:
    closes = CALENDAR.closes_at(date(2024, 7, 3))
    assert is_in_session(closes - timedelta(minutes=1), CALENDAR)
    assert not is_in_session(closes, CALENDAR)
    assert not is_in_session(datetime(2024, 7, 4, 15, tzinfo=UTC), CALENDAR)
