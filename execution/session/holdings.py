"""Our own long positions as a decision sees them: how long they were held, and which exit rule is due for them."""

from bisect import bisect_right
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import takewhile
from math import prod
from typing import Final

from execution.domain.orders import CorporateActionEntry
from execution.domain.quantities import decimal_of, split_fraction
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.ledger.book import Book
from execution.portfolio.exit_rules import ExitRule, PositionFacts, due_exit
from execution.portfolio.rebalance import Holding
from execution.trading_calendar import TradingCalendar

PART_LEG: Final = "target_"
"""How the legs of parts of a position begin; the exit rule's name follows."""


def holdings_of(
    book: Book,
    calendar: TradingCalendar,
    session: date,
    *,
    rules: Sequence[ExitRule] = (),
    batch: SignalBatch | None = None,
    prices_usd: Mapping[str, Decimal] | None = None,
) -> dict[str, Holding]:
    """Return our own long positions by symbol.

    Args:
        book: the ledger's book.
        calendar: exchange sessions, to count those a position was held.
        session: the session decided on.
        rules: the strategy's exit rules.
        batch: what is known of the symbols and the market; None in a session without one.
        prices_usd: price of each held symbol, as the rules judge it; absent is unknown.
    """
    # Without a rule nobody asks for the facts, of which some look far back and some at the whole batch.
    signals = {signal.symbol: signal for signal in batch.signals} if batch and rules else {}
    ranks = _rank_fractions(signals.values(), of=book.held_shares)
    foreign = book.foreign_symbols
    holdings = {}
    for symbol, shares in book.held_shares.items():
        position = book.positions[symbol]
        if shares <= 0 or symbol in foreign or position.entered_at is None:
            continue
        held = max(1, calendar.index(session) - _session_index(calendar, position.entered_at) + 1)
        due = None
        if rules:
            price, signal = (prices_usd or {}).get(symbol), signals.get(symbol)
            facts = PositionFacts(
                quantity_shares=shares,
                price_usd=price,
                entry_usd=position.average_cost_usd,
                high_usd=_high_usd(book, symbol, position.entered_at, price),
                atr14_usd=signal.atr14_usd if signal else None,
                held_sessions=held,
                score=_number(signal.score) if signal else None,
                rank_fraction=ranks.get(symbol),
                expected_return_bps=_number(signal.expected_return_bps) if signal else None,
                regime=batch.regime if batch else None,
                vix_points=_number(batch.vix) if batch else None,
                parts_sold=_parts_sold(book, symbol, position.entered_at),
            )
            due = due_exit(rules, facts)
        holdings[symbol] = Holding(symbol=symbol, quantity_shares=shares, held_sessions=held, due=due)
    return holdings


def _rank_fractions(signals: Iterable[SymbolSignal], *, of: Container[str]) -> dict[str, Decimal]:
    """Return the places of some symbols among all that are scored: 0 is best, 1 is worst; equal scores by symbol."""
    scored = sorted((-signal.score, signal.symbol) for signal in signals if signal.score is not None)
    last = max(1, len(scored) - 1)
    return {symbol: Decimal(place) / last for place, (_, symbol) in enumerate(scored) if symbol in of}


def _high_usd(book: Book, symbol: str, entered_at: datetime, price_usd: Decimal | None) -> Decimal | None:
    """Return the highest close at a mark since the entry, in today's shares, the present price included."""
    if price_usd is None:
        return None
    splits = book.splits_in(symbol)
    # The newest mark stands last, and those of years before the entry are not looked through.
    since = tuple(takewhile(lambda mark: mark.at >= entered_at, reversed(book.marks)))
    closes = [
        position.close_usd * ratio.denominator / ratio.numerator
        for mark in reversed(since)
        for position in mark.positions
        if position.symbol == symbol
        for ratio in (_ratio_since(splits, mark.marked_session),)
    ]
    return max([price_usd, *closes])


def _ratio_since(splits: Iterable[CorporateActionEntry], session: date) -> Fraction:
    """Return new shares per old over all splits of a symbol with an ex-session after a session."""
    ratios = (split_fraction(split.ratio) for split in splits if split.ratio and split.session > session)
    return prod(ratios, start=Fraction(1))


def _parts_sold(book: Book, symbol: str, entered_at: datetime) -> frozenset[str]:
    """Return the exit rules by which a part of the present position was sold, or is being sold."""
    return frozenset(
        record.leg.removeprefix(PART_LEG)
        for record in takewhile(lambda record: record.intended_at >= entered_at, book.newest_in(symbol))
        if record.leg.startswith(PART_LEG) and (record.filled_shares or record.exposed_shares)
    )


def _number(value: float | None) -> Decimal | None:
    return None if value is None else decimal_of(value)


def _session_index(calendar: TradingCalendar, instant: datetime) -> int:
    return bisect_right(calendar.opens, instant) - 1
