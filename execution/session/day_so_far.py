"""What the ledger says of the day so far: losses in a row, messages sent, sales not settled, cycles executed.

Folds over recorded facts alone, so a restart counts exactly what the process before it counted.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from execution.domain.events import AccountAdjusted, CorporateActionBooked, FillBooked
from execution.domain.positions import Position
from execution.ledger.book import Book
from execution.ledger.moves import Move, after_move
from execution.ledger.order_record import OrderRecord
from execution.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True)
class ClosedPosition:
    """A position that became flat: when, and what it earned over its life, fees and dividends included."""

    closed_at: datetime
    symbol: str
    earned_usd: Decimal


def day_began_at(calendar: TradingCalendar, now: datetime) -> datetime:
    """Return the newest open at an instant: an exchange day runs from one open to the next."""
    return calendar.opens[max(0, bisect_right(calendar.opens, now) - 1)]


def closed_positions(book: Book, *, since: datetime) -> tuple[ClosedPosition, ...]:
    """Return positions that became flat since an instant, oldest first; of one instant the losses come last."""
    moved = {each.entry.symbol for each in book.actions.values() if each.entry.booked_at >= since}
    moved |= {each.fill.symbol for each in book.fills_since(since)}
    booked: list[tuple[datetime, int, str, Move]] = [
        (each.entry.booked_at, 0, key, each) for key, each in book.actions.items() if each.entry.symbol in moved
    ]
    booked += [
        (each.fill.filled_at, 1, each.fill.execution_id, each)
        for each in _standing(each for symbol in sorted(moved) for each in book.fills_in.get(symbol, ()))
    ]
    booked += [(each.at, 2, each.symbol, each) for each in book.adjustments if each.symbol in moved]
    positions: dict[str, Position] = {}
    began_with: dict[str, Decimal] = {}
    closed = []
    for at, _, _, event in sorted(booked, key=lambda each: each[:3]):
        symbol = _symbol_of(event)
        before = positions.get(symbol, Position(symbol=symbol))
        after = after_move(before, event)
        if not before.shares:
            began_with[symbol] = before.realised_usd
        if before.shares and before.shares * after.shares <= 0:
            closed.append(ClosedPosition(at, symbol, after.realised_usd - began_with[symbol]))
            began_with[symbol] = after.realised_usd
        positions[symbol] = after
    newest = (each for each in closed if each.closed_at >= since)
    return tuple(sorted(newest, key=lambda each: (each.closed_at, each.earned_usd < 0, each.symbol)))


def losses_in_a_row(book: Book, *, since: datetime) -> int:
    """Return how many of the positions closed since an instant, from the newest back, lost money one after another."""
    losses = 0
    for closed in reversed(closed_positions(book, since=since)):
        if closed.earned_usd >= 0:
            break
        losses += 1
    return losses


def messages_sent_at(book: Book, *, since: datetime) -> tuple[datetime, ...]:
    """Return when each order went out since an instant, in order: the rows written before the wire."""
    records = (record for day in book.days_since(since) for record in day.sent)
    # What is attached to an order goes out in the same message.
    sent = (record.sent_at for record in records if record.sent_at is not None and book.entry_of(record) is None)
    return tuple(sorted(at for at in sent if at >= since))


def entries_sent(book: Book, session: date, *, beside: OrderRecord | None = None) -> int:
    """Return how many entries of a decision session ever went out; one that tried several limits is one.

    Args:
        book: the account.
        session: the decision session.
        beside: an order whose own entry is left out; None counts every one.
    """
    orders = [record for cycle in book.cycles_of(session) for record in book.orders_of(cycle.cycle_id)]
    sent = (record for record in orders if record.order.leg == "entry" and record.sent_at is not None)
    own = None if beside is None else (beside.cycle_id, beside.order.symbol)
    return len({(record.cycle_id, record.order.symbol) for record in sent} - {own})


def cycles_sent_at(book: Book, *, since: datetime) -> tuple[datetime, ...]:
    """Return when each cycle sent its first entry since an instant, in order.

    A cycle's entries go out on one exchange day, so the days from that instant on hold the first of each.
    """
    first: dict[str, datetime] = {}
    for record in (record for day in book.days_since(since) for record in day.sent):
        if record.sent_at is not None and record.order.leg == "entry":
            first[record.cycle_id] = min(record.sent_at, first.get(record.cycle_id, record.sent_at))
    return tuple(sorted(first.values()))


def unsettled_usd(book: Book, calendar: TradingCalendar, *, on_session: date) -> Decimal:
    """Return the proceeds of sales that have not settled when a session trades: a sale settles one session later.

    Source:
        SEC Rule 15c6-1(a), in force since 28 May 2024; days before it are held to the same rule.
    """
    opens_at = calendar.opens_at(on_session)
    # Who takes a fill back does it later than the fill.
    recent = _standing(book.fills_since(opens_at))
    proceeds = (
        booked.fill.quantity_shares * booked.fill.price_usd - booked.fill.fee_usd
        for booked in recent
        if booked.fill.side == "sell"
    )
    return sum(proceeds, Decimal(0))


def day_start_equity_usd(book: Book, session: date) -> Decimal:
    """Return equity at the newest close before a session, and what was paid in since: no loss of the day.

    Before the first mark it is what the account was given.
    """
    # No session is marked behind one that was marked before: the newest stand last.
    earlier = next((mark for mark in reversed(book.marks) if mark.marked_session < session), None)
    return book.paid_in_usd if earlier is None else earlier.equity_usd + book.paid_in_usd - earlier.paid_in_usd


def _symbol_of(event: Move) -> str:
    match event:
        case FillBooked():
            return event.fill.symbol
        case CorporateActionBooked():
            return event.entry.symbol
        case AccountAdjusted():
            return event.symbol or ""


def _standing(fills: Iterable[FillBooked]) -> list[FillBooked]:
    """Return executions that were not taken back, without those that take back."""
    booked = list(fills)
    reversed_ids = {each.fill.reverses for each in booked}
    return [each for each in booked if each.fill.reverses is None and each.fill.execution_id not in reversed_ids]
