"""What on the account is not ours or not explained, and which symbols must be left alone for it.

A foreign order or fill, a position that differs, or an execution taken back that nobody knows: the symbol is put in
quarantine, where it counts in every limit and nothing of ours is sent. Only a named person lifts it. A cash difference
that no symbol explains could be anything, so it refuses everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.domain.errors import LedgerError
from execution.domain.events import QuarantineLifted, SymbolQuarantined
from execution.domain.orders import AccountSnapshot, BrokerFill, OrderState
from execution.domain.quantities import CENT, Shares
from execution.ledger.book import Book
from execution.ledger.folding import takes_back
from execution.ports import Quotes
from execution.session.desk import Desk

# The last price is not the price somebody else traded at; further off, the cash has another cause.
_PRICE_TOLERANCE: Final = Decimal("0.2")


@dataclass(frozen=True, slots=True)
class Apart:
    """Where venue and ledger differ: shares by symbol, venue less ledger, and what these do not explain."""

    shares: Mapping[str, Shares] = field(default_factory=dict)
    unexplained: tuple[str, ...] = ()


def found_apart(book: Book, account: AccountSnapshot, quotes: Quotes) -> Apart:
    """Return where venue and ledger differ; cash may differ by less than a cent, or by what shares that differ cost."""
    held = book.held_shares
    cash_apart = account.cash_usd - book.cash_usd
    if held == account.positions_shares and abs(cash_apart) < CENT:
        return Apart()
    symbols = sorted(held.keys() | account.positions_shares.keys())
    shares = {symbol: account.positions_shares.get(symbol, 0) - held.get(symbol, 0) for symbol in symbols}
    shares = {symbol: apart for symbol, apart in shares.items() if apart}
    if abs(cash_apart) < CENT or _explains(shares, cash_apart, quotes):
        return Apart(shares)
    told = [f"cash is {book.cash_usd:f} USD in the ledger, {account.cash_usd:f} at the venue"]
    told += [_sentence(book, symbol, apart) for symbol, apart in shares.items()]
    return Apart(shares, tuple(told))


def suspects(
    book: Book,
    apart: Apart,
    open_orders: Sequence[OrderState],
    looked_up: Mapping[str, OrderState | None],
    *,
    now: datetime,
) -> tuple[SymbolQuarantined, ...]:
    """Return symbols to put in quarantine, each with its reason, by symbol; one that is in it already is left out.

    A difference is not suspect while an order of ours may be its cause: one nobody knows the outcome of, or one whose
    fills the venue counts and has not told yet.
    """
    waiting = {
        record.order.symbol
        for record in book.unproven_orders
        if (state := looked_up.get(record.order.client_order_id)) is None or state.filled_shares != record.filled_shares
    }
    reasons = {symbol: _sentence(book, symbol, shares) for symbol, shares in apart.shares.items()}
    reasons = {symbol: reason for symbol, reason in reasons.items() if symbol not in waiting}
    for order in open_orders:
        if order.client_order_id not in book.orders:
            reasons[order.symbol] = f"order {order.client_order_id} works at the venue and is not ours"
    return tuple(
        SymbolQuarantined(at=now, symbol=symbol, reason=reason)
        for symbol, reason in sorted(reasons.items())
        if symbol not in book.quarantined
    )


def is_foreign(fill: BrokerFill, book: Book) -> str:
    """Return why a fill that is about to be booked is not ours or not explained; empty when it is."""
    if fill.client_order_id not in book.orders:
        return f"fill {fill.execution_id} of order {fill.client_order_id}, which is not ours"
    if fill.reverses is not None and not takes_back(fill, book.fills):
        return f"fill {fill.execution_id} takes back {fill.reverses}, which is not booked so"
    return ""


def lift_quarantine(desk: Desk, *, symbol: str, actor: str, reason: str) -> QuarantineLifted:
    """Let a symbol be traded again in a person's name; what the account holds of it is then managed as ours.

    It is put in quarantine again at the next look if its cause is still there.

    Raises:
        LedgerError: the symbol is in no quarantine, or nobody is named.
    """
    if not actor.strip() or not reason.strip():
        raise LedgerError(f"{symbol} lifted from quarantine by {actor!r} for {reason!r}: expected a name and a reason")
    lifted = QuarantineLifted(at=desk.clock.now(), symbol=symbol, actor=actor, reason=reason)
    desk.ledger.record(lambda _: (lifted,))
    return lifted


def _explains(shares: Mapping[str, Shares], cash_apart_usd: Decimal, quotes: Quotes) -> bool:
    prices = {symbol: quotes.last_usd(symbol) for symbol in shares}
    values = [apart * (prices[symbol] or Decimal(0)) for symbol, apart in shares.items()]
    traded = sum((abs(value) for value in values), Decimal(0))
    return bool(shares) and abs(cash_apart_usd + sum(values, Decimal(0))) <= _PRICE_TOLERANCE * traded


def _sentence(book: Book, symbol: str, apart_shares: Shares) -> str:
    ours = book.held_shares.get(symbol, 0)
    return f"{symbol} is {ours} shares in the ledger, {ours + apart_shares} at the venue"
