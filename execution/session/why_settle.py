"""The settle's why-rows: what came of every decision of the plan. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from execution.domain.canonical import canonical_text
from execution.domain.decisions import Outcome, WhyRow
from execution.domain.orders import ATTACHED_LEGS, BrokerFill, CorporateActionEntry, Leg
from execution.domain.quantities import Shares, shares_text, unsigned_shares
from execution.ledger.order_record import OrderRecord

_TRADERS: Final[Mapping[Leg, str]] = {
    "entry": "an entry of another plan",
    "exit": "a planned exit",
    "stop": "the protective stop",
    "take_profit": "its take-profit",
    "flatten": "the order to close everything",
    "monitor": "an exit rule while the market was open",
}


def finished_rows(
    rows: Iterable[WhyRow],
    *,
    orders: Sequence[OrderRecord],
    fills: Sequence[BrokerFill],
    actions: Sequence[CorporateActionEntry],
    known_orders: Mapping[str, OrderRecord],
    held_shares: Mapping[str, Shares],
    traded: tuple[datetime, datetime],
) -> tuple[WhyRow, ...]:
    """Return the plan's rows with fills, fees and what is held now.

    Args:
        rows: the plan's rows.
        orders: the cycle's orders.
        fills: all fills of the account; those of the session count, stops of earlier cycles included.
        actions: what the venue booked besides executions since the close of the decision.
        known_orders: every order of the account by its id: what traded beside the row's own may be of another cycle.
        held_shares: symbol to shares held after the session.
        traded: opening and closing instant of the session the orders traded in.
    """
    opens_at, closes_at = traded
    by_symbol: dict[str, list[BrokerFill]] = {}
    for fill in fills:
        if opens_at <= fill.filled_at <= closes_at:
            by_symbol.setdefault(fill.symbol, []).append(fill)
    delistings = {entry.symbol: entry for entry in actions if entry.kind == "delisting"}
    by_id = {record.order.client_order_id: (record,) for record in orders} | _ladders(orders)
    finished = (
        _finished(
            row,
            by_id.get(row.client_order_id or "", ()),
            by_symbol.get(row.symbol, []),
            known_orders,
            held_shares,
        )
        for row in rows
    )
    return tuple(_delisted(row, delistings[row.symbol]) if row.symbol in delistings else row for row in finished)


def _delisted(row: WhyRow, entry: CorporateActionEntry) -> WhyRow:
    """Return a row with the end the venue made of its position, by which it is sold if by nothing else."""
    shares = shares_text(unsigned_shares(entry.quantity_delta_shares))
    told = replace(row, reason=f"{row.reason}; {shares} shares went with its delisting, for {entry.cash_usd} USD")
    return replace(told, outcome="sold", stage="delisting") if row.outcome == "none" else told


def _ladders(orders: Sequence[OrderRecord]) -> dict[str, tuple[OrderRecord, ...]]:
    """Return the orders each entry went out as, by the id of the first, which is the one its row names."""
    ladders: dict[str, list[OrderRecord]] = {}
    for record in orders:
        if record.order.leg == "entry":
            ladders.setdefault(record.order.symbol, []).append(record)
    return {rungs[0].order.client_order_id: tuple(rungs) for rungs in ladders.values()}


def _finished(
    row: WhyRow,
    orders: Sequence[OrderRecord],
    fills: Sequence[BrokerFill],
    known_orders: Mapping[str, OrderRecord],
    held_shares: Mapping[str, Shares],
) -> WhyRow:
    if not fills and not row.shares:
        # Most of a universe: nothing was ordered in it, and nothing traded.
        return replace(row, outcome=_outcome(row, orders, 0, held_shares), filled_shares=0, fee_usd=Decimal(0))
    shares = sum(fill.quantity_shares for fill in fills)
    own = {record.order.client_order_id for record in orders}
    others = [fill for fill in fills if fill.client_order_id not in own]
    then = "then " if row.shares > 0 else ""
    return replace(
        row,
        outcome=_outcome(row, orders, shares, held_shares),
        stage="fill" if shares else row.stage,
        reason="; ".join([_with_limits(row.reason, orders), *_beside(others, known_orders, then)]),
        filled_shares=sum(fill.quantity_shares if fill.side == "buy" else -fill.quantity_shares for fill in fills),
        average_fill_usd=_average_usd(row, fills),
        fee_usd=sum((fill.fee_usd for fill in fills), Decimal(0)),
        not_filled_reason=_not_filled(row, orders),
    )


def _average_usd(row: WhyRow, fills: Sequence[BrokerFill]) -> Decimal | None:
    """Return the mean price on the side of the row's order; of all that traded where that side did not."""
    side = "buy" if row.shares > 0 else "sell"
    taken_back = {fill.reverses for fill in fills}
    stand = [fill for fill in fills if fill.reverses is None and fill.execution_id not in taken_back]
    of_side = [fill for fill in stand if fill.side == side] if row.shares else []
    meant = of_side or stand
    shares = sum(fill.quantity_shares for fill in meant)
    value = sum((fill.quantity_shares * fill.price_usd for fill in meant), Decimal(0))
    return value / shares if shares else None


def _beside(fills: Iterable[BrokerFill], known_orders: Mapping[str, OrderRecord], then: str) -> Iterator[str]:
    """Say what traded in a symbol beside the order of its row, and on whose word."""
    traded: dict[tuple[str, str], Shares] = {}
    for fill in fills:
        key = (_trader(fill, known_orders.get(fill.client_order_id)), "bought" if fill.side == "buy" else "sold")
        traded[key] = traded.get(key, 0) + fill.quantity_shares
    for (trader, verb), shares in traded.items():
        yield f"{shares_text(shares)} shares were {then}{verb} by {trader}"


def _trader(fill: BrokerFill, record: OrderRecord | None) -> str:
    if fill.reverses is not None:
        return "the venue, which took an execution back"
    if record is None:
        return "an order that is not ours"
    name = _TRADERS[record.order.leg]
    # Why a stop or a take-profit was sent is not why it sold: its price was met.
    return name if record.order.leg in ATTACHED_LEGS else f"{name}: {record.reason}"


def _with_limits(reason: str, orders: Sequence[OrderRecord]) -> str:
    tried = [record.order.limit_usd for record in orders if record.sent_at is not None]
    if len(tried) < 2:
        return reason
    return f"{reason}; tried at {', '.join(str(canonical_text(usd)) for usd in tried)} USD one after the other"


def _outcome(row: WhyRow, orders: Sequence[OrderRecord], shares: Shares, held_shares: Mapping[str, Shares]) -> Outcome:
    if any(record.filled_shares for record in orders):
        return "bought" if orders[0].order.side == "buy" else "sold"
    if row.shares > 0:
        return "not_filled"
    if shares:
        return "sold"
    if row.shares < 0:
        return "not_filled"
    return "held" if held_shares.get(row.symbol) else "none"


def _not_filled(row: WhyRow, orders: Sequence[OrderRecord]) -> str | None:
    if not row.shares or not orders:
        return None
    missing = unsigned_shares(row.shares) - sum(record.filled_shares for record in orders)
    if missing <= 0:
        return None
    # Of several limits the last one tried tells why the rest was not bought.
    order = next((record for record in reversed(orders) if record.sent_at is not None), orders[0])
    told = f": {order.note}" if order.note else ""
    return f"{missing} of {abs(row.shares)} shares not filled, the order is {order.state}{told}"
