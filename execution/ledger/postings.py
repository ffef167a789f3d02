"""Double-entry postings of what moved money or shares.

One posting names the account debited and the account credited, so none can be written that does not balance, and the
postings of an event balance because each of them does.

Accounts: `cash`; `capital`, what the account was given; `holding:AAA`, the cost of what is held, fees included;
`profit:AAA`, what was earned. In shares: `shares:AAA` against `market:AAA` for trades, `issuer:AAA` for splits and
delistings, and `transfer:AAA` for what moved without a trade. A balance is debits less credits, so a profit stands
there with a minus.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from execution.domain.errors import LedgerError
from execution.domain.events import AccountAdjusted, AccountOpened
from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.positions import Position

CASH = "cash"
CAPITAL = "capital"
USD = "usd"
SHARE = "share"


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount above zero that one account gets and another gives.

    Attributes:
        kind: why: opening, trade, fee, split, dividend, delisting, charge or adjustment.
        unit: `usd` or `share`.
    """

    kind: str
    debit: str
    credit: str
    unit: str
    amount: Decimal


def of_opening(event: AccountOpened) -> tuple[Posting, ...]:
    """Return the postings of the cash an account opens with."""
    return _settled("opening", USD, {CASH: event.cash_usd, CAPITAL: -event.cash_usd})


def of_fill(before: Position, after: Position, fill: BrokerFill) -> tuple[Posting, ...]:
    """Return the postings of an execution: the trade, its fee, and the shares.

    Args:
        before: the position before the fill.
        after: the position after it.
        fill: the execution.

    Raises:
        LedgerError: cash, cost and profit do not balance.
    """
    holding, profit = f"holding:{fill.symbol}", f"profit:{fill.symbol}"
    direction = 1 if fill.side == "buy" else -1
    # A fee is part of the cost of what is opened; one that closes, in whole or part, takes it from the profit.
    is_closing = before.shares * direction < 0
    bearer = profit if is_closing else holding
    fee = fill.fee_usd
    trade = {
        CASH: -direction * fill.quantity_shares * fill.price_usd,
        holding: after.cost_usd - before.cost_usd - (Decimal(0) if is_closing else fee),
        profit: before.realised_usd - after.realised_usd - (fee if is_closing else Decimal(0)),
    }
    shares = Decimal(direction * fill.quantity_shares)
    return (
        *_settled("trade", USD, trade),
        *_settled("fee", USD, {bearer: fee, CASH: -fee}),
        *_settled("trade", SHARE, {f"shares:{fill.symbol}": shares, f"market:{fill.symbol}": -shares}),
    )


def of_action(before: Position, after: Position, entry: CorporateActionEntry) -> tuple[Posting, ...]:
    """Return the postings of a corporate action: its cash and its shares.

    Args:
        before: the position before the action.
        after: the position after it.
        entry: the action.

    Raises:
        LedgerError: cash, cost and profit do not balance.
    """
    money = {
        CASH: entry.cash_usd,
        f"holding:{entry.symbol}": after.cost_usd - before.cost_usd,
        f"profit:{entry.symbol}": before.realised_usd - after.realised_usd,
    }
    shares = Decimal(entry.quantity_delta_shares)
    return (
        *_settled(entry.kind, USD, money),
        *_settled(entry.kind, SHARE, {f"shares:{entry.symbol}": shares, f"issuer:{entry.symbol}": -shares}),
    )


def of_adjustment(before: Position, after: Position, event: AccountAdjusted) -> tuple[Posting, ...]:
    """Return the postings of what moved without a trade: cash or shares, against what the account was given.

    Args:
        before: the position before, one of no symbol for cash.
        after: the position after.
        event: the adjustment.

    Raises:
        LedgerError: cash, cost and capital do not balance.
    """
    cost = after.cost_usd - before.cost_usd
    money = {CASH: event.cash_usd, f"holding:{event.symbol}": cost, CAPITAL: -event.cash_usd - cost}
    shares = Decimal(event.shares_delta)
    return (
        *_settled("adjustment", USD, money),
        *_settled("adjustment", SHARE, {f"shares:{event.symbol}": shares, f"transfer:{event.symbol}": -shares}),
    )


def balances(postings: Iterable[Posting]) -> dict[tuple[str, str], Decimal]:
    """Return debits less credits by account and unit, sorted; accounts at zero are left out."""
    found: dict[tuple[str, str], Decimal] = {}
    for posting in postings:
        for account, amount in ((posting.debit, posting.amount), (posting.credit, -posting.amount)):
            found[account, posting.unit] = found.get((account, posting.unit), Decimal(0)) + amount
    return {key: amount for key, amount in sorted(found.items()) if amount}


def _settled(kind: str, unit: str, changes: Mapping[str, Decimal]) -> tuple[Posting, ...]:
    """Return the fewest postings that change each account by its amount; the amounts sum to zero."""
    if sum(changes.values()) != 0:
        told = ", ".join(f"{account} {amount}" for account, amount in changes.items())
        raise LedgerError(f"the postings of a {kind} do not balance: {told}; nothing was booked")
    return tuple(_paired(kind, unit, changes))


def _paired(kind: str, unit: str, changes: Mapping[str, Decimal]) -> Iterator[Posting]:
    owed = [(account, -amount) for account, amount in changes.items() if amount < 0]
    for debit, amount in ((account, amount) for account, amount in changes.items() if amount > 0):
        missing = amount
        while missing:
            credit, available = owed.pop(0)
            moved = min(missing, available)
            yield Posting(kind, debit, credit, unit, moved)
            missing -= moved
            if available > moved:
                owed.insert(0, (credit, available - moved))
