"""Positions watched from the end of the submit window to the close, by a clock that stands and by one that goes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from execution.portfolio.exit_rules import ExitRules
from execution.risk.kill_switch import KillSwitch
from execution.session.monitor_pace import MonitorPolicy
from execution.session.watch import WATCHED, WatchReport, watch
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays
from tests.fakes.manual_clock import ManualClock

SECOND = SESSIONS[1]
OPENS = CALENDAR.opens_at(SESSIONS[2])
CLOSES = CALENDAR.closes_at(SESSIONS[2])
AT_ONCE = TypeAdapter(ExitRules).validate_python(
    [{"name": "at_once", "when": [{"fact": "gain_fraction", "at_least": "-0.5"}]}]
)
NEVER = TypeAdapter(ExitRules).validate_python(
    [{"name": "never", "when": [{"fact": "gain_fraction", "at_least": "100"}]}]
)

# Each sells a part, and a look asks the second once the first has sold its own.
ONE_AFTER_THE_OTHER = TypeAdapter(ExitRules).validate_python(
    [
        {"name": name, "when": [{"fact": "gain_fraction", "at_least": "-0.5"}], "sell_fraction": "0.25"}
        for name in ("first", "second")
    ]
)


class GoingClock(ManualClock):
    """A clock that a wait moves on, and that tells somebody so."""

    def __init__(self, instant: datetime, waited: Callable[[float], object] = lambda _: None) -> None:
        super().__init__(instant)
        self.pauses: list[float] = []
        self.waited = waited

    def wait_seconds(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.move_to(self.now() + timedelta(seconds=seconds))
        self.waited(seconds)
        return True


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return held_to_the_deadline(tmp_path)


def held_to_the_deadline(folder: Path) -> TradingDays:
    days = TradingDays(folder)
    days.live(FIRST)
    days.plan(SECOND, days.a_batch(SECOND))
    days.submit(SECOND)
    days.cancel_rest(SECOND)
    return days


def watched(days: TradingDays, **changes: Any) -> WatchReport:
    return watch(replace(days.desk, **changes), session=SECOND)


def notes(days: TradingDays) -> list[str]:
    return [note.detail for (topic, _, _), note in days.desk.ledger.book().notes.items() if topic == WATCHED]


def test_a_clock_that_moves_only_when_told_gives_one_look(days: TradingDays) -> None:
    held = set(days.desk.ledger.book().held_shares)
    report = watched(days, exits=AT_ONCE)
    assert (report.status, report.looks, len(report.sent)) == ("watched", 1, len(held))
    assert days.desk.ledger.book().held_shares == {}
    assert notes(days) == [f"1 looks, {len(held)} sales; at last: sent"]


def test_a_going_clock_is_watched_until_the_close_and_not_beyond(days: TradingDays) -> None:
    clock = GoingClock(days.clock.now())
    report = watched(
        days, exits=NEVER, clock=clock, monitoring=MonitorPolicy(pause_min_seconds=900, pause_max_seconds=3_600)
    )
    assert (report.status, report.sent) == ("watched", ())
    assert clock.now() == CLOSES
    assert report.looks == len(clock.pauses) > 6


def test_a_wilder_market_is_looked_at_more_often(tmp_path: Path) -> None:
    pace = {"pause_min_seconds": 300, "pause_max_seconds": 3_600, "calm_vix_points": 0, "calm_volatility_daily": 0}
    looks = [
        watched(
            days,
            exits=NEVER,
            clock=GoingClock(days.clock.now()),
            monitoring=MonitorPolicy(**pace, wild_vix_points=200, wild_volatility_daily=wild),
        ).looks
        for wild, days in ((wild, held_to_the_deadline(tmp_path / str(wild))) for wild in (1.0, 0.001))
    ]
    assert looks[0] < looks[1]


def test_a_watch_killed_and_begun_again_sells_nothing_twice(days: TradingDays) -> None:
    def dies(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched(days, exits=AT_ONCE, clock=GoingClock(days.clock.now(), dies))
    assert notes(days) == []
    fills = days.venue.fills(since=OPENS)
    again = watched(days, exits=AT_ONCE)
    assert (again.status, again.sent) == ("watched", ())
    assert days.venue.fills(since=OPENS) == fills


def test_a_watch_that_is_over_sells_no_more_when_it_is_started_again(days: TradingDays) -> None:
    first = watched(days, exits=ONE_AFTER_THE_OTHER)
    fills = days.venue.fills(since=OPENS)
    again = watched(days, exits=ONE_AFTER_THE_OTHER)
    assert first.sent
    assert (again.status, again.looks, again.sent, again.last) == ("watched", 0, (), notes(days)[0])
    assert days.venue.fills(since=OPENS) == fills


def test_a_halt_that_ends_finds_the_watch_still_there(days: TradingDays) -> None:
    switch = KillSwitch(days.folder / "stop.json")
    switch.engage(reason="a person said so", actor="ada", at=days.clock.now())
    clock = GoingClock(days.clock.now())

    def resumed(_: float) -> None:
        if len(clock.pauses) == 2:
            (days.folder / "stop.json").unlink()

    clock.waited = resumed
    # The few looks of a long pause: what is proven is that the halt's end is noticed, not how soon.
    slow = MonitorPolicy(pause_min_seconds=900, pause_max_seconds=3_600)
    report = watched(days, exits=AT_ONCE, clock=clock, kill_switch=switch, monitoring=slow)
    assert report.status == "watched"
    assert len(clock.pauses) > 2
    assert report.sent
    assert days.desk.ledger.book().held_shares == {}


def test_a_watch_asked_for_at_the_wrong_hour_is_not_over(days: TradingDays) -> None:
    days.clock.move_to(CLOSES + timedelta(minutes=1))
    report = watched(days, exits=AT_ONCE)
    assert report.status == "refused"
    assert "are watched from" in report.last
    assert notes(days) == []


def test_without_exit_rules_there_is_nothing_to_watch(days: TradingDays) -> None:
    report = watched(days)
    assert (report.status, report.last, report.looks) == ("refused", "the strategy has no exit rules", 0)


def test_while_another_process_acts_the_watch_is_not_over(days: TradingDays) -> None:
    assert days.desk.ledger.take_lease("act", holder="another", ttl_seconds=600) is not None
    assert watched(days, exits=AT_ONCE).status == "busy"
    assert notes(days) == []
