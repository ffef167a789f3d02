"""The settle's why-rows: what came of every decision of the plan. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from execution.domain.canonical import canonical_text
from execution.domain.decisions import Outcome, WhyRow
from execution.domain.orders import BrokerFill
from execution.domain.quantities import Shares, unsigned_shares
from execution.ledger.order_record import OrderRecord


def finished_rows(
    rows: Iterable[WhyRow],
    *,
    orders: Sequence[OrderRecord],
    fills: Sequence[BrokerFill],
    held_shares: Mapping[str, Shares],
    traded: tuple[datetime, datetime],
) -> tuple[WhyRow, ...]:
    """Return the plan's rows with fills, fees and what is held now.

    Args:
        rows: the plan's rows.
        orders: the cycle's orders.
        fills: all fills of the account; those of the session count, stops of earlier cycles included.
        held_shares: symbol to shares held after the session.
        traded: opening and closing instant of the session the orders traded in.
    """
    opens_at, closes_at = traded
    by_symbol: dict[str, list[BrokerFill]] = {}
    for fill in fills:
        if opens_at <= fill.filled_at <= closes_at:
            by_symbol.setdefault(fill.symbol, []).append(fill)
    by_id = {record.order.client_order_id: (record,) for record in orders} | _ladders(orders)
    profits = {record.order.symbol for record in orders if record.order.leg == "take_profit" and record.filled_shares}
    return tuple(
        _finished(
            row,
            by_id.get(row.client_order_id or "", ()),
            by_symbol.get(row.symbol, []),
            held_shares,
            took_profit=row.symbol in profits,
        )
        for row in rows
    )


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
    held_shares: Mapping[str, Shares],
    *,
    took_profit: bool,
) -> WhyRow:
    if not fills and not row.shares:
        # Most of a universe: nothing was ordered in it, and nothing traded.
        return replace(row, outcome=_outcome(row, orders, 0, held_shares), filled_shares=0, fee_usd=Decimal(0))
    shares = sum(fill.quantity_shares for fill in fills)
    value = sum((fill.quantity_shares * fill.price_usd for fill in fills), Decimal(0))
    own = {record.order.client_order_id for record in orders}
    stopped = sum(fill.quantity_shares for fill in fills if fill.client_order_id not in own)
    reason, seller = _with_limits(row.reason, orders), "its take-profit" if took_profit else "the protective stop"
    if stopped and row.shares <= 0:
        reason = f"{reason}; {stopped} shares were sold by {seller}"
    elif stopped:
        reason = f"{reason}; {stopped} shares were then sold by {seller}"
    return replace(
        row,
        outcome=_outcome(row, orders, shares, held_shares),
        stage="fill" if shares else row.stage,
        reason=reason,
        filled_shares=sum(fill.quantity_shares if fill.side == "buy" else -fill.quantity_shares for fill in fills),
        average_fill_usd=value / shares if shares else None,
        fee_usd=sum((fill.fee_usd for fill in fills), Decimal(0)),
        not_filled_reason=_not_filled(row, orders),
    )


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
