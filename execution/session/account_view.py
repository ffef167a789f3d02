"""The account as a decision sees it: equity at the closes, the day so far, our holdings. Pure but for prices asked."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from execution.domain.errors import MissingQuote
from execution.domain.signals import SymbolSignal
from execution.ledger.book import Book
from execution.portfolio.rebalance import Holding
from execution.ports import Quotes
from execution.risk.trading_context import TradingContext
from execution.session.desk import Desk
from execution.session.reconcile import Reconciled
from execution.session.trading_state import trading_state
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


def holdings_of(book: Book, calendar: TradingCalendar, session: date) -> dict[str, Holding]:
    """Return our own long positions, each with the sessions it was held up to a session, its first included."""
    holdings = {}
    foreign = book.foreign_symbols
    for symbol, shares in book.held_shares.items():
        entered_at = book.positions[symbol].entered_at
        if shares > 0 and symbol not in foreign and entered_at is not None:
            held = calendar.index(session) - _session_index(calendar, entered_at) + 1
            holdings[symbol] = Holding(symbol=symbol, quantity_shares=shares, held_sessions=max(1, held))
    return holdings


def context_of(
    desk: Desk, reconciled: Reconciled, *, session: date, signals: Mapping[str, SymbolSignal]
) -> TradingContext:
    """Return what the pre-trade checks may know while planning a session.

    Raises:
        MissingQuote: something held has no price.
    """
    book, account = reconciled.book, reconciled.account
    batch_closes = {symbol: signal.close_usd for symbol, signal in signals.items() if signal.close_usd is not None}
    closes = dict(batch_closes)
    for symbol in account.positions_shares:
        if symbol not in closes:
            closes[symbol] = last_close(desk.quotes, desk.calendar, symbol, session).usd
    equity = account.cash_usd + sum(
        (shares * closes[symbol] for symbol, shares in account.positions_shares.items()), Decimal(0)
    )
    return TradingContext(
        session=session,
        now=desk.clock.now(),
        calendar=desk.calendar,
        trading_state=trading_state(book=book, equity_usd=equity, limits=desk.limits, mode=desk.mode),
        equity_usd=equity,
        day_start_equity_usd=_day_start_equity(book, session),
        cash_usd=account.cash_usd,
        positions_shares=account.positions_shares,
        closes_usd=closes,
        signals=signals,
        open_orders=desk.broker.open_orders(),
        entries_today=0,
        last_trade_at=_last_trades(book),
    )


def _day_start_equity(book: Book, session: date) -> Decimal:
    """Return equity at the newest close before a session; the opening cash before the first mark."""
    assert book.opened is not None  # noqa: S101 - reconcile opens the book first
    earlier = [mark for mark in book.marks if mark.marked_session < session]
    return max(earlier, key=lambda mark: mark.marked_session).equity_usd if earlier else book.opened.cash_usd


def _last_trades(book: Book) -> dict[str, datetime]:
    newest: dict[str, datetime] = {}
    for booked in book.fills.values():
        fill = booked.fill
        newest[fill.symbol] = max(fill.filled_at, newest.get(fill.symbol, fill.filled_at))
    return newest


def _session_index(calendar: TradingCalendar, instant: datetime) -> int:
    return bisect_right(calendar.opens, instant) - 1
