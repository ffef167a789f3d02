"""Stops: which positions no open exit covers, and at what price the missing stop belongs. Pure over the book."""

from datetime import date
from decimal import Decimal

from execution.domain.events import OrderIntended
from execution.domain.orders import OrderRequest
from execution.domain.quantities import Shares, floor_shares, shares_text, tick_below_usd
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.portfolio.stops import split_adjusted_stop_usd
from execution.session.desk import Desk
from execution.session.ladder import is_between_rungs


def unprotected(book: Book) -> tuple[str, ...]:
    """Return symbols of our own long positions of which some whole share has no open exit or stop, sorted."""
    foreign = book.foreign_symbols
    return tuple(symbol for symbol in book.held_shares if symbol not in foreign and uncovered_shares(book, symbol) >= 1)


def perhaps_unprotected(book: Book) -> tuple[str, ...]:
    """Return symbols of our own long positions of which some whole share has no sell known at the venue, sorted.

    A sell that was sent and nobody knows of counts as working in every limit, so nothing goes out beside it; yet it
    protects nothing while it may have been lost.
    """
    foreign = book.foreign_symbols
    return tuple(
        symbol
        for symbol in book.held_shares
        if symbol not in foreign and uncovered_shares(book, symbol) + _unknown_sells_shares(book, symbol) >= 1
    )


def held_back(desk: Desk, book: Book) -> tuple[str, ...]:
    """Return symbols of which an entry bought a part while its venue holds the attached stop back for the rest, sorted.

    No other stop can be sent there meanwhile; the deadline ends the rest, and with it the attached one.
    """
    if not desk.broker.capabilities.links_wait_for_whole:
        return ()
    entries = [record for record in book.unproven_orders if record.order.order_class == "bracket"]
    return tuple(sorted({record.order.symbol for record in entries if record.filled_shares and record.exposed_shares}))


def bare_parts(book: Book) -> dict[str, Shares]:
    """Return the part of a share of each symbol that no open exit sells: a stop stays, a part is taken for a day only.

    They are sold by the plan's exits, by the monitor and by a flatten, as the rest of the position is.
    """
    foreign = book.foreign_symbols
    parts = {symbol: uncovered_shares(book, symbol) % 1 for symbol in book.held_shares if symbol not in foreign}
    return {symbol: part for symbol, part in parts.items() if part > 0}


def uncovered_shares(book: Book, symbol: str) -> Shares:
    """Return shares of a long position that no open exit or stop would sell."""
    return book.held_shares.get(symbol, 0) - book.exposed_shares(symbol, side="sell")


def _unknown_sells_shares(book: Book, symbol: str) -> Shares:
    # What is attached to an entry went out with it: where the entry has filled, the venue has it.
    records = book.unproven_in.get(symbol, ())
    return sum(
        record.exposed_shares
        for record in records
        if record.order.side == "sell" and record.state in ("in_flight", "unknown") and book.entry_of(record) is None
    )


def oversold_stops(book: Book) -> tuple[OrderRecord, ...]:
    """Return working stops of symbols in which open sells are more than what is held, as after a fill taken back."""
    return tuple(
        record
        for record in book.unproven_orders
        if record.order.leg == "stop"
        and record.exposed_shares > 0
        and not record.is_cancel_requested
        and uncovered_shares(book, record.order.symbol) < 0
    )


def next_stop(desk: Desk, book: Book, *, session: date, symbol: str) -> OrderIntended | None:
    """Return the stop that covers what is uncovered of a symbol, as a leg of a session's cycle.

    Several stops of one cycle are legs of their own: `stop`, `stop_2` and so on; one decided and never sent is taken up
    again. Nothing is returned while an exit of the cycle waits to be sent, after a refusal of the cycle's newest stop
    (the same order would be refused again until the next session), while the entry's rest works at a venue that would
    refuse a stop against it, and where no stop price is known.
    """
    cycle_orders = book.orders_of(desk.cycle_id(session), symbol=symbol)
    if any(record.order.leg in ("exit", "monitor") and record.state == "intended" for record in cycle_orders):
        return None
    if desk.broker.capabilities.refuses_opposing_orders and _is_being_bought(book, symbol):
        return None
    stops = [record for record in cycle_orders if record.order.leg == "stop"]
    if stops and stops[-1].state == "refused":
        return None
    is_resumed = bool(stops) and stops[-1].state == "intended"
    number = len(stops) + (0 if is_resumed else 1)
    leg = "stop" if number == 1 else f"stop_{number}"
    stop_usd = stop_price(book, symbol)
    if stop_usd is None:
        return None
    quantity = floor_shares(uncovered_shares(book, symbol))
    if is_resumed:
        quantity = min(quantity, stops[-1].order.quantity_shares)
    trail = trail_usd(desk, book, symbol, stop_usd=stop_usd)
    order = OrderRequest(
        client_order_id=desk.order_id(session, symbol=symbol, side="sell", leg=leg),
        symbol=symbol,
        side="sell",
        leg="stop",
        quantity_shares=quantity,
        order_type="stop" if trail is None else "trailing_stop",
        time_in_force="gtc",
        stop_usd=stop_usd if trail is None else None,
        trail_usd=trail,
        is_reduce_only=True,
    )
    return OrderIntended(
        at=desk.clock.now(),
        cycle_id=desk.cycle_id(session),
        leg=leg,
        order=order,
        reason=_reason(book, symbol, quantity),
    )


def _reason(book: Book, symbol: str, quantity: Shares) -> str:
    part = uncovered_shares(book, symbol) % 1
    told = f"; {shares_text(part)} more has none: the venue takes a part of a share for the day only" if part else ""
    return f"{quantity} shares of {symbol} are held without a stop{told}"


def stop_price(book: Book, symbol: str) -> Decimal | None:
    """Return where a symbol's stop belongs: the newest stop's price, or the entry's distance below its fills.

    Splits booked since that order are applied. None when neither an entry nor a stop of ours is known.
    """
    for record in book.newest_in(symbol):
        if record.sent_at is None:
            continue
        if record.order.leg == "stop" and record.order.stop_usd is not None:
            return _after_splits(book, symbol, record.order.stop_usd, record)
        if record.order.leg == "entry" and record.filled_shares:
            return _after_splits(book, symbol, _entry_stop(record), record)
    return None


def trail_usd(desk: Desk, book: Book, symbol: str, *, stop_usd: Decimal) -> Decimal | None:
    """Return how far a trailing stop stays below its highest price: what sizing left between the entry and its stop.

    That distance is a number of average true ranges, so the trail is as wide as the symbol is volatile. It is narrower
    where the stop would else begin below the plain one, so nothing is risked beyond what was sized.

    Returns:
        Dollars on a tick, above zero; None for a plain stop: by the policy, because the venue takes no other, or where
        the distance or the last price is not known or the last price has reached the stop.
    """
    is_taken = "trailing_stop" in desk.broker.capabilities.order_types
    if desk.sizing.protective_stop != "trailing_stop" or not is_taken:
        return None
    filled = (r for r in book.newest_in(symbol) if r.order.leg == "entry" and r.filled_shares)
    entry, last = next(filled, None), desk.quotes.last_usd(symbol)
    if entry is None or last is None:
        return None
    reference, planned = entry.reference_price_usd, entry.protective_stop_usd
    if reference is None or planned is None:
        return None
    distance = _after_splits(book, symbol, reference - planned, entry)
    trail = tick_below_usd(max(Decimal(0), min(distance or reference, last - stop_usd)))
    return trail or None


def _is_being_bought(book: Book, symbol: str) -> bool:
    """Return whether a purchase is known to work, or to be next; one nobody knows of leaves no share without a stop."""
    works = any(record.order.side == "buy" and record.state == "open" for record in book.unproven_in.get(symbol, ()))
    return works or is_between_rungs(book, symbol)


def _entry_stop(record: OrderRecord) -> Decimal | None:
    fill, reference, planned = record.average_fill_usd, record.reference_price_usd, record.protective_stop_usd
    if fill is None or reference is None or planned is None:
        return planned
    stop = tick_below_usd(fill - (reference - planned))
    return stop if stop > 0 else planned


def _after_splits(book: Book, symbol: str, stop_usd: Decimal | None, record: OrderRecord) -> Decimal | None:
    if stop_usd is None or record.terms_at is None:
        return None
    for split in book.splits_in(symbol):
        if split.ratio is not None and split.booked_at > record.terms_at:
            stop_usd = split_adjusted_stop_usd(stop_usd, split.ratio)
    return stop_usd
