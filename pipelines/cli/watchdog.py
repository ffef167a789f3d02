"""`touchstone watchdog`: the resident process that cancels when the switch is on, or when nobody is alive."""

import signal
import threading

import structlog

from execution.risk.kill_switch import KillSwitch
from execution.watchdog import Alarm, Watchdog, watch
from pipelines.home import Home
from pipelines.stopping import open_acting_desk
from pipelines.trading_settings import TradingSettings

_log = structlog.get_logger(__name__)


def run_watchdog(settings: TradingSettings, home: Home) -> int:
    """Watch a home until a signal says to end, and return the exit code."""
    watchdog = Watchdog(
        open_acting_desk(settings, home, actor="watchdog"),
        kill_switch=KillSwitch(home.kill),
        heartbeat=home.heartbeat,
        stop_requests=home.stop_requests,
        policy=settings.watchdog,
    )
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    _log.info("watchdog_started", **settings.watchdog.model_dump())
    watch(
        watchdog,
        poll_seconds=settings.watchdog.poll_seconds,
        alert=_alert,
        is_over=over.is_set,
        sleep=over.wait,
    )
    _log.info("watchdog_ended")
    return 0


def _alert(alarm: Alarm) -> None:
    _log.error(
        "watchdog_alarm",
        cause=alarm.cause,
        cancelled=list(alarm.cancelled),
        silent_seconds=round(alarm.silent_seconds, 1),
        detail=alarm.detail,
    )
