"""What trading cost, order by order: slippage against two prices, fees, and how much of what was wanted was filled.

A positive slippage is a cost: bought above the benchmark or sold below it. Against the decision's close it contains the
overnight move that nobody can avoid; against the open it is what the execution itself lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from execution.domain.orders import Side

_BPS: Final = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCost:
    """One order's execution.

    Attributes:
        client_order_id: the order's derived id.
        symbol: exchange symbol.
        side: buy or sell.
        leg: entry, exit, stop or a numbered leg.
        ordered_shares: shares asked for.
        filled_shares: shares executed.
        average_fill_usd: mean price per share weighted by shares; None when nothing was filled.
        decision_close_usd: raw close of the decision session, in shares of the traded one; None when unknown.
        open_usd: raw open of the session traded in; None when unknown.
        slippage_to_close_bps: cost against the decision's close; None when either price is unknown.
        slippage_to_open_bps: cost against the open; None when either price is unknown.
        fee_usd: fees of all its fills.
        status: how the ledger left the order: filled, cancelled, open, refused.
        stop_usd: trigger of a stop order; else None.
    """

    client_order_id: str
    symbol: str
    side: Side
    leg: str
    ordered_shares: int
    filled_shares: int
    average_fill_usd: Decimal | None
    decision_close_usd: Decimal | None
    open_usd: Decimal | None
    slippage_to_close_bps: Decimal | None
    slippage_to_open_bps: Decimal | None
    fee_usd: Decimal
    status: str
    stop_usd: Decimal | None

    @property
    def is_resting_stop(self) -> bool:
        """Whether it only protects a position: a stop of which nothing was filled."""
        return self.stop_usd is not None and self.filled_shares == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTotals:
    """A day's costs over all orders that were sent.

    Attributes:
        ordered_shares: shares asked for; an entry that tries several limits, one order each, asks once.
        filled_shares: shares executed.
        traded_usd: shares times fill price, buys and sells added.
        fee_usd: fees.
        slippage_to_close_usd: dollars lost against the decision's close, fills with a known close only.
        slippage_to_open_usd: dollars lost against the open, fills with a known open only; None when none is known.
        slippage_to_close_bps: the same, in basis points of what was traded with a known close; None without any.
        slippage_to_open_bps: the same, in basis points of what was traded with a known open; None without any.
    """

    ordered_shares: int
    filled_shares: int
    traded_usd: Decimal
    fee_usd: Decimal
    slippage_to_close_usd: Decimal
    slippage_to_open_usd: Decimal | None
    slippage_to_close_bps: Decimal | None
    slippage_to_open_bps: Decimal | None

    @property
    def fill_rate(self) -> float | None:
        """Shares filled over shares ordered, in [0, 1]; None when nothing was ordered."""
        return self.filled_shares / self.ordered_shares if self.ordered_shares else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill, as costs need it: whole shares, raw dollars per share."""

    client_order_id: str
    quantity_shares: int
    price_usd: Decimal
    fee_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOrder:
    """One order, as costs need it."""

    client_order_id: str
    symbol: str
    side: Side
    leg: str
    quantity_shares: int
    status: str
    stop_usd: Decimal | None


def slippage_bps(*, side: Side, fill_usd: Decimal, benchmark_usd: Decimal) -> Decimal:
    """Return what a fill cost against a benchmark price, in basis points of the benchmark; positive is a loss.

    Raises:
        ValueError: the benchmark is not positive.
    """
    if benchmark_usd <= 0:
        raise ValueError(f"benchmark price {benchmark_usd} USD: expected a positive price")
    difference = fill_usd - benchmark_usd if side == "buy" else benchmark_usd - fill_usd
    return difference / benchmark_usd * _BPS


def order_costs(
    *,
    orders: Sequence[SentOrder],
    fills: Sequence[Execution],
    decision_closes_usd: Mapping[str, Decimal],
    opens_usd: Mapping[str, Decimal],
) -> tuple[OrderCost, ...]:
    """Return the cost of each order, in the order given; an order without fills appears with none.

    Args:
        orders: what was sent.
        fills: executions of any of these orders; those of other orders are ignored.
        decision_closes_usd: raw close of the decision session per symbol.
        opens_usd: raw open of the traded session per symbol; a missing symbol means unknown.
    """
    by_order: dict[str, list[Execution]] = {}
    for fill in fills:
        by_order.setdefault(fill.client_order_id, []).append(fill)
    return tuple(
        _order_cost(
            order,
            by_order.get(order.client_order_id, []),
            decision_closes_usd.get(order.symbol),
            opens_usd.get(order.symbol),
        )
        for order in orders
    )


def _order_cost(order: SentOrder, fills: list[Execution], close: Decimal | None, opened: Decimal | None) -> OrderCost:
    filled = sum(fill.quantity_shares for fill in fills)
    average = sum((fill.price_usd * fill.quantity_shares for fill in fills), Decimal(0)) / filled if filled else None

    def against(benchmark: Decimal | None) -> Decimal | None:
        if average is None or benchmark is None:
            return None
        return slippage_bps(side=order.side, fill_usd=average, benchmark_usd=benchmark)

    return OrderCost(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        leg=order.leg,
        ordered_shares=order.quantity_shares,
        filled_shares=filled,
        average_fill_usd=average,
        decision_close_usd=close,
        open_usd=opened,
        slippage_to_close_bps=against(close),
        slippage_to_open_bps=against(opened),
        fee_usd=sum((fill.fee_usd for fill in fills), Decimal(0)),
        status=order.status,
        stop_usd=order.stop_usd,
    )


def cost_totals(costs: Sequence[OrderCost]) -> CostTotals:
    """Return the day's costs over its orders; slippage is weighted by the benchmark value of what was filled."""
    close_lost, close_base = _lost_against(costs, "close")
    open_lost, open_base = _lost_against(costs, "open")
    return CostTotals(
        ordered_shares=_wanted_shares(costs),
        filled_shares=sum(cost.filled_shares for cost in costs),
        traded_usd=sum(((cost.average_fill_usd or Decimal(0)) * cost.filled_shares for cost in costs), Decimal(0)),
        fee_usd=sum((cost.fee_usd for cost in costs), Decimal(0)),
        slippage_to_close_usd=close_lost,
        slippage_to_open_usd=open_lost if open_base else None,
        slippage_to_close_bps=close_lost / close_base * _BPS if close_base else None,
        slippage_to_open_bps=open_lost / open_base * _BPS if open_base else None,
    )


def _wanted_shares(costs: Sequence[OrderCost]) -> int:
    # The orders of a ladder are each recorded for the whole entry: `entry`, `entry_2` and so on.
    entries: dict[str, int] = {}
    others = 0
    for cost in costs:
        if cost.leg.partition("_")[0] == "entry":
            entries[cost.symbol] = max(entries.get(cost.symbol, 0), cost.ordered_shares)
        else:
            others += cost.ordered_shares
    return sum(entries.values()) + others


def _lost_against(costs: Sequence[OrderCost], benchmark: str) -> tuple[Decimal, Decimal]:
    """Return dollars lost against a benchmark, and what the filled shares were worth at it."""
    lost, base = Decimal(0), Decimal(0)
    for cost in costs:
        price = cost.decision_close_usd if benchmark == "close" else cost.open_usd
        if price is None or cost.average_fill_usd is None:
            continue
        difference = cost.average_fill_usd - price if cost.side == "buy" else price - cost.average_fill_usd
        lost += difference * cost.filled_shares
        base += price * cost.filled_shares
    return lost, base
