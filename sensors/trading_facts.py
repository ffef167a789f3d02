"""What the ledger and the published batches say of the trading side, as the facts its rules ask for."""

from collections.abc import Collection
from datetime import date, datetime

from execution.domain.events import PlanMissed
from execution.ledger.book import Book
from execution.session.day_orders import is_waiting
from execution.session.first_decision import first_decision
from execution.session.watch import WATCHED
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from sensors.rules import TradingFacts


def trading_facts(
    *,
    book: Book,
    batches: SignalBatchStore,
    calendar: TradingCalendar,
    now: datetime,
    has_exit_rules: bool,
) -> TradingFacts | None:
    """Return the facts, or None before analysis has judged its first session: then nothing can be due.

    Args:
        book: the folded ledger.
        batches: where analysis publishes.
        calendar: exchange sessions.
        now: the clock's instant.
        has_exit_rules: whether the strategy has rules to ask while the market is open.
    """
    judged = batches.sessions()
    if not judged:
        return None
    tradable = calendar.tradable_session(now)
    published = batches.published(tradable) if tradable is not None else ()
    cycles = book.cycles.values()
    return TradingFacts(
        first_session=first_decision(book, judged),
        planned=frozenset(cycle.session for cycle in cycles),
        published=published,
        recorded=_recorded(book, tradable),
        submitted=frozenset(cycle.session for cycle in cycles if cycle.is_submitted),
        open_entries=frozenset(record.session for record in book.orders.values() if is_waiting(record)),
        watched=_watched(book) if has_exit_rules else None,
        settled=frozenset(
            cycle.session for cycle in cycles if cycle.settled is not None or isinstance(cycle.plan, PlanMissed)
        ),
    )


def settled_sessions(book: Book) -> Collection[date]:
    """Return the sessions whose fills are booked and positions marked."""
    return frozenset(cycle.session for cycle in book.cycles.values() if cycle.settled is not None)


def _watched(book: Book) -> frozenset[date]:
    return frozenset(session for topic, session, _ in book.notes if topic == WATCHED and session is not None)


def _recorded(book: Book, session: date | None) -> frozenset[str]:
    refused = frozenset(subject for topic, day, subject in book.notes if topic == "batch_refused" and day == session)
    return refused | frozenset(
        batch_hash
        for cycle in book.cycles.values()
        if cycle.session == session
        for batch_hash in (cycle.batch_hash, *cycle.superseded)
        if batch_hash is not None
    )
