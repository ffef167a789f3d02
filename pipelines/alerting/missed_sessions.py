"""Was the newest session that could be traded planned at all? Asked of stores and clock, not of the daemon."""

from datetime import date

from execution.domain.events import PlanMissed
from execution.ledger.book import Book
from execution.session.first_decision import first_decision
from execution.trading_calendar import TradingCalendar
from pipelines.home import Home
from pipelines.trading_adapters import batches_of, clock_of
from pipelines.trading_settings import TradingSettings


def planned_sessions(book: Book) -> dict[date, bool]:
    """Return by session of a ledger whether it was planned, be it to manage only, or went by."""
    return {cycle.session: not isinstance(cycle.plan, PlanMissed) for cycle in book.cycles.values()}


def missed_session(settings: TradingSettings, home: Home, book: Book) -> str:
    """Return the newest session that went by without a plan since the home began to trade; empty when there is none."""
    judged = batches_of(home.artifacts).sessions()
    if not judged:
        return ""
    calendar, now = TradingCalendar.shipped(), clock_of(settings.mode, home).now()
    newest = calendar.last_closed(now)
    planned = {cycle.session for cycle in book.cycles.values()}
    first = first_decision(book, judged)
    while newest is not None and newest >= first:
        if calendar.submit_window(newest)[1] <= now:
            return "" if newest in planned else newest.isoformat()
        newest = calendar.previous(newest)
    return ""
