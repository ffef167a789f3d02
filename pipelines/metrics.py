"""Figures of a home for Prometheus: one resident process that reads the ledger when it is asked, and writes nothing.

Runs live too briefly to be asked themselves, so nothing is counted in them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from assets.maintenance.data_ages import DataAge
from assets.maintenance.health import judged_sessions, missed_of
from assets.maintenance.machine import machine_use
from assets.maintenance.nights import newest_night
from execution.domain.errors import TouchstoneError
from execution.ledger.book import Book
from execution.risk.kill_switch import KillSwitch
from execution.session.control import control_state
from execution.session.limits_used import limits_used
from execution.trading_calendar import TradingCalendar
from execution.uptime_log import UptimeLog
from pipelines.alerting.missed_sessions import missed_session, planned_sessions
from pipelines.alerting.outbox import outbox_of
from pipelines.data_ages import data_ages_of
from pipelines.due_trading import book_of
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, open_ledger
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of, is_clock_told

_WINDOW_SESSIONS = 20
_STATES = ("active", "reducing", "halted")


@dataclass(frozen=True, slots=True, eq=False)
class HomeMetrics(Collector):
    """The figures of one home; floats only here, where nothing is decided. A registry knows it as this one object."""

    settings: Settings
    home: Home

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield every figure; when the home cannot be read, only that."""
        try:
            figures = list(self._figures())
        except (TouchstoneError, OSError):
            figures = []
        yield _gauge("readable", "1 when the home could be read, else 0.", 1.0 if figures else 0.0)
        yield from figures

    def _figures(self) -> Iterable[GaugeMetricFamily]:
        book = book_of(self.settings, self.home)
        rows = open_ledger(self.settings, self.home).head().sequence if has_ledger(self.settings, self.home) else 0
        yield _gauge("ledger_rows", "Rows of the ledger's chain.", rows)
        yield from _of_book(book)
        shares = GaugeMetricFamily(
            "touchstone_limit_used", "Share of a limit used at the newest mark.", labels=["limit"]
        )
        for used in limits_used(book, self.settings.limits, mode=self.settings.mode):
            shares.add_metric([used.name], float(used.share))
        yield shares
        if not is_clock_told(self.settings.mode) or self.home.clock.exists():
            yield from self._of_time(book)
        kill = 1.0 if KillSwitch(self.home.kill).is_engaged else 0.0
        yield _gauge("kill_switch", "1 while the kill switch is on.", kill)
        night = newest_night(self.home.upkeep)
        if night is not None:
            yield _gauge("drill_green", "1 when the newest backup could be restored.", 0.0 if night["refusal"] else 1.0)
            yield _gauge("restore_seconds", "How long that restore took.", float(str(night["restore_seconds"])))
        outbox = outbox_of(self.settings, self.home)
        waiting, untold = outbox.standing()
        yield _gauge("alerts_waiting", "Alerts nobody was told yet.", waiting)
        yield _gauge("alerts_untold", "Alerts that were tried and no channel took.", untold)
        watched_at = outbox.watched_at()
        if watched_at is not None:
            yield _gauge(
                "alerts_watched_seconds", "When somebody last looked for alerts, Unix time.", watched_at.timestamp()
            )
        missed = 1.0 if missed_session(self.settings, self.home, book) else 0.0
        yield _gauge("missed_session", "1 when the newest tradable session has no plan.", missed)
        machine = machine_use(self.home.root)
        yield _gauge("disk_free_bytes", "Free bytes on the home's disk.", machine.disk_free_bytes)
        yield _gauge("load_per_core", "Processes that ran or waited over a minute, per core.", machine.load_per_core)
        if machine.memory_available_bytes is not None:
            yield _gauge(
                "memory_available_bytes", "Memory programs can still get.", float(machine.memory_available_bytes)
            )

    def _of_time(self, book: Book) -> Iterable[GaugeMetricFamily]:
        calendar, now = TradingCalendar.shipped(), clock_of(self.settings.mode, self.home).now()
        yield from _of_data(data_ages_of(self.settings, self.home))
        planned = planned_sessions(book)
        judged = judged_sessions(calendar, first=min(planned, default=None), now=now, window=_WINDOW_SESSIONS)
        missed_days = missed_of(judged, planned)
        yield _gauge(
            "missed_sessions", f"Of the newest {_WINDOW_SESSIONS} sessions, those without a plan.", len(missed_days)
        )
        if not is_clock_told(self.settings.mode):
            uptime = UptimeLog(self.home.operations).share(judged, calendar)
            if uptime is not None:
                yield _gauge("uptime_share", "Share of their minutes in which the daemon was seen alive.", uptime)


def _of_data(found: Iterable[DataAge]) -> Iterable[GaugeMetricFamily]:
    ages = GaugeMetricFamily(
        "touchstone_data_age_sessions", "Sessions past their cut-off without anything newer.", labels=["table"]
    )
    allowed = GaugeMetricFamily(
        "touchstone_data_age_allowed_sessions", "How many may be; absent where nothing is demanded.", labels=["table"]
    )
    for age in found:
        ages.add_metric([age.table], age.sessions)
        if age.allowed_sessions is not None:
            allowed.add_metric([age.table], age.allowed_sessions)
    yield from (ages, allowed)


def _of_book(book: Book) -> Iterable[GaugeMetricFamily]:
    states = GaugeMetricFamily("touchstone_trading_state", "1 for the state trading is in.", labels=["state"])
    for state in _STATES:
        states.add_metric([state], 1.0 if control_state(book) == state else 0.0)
    yield states
    records = book.orders.values()
    yield _gauge("orders_open", "Orders that may still trade.", sum(record.exposed_shares > 0 for record in records))
    unknown = sum(record.state in ("in_flight", "unknown") for record in records)
    yield _gauge("orders_unknown", "Orders nobody knows the outcome of.", unknown)
    yield _gauge("positions", "Symbols held.", len(book.held_shares))
    yield _gauge("quarantined", "Symbols in quarantine.", len(book.quarantined))
    if book.marks:
        yield _gauge("equity_usd", "Equity at the newest mark.", float(book.marks[-1].equity_usd))
        marked = datetime.combine(book.marks[-1].marked_session, datetime.min.time(), UTC).timestamp()
        yield _gauge("marked_session_seconds", "Midnight UTC of the newest marked session, Unix time.", marked)


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"touchstone_{name}", told, value=value)
