"""What the account already carries: positions, working orders, and the orders a review has let through so far.

An order counts from the moment it is approved, at its worst price, whether it will fill or not. A sale frees nothing
until it has filled: neither cash nor a place among the names. Totals run along, so that a review of many orders costs
the same for the last as for the first.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from heapq import nlargest
from typing import Final

from execution.domain.orders import STOP_TYPES, OrderState, ProposedOrder, Side
from execution.domain.quantities import Shares
from execution.risk.co_movement import RETURN_SESSIONS, Companions, Movement
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingContext

LARGEST: Final = 5
"""Positions whose value together tells how concentrated a book is."""
_ZERO: Final = Decimal(0)
_BPS: Final = Decimal(10_000)


def worst_price_usd(order: ProposedOrder) -> Decimal:
    """Return the price an order is counted at: its limit, or its reference price where it has none."""
    return order.reference_price_usd if order.limit_usd is None else order.limit_usd


def cost_usd(quantity_shares: Shares, price_usd: Decimal, limits: RiskLimits) -> Decimal:
    """Return the cash a buy may take: its value and the allowance for its fees."""
    return quantity_shares * price_usd * (1 + limits.fee_allowance_bps / _BPS)


class Exposure:
    """Running totals of the account during one review, in dollars at the closes, orders at their worst price.

    Attributes:
        cash_usd: cash less what working and approved buys may cost, fees included.
        positions_usd: symbol to value, absolute, buys included.
        gross_usd: the sum of those.
        net_usd: long less short.
        sectors_usd: sector to value; None collects symbols whose sector is unknown.
        unpriced: symbols held or ordered without a known price; while there is one, no total is known.
        unmoved: symbols held or ordered whose 60 one-session returns are not known.
        entries: entry orders sent or approved for this session.
        messages: orders of the review let through so far, entries and exits.
        basket_usd: value of every entry that was proposed together.
        sides: symbol and side of every working or approved order.
        exits_shares: shares that working or approved exits may still sell; stops are left out, an exit replaces them.
        results_usd: what everything carried would have earned in each of the last 60 sessions, oldest first.
    """

    def __init__(self, context: TradingContext, limits: RiskLimits, orders: Sequence[ProposedOrder]) -> None:
        self._context, self._limits = context, limits
        self._movements: dict[str, Movement | None] = {}
        self._companions = Companions()
        self.cash_usd = context.cash_usd
        self.positions_usd: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.gross_usd = self.net_usd = _ZERO
        self.sectors_usd: defaultdict[str | None, Decimal] = defaultdict(Decimal)
        self.unpriced: list[str] = []
        self.unmoved: set[str] = set()
        self.entries, self.messages = context.entries_today, 0
        entries = [order for order in orders if order.leg == "entry"]
        self.basket_usd = sum((order.quantity_shares * worst_price_usd(order) for order in entries), _ZERO)
        self.sides: set[tuple[str, Side]] = {(order.symbol, order.side) for order in context.open_orders}
        self.exits_shares: defaultdict[str, Shares] = defaultdict(int)
        self.results_usd = [0.0] * RETURN_SESSIONS
        for symbol, shares in sorted(context.positions_shares.items()):
            if shares:
                self._carry(symbol, shares, context.closes_usd.get(symbol))
        for working in context.open_orders:
            self._carry_working(working)

    @property
    def names(self) -> int:
        """Symbols held or ordered."""
        return len(self.positions_usd) + len({symbol for symbol in self.unpriced if symbol not in self.positions_usd})

    def has(self, symbol: str) -> bool:
        """Return whether a symbol is held or ordered."""
        return symbol in self.positions_usd or symbol in self.unpriced

    def sector_usd(self, sector: str) -> Decimal:
        """Return the value in a sector; what has no known sector counts against every one."""
        return self.sectors_usd.get(sector, _ZERO) + self.sectors_usd.get(None, _ZERO)

    def largest_others_usd(self, symbol: str) -> Decimal:
        """Return the value of the four largest positions beside a symbol's own."""
        others = (usd for held, usd in self.positions_usd.items() if held != symbol)
        return sum(nlargest(LARGEST - 1, others), _ZERO)

    def movement(self, symbol: str) -> Movement | None:
        """Return how a symbol moved; None when the batch does not say it for 60 sessions."""
        if symbol not in self._movements:
            signal = self._context.signals.get(symbol)
            self._movements[symbol] = None if signal is None else Movement.of(signal.returns_60d)
        return self._movements[symbol]

    def correlated_with(self, symbol: str, movement: Movement) -> list[str]:
        """Return the other symbols carried that move with one; what nobody knows the returns of moves with all."""
        threshold = float(self._limits.correlation_threshold)
        moving = self._companions.moving_with(movement, threshold=threshold)
        return sorted(held for held in [*self.unmoved, *moving] if held != symbol)

    def approve(self, order: ProposedOrder, quantity_shares: Shares) -> None:
        """Count an order that was let through."""
        self.sides.add((order.symbol, order.side))
        self.messages += 1
        if order.side == "sell":
            self.exits_shares[order.symbol] += quantity_shares
            return
        price = worst_price_usd(order)
        self._carry(order.symbol, quantity_shares, price)
        self.cash_usd -= cost_usd(quantity_shares, price, self._limits)
        self.entries += 1

    def _carry_working(self, order: OrderState) -> None:
        remaining = order.quantity_shares - order.filled_shares
        if order.side == "sell":
            if order.order_type not in STOP_TYPES:
                self.exits_shares[order.symbol] += remaining
            return
        price = self._context.closes_usd.get(order.symbol) if order.limit_usd is None else order.limit_usd
        self._carry(order.symbol, remaining, price)
        if price is not None:
            self.cash_usd -= cost_usd(remaining, price, self._limits)

    def _carry(self, symbol: str, shares: Shares, price_usd: Decimal | None) -> None:
        movement = self.movement(symbol)
        if movement is None:
            self.unmoved.add(symbol)
        else:
            self._companions.add(symbol, movement)
        if price_usd is None:
            self.unpriced.append(symbol)
            return
        signed = shares * price_usd
        value = abs(signed)
        signal = self._context.signals.get(symbol)
        self.positions_usd[symbol] += value
        self.gross_usd += value
        self.net_usd += signed
        self.sectors_usd[None if signal is None else signal.sector] += value
        if movement is not None:
            amount = float(signed)
            self.results_usd = [
                result + amount * change for result, change in zip(self.results_usd, movement.returns, strict=True)
            ]
