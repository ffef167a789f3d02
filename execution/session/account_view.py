"""The account as a decision sees it: equity at the closes, the day so far, our holdings. Pure but for prices asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from execution.domain.errors import MissingQuote
from execution.domain.orders import OrderState
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.ports import Quotes
from execution.risk.trading_context import TradingContext
from execution.session.day_so_far import (
    day_began_at,
    day_start_equity_usd,
    entries_sent,
    losses_in_a_row,
    messages_sent_at,
    unsettled_usd,
)
from execution.session.desk import Desk
from execution.session.reconcile import Reconciled
from execution.session.trading_state import standing
from execution.trading_calendar import TradingCalendar

_LONGEST_HALT_SESSIONS: Final = 60


@dataclass(frozen=True, slots=True)
class Close:
    """An official close and the session it is from."""

    usd: Decimal
    session: date


def last_close(quotes: Quotes, calendar: TradingCalendar, symbol: str, session: date) -> Close:
    """Return the official close of a session, or the newest one before it for a symbol that did not trade.

    Raises:
        MissingQuote: the symbol has had no close for too many sessions.
    """
    day = session
    for _ in range(_LONGEST_HALT_SESSIONS):
        close = quotes.close_usd(symbol, day)
        if close is not None:
            return Close(close, day)
        day = calendar.previous(day)
    raise MissingQuote(
        f"{symbol} has no close on {session} nor in the {_LONGEST_HALT_SESSIONS} sessions before it: it is held and "
        "must be valued; give its price to the quotes, or book its delisting"
    )


def context_of(
    desk: Desk,
    reconciled: Reconciled,
    *,
    session: date,
    signals: Mapping[str, SymbolSignal],
    batch: SignalBatch | None = None,
) -> TradingContext:
    """Return what the pre-trade checks may know while planning a session.

    Raises:
        MissingQuote: something held has no price.
    """
    book, account, now = reconciled.book, reconciled.account, desk.clock.now()
    closes = {symbol: signal.close_usd for symbol, signal in signals.items() if signal.close_usd is not None}
    for symbol in account.positions_shares:
        if symbol not in closes:
            closes[symbol] = last_close(desk.quotes, desk.calendar, symbol, session).usd
    equity = account.cash_usd + sum(
        (shares * closes[symbol] for symbol, shares in account.positions_shares.items()), Decimal(0)
    )
    stands = standing(book=book, equity_usd=equity, limits=desk.limits, mode=desk.mode)
    day_began = day_began_at(desk.calendar, now)
    return TradingContext(
        session=session,
        now=now,
        calendar=desk.calendar,
        trading_state=stands.state,
        state_reason=stands.reason,
        drawdown_fraction=stands.drawdown_fraction,
        equity_usd=equity,
        day_start_equity_usd=day_start_equity_usd(book, session),
        cash_usd=account.cash_usd,
        unsettled_usd=unsettled_usd(book, desk.calendar, on_session=desk.calendar.next(session)),
        positions_shares=account.positions_shares,
        closes_usd=closes,
        signals=signals,
        open_orders=_open_orders(book, reconciled.open_orders),
        entries_today=entries_sent(book, session),
        messages_today=len(messages_sent_at(book, since=day_began)),
        losses_in_a_row=losses_in_a_row(book, since=day_began),
        last_trade_at=book.traded_at,
        quarantined={symbol: event.reason for symbol, event in book.quarantined.items()},
        next_macro_at=batch.next_macro_at if batch else None,
        is_macro_calendar_known=batch is not None and batch.is_macro_calendar_known,
    )


def _open_orders(book: Book, shown: Iterable[OrderState]) -> tuple[OrderState, ...]:
    """Return every working order the venue shows, and those of ours it may have without showing them yet."""
    # A stop protects what its take-profit may sell: an exit replaces both, and neither keeps one from going out.
    orders = {order.client_order_id: order for order in shown if not _takes_profit(book, order.client_order_id)}
    for record in book.unproven_orders:
        order_id = record.order.client_order_id
        if record.exposed_shares > 0 and order_id not in orders and not _takes_profit(book, order_id):
            orders[record.order.client_order_id] = as_if_open(record)
    return tuple(orders[key] for key in sorted(orders))


def _takes_profit(book: Book, client_order_id: str) -> bool:
    record = book.orders.get(client_order_id)
    return record is not None and record.order.leg == "take_profit"


def as_if_open(record: OrderRecord) -> OrderState:
    """Return an order of ours as a venue would show it that has it: what the ledger knows of it."""
    order = record.order
    return OrderState(
        client_order_id=order.client_order_id,
        broker_order_id=record.broker_order_id or "not told yet",
        symbol=order.symbol,
        side=order.side,
        quantity_shares=order.quantity_shares,
        filled_shares=record.filled_shares,
        status="open",
        order_type=order.order_type,
        limit_usd=order.limit_usd,
        stop_usd=order.stop_usd,
    )
