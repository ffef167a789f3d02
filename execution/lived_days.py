"""What each day of an account came to, whether a backtest lived it or the market: one record, made of the ledger alone.

A day lies between two books: the one at the mark before it and the one at its own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Reversible, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import chain, islice
from math import prod
from typing import TypeVar, cast

from execution.domain.decisions import WhyRow
from execution.domain.events import AccountAdjusted, CorporateActionBooked, Event, PositionsMarked, SettleFinished
from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.signals import Mode
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.ledger.moves import Move, after_move, position_after, taken_back
from execution.ledger.why_rows import read_why_rows
from execution.ports import Artifacts
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingState
from execution.session.trading_state import standing

Key = TypeVar("Key")
Value = TypeVar("Value")
CASH = ""
"""Under this name stands what was paid in as cash; symbols stand for shares that came without a trade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedDay:
    """What one decision session came to.

    A session that was settled too late to be marked has no day of its own: what it did is in the next one that was.

    Attributes:
        session: the decision session; it traded in the next one.
        plan_hash: of its plan, which names the orders and the batch they were made of; None when it had none.
        mark: cash, positions and equity at the close of the session it traded in.
        entries: orders its plan opened positions with.
        exits: orders its plan reduced positions with.
        stages: by stage of the finished why-rows, how many symbols ended there.
        fills: executions booked since the mark before; none that was taken back by this close, nor what takes one back.
        traded_usd: value of those executions.
        fees_usd: fees of everything booked since the mark before, those given back taken off.
        trading_state: what the account may do after this close: `active`, `reducing` or `halted`.
        executions: all that was booked since the mark before, in that order: also what was taken back or takes back.
        actions: splits, dividends, delistings and charges booked since the mark before, in that order.
        bought: the finished why-rows of what was bought, sold again on the same day or not: sector, regime, score and
            contributions behind it.
        paid_in_usd: what moved without a trade, as persons booked it: dollars under `CASH`, and by symbol the cost of
            shares that came in; with a minus what went out. Neither is a profit or a loss.
        shares_moved_usd: by symbol, what those shares were worth: that came in at this close, that went out at the one
            before. Returns leave out this and not the cost; nothing where no such close is known.
        taken_back: execution ids of what took an execution back since the mark before, and of what it took back, on
            this day or before. The ledger holds such pairs as if they had never been; all but their fees.
    """

    session: date
    plan_hash: str | None
    mark: PositionsMarked
    entries: int
    exits: int
    fills: int
    traded_usd: Decimal
    fees_usd: Decimal
    stages: Mapping[str, int]
    trading_state: TradingState
    executions: tuple[BrokerFill, ...] = ()
    actions: tuple[CorporateActionEntry, ...] = ()
    bought: tuple[WhyRow, ...] = ()
    paid_in_usd: Mapping[str, Decimal] = field(default_factory=dict)
    shares_moved_usd: Mapping[str, Decimal] = field(default_factory=dict)
    taken_back: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedAccount:
    """An account's days.

    Attributes:
        account: its name.
        opened_with_usd: the cash its ledger began with.
        days: one per mark, oldest first; none before the first.
    """

    account: str
    opened_with_usd: Decimal
    days: tuple[LivedDay, ...]


def lived_account(
    events: Iterable[Event], *, artifacts: Artifacts, limits: RiskLimits, mode: Mode
) -> LivedAccount | None:
    """Return the days of a ledger; None where no account was opened.

    Args:
        events: all of the ledger's, in order; what came after the newest settle belongs to no day yet.
        artifacts: where the why-rows are.
        limits: by which it is said what the account might do after each close.
        mode: the mode it trades in.

    Raises:
        CorruptArtifact: why-rows the ledger names are missing or were changed.
        IllegalTransition: the events are no ledger's.
    """
    days, marked, book, settled = [], Book(), Book(), []
    for chunk in _settles(events):
        book = folded(book, chunk)
        settled += [event.cycle_id for event in chunk[-1:] if isinstance(event, SettleFinished)]
        if len(book.marks) > len(marked.marks):
            days.append(day_of(marked, book, cycle_ids=settled, artifacts=artifacts, limits=limits, mode=mode))
            marked, settled = book, []
    if book.opened is None:
        return None
    return LivedAccount(account=book.opened.account, opened_with_usd=book.opened.cash_usd, days=tuple(days))


def day_of(
    before: Book, after: Book, *, cycle_ids: Sequence[str], artifacts: Artifacts, limits: RiskLimits, mode: Mode
) -> LivedDay:
    """Return the day between two books.

    Args:
        before: the book at the mark before, or an empty one.
        after: the book at the settle that marked.
        cycle_ids: the cycles settled between the two, the newest last.
        artifacts: where their why-rows are.
        limits: by which the state after the close is said.
        mode: the mode the account trades in.

    Raises:
        CorruptArtifact: why-rows are missing or were changed.
    """
    cycles = [after.cycles[cycle_id] for cycle_id in cycle_ids]
    told = [cycle.why_rows[-1].artifact_hash for cycle in cycles if cycle.why_rows]
    rows = [row for artifact_hash in told for row in read_why_rows(artifacts, artifact_hash)]
    orders = [record for cycle in cycles for record in after.orders_of(cycle.cycle_id)]
    fills = tuple(booked.fill for booked in _newer(before.fills, after.fills))
    adjustments = after.adjustments[len(before.adjustments) :]
    undone = _taken_back(after, fills)
    stand = [fill for fill in fills if fill.execution_id not in undone]
    mark = after.marks[-1]
    return LivedDay(
        session=cycles[-1].session,
        plan_hash=cycles[-1].plan_hash,
        mark=mark,
        entries=len({(record.cycle_id, record.order.symbol) for record in orders if record.order.leg == "entry"}),
        exits=sum(record.order.leg == "exit" for record in orders),
        fills=len(stand),
        traded_usd=sum((fill.quantity_shares * fill.price_usd for fill in stand), Decimal(0)),
        fees_usd=sum((fill.fee_usd for fill in fills), Decimal(0)),
        stages=Counter(row.stage for row in rows),
        trading_state=standing(book=after, equity_usd=mark.equity_usd, limits=limits, mode=mode).state,
        executions=fills,
        actions=tuple(booked.entry for booked in _newer(before.actions, after.actions)),
        bought=tuple(row for row in rows if row.outcome == "bought"),
        paid_in_usd=_paid_in(after, adjustments),
        shares_moved_usd=_shares_moved(before, after, adjustments),
        taken_back=undone,
    )


def _settles(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield the events up to each settle, it included, and what is left after the last one."""
    chunk: list[Event] = []
    for event in events:
        chunk.append(event)
        if isinstance(event, SettleFinished):
            yield chunk
            chunk = []
    yield chunk


def _newer(before: Mapping[Key, Value], after: Mapping[Key, Value]) -> list[Value]:
    """Return what a growing mapping has more than it had, in order; years of older entries are not looked through."""
    newest_first = reversed(cast("Reversible[Key]", after))
    keys = list(islice(newest_first, len(after) - len(before)))
    return [after[key] for key in reversed(keys)]


def _taken_back(book: Book, fills: Sequence[BrokerFill]) -> frozenset[str]:
    """Return the ids of those fills that took one back, and of those they took back, as the ledger believes them."""
    reversals = {fill.execution_id: fill for fill in fills if fill.reverses is not None}
    symbols = {fill.symbol for fill in reversals.values()}
    believed = {fill.execution_id for symbol in symbols for fill in taken_back(book.moves_in[symbol]).values()}
    pairs = [(name, fill.reverses or "") for name, fill in reversals.items() if name in believed]
    return frozenset(chain.from_iterable(pairs))


def _paid_in(book: Book, adjustments: Sequence[AccountAdjusted]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for adjusted in adjustments:
        symbol, amount = adjusted.symbol or CASH, adjusted.cash_usd
        if adjusted.symbol is not None:
            moves = book.moves_in[symbol]
            held = position_after(symbol, moves[: moves.index(adjusted)])
            # Shares that go out take their cost with them, and only what moved them before says how much that is.
            amount += after_move(held, adjusted).cost_usd - held.cost_usd
        found[symbol] = found.get(symbol, Decimal(0)) + amount
    return found


def _shares_moved(before: Book, after: Book, adjustments: Sequence[AccountAdjusted]) -> dict[str, Decimal]:
    """Return what shares were worth that persons moved, by symbol; none of a symbol without the closes for it."""
    found: dict[str, Decimal] = {}
    unknown: set[str] = set()
    closes_before, closes = _closes(before), _closes(after)
    for adjusted in adjustments:
        symbol = adjusted.symbol
        if symbol is None or not adjusted.shares_delta:
            continue
        moves = after.moves_in[symbol]
        place = moves.index(adjusted)
        # A close is of shares as they were then: splits that stand between it and the move are taken into account.
        if adjusted.shares_delta > 0:
            close, ratio = closes.get(symbol), _split_by(moves[place:])
        else:
            close, ratio = closes_before.get(symbol), 1 / _split_by(moves[len(before.moves_in.get(symbol, ())) : place])
        if close is None:
            unknown.add(symbol)
        else:
            found[symbol] = found.get(symbol, Decimal(0)) + adjusted.shares_delta * close * ratio
    return {symbol: usd for symbol, usd in found.items() if symbol not in unknown}


def _closes(book: Book) -> dict[str, Decimal]:
    """Return the closes of the newest mark, by symbol."""
    return {held.symbol: held.close_usd for mark in book.marks[-1:] for held in mark.positions}


def _split_by(moves: Iterable[Move]) -> Decimal:
    """Return how many shares one share became."""
    ratios = (move.entry.ratio for move in moves if isinstance(move, CorporateActionBooked))
    return prod((ratio for ratio in ratios if ratio is not None), start=Decimal(1))
