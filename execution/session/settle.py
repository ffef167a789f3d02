"""The act after the next close: book what the venue did, cover what is held, value it, and finish the why-rows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from execution.domain.errors import Halted
from execution.domain.events import Event, FillBooked, PositionMark, PositionsMarked, SettleFinished, WhyRowsRecorded
from execution.ledger.book import Book, CycleRecord
from execution.ledger.why_rows import read_why_rows, write_why_rows
from execution.session.account_view import last_close
from execution.session.day_orders import end_day_orders, intended, void
from execution.session.desk import Desk
from execution.session.lease_of_act import BUSY, leased
from execution.session.protect import unprotected
from execution.session.reconcile import Reconciled, reconcile, still_known
from execution.session.submit import cover
from execution.session.why_settle import finished_rows

SettleStatus = Literal["settled", "already_settled", "pending", "too_early", "no_plan", "busy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleReport:
    """What a session came to.

    Attributes:
        status: `pending` means that the venue has not ended an order of the day yet, `busy` that another process acts:
            ask again.
        reason: why it is not settled now; empty otherwise.
        marked_session: the exchange day of the closes; None when nothing was marked, as for a session settled late.
        fills: executions of the cycle's orders.
        cash_usd: cash at the mark.
        equity_usd: cash and positions at the closes.
        realised_usd: realised since the ledger opened.
        unrealised_usd: market value less cost of what is held.
        positions: symbols held at the mark.
        why_rows_hash: the finished why-rows; None before.
    """

    session: date
    status: SettleStatus
    reason: str
    marked_session: date | None
    fills: int
    cash_usd: Decimal
    equity_usd: Decimal | None
    realised_usd: Decimal
    unrealised_usd: Decimal | None
    positions: int
    why_rows_hash: str | None


def settle(desk: Desk, *, session: date) -> SettleReport:
    """Settle a decision session after the close of the session it traded in; asking again changes nothing.

    Raises:
        ChainBroken: the ledger was changed by hand.
        Fenced: another process took over.
        LedgerError: cash differs from the venue's.
        MissingQuote: a symbol is held and has no close to be valued at; the message names it.
    """
    with leased(desk) as acting:
        return _report(desk, session, "busy", BUSY) if acting is None else _settled(acting, session)


def _settled(desk: Desk, session: date) -> SettleReport:
    desk.ledger.verify_chain()
    cycle = desk.ledger.book().cycles.get(desk.cycle_id(session))
    if cycle is None:
        return _report(desk, session, "no_plan", f"session {session} has no plan")
    if cycle.settled is not None:
        return _report(desk, session, "already_settled", "")
    traded_session = desk.calendar.next(session)
    if desk.clock.now() < desk.calendar.closes_at(traded_session):
        return _report(desk, session, "too_early", f"session {traded_session} has not closed")
    reconciled = reconcile(desk)
    is_asked = end_day_orders(desk, session=session, before="the end of its session")
    reconciled = reconcile(desk) if is_asked else still_known(desk, reconciled)
    reconciled.refuse_differences()
    waiting = [
        record.order.symbol
        for record in reconciled.book.orders_of(cycle.cycle_id)
        if record.order.time_in_force == "day" and record.exposed_shares > 0
    ]
    if waiting:
        return _report(desk, session, "pending", f"the venue has not ended the day's orders in {', '.join(waiting)}")
    if unprotected(reconciled.book):
        reconciled = _covered(desk, session, reconciled)
    mark = _mark(desk, reconciled.book, cycle.cycle_id, traded_session)
    told = _finished_why_rows(desk, reconciled.book, cycle, traded_session)
    finished = SettleFinished(at=desk.clock.now(), cycle_id=cycle.cycle_id, session=session)
    events: Sequence[Event] = (*mark, *told, finished)
    desk.ledger.record(lambda book: () if book.cycles[cycle.cycle_id].settled else events)
    return _report(desk, session, "settled", "")


def _covered(desk: Desk, session: date, reconciled: Reconciled) -> Reconciled:
    """Send a stop that stays for what ends its session without one, so that no position stands overnight bare.

    A bracket's own stop ended with the session, and a watch ended one for a sale that the market did not take whole.
    Nothing is asked to end here: nobody may look at its end before the next act.
    """
    # A halt sends nothing, and what happened is settled all the same; the next act protects.
    with suppress(Halted):
        cover(desk, session, reconciled)
    for record in intended(desk, session, "stop"):
        void(desk, record, "its session is settled: the next act decides its own")
    return still_known(desk, reconciled)


def _mark(desk: Desk, book: Book, cycle_id: str, marked_session: date) -> tuple[PositionsMarked, ...]:
    """Return the value of everything held at a session's closes; nothing when the book has moved on since."""
    close_at = desk.calendar.closes_at(marked_session)
    # No session is marked behind one that was marked before: the newest stands last.
    is_marked = bool(book.marks) and book.marks[-1].marked_session >= marked_session
    if is_marked or (book.moved_at is not None and book.moved_at > close_at):
        return ()
    positions = tuple(_position_mark(desk, book, symbol, marked_session) for symbol in book.held_shares)
    value = sum((mark.shares * mark.close_usd for mark in positions), Decimal(0))
    cost = sum((mark.cost_usd for mark in positions), Decimal(0))
    return (
        PositionsMarked(
            at=desk.clock.now(),
            cycle_id=cycle_id,
            marked_session=marked_session,
            positions=positions,
            cash_usd=book.cash_usd,
            equity_usd=book.cash_usd + value,
            realised_usd=book.realised_usd,
            unrealised_usd=value - cost,
        ),
    )


def _position_mark(desk: Desk, book: Book, symbol: str, marked_session: date) -> PositionMark:
    held = book.positions[symbol]
    close = last_close(desk.quotes, desk.calendar, symbol, marked_session)
    return PositionMark(
        symbol=symbol,
        shares=held.shares,
        cost_usd=held.cost_usd,
        close_usd=close.usd,
        closed_session=close.session,
        realised_usd=held.realised_usd,
    )


def _finished_why_rows(desk: Desk, book: Book, cycle: CycleRecord, traded_session: date) -> tuple[WhyRowsRecorded, ...]:
    if not cycle.why_rows:
        return ()
    planned = cycle.why_rows[0]
    opens_at, closes_at = desk.calendar.opens_at(traded_session), desk.calendar.closes_at(traded_session)
    # Each action belongs to one session, whenever between two closes the venue booked it.
    booked = book.actions_since(desk.calendar.closes_at(cycle.session))
    rows = finished_rows(
        read_why_rows(desk.artifacts, planned.artifact_hash),
        orders=book.orders_of(cycle.cycle_id),
        fills=[booked.fill for booked in book.fills_since(opens_at)],
        actions=[entry for entry in booked if entry.booked_at <= closes_at],
        known_orders=book.orders,
        held_shares=book.held_shares,
        traded=(opens_at, closes_at),
    )
    artifact_hash = write_why_rows(desk.artifacts, rows, previous_hash=planned.artifact_hash)
    identity: dict[str, Any] = {"at": desk.clock.now(), "cycle_id": cycle.cycle_id, "session": cycle.session}
    return (WhyRowsRecorded(**identity, stage="settle", artifact_hash=artifact_hash, rows=len(rows)),)


def _report(desk: Desk, session: date, status: SettleStatus, reason: str) -> SettleReport:
    book = desk.ledger.book()
    cycle = book.cycles.get(desk.cycle_id(session))
    mark = _mark_of(book.marks, cycle)
    order_ids: Mapping[str, Any] = {
        record.order.client_order_id: record for record in (book.orders_of(cycle.cycle_id) if cycle else ())
    }
    return SettleReport(
        session=session,
        status=status,
        reason=reason,
        marked_session=mark.marked_session if mark else None,
        fills=sum(booked.fill.client_order_id in order_ids for booked in _fills_of(book, cycle)),
        cash_usd=mark.cash_usd if mark else book.cash_usd,
        equity_usd=mark.equity_usd if mark else None,
        realised_usd=mark.realised_usd if mark else book.realised_usd,
        unrealised_usd=mark.unrealised_usd if mark else None,
        positions=len(mark.positions) if mark else len(book.held_shares),
        why_rows_hash=cycle.why_rows[-1].artifact_hash if cycle and cycle.settled and cycle.why_rows else None,
    )


def _mark_of(marks: Sequence[PositionsMarked], cycle: CycleRecord | None) -> PositionsMarked | None:
    return next((mark for mark in reversed(marks) if cycle is not None and mark.cycle_id == cycle.cycle_id), None)


def _fills_of(book: Book, cycle: CycleRecord | None) -> Sequence[FillBooked]:
    """Return the fills among which those of a cycle are: none is older than the first of its orders on the wire."""
    records = book.orders_of(cycle.cycle_id) if cycle else ()
    sent_at = [record.sent_at for record in records if record.sent_at is not None]
    # A venue's clock may run behind ours.
    return book.fills_since(min(sent_at) - timedelta(days=1)) if sent_at else ()
