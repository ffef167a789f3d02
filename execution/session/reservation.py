"""What lets an order out: the newest book decides under the write lock, and what it lets out counts from then on.

The world is asked before the lock is taken (`SendView`); under it only the book is read, so the lock is short and two
executors that race for the last dollar are decided one after the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from execution.domain.errors import MissingQuote
from execution.domain.events import PlanRecorded
from execution.domain.orders import OrderState, ProposedOrder
from execution.domain.quantities import Shares
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.risk.exposure import cost_usd, worst_price_usd
from execution.risk.last_look import last_look
from execution.risk.pre_trade import Blocked
from execution.risk.trading_context import TradingContext
from execution.session.account_view import as_if_open, last_close
from execution.session.day_so_far import entries_sent, unsettled_usd
from execution.session.desk import Desk
from execution.session.ladder import bought_shares, turn_of
from execution.session.reconcile import Reconciled


@dataclass(frozen=True, slots=True, kw_only=True)
class SendView:
    """The world as it was asked just before sending.

    Attributes:
        session: the decision session whose orders go out.
        apart_shares: symbol to shares the account holds beyond the ledger's, where they differ.
        apart_usd: cash the account holds beyond the ledger's.
        foreign_orders: working orders of the account that are not in the ledger.
        closes_usd: close of the session, in today's shares, of what is held, ordered or planned; absent means unknown.
        quotes_usd: last price of the same symbols; absent means unknown.
    """

    session: date
    apart_shares: Mapping[str, Shares]
    apart_usd: Decimal
    foreign_orders: tuple[OrderState, ...]
    closes_usd: Mapping[str, Decimal]
    quotes_usd: Mapping[str, Decimal]


def view_at_send(desk: Desk, reconciled: Reconciled, session: date) -> SendView:
    """Ask for what the last look needs: what is not ours, and prices where entries of the session may go now."""
    book, account = reconciled.book, reconciled.account
    entries = {
        record.order.symbol
        for record in book.orders_of(desk.cycle_id(session))
        if record.order.leg == "entry" and record.state == "intended" and turn_of(book, record).shares
    }
    working = {record.order.symbol for record in book.unproven_orders if record.exposed_shares}
    priced = {*book.held_shares, *account.positions_shares, *working, *entries} if entries else set()
    symbols = sorted(priced)
    closes = {symbol: _close_usd(desk, book, symbol, session) for symbol in symbols}
    quotes = {symbol: desk.quotes.last_usd(symbol) for symbol in symbols}
    return SendView(
        session=session,
        apart_shares=reconciled.apart_shares,
        apart_usd=account.cash_usd - book.cash_usd,
        foreign_orders=tuple(order for order in reconciled.open_orders if order.client_order_id not in book.orders),
        closes_usd={symbol: usd for symbol, usd in closes.items() if usd is not None},
        quotes_usd={symbol: usd for symbol, usd in quotes.items() if usd is not None},
    )


def refused_at_send(
    desk: Desk, view: SendView, book: Book, record: OrderRecord, *, quantity_shares: Shares, now: datetime
) -> Blocked | None:
    """Return why the newest book does not let an order out, or None; what reduces risk is not asked a second time."""
    if record.order.leg != "entry":
        return None
    order = _proposed(record, quantity_shares)
    entries = [other for other in book.orders_of(record.cycle_id) if other.order.leg == "entry"]
    sent = [other for other in entries if other.sent_at is not None and not _is_given_up(other)]
    bought = [_only_bought(book, other) for other in entries if _is_given_up(other)]
    return last_look(
        order=order,
        sent_entries=[*(_proposed(other, other.order.quantity_shares) for other in sent), *bought],
        context=_context(desk, view, book, record, now),
        limits=desk.limits,
    )


def reserved_usd(desk: Desk, record: OrderRecord, quantity_shares: Shares) -> Decimal:
    """Return what an order may cost at its worst price, fees included; a sale costs nothing."""
    if record.order.side == "sell":
        return Decimal(0)
    return cost_usd(quantity_shares, worst_price_usd(_proposed(record, quantity_shares)), desk.limits)


def _context(desk: Desk, view: SendView, book: Book, record: OrderRecord, now: datetime) -> TradingContext:
    positions = dict(book.held_shares)
    for symbol, shares in view.apart_shares.items():
        positions[symbol] = positions.get(symbol, 0) + shares
    # Cash that only the venue shows is not counted on; cash that only the ledger shows is not there.
    cash = book.cash_usd + min(view.apart_usd, Decimal(0))
    equity = _equity_usd(book, record, cash, positions, view.closes_usd)
    return TradingContext(
        session=view.session,
        now=now,
        calendar=desk.calendar,
        trading_state="active",
        equity_usd=equity,
        day_start_equity_usd=equity,
        drawdown_fraction=Decimal(0),
        cash_usd=cash,
        unsettled_usd=unsettled_usd(book, desk.calendar, on_session=desk.calendar.next(view.session)),
        positions_shares=positions,
        closes_usd=view.closes_usd,
        signals={},
        messages_today=None,
        losses_in_a_row=None,
        open_orders=(*view.foreign_orders, *_working_buys(book)),
        entries_today=entries_sent(book, view.session, beside=record),
        quotes_usd=view.quotes_usd,
        quarantined={symbol: event.reason for symbol, event in book.quarantined.items()},
        is_sending=True,
    )


def _equity_usd(
    book: Book,
    record: OrderRecord,
    cash_usd: Decimal,
    positions: Mapping[str, Shares],
    closes_usd: Mapping[str, Decimal],
) -> Decimal:
    # The plan's own equity, so that the fills of its first orders do not move the limits of its last.
    plan = book.cycles[record.cycle_id].plan
    if isinstance(plan, PlanRecorded) and plan.equity_usd > 0:
        return plan.equity_usd
    return cash_usd + sum((shares * closes_usd.get(symbol, 0) for symbol, shares in positions.items()), Decimal(0))


def _working_buys(book: Book) -> tuple[OrderState, ...]:
    # A sale of ours takes neither cash nor place, so no limit asked at sending counts it: a book has a stop per name.
    buys = (record for record in book.unproven_orders if record.order.side == "buy")
    return tuple(as_if_open(record) for record in buys if record.exposed_shares > 0)


def _close_usd(desk: Desk, book: Book, symbol: str, session: date) -> Decimal | None:
    """Return a close of the session in today's shares, or None: what is unknown blocks entries, never an exit."""
    try:
        close = last_close(desk.quotes, desk.calendar, symbol, session).usd
    except MissingQuote:
        return None
    for split in book.splits_in(symbol):
        if split.ratio and split.session > session:
            close /= split.ratio
    return close


def _is_given_up(record: OrderRecord) -> bool:
    return record.followed_by is not None and not record.is_unproven


def _only_bought(book: Book, record: OrderRecord) -> ProposedOrder:
    # The rest goes out again as the next rung, and a basket holds no share twice.
    return _proposed(record, bought_shares(book, record))


def _proposed(record: OrderRecord, quantity_shares: Shares) -> ProposedOrder:
    order = record.order
    reference = record.reference_price_usd or order.limit_usd or order.stop_usd or Decimal(0)
    return ProposedOrder(
        symbol=order.symbol,
        side=order.side,
        leg=order.leg,
        quantity_shares=quantity_shares,
        reference_price_usd=reference,
        limit_usd=order.limit_usd,
        stop_usd=record.protective_stop_usd,
        reason=record.reason,
    )
