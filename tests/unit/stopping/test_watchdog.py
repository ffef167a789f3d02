"""The watchdog's look: what makes it act, what it leaves alone, and that no failure ends it."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from execution.domain.events import ControlChanged
from execution.domain.orders import OrderRequest, OrderState
from execution.risk.kill_switch import KillSwitch
from execution.watchdog import Alarm, Watchdog, WatchdogPolicy, watch
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays

POLICY = WatchdogPolicy(heartbeat_deadline_seconds=90, look_again_seconds=1)


class Failing:
    """Lets everything through but the calls named, which fail so many times."""

    def __init__(self, inner: Any, **failures: int) -> None:
        self.inner, self.failures = inner, failures

    def __getattr__(self, name: str) -> Any:
        if self.failures.get(name, 0) > 0:
            self.failures[name] -= 1

            def fail(*_: Any, **__: Any) -> Any:
                raise TimeoutError(f"{name} was not answered")

            return fail
        return getattr(self.inner, name)


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    """Return a desk in session with three stops and one resting entry at the venue."""
    days = TradingDays(tmp_path)
    days.plan()
    days.submit()
    rest(days, "far")
    return days


def rest(days: TradingDays, client_order_id: str) -> None:
    days.venue.submit(
        OrderRequest(
            client_order_id=client_order_id,
            symbol="DDD",
            side="buy",
            leg="entry",
            quantity_shares=1,
            order_type="limit",
            time_in_force="day",
            limit_usd=days.world[FIRST, "DDD"].low_usd / 2 // 1,
        )
    )


def a_watchdog(days: TradingDays, policy: WatchdogPolicy = POLICY, **ports: Any) -> Watchdog:
    return Watchdog(
        replace(days.desk, **ports),
        kill_switch=KillSwitch(days.folder / "KILL"),
        heartbeat=days.folder / "heartbeat",
        stop_requests=days.folder / "stop_requests",
        policy=policy,
    )


def works(days: TradingDays) -> list[OrderState]:
    return list(days.desk.broker.open_orders())


def control(days: TradingDays) -> ControlChanged | None:
    return days.desk.ledger.book().control


def engage(days: TradingDays) -> None:
    KillSwitch(days.folder / "KILL").engage("prices look wrong", "ada", days.clock.now())


def pass_time(days: TradingDays, seconds: float = 91) -> None:
    days.clock.move_to(days.clock.now() + timedelta(seconds=seconds))


def test_nothing_happens_while_all_is_well(days: TradingDays) -> None:
    assert a_watchdog(days).look() is None
    assert len(works(days)) == 4


def test_the_switch_cancels_entries_and_leaves_protective_stops(days: TradingDays) -> None:
    watchdog = a_watchdog(days)
    engage(days)
    alarm = watchdog.look()
    assert alarm is not None
    assert (alarm.cause, alarm.cancelled) == ("kill_switch", ("far",))
    assert {order.order_type for order in works(days)} == {"stop"}


def test_told_to_it_cancels_protective_stops_too(days: TradingDays) -> None:
    watchdog = a_watchdog(days, POLICY.model_copy(update={"cancels_protective_stops": True}))
    engage(days)
    watchdog.look()
    assert works(days) == []


def test_the_switch_is_written_into_the_ledger(days: TradingDays) -> None:
    watchdog = a_watchdog(days)
    engage(days)
    watchdog.look()
    changed = control(days)
    assert changed is not None
    assert (changed.state, changed.actor) == ("halted", "watchdog")


def test_who_pressed_stop_is_written_down_where_it_is_known(days: TradingDays) -> None:
    watchdog = a_watchdog(days)
    engage(days)
    (days.folder / "stop_requests").mkdir()
    (days.folder / "stop_requests" / "1.json").write_text('{"actor": "ada", "at": "now", "reason": "prices"}')
    watchdog.look()
    changed = control(days)
    assert changed is not None
    assert changed.actor == "ada"


def test_an_order_that_arrives_after_the_switch_is_cancelled_at_the_next_look(days: TradingDays) -> None:
    watchdog = a_watchdog(days)
    engage(days)
    watchdog.look()
    rest(days, "late")
    assert watchdog.look() is None
    pass_time(days, 1)
    alarm = watchdog.look()
    assert alarm is not None
    assert alarm.cancelled == ("late",)


def test_one_alarm_is_enough_while_nothing_new_arrives(days: TradingDays) -> None:
    watchdog = a_watchdog(days)
    engage(days)
    watchdog.look()
    pass_time(days, 1)
    assert watchdog.look() is None


def test_a_switch_without_any_order_is_still_told_and_written_down(days: TradingDays) -> None:
    days.venue.cancel("far")
    watchdog = a_watchdog(days)
    engage(days)
    assert watchdog.look() == Alarm(cause="kill_switch", cancelled=(), silent_seconds=0)
    assert control(days) is not None


def test_silence_in_session_cancels_entries_and_lets_only_reducing_orders_out(days: TradingDays) -> None:
    watchdog = a_watchdog(days)
    pass_time(days)
    alarm = watchdog.look()
    assert alarm is not None
    assert (alarm.cause, alarm.cancelled, alarm.silent_seconds) == ("silence", ("far",), 91)
    changed = control(days)
    assert changed is not None
    assert changed.state == "reducing"


def test_silence_up_to_the_deadline_is_allowed(days: TradingDays) -> None:
    watchdog = a_watchdog(days)
    pass_time(days, 90)
    assert watchdog.look() is None


def test_a_sign_of_life_starts_the_silence_anew(days: TradingDays) -> None:
    watchdog = a_watchdog(days)
    pass_time(days, 80)
    (days.folder / "heartbeat").touch()
    watchdog.look()
    pass_time(days, 80)
    assert watchdog.look() is None


def test_what_time_the_sign_of_life_claims_does_not_count(days: TradingDays) -> None:
    (days.folder / "heartbeat").touch()
    os.utime(days.folder / "heartbeat", (0, 4_102_444_800))
    watchdog = a_watchdog(days)
    pass_time(days)
    assert watchdog.look() is not None


def test_silence_without_a_working_entry_is_nobodys_business(days: TradingDays) -> None:
    days.venue.cancel("far")
    watchdog = a_watchdog(days)
    pass_time(days)
    assert watchdog.look() is None
    assert control(days) is None


def test_silence_outside_of_a_session_is_nobodys_business(tmp_path: Path) -> None:
    days = TradingDays(tmp_path)
    days.clock.move_to(CALENDAR.closes_at(SESSIONS[1]) + timedelta(hours=1))
    rest(days, "far")
    watchdog = a_watchdog(days)
    pass_time(days)
    assert watchdog.look() is None
    assert len(works(days)) == 1


def test_silence_never_loosens_a_halt(days: TradingDays) -> None:
    halted = ControlChanged(at=days.clock.now(), state="halted", actor="ada", reason="stop")
    days.desk.ledger.record(lambda _: (halted,))
    watchdog = a_watchdog(days)
    pass_time(days)
    watchdog.look()
    assert control(days) == halted


def test_a_venue_that_fails_is_asked_again_at_once(days: TradingDays) -> None:
    watchdog = a_watchdog(days, broker=Failing(days.venue, open_orders=1))
    engage(days)
    with pytest.raises(TimeoutError):
        watchdog.look()
    alarm = watchdog.look()
    assert alarm is not None
    assert alarm.cancelled == ("far",)


def test_one_cancel_that_fails_keeps_no_other_from_being_asked(days: TradingDays) -> None:
    rest(days, "farther")
    watchdog = a_watchdog(days, broker=Failing(days.venue, cancel=1))
    engage(days)
    with pytest.raises(TimeoutError):
        watchdog.look()
    assert sum(order.order_type != "stop" for order in works(days)) == 1


def test_orders_are_cancelled_though_the_ledger_is_locked_and_written_down_later(days: TradingDays) -> None:
    watchdog = a_watchdog(days, ledger=Failing(days.desk.ledger, record=1))
    engage(days)
    with pytest.raises(TimeoutError):
        watchdog.look()
    assert {order.order_type for order in works(days)} == {"stop"}
    pass_time(days, 1)
    watchdog.look()
    assert control(days) is not None


def test_a_failure_is_told_once_and_ends_nothing(days: TradingDays) -> None:
    watchdog = a_watchdog(days, broker=Failing(days.venue, open_orders=3))
    engage(days)
    alarms: list[Alarm] = []
    looks = iter([False] * 6 + [True])
    watch(watchdog, poll_seconds=0, alert=alarms.append, is_over=lambda: next(looks), sleep=lambda _: None)
    assert [alarm.cause for alarm in alarms] == ["failure", "kill_switch"]
