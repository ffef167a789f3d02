"""The resident process that finds out and tells: it reads ledger, runs, nights and disk itself, and asks nobody.

So what it says of a missed session does not depend on the daemon that missed it, and a stopped daemon is told of too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from execution.alert_outbox import LEDGER_PLACE, Alert, AlertOutbox
from execution.alert_sender import Channel, channels_of, deliver
from execution.clock import SystemClock
from execution.domain.errors import TouchstoneError
from execution.ledger.book import Book
from execution.ledger.event_codec import decoded
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger_alerts import alert_of
from execution.trading_calendar import TradingCalendar
from execution.uptime_log import UptimeLog, is_in_session
from pipelines.alerting.ended_runs import alerts_of_runs
from pipelines.alerting.levels import lateness_of, levels_of
from pipelines.alerting.outbox import outbox_of
from pipelines.dagster_instance import is_daemon_alive, prepare_instance
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, ledger_driver, open_ledger
from pipelines.settings import Settings

_RUNS: Final = "runs"
_PAGE_ROWS: Final = 1_000
_LATENESS_AGE: Final = timedelta(minutes=1)
_ENDED: Final = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
Source = Callable[[AlertOutbox], Iterator[Alert]]


@dataclass
class AlertWatch:
    """One home's alerts: `look` finds out, `tell` sends; both again and again, by one process.

    Attributes:
        settings: the whole tree.
        home: the home to watch.
        channels: first choice first.
        now: the machine's clock; alerts are of real time in every mode.
    """

    settings: Settings
    home: Home
    channels: tuple[Channel, ...]
    now: Callable[[], datetime] = field(default_factory=lambda: SystemClock().now)
    _standing: set[str] = field(default_factory=set)
    _kept: SqlLedger | None = None
    _lateness: tuple[datetime, tuple[Alert, ...]] | None = None

    @classmethod
    def of(cls, settings: Settings, home: Home) -> "AlertWatch":
        """Return the watch over a home with the channels its settings name."""
        return cls(settings, home, channels_of(settings.alerts))

    def look(self) -> int:
        """Raise an alert for whatever is new, and return how many; one source that fails does not hide the others."""
        return sum(self._raised(source) for source in self._sources())

    def look_and_tell(self) -> None:
        """Look at each source and tell at once what it had: a halt waits for no other. Then tell what still waits."""
        for source in self._sources():
            if self._raised(source):
                self.tell()
        self.tell()

    def _sources(self) -> tuple[Source, ...]:
        return (self._ledger_events, self._ended_runs, self._new_levels)

    def _raised(self, source: Source) -> int:
        outbox, at, raised = outbox_of(self.settings, self.home), self.now(), 0
        try:
            for alert in source(outbox):
                raised += outbox.raise_alert(alert, at=at)
        except Exception as error:  # noqa: BLE001 - a database the orchestrator reads fails in the words of its library
            name = source.__name__.strip("_")
            title, detail = "the home cannot be watched", f"{name}: {sentence_of(error)}"
            told = Alert(cause=f"unreadable:{name}", severity="critical", title=title, detail=detail)
            raised += outbox.raise_alert(told, at=at)
        return raised

    def beat(self) -> None:
        """Leave word that somebody watched just now; that nobody does is then seen in `status` and by Prometheus."""
        outbox_of(self.settings, self.home).watched(at=self.now())

    def tell(self) -> int:
        """Send what waits and return how many alerts a channel took."""
        outbox = outbox_of(self.settings, self.home)
        return deliver(outbox, self.channels, at=self.now(), retry_seconds=self.settings.alerts.retry_seconds)

    def _book(self) -> Book:
        """Return the fold of the ledger; the watch keeps it, so that a look costs its new rows alone."""
        if not has_ledger(self.settings, self.home):
            return Book()
        self._kept = self._kept or open_ledger(self.settings, self.home)
        return self._kept.book()

    def _late_data(self) -> tuple[Alert, ...]:
        """Return which data are late, found at most a minute ago: sessions go by slowly, and indexes grow for years."""
        now = self.now()
        if self._lateness is None or now - self._lateness[0] >= _LATENESS_AGE:
            self._lateness = now, tuple(lateness_of(self.settings, self.home))
        return self._lateness[1]

    def _ledger_events(self, outbox: AlertOutbox) -> Iterator[Alert]:
        if not has_ledger(self.settings, self.home):
            return
        driver, place = ledger_driver(self.settings, self.home), outbox.place(LEDGER_PLACE)
        with driver.reading() as connection:
            ((head,),) = connection.fetch("select sequence from head")
            query = "select sequence, body from event where sequence > ? order by sequence limit ?"
            rows = [] if place is None else connection.fetch(query, (place, _PAGE_ROWS))
        if place is None:
            # What happened before anybody watched is history, not news.
            outbox.move(LEDGER_PLACE, int(head or 0))
        for _, body in rows:
            alert = alert_of(decoded(str(body).encode()))
            if alert is not None:
                yield alert
        if rows:
            outbox.move(LEDGER_PLACE, int(rows[-1][0] or 0))

    def _ended_runs(self, outbox: AlertOutbox) -> Iterator[Alert]:
        place = outbox.place(_RUNS)
        if place is None:
            place = round(self.now().timestamp() * 1000)
            outbox.move(_RUNS, place)
        ended = dg.RunsFilter(statuses=_ENDED, updated_after=datetime.fromtimestamp(place / 1000, UTC))
        with dg.DagsterInstance.from_config(str(prepare_instance(self.home))) as instance:
            records = instance.get_run_records(filters=ended)
            self._see_daemon(instance)
            yield from alerts_of_runs(instance, records)
        changed = [round(one.update_timestamp.replace(tzinfo=UTC).timestamp() * 1000) + 1 for one in records]
        outbox.move(_RUNS, max([place, *changed]))

    def _see_daemon(self, instance: dg.DagsterInstance) -> None:
        """Keep a minute of a session in which the daemon was seen alive, or was not."""
        now = self.now()
        if is_in_session(now, TradingCalendar.shipped()):
            UptimeLog(self.home.operations).see(at=now, is_up=is_daemon_alive(instance))

    def _new_levels(self, outbox: AlertOutbox) -> Iterator[Alert]:
        """Yield what is so now and was not at the look before."""
        del outbox
        found: set[str] = set()
        try:
            for alert in levels_of(self.settings, self.home, self._book, self._late_data):
                found.add(alert.cause)
                if alert.cause not in self._standing:
                    yield alert
        finally:
            # Also when a ledger cannot be read: what was found before it is not new at the next look.
            self._standing = found


def sentence_of(error: Exception) -> str:
    """Return one line about a failure; a library's own text goes on with statements and addresses."""
    return str(error) if isinstance(error, TouchstoneError) else f"{type(error).__name__}: {error}".partition("\n")[0]
