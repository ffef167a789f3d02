"""The resident process that finds out and tells: it reads ledger, runs, nights and disk itself, and asks nobody.

So what it says of a missed session does not depend on the daemon that missed it, and a stopped daemon is told of too.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from assets.maintenance.health import data_age
from assets.maintenance.nights import newest_night
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from execution.alert_outbox import Alert, AlertOutbox, Severity
from execution.alert_sender import Channel, channels_of, deliver
from execution.clock import SystemClock
from execution.domain.errors import TouchstoneError
from execution.ledger.event_codec import decoded
from execution.ledger_alerts import alert_of
from execution.session.limits_used import limits_used
from execution.trading_calendar import TradingCalendar
from execution.uptime_log import UptimeLog, is_in_session
from pipelines.alerting.missed_sessions import missed_session
from pipelines.alerting.outbox import outbox_of
from pipelines.dagster_instance import is_daemon_alive, prepare_instance
from pipelines.due_trading import book_of
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, ledger_driver
from pipelines.trading_adapters import clock_of, is_clock_told
from pipelines.trading_settings import TradingSettings

_LEDGER: Final = "ledger"
_RUNS: Final = "runs"
_PAGE_ROWS: Final = 1_000
_CRITICAL: Final[Severity] = "critical"
_WARNING: Final[Severity] = "warning"


@dataclass
class AlertWatch:
    """One home's alerts: `look` finds out, `tell` sends; both again and again, by one process.

    Attributes:
        settings: the trading half of the tree.
        home: the home to watch.
        channels: first choice first.
        now: the machine's clock; alerts are of real time in every mode.
    """

    settings: TradingSettings
    home: Home
    channels: tuple[Channel, ...]
    now: Callable[[], datetime] = field(default_factory=lambda: SystemClock().now)
    _standing: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, settings: TradingSettings, home: Home) -> "AlertWatch":
        """Return the watch over a home with the channels its settings name."""
        return cls(settings, home, channels_of(settings.alerts))

    def look(self) -> int:
        """Raise an alert for whatever is new, and return how many; one source that fails does not hide the others."""
        outbox, at, raised = outbox_of(self.settings, self.home), self.now(), 0
        for source in (self._ledger_events, self._failed_runs, self._new_levels):
            try:
                for alert in source(outbox):
                    raised += outbox.raise_alert(alert, at=at)
            except TouchstoneError as error:
                cause = f"unreadable:{source.__name__.strip('_')}"
                told = Alert(cause=cause, severity="critical", title="the home cannot be watched", detail=str(error))
                raised += outbox.raise_alert(told, at=at)
        return raised

    def tell(self) -> int:
        """Send what waits and return how many alerts a channel took."""
        outbox = outbox_of(self.settings, self.home)
        return deliver(outbox, self.channels, at=self.now(), retry_seconds=self.settings.alerts.retry_seconds)

    def _ledger_events(self, outbox: AlertOutbox) -> Iterator[Alert]:
        if not has_ledger(self.settings, self.home):
            return
        driver, place = ledger_driver(self.settings, self.home), outbox.place(_LEDGER)
        with driver.reading() as connection:
            ((head,),) = connection.fetch("select sequence from head")
            query = "select sequence, body from event where sequence > ? order by sequence limit ?"
            rows = [] if place is None else connection.fetch(query, (place, _PAGE_ROWS))
        if place is None:
            # What happened before anybody watched is history, not news.
            outbox.move(_LEDGER, int(head or 0))
        for _, body in rows:
            alert = alert_of(decoded(str(body).encode()))
            if alert is not None:
                yield alert
        if rows:
            outbox.move(_LEDGER, int(rows[-1][0] or 0))

    def _failed_runs(self, outbox: AlertOutbox) -> Iterator[Alert]:
        place = outbox.place(_RUNS)
        if place is None:
            place = round(self.now().timestamp() * 1000)
            outbox.move(_RUNS, place)
        failed = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime.fromtimestamp(place / 1000, UTC)
        )
        with dg.DagsterInstance.from_config(str(prepare_instance(self.home))) as instance:
            records = instance.get_run_records(filters=failed)
            self._see_daemon(instance)
        for record in records:
            run, changed = record.dagster_run, record.update_timestamp.replace(tzinfo=UTC)
            place = max(place, round(changed.timestamp() * 1000) + 1)
            session = run.tags.get("dagster/partition", "no session")
            yield Alert(
                cause=f"run_failed:{run.job_name}",
                severity="critical",
                title=f"{run.job_name} of {session} failed",
                detail=f"run {run.run_id}; its steps say why, in `make ui` and in the log",
            )
        outbox.move(_RUNS, place)

    def _see_daemon(self, instance: dg.DagsterInstance) -> None:
        """Keep a minute of a session in which the daemon was seen alive, or was not."""
        now = self.now()
        if is_in_session(now, TradingCalendar.shipped()):
            UptimeLog(self.home.operations).see(at=now, is_up=is_daemon_alive(instance))

    def _new_levels(self, outbox: AlertOutbox) -> Iterator[Alert]:
        """Yield what is so now and was not at the look before."""
        del outbox
        found = {alert.cause: alert for alert in self._levels()}
        fresh = [alert for cause, alert in found.items() if cause not in self._standing]
        self._standing = set(found)
        yield from fresh

    def _lateness(self) -> Iterator[Alert]:
        # In told time the clock itself waits for the data.
        if is_clock_told(self.settings.mode):
            return
        now = clock_of(self.settings.mode, self.home).now()
        newest = RawStore(self.home.raw).latest_session(DAILY_BARS)
        if late := data_age(TradingCalendar.shipped(), newest_bars=newest, now=now):
            title = f"data are late: {late} sessions past their cut-off have no bars"
            yield Alert(cause="late_data", severity=_WARNING, title=title, detail=f"the newest bars are of {newest}")

    def _levels(self) -> Iterator[Alert]:
        free = shutil.disk_usage(self.home.root).free
        if free < self.settings.alerts.disk_free_min_bytes:
            title = f"{free / 1024**3:.1f} GB are free on the home's disk"
            yield Alert(cause="low_disk", severity="critical", title=title, detail="make room before writes fail")
        night = newest_night(self.home.upkeep)
        if night is not None and night.get("refusal"):
            title = f"the backup of session {night['session']} could not be restored"
            yield Alert(cause="failed_drill", severity="critical", title=title, detail=str(night["refusal"]))
        yield from self._lateness()
        for used in limits_used(book_of(self.settings, self.home), self.settings.limits, mode=self.settings.mode):
            if used.is_near:
                word, severity = ("hit", _CRITICAL) if used.share >= 1 else ("near", _WARNING)
                yield Alert(
                    cause=f"limit_{word}:{used.name}",
                    severity=severity,
                    title=f"the limit {used.name} is {word}: {used.share:.0%} of it are used",
                    detail="at the newest close; entries shrink or end by themselves; see `touchstone status`",
                )
        missed = missed_session(self.settings, self.home)
        if missed:
            detail = "its submit window is over and the ledger has no plan of it; see `touchstone status`"
            yield Alert(
                cause=f"missed_cycle:{missed}", severity="critical", title=f"session {missed} was missed", detail=detail
            )
