"""Which trading work of a home is due: its ledger, its published batches and its clock, asked by pure rules.

Reads the ledger and no key of a venue, so the data half may ask as well.
"""

from collections.abc import Callable

from execution.ledger.book import Book
from execution.trading_calendar import TradingCalendar
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, open_ledger
from pipelines.trading_adapters import batches_of, clock_of
from pipelines.trading_settings import TradingSettings
from sensors.rules import Work, trading_due
from sensors.trading_facts import trading_facts


def due_trading_work(settings: TradingSettings, home: Home) -> Callable[[], tuple[Work, ...]]:
    """Return the question "which trading work is due?" for a home."""
    calendar, clock, batches = TradingCalendar.shipped(), clock_of(settings.mode, home), batches_of(home.artifacts)

    def due() -> tuple[Work, ...]:
        now = clock.now()
        facts = trading_facts(
            book=book_of(settings, home),
            batches=batches,
            calendar=calendar,
            now=now,
            has_exit_rules=bool(settings.exits),
        )
        return () if facts is None else trading_due(now=now, calendar=calendar, facts=facts)

    return due


def book_of(settings: TradingSettings, home: Home) -> Book:
    """Return the folded ledger of a home; an empty book before the first act."""
    return open_ledger(settings, home).book() if has_ledger(settings, home) else Book()
