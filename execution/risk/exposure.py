"""What the account already carries: positions, working orders, and the orders a review has let through so far.

An order counts from the moment it is approved, at its worst price, whether it will fill or not. A sale frees nothing
until it has filled: neither cash nor a place among the names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from execution.domain.orders import OrderState, ProposedOrder, Side
from execution.risk.trading_context import TradingContext

_ZERO = Decimal(0)


def worst_price_usd(order: ProposedOrder) -> Decimal:
    """Return the price an order is counted at: its limit, or its reference price where it has none."""
    return order.reference_price_usd if order.limit_usd is None else order.limit_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Running totals of the account, in dollars at the closes, orders at their worst price.

    Attributes:
        cash_usd: cash less what working and approved buys may cost.
        positions_usd: symbol to value, absolute, buys included.
        sectors_usd: sector to value; None collects symbols whose sector is unknown.
        unpriced: symbols held or ordered without a known price; while there is one, no total is known.
        entries: entry orders sent or approved for this session.
        basket_usd: value of every entry that was proposed together.
        sides: symbol and side of every working or approved order.
        exits_shares: shares that working or approved exits may still sell; stops are left out, an exit replaces them.
    """

    cash_usd: Decimal
    positions_usd: Mapping[str, Decimal]
    sectors_usd: Mapping[str | None, Decimal]
    unpriced: tuple[str, ...]
    entries: int
    basket_usd: Decimal
    sides: frozenset[tuple[str, Side]]
    exits_shares: Mapping[str, int]

    @staticmethod
    def of(context: TradingContext, orders: Sequence[ProposedOrder]) -> "Exposure":
        """Return the account's exposure before the first order of a review."""
        entries = [order for order in orders if order.leg == "entry"]
        exposure = Exposure(
            cash_usd=context.cash_usd,
            positions_usd={},
            sectors_usd={},
            unpriced=(),
            entries=context.entries_today,
            basket_usd=sum((order.quantity_shares * worst_price_usd(order) for order in entries), _ZERO),
            sides=frozenset((order.symbol, order.side) for order in context.open_orders),
            exits_shares={},
        )
        for symbol, shares in sorted(context.positions_shares.items()):
            if shares:
                exposure = _with_value(exposure, context, symbol, abs(shares), context.closes_usd.get(symbol))
        for order in context.open_orders:
            exposure = _with_working(exposure, context, order)
        return exposure

    @property
    def gross_usd(self) -> Decimal:
        """Value of all positions and buys together."""
        return sum(self.positions_usd.values(), _ZERO)

    def sector_usd(self, sector: str) -> Decimal:
        """Return the value in a sector; what has no known sector counts against every one."""
        return self.sectors_usd.get(sector, _ZERO) + self.sectors_usd.get(None, _ZERO)

    def with_approved(self, context: TradingContext, order: ProposedOrder, quantity_shares: int) -> "Exposure":
        """Return the exposure after an order was let through."""
        after = replace(self, sides=self.sides | {(order.symbol, order.side)})
        if order.side == "sell":
            return _with_exit(after, order.symbol, quantity_shares)
        price = worst_price_usd(order)
        after = _with_value(after, context, order.symbol, quantity_shares, price)
        return replace(after, cash_usd=after.cash_usd - quantity_shares * price, entries=after.entries + 1)


def _with_working(exposure: Exposure, context: TradingContext, order: OrderState) -> Exposure:
    remaining = order.quantity_shares - order.filled_shares
    if order.side == "sell":
        return exposure if order.order_type == "stop" else _with_exit(exposure, order.symbol, remaining)
    price = context.closes_usd.get(order.symbol) if order.limit_usd is None else order.limit_usd
    after = _with_value(exposure, context, order.symbol, remaining, price)
    return after if price is None else replace(after, cash_usd=after.cash_usd - remaining * price)


def _with_exit(exposure: Exposure, symbol: str, shares: int) -> Exposure:
    exits = {**exposure.exits_shares, symbol: exposure.exits_shares.get(symbol, 0) + shares}
    return replace(exposure, exits_shares=exits)


def _with_value(
    exposure: Exposure, context: TradingContext, symbol: str, shares: int, price_usd: Decimal | None
) -> Exposure:
    if price_usd is None:
        return replace(exposure, unpriced=(*exposure.unpriced, symbol))
    value = shares * price_usd
    signal = context.signals.get(symbol)
    sector = None if signal is None else signal.sector
    return replace(
        exposure,
        positions_usd={**exposure.positions_usd, symbol: exposure.positions_usd.get(symbol, _ZERO) + value},
        sectors_usd={**exposure.sectors_usd, sector: exposure.sectors_usd.get(sector, _ZERO) + value},
    )
