"""Make the ledger say what the venue says: outcomes, fills, corporate actions and ends of orders.

Every act begins with it. Whatever was ever sent and not proven ended is looked up again, in whatever state the ledger
left it. Nothing is ended here that the venue did not end: an order the venue does not know stays unknown. What is not
ours, or not explained, puts its symbol in quarantine; the rest of the account goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from execution.domain.errors import LedgerError
from execution.domain.events import (
    AccountOpened,
    CorporateActionBooked,
    Event,
    FillBooked,
    OrderAccepted,
    OrderAmended,
    OrderEnded,
    OrderMissed,
    OutcomeUnknown,
    SymbolQuarantined,
)
from execution.domain.orders import AccountSnapshot, BrokerFill, CorporateActionEntry, OrderState
from execution.domain.quantities import Shares
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.ledger.order_record import OrderRecord
from execution.session.answers import (
    account_told,
    actions_told,
    fills_told,
    open_orders_told,
    order_told,
    refuse_worse_than_limit,
)
from execution.session.desk import Desk
from execution.session.lease_of_act import keep_lease
from execution.session.quarantine import Apart, found_apart, is_foreign, suspects
from execution.trading_calendar import TradingCalendar

# A venue may book what happened a little later than it happened; what is already booked is left out by its id.
_OVERLAP: Final = timedelta(days=5)
_LOOKS: Final = 3


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The book after reconciling, and the account as the venue shows it.

    Attributes:
        open_orders: every working order of the account, ours or not.
        apart_shares: symbol to shares the venue shows beyond the ledger's, where they differ: nothing is sent in it.
        differences: what no symbol explains, each as one sentence: nothing is sent at all.
    """

    book: Book
    account: AccountSnapshot
    open_orders: tuple[OrderState, ...]
    apart_shares: Mapping[str, Shares]
    differences: tuple[str, ...]

    def refuse_differences(self) -> None:
        """Do nothing when ledger and venue agree.

        Raises:
            LedgerError: they differ, so nobody knows what may be traded.
        """
        if self.differences:
            raise LedgerError(
                f"ledger and venue differ: {'; '.join(self.differences)}. Nothing is sent while they do; "
                "compare the venue's activity with `touchstone ledger`"
            )


@dataclass(frozen=True, slots=True)
class _Seen:
    states: Mapping[str, OrderState | None]
    fills: Sequence[BrokerFill]
    actions: Sequence[CorporateActionEntry]


def reconcile(desk: Desk) -> Reconciled:
    """Bring the ledger up to the venue and return both; doing it again adds nothing.

    The ledger of a new account is opened first.
    """
    keep_lease(desk)
    book = _opened(desk)
    for _ in range(_LOOKS):
        seen = _seen(desk, book)
        desk.ledger.record(lambda newest: _news(newest, seen, now=desk.clock.now(), calendar=desk.calendar))  # noqa: B023 - called before the loop goes on
        book, account = desk.ledger.book(), account_told(desk)
        apart = found_apart(book, account, desk.quotes)
        if apart == Apart():
            break
    open_orders = open_orders_told(desk, believed=seen.states.values())
    suspected = suspects(book, apart, open_orders, seen.states, now=desk.clock.now())
    if suspected:
        desk.ledger.record(lambda newest: [event for event in suspected if event.symbol not in newest.quarantined])
        book = desk.ledger.book()
    return Reconciled(book, account, open_orders, apart.shares, apart.unexplained)


def still_known(desk: Desk, reconciled: Reconciled) -> Reconciled:
    """Return what a look brought while nothing was written since and nothing differed, else look again.

    Nothing goes over the wire without a row before it, so the same book means that nothing was sent either. An end that
    is asked for once more has no new row: whoever asks for one looks again without this.
    """
    differs = bool(reconciled.apart_shares or reconciled.differences)
    return reconcile(desk) if differs or desk.ledger.book() is not reconciled.book else reconciled


def _opened(desk: Desk) -> Book:
    book = desk.ledger.book()
    if book.opened:
        return book
    opening = AccountOpened(at=desk.clock.now(), account=desk.account, cash_usd=desk.initial_cash_usd)
    desk.ledger.record(lambda book: () if book.opened else (opening,))
    return desk.ledger.book()


def _seen(desk: Desk, book: Book) -> _Seen:
    # Orders before fills: an end that the venue told is then covered by fills fetched later, never the other way round.
    states = {record.order.client_order_id: order_told(desk, record.order) for record in book.unproven_orders}
    since = _since(book)
    return _Seen(states, fills_told(desk, since=since, booked=book.fills), actions_told(desk, since=since))


def _since(book: Book) -> datetime:
    assert book.opened is not None  # noqa: S101 - reconcile opens the book first
    settled = book.last_settled
    instants = [record.sent_at for record in book.unproven_orders if record.sent_at]
    earliest = min([*instants, settled.at - _OVERLAP if settled else book.opened.at])
    # What happened before the ledger opened is in its opening cash.
    return max(earliest, book.opened.at)


def _news(book: Book, seen: _Seen, *, now: datetime, calendar: TradingCalendar) -> tuple[Event, ...]:
    """Return what the venue told that the ledger does not say yet, in an order in which it can be booked."""
    news: list[Event] = []
    for record in book.unproven_orders:
        news += _of_lookup(record, seen, now=now, calendar=calendar)
    looked_up = folded(book, news)
    bookings = _bookings(looked_up, seen, now)
    news += bookings
    after = folded(looked_up, bookings)
    for record in after.unproven_orders:
        state = seen.states.get(record.order.client_order_id)
        # A venue that counts more fills than it has told: the end waits until they are here.
        if state is not None and state.status != "open" and state.filled_shares == record.filled_shares:
            news.append(
                OrderEnded(
                    at=now,
                    client_order_id=state.client_order_id,
                    status=state.status,
                    filled_shares=state.filled_shares,
                    reason=state.reason,
                )
            )
    return tuple(news)


def _of_lookup(record: OrderRecord, seen: _Seen, *, now: datetime, calendar: TradingCalendar) -> list[Event]:
    order_id = record.order.client_order_id
    if order_id not in seen.states:
        return []
    state = seen.states[order_id]
    if state is None:
        return _of_absence(record, now=now, calendar=calendar)
    news: list[Event] = []
    if record.state != "open":
        news.append(OrderAccepted(at=now, client_order_id=order_id, broker_order_id=state.broker_order_id))
    terms = (state.quantity_shares, state.limit_usd, state.stop_usd)
    if terms != (record.order.quantity_shares, record.order.limit_usd, record.order.stop_usd):
        news.append(
            OrderAmended(
                at=now,
                client_order_id=order_id,
                quantity_shares=state.quantity_shares,
                limit_usd=state.limit_usd,
                stop_usd=state.stop_usd,
            )
        )
    return news


def _of_absence(record: OrderRecord, *, now: datetime, calendar: TradingCalendar) -> list[Event]:
    order_id = record.order.client_order_id
    news: list[Event] = []
    if record.state == "in_flight":
        reason = "no answer was recorded and the venue does not know the order"
        news.append(OutcomeUnknown(at=now, client_order_id=order_id, reason=reason))
    # What was sent after a close may still be on its way to the next session: it is no reason to send another.
    is_over = now >= calendar.closes_at(calendar.trades_in(record.session, record.sent_at))
    if record.state in ("in_flight", "unknown") and is_over:
        reason = "its session is over and the venue does not know it; it is still looked up, never sent again"
        news.append(OrderMissed(at=now, client_order_id=order_id, reason=reason))
    return news


def _bookings(book: Book, seen: _Seen, now: datetime) -> list[Event]:
    """Return fills and corporate actions not booked yet, by time; an action comes first, as it does before the open."""
    actions = {entry.entry_id: entry for entry in seen.actions if entry.entry_id not in book.actions}
    fills = {fill.execution_id: fill for fill in seen.fills if fill.execution_id not in book.fills}
    timed: list[tuple[datetime, int, str, Event]] = [
        (entry.booked_at, 0, key, CorporateActionBooked(at=now, entry=entry)) for key, entry in actions.items()
    ]
    timed += [(fill.filled_at, 1, key, FillBooked(at=now, fill=fill)) for key, fill in fills.items()]
    bookings = [booking[3] for booking in sorted(timed, key=lambda booking: booking[:3])]
    for fill in fills.values():
        record = book.orders.get(fill.client_order_id)
        # Changed at the venue, an order may have had limits nobody told us of.
        if record is not None and record.terms_at == record.sent_at:
            refuse_worse_than_limit(fill, record.order)
    foreign = {
        fill.symbol: SymbolQuarantined(at=now, symbol=fill.symbol, reason=reason)
        for fill in fills.values()
        if (reason := is_foreign(fill, book))
    }
    return bookings + [event for symbol, event in sorted(foreign.items()) if symbol not in book.quarantined]
