"""`touchstone alerts`: the resident process that tells people, and a way to try its channels."""

import signal
import threading

import structlog

from execution.alert_outbox import Alert
from pipelines.alerting.outbox import outbox_of
from pipelines.alerting.watch import AlertWatch, sentence_of
from pipelines.home import Home
from pipelines.settings import Settings

_log = structlog.get_logger(__name__)


def run_alerts(settings: Settings, home: Home) -> int:
    """Watch a home and tell people until a signal says to end; no failure ends it. Returns the exit code."""
    watch, over = AlertWatch.of(settings, home), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    _log.info("alerts_started", channels=[channel.name for channel in watch.channels] or ["log"])
    while not over.is_set():
        try:
            watch.look_and_tell()
            watch.beat()
        except Exception as error:  # noqa: BLE001 - who would tell that nobody tells any more?
            _log.error("alerts_failed", detail=sentence_of(error))
        over.wait(settings.alerts.poll_seconds)
    _log.info("alerts_ended")
    return 0


def try_channels(settings: Settings, home: Home) -> str:
    """Raise an alert of no consequence, send it now, and return whether somebody was told."""
    watch = AlertWatch.of(settings, home)
    tried = Alert(cause="trial", severity="info", title="a trial", detail="somebody tried whether alerts arrive")
    outbox_of(settings, home).raise_alert(tried, at=watch.now())
    told = watch.tell()
    names = ", ".join(channel.name for channel in watch.channels) or "the log alone: name alerts.primary"
    return f"{told} alerts were told; channels: {names}"
