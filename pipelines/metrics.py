"""Figures of a home for Prometheus: one resident process that reads the ledger when it is asked, and writes nothing.

Runs live too briefly to be asked themselves, so nothing is counted in them.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from assets.maintenance.nights import newest_night
from execution.domain.errors import TouchstoneError
from execution.ledger.book import Book
from execution.session.control import control_state
from pipelines.alerting.missed_sessions import missed_session
from pipelines.alerting.outbox import outbox_of
from pipelines.due_trading import book_of
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, open_ledger
from pipelines.trading_settings import TradingSettings

_STATES = ("active", "reducing", "halted")


@dataclass(frozen=True, slots=True)
class HomeMetrics(Collector):
    """The figures of one home; floats only here, where nothing is decided."""

    settings: TradingSettings
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
        kill = 1.0 if self.home.kill.exists() else 0.0
        yield _gauge("kill_switch", "1 while the kill switch is on.", kill)
        night = newest_night(self.home.upkeep)
        if night is not None:
            yield _gauge("drill_green", "1 when the newest backup could be restored.", 0.0 if night["refusal"] else 1.0)
            yield _gauge("restore_seconds", "How long that restore took.", float(str(night["restore_seconds"])))
        waiting, untold = outbox_of(self.settings, self.home).standing()
        yield _gauge("alerts_waiting", "Alerts nobody was told yet.", waiting)
        yield _gauge("alerts_untold", "Alerts that were tried and no channel took.", untold)
        missed = 1.0 if missed_session(self.settings, self.home) else 0.0
        yield _gauge("missed_session", "1 when the newest tradable session has no plan.", missed)
        yield _gauge("disk_free_bytes", "Free bytes on the home's disk.", shutil.disk_usage(self.home.root).free)


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
