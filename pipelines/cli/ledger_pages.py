"""What the ledger says, as text: events, orders, positions and cycles. Reads a folded book and decides nothing."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from decimal import Decimal

from execution.domain.events import PlanHeld, PlanMissed
from execution.ledger.book import Book, CycleRecord
from execution.ledger.event_codec import RecordedEvent
from pipelines.cli.text_table import text_table


def events_page(recorded: Iterable[RecordedEvent]) -> str:
    """Return one line per event: number, instant, kind, what it is about, and the start of its row's hash."""
    rows = [
        (
            item.sequence,
            item.event.at.isoformat(timespec="seconds"),
            type(item.event).__name__,
            _about(item),
            item.hash[:12],
        )
        for item in recorded
    ]
    return text_table(("row", "at", "event", "about", "hash"), rows) if rows else "the ledger is empty"


def orders_page(book: Book, session: date | None = None) -> str:
    """Return one line per order in the order they were decided; of one decision session when one is named."""
    rows = [
        (
            record.session,
            record.order.symbol,
            record.order.side,
            record.leg,
            record.order.quantity_shares,
            usd(record.order.limit_usd),
            usd(record.order.stop_usd),
            record.state,
            record.filled_shares,
            record.order.client_order_id,
            record.note or record.reason,
        )
        for record in book.orders.values()
        if session in (None, record.session)
    ]
    header = [
        "session",
        "symbol",
        "side",
        "leg",
        "shares",
        "limit usd",
        "stop usd",
        "state",
        "filled",
        "order id",
        "why",
    ]
    return text_table(header, rows) if rows else "no orders"


def positions_page(book: Book) -> str:
    """Return what is held at the last daily mark, and the account's cash and equity."""
    if not book.marks:
        return f"no session is settled yet; cash {usd(book.cash_usd)}"
    mark = book.marks[-1]
    rows = [
        (
            held.symbol,
            held.shares,
            usd(held.cost_usd),
            usd(held.close_usd),
            usd(held.close_usd * held.shares),
            usd(held.close_usd * held.shares - held.cost_usd),
        )
        for held in mark.positions
        if held.shares
    ]
    table = text_table(("symbol", "shares", "cost usd", "close usd", "value usd", "unrealised usd"), rows)
    total = (
        f"after the close of {mark.marked_session}: cash {usd(mark.cash_usd)}, equity {usd(mark.equity_usd)}, "
        f"realised {usd(mark.realised_usd)}, unrealised {usd(mark.unrealised_usd)} (USD)"
    )
    return f"{table}\n{total}" if rows else f"no positions\n{total}"


def cycles_page(book: Book, last: int = 5) -> str:
    """Return one line per decision session, newest last.

    Args:
        book: the folded ledger.
        last: so many sessions.
    """
    rows = [
        (cycle.session, _plan(cycle), len(book.orders_of(cycle.cycle_id)), _stage(cycle))
        for cycle in list(book.cycles.values())[-last:]
    ]
    return text_table(("session", "plan", "orders", "stage"), rows) if rows else "no session has been planned"


def _plan(cycle: CycleRecord) -> str:
    match cycle.plan:
        case PlanHeld() as held:
            return f"held: {held.reason}"
        case PlanMissed() as missed:
            return f"missed: {missed.reason}"
        case planned:
            return f"batch {planned.batch_hash[:12]} by {planned.decision_source}"


def _stage(cycle: CycleRecord) -> str:
    if isinstance(cycle.plan, PlanMissed):
        return "over"
    if cycle.settled is not None:
        return "settled"
    return "submitted" if cycle.is_submitted else "planned"


def _about(item: RecordedEvent) -> str:
    """Return the identifiers an event carries; which ones depends on its kind."""
    event = item.event
    inner = getattr(event, "order", None) or getattr(event, "fill", None) or getattr(event, "entry", None)
    values = [
        str(getattr(source, field.name))
        for source in (event, inner)
        if source is not None
        for field in fields(source)
        if field.name in _IDENTIFIERS and getattr(source, field.name) not in (None, "")
    ]
    return " ".join(dict.fromkeys(values))


_IDENTIFIERS = frozenset(
    {"symbol", "side", "quantity_shares", "client_order_id", "cycle_id", "session", "marked_session", "status", "topic"}
    | {"stage", "account", "cash_usd", "equity_usd", "price_usd", "subject"}
)


def usd(amount: Decimal | None) -> str | None:
    """Return dollars and cents; None stays None."""
    return None if amount is None else f"{amount:,.2f}"
