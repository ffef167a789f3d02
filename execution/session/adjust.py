"""What moved on the account without a trade, booked in a person's name: cash paid in or taken out, shares carried over.

The ledger follows trades, corporate actions and charges by itself. A deposit or a transfer is none of these, and nobody
but a person can say what it was. It is booked only where it is the whole difference between ledger and venue, to the
cent and the share: an override that leaves a difference would hide another one.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from execution.domain.errors import LedgerError
from execution.domain.events import AccountAdjusted, Event
from execution.domain.quantities import CENT, Shares, is_share_count
from execution.ledger.book import Book
from execution.session.desk import Desk
from execution.session.lease_of_act import BUSY, leased
from execution.session.reconcile import Reconciled, reconcile

_NOTHING: Final = Decimal(0)


def adjust_cash(desk: Desk, *, cash_usd: Decimal, actor: str, reason: str) -> AccountAdjusted:
    """Book cash that came in, or with a minus went out.

    Args:
        desk: the desk of the account.
        cash_usd: dollars; all that the venue shows beyond the ledger.
        actor: the person's name.
        reason: what the person saw, as the deposit on the venue's page.

    Raises:
        LedgerError: nobody is named, it is not the whole difference, or shares differ too.
    """
    if not (isinstance(cash_usd, Decimal) and cash_usd.is_finite() and cash_usd):
        raise LedgerError(f"cash moved is {cash_usd} USD: expected an amount other than 0")
    return _booked(desk, symbol=None, shares=0, cash_usd=cash_usd, cost_usd=_NOTHING, actor=actor, reason=reason)


def adjust_shares(
    desk: Desk, *, symbol: str, shares: Shares, cost_usd: Decimal, actor: str, reason: str
) -> AccountAdjusted:
    """Book shares that came in at a cost, or with a minus went out with theirs.

    Args:
        desk: the desk of the account.
        symbol: exchange symbol. It stays in quarantine until a person lifts it.
        shares: shares moved; all that the venue shows beyond the ledger in this symbol.
        cost_usd: what shares that came in are booked at; 0 for shares that went out.
        actor: the person's name.
        reason: what the person saw, as the transfer in the venue's statement.

    Raises:
        LedgerError: nobody is named, it is not the whole difference, cash differs too, or the cost does not fit.
    """
    if not is_share_count(shares) or not shares:
        raise LedgerError(f"{symbol} moved by {shares!r} shares: expected a number other than 0")
    is_cost = isinstance(cost_usd, Decimal) and cost_usd.is_finite() and (cost_usd > 0 if shares > 0 else cost_usd == 0)
    if not is_cost:
        expected = "dollars above 0, what they cost where they came from" if shares > 0 else "none: they take their own"
        raise LedgerError(f"{symbol} moved by {shares} shares at a cost of {cost_usd} USD: expected {expected}")
    return _booked(desk, symbol=symbol, shares=shares, cash_usd=_NOTHING, cost_usd=cost_usd, actor=actor, reason=reason)


def _booked(
    desk: Desk, *, symbol: str | None, shares: Shares, cash_usd: Decimal, cost_usd: Decimal, actor: str, reason: str
) -> AccountAdjusted:
    if not actor.strip() or not reason.strip():
        raise LedgerError(f"an adjustment by {actor!r} for {reason!r}: expected a name and a reason")
    with leased(desk) as acting:
        if acting is None:
            raise LedgerError(f"nothing was booked: {BUSY}")
        acting.ledger.verify_chain()
        reconciled = reconcile(acting)
        _refuse_another_difference(reconciled, symbol=symbol, shares=shares, cash_usd=cash_usd)
        adjusted = AccountAdjusted(
            at=acting.clock.now(),
            symbol=symbol,
            shares_delta=shares,
            cash_usd=cash_usd,
            cost_usd=cost_usd,
            actor=actor,
            reason=reason,
        )
        acting.ledger.record(lambda book: _unless_moved(book, reconciled.book, adjusted))
        if adjusted not in acting.ledger.book().adjustments:
            raise LedgerError("the ledger changed while the account was compared: nothing was booked, ask again")
    return adjusted


def _refuse_another_difference(
    reconciled: Reconciled, *, symbol: str | None, shares: Shares, cash_usd: Decimal
) -> None:
    apart_usd = reconciled.account.cash_usd - reconciled.book.cash_usd
    apart = reconciled.apart_shares
    found = f"cash {apart_usd:+f} USD, shares {dict(apart) or 'none'}"
    if abs(apart_usd - cash_usd) >= CENT:
        raise LedgerError(
            f"the venue shows beyond the ledger: {found}; expected cash {cash_usd:+f} USD: nothing was booked"
        )
    if symbol is None and apart:
        raise LedgerError(f"the venue shows beyond the ledger: {found}; explain the shares first: nothing was booked")
    if symbol is not None and apart.get(symbol, 0) != shares:
        raise LedgerError(
            f"the venue shows beyond the ledger: {found}; expected {symbol} {shares:+}: nothing was booked"
        )


def _unless_moved(newest: Book, compared: Book, adjusted: AccountAdjusted) -> Sequence[Event]:
    is_same = newest.cash_usd == compared.cash_usd and newest.held_shares == compared.held_shares
    return (adjusted,) if is_same else ()
