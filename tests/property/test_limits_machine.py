"""Any series of proposals, fills, cancels, foreign sales and state changes: what went through never breaks a limit."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from execution.domain.orders import OrderState, ProposedOrder
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import Blocked, review
from tests.builders.sizing import a_context, a_working, an_entry, an_exit, plain

SYMBOLS: Final = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
SECTORS: Final = ("Energy", "Energy", "Utilities", "Utilities", "Materials", "Materials")
PRICE: Final = Decimal("50.00")
CASH: Final = Decimal(100_000)
LIMITS: Final = RiskLimits(
    names_max=4,
    entries_per_day_max=6,
    gross_max_weight=Decimal("0.28"),
    sector_max_weight=Decimal("0.15"),
    concentration_max_weight=Decimal(1),
    fee_allowance_bps=Decimal(0),
)


class Limits(RuleBasedStateMachine):
    """An account at constant prices, so that its equity is its opening cash and every cap is one number."""

    def __init__(self) -> None:
        super().__init__()
        self.cash = CASH
        self.positions: dict[str, int] = {}
        self.working: list[OrderState] = []
        self.entries = 0
        self.state: Any = "active"
        self.limits = LIMITS

    @initialize(reserve=st.sampled_from(["0.02", "0.78"]))
    def keep_a_reserve(self, reserve: str) -> None:
        # With the larger one, cash ends before the other caps do.
        self.limits = LIMITS.model_copy(update={"cash_min_weight": Decimal(reserve)})

    def propose(self, orders: list[ProposedOrder]) -> None:
        signals = [plain(s, sector=sector) for s, sector in zip(SYMBOLS, SECTORS, strict=True)]
        context = a_context(
            *signals,
            trading_state=self.state,
            cash_usd=self.cash,
            positions_shares=dict(self.positions),
            open_orders=tuple(self.working),
            entries_today=self.entries,
        )
        for verdict in review(orders=orders, context=context, limits=self.limits):
            if isinstance(verdict, Blocked):
                continue
            assert self.state == "active" or verdict.order.leg == "exit"
            assert verdict.order.leg == "exit" or not self.carried_usd(verdict.order.symbol)
            number = len(self.working)
            sent = a_working(verdict.order.side, verdict.order.symbol, quantity_shares=verdict.quantity_shares)
            self.working.append(replace(sent, client_order_id=f"o{number}", limit_usd=PRICE))
            self.entries += verdict.order.leg == "entry"

    @rule(symbol=st.sampled_from(SYMBOLS), shares=st.integers(1, 290))
    def propose_an_entry(self, symbol: str, shares: int) -> None:
        self.propose([an_entry(shares, symbol)])

    @rule(
        symbols=st.lists(st.sampled_from(SYMBOLS), min_size=3, max_size=6, unique=True),
        shares=st.sampled_from([40, 120, 200]),
    )
    def propose_a_basket(self, symbols: list[str], shares: int) -> None:
        self.propose([an_entry(shares, symbol) for symbol in symbols])

    @rule(symbol=st.sampled_from(SYMBOLS), shares=st.integers(1, 400))
    def propose_an_exit(self, symbol: str, shares: int) -> None:
        self.propose([an_exit(shares, symbol)])

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def fill(self, data: st.DataObject) -> None:
        order = self.working.pop(data.draw(st.integers(0, len(self.working) - 1)))
        left = order.quantity_shares - order.filled_shares
        filled = data.draw(st.integers(1, left))
        signed = filled if order.side == "buy" else -filled
        self.positions[order.symbol] = self.positions.get(order.symbol, 0) + signed
        self.cash -= signed * PRICE
        if filled < left:
            self.working.append(replace(order, filled_shares=order.filled_shares + filled))

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.working.pop(data.draw(st.integers(0, len(self.working) - 1)))

    @rule(symbol=st.sampled_from(SYMBOLS), shares=st.integers(1, 20))
    def somebody_else_sells_what_is_held(self, symbol: str, shares: int) -> None:
        sold = min(shares, self.sellable(symbol))
        self.positions[symbol] = self.positions.get(symbol, 0) - sold
        self.cash += sold * PRICE

    @rule(state=st.sampled_from(["active", "active", "reducing", "halted"]))
    def change_the_state(self, state: str) -> None:
        self.state = state

    @rule()
    def begin_a_day(self) -> None:
        self.entries = 0

    def sellable(self, symbol: str) -> int:
        return self.positions.get(symbol, 0) - self.open_shares(symbol, "sell")

    def open_shares(self, symbol: str, side: str) -> int:
        orders = [order for order in self.working if order.symbol == symbol and order.side == side]
        return sum(order.quantity_shares - order.filled_shares for order in orders)

    def carried_usd(self, symbol: str) -> Decimal:
        return (self.positions.get(symbol, 0) + self.open_shares(symbol, "buy")) * PRICE

    @invariant()
    def the_account_owes_nothing_and_keeps_its_reserve(self) -> None:
        in_buys = sum((self.open_shares(symbol, "buy") * PRICE for symbol in SYMBOLS), Decimal(0))
        assert self.cash - in_buys >= self.limits.cash_min_weight * CASH

    @invariant()
    def positions_sectors_and_the_whole_stay_under_their_caps(self) -> None:
        carried = {symbol: self.carried_usd(symbol) for symbol in SYMBOLS}
        assert max(carried.values()) <= LIMITS.position_max_weight * CASH
        assert sum(carried.values()) <= LIMITS.gross_max_weight * CASH
        for sector in set(SECTORS):
            within = [carried[s] for s, of in zip(SYMBOLS, SECTORS, strict=True) if of == sector]
            assert sum(within) <= LIMITS.sector_max_weight * CASH

    @invariant()
    def names_and_entries_are_counted(self) -> None:
        assert sum(self.carried_usd(symbol) > 0 for symbol in SYMBOLS) <= LIMITS.names_max
        assert self.entries <= LIMITS.entries_per_day_max

    @invariant()
    def no_symbol_has_orders_on_both_sides(self) -> None:
        sides = {(order.symbol, order.side) for order in self.working}
        assert not any((symbol, "buy") in sides and (symbol, "sell") in sides for symbol in SYMBOLS)

    @invariant()
    def nothing_is_sold_that_is_not_held(self) -> None:
        assert all(self.sellable(symbol) >= 0 for symbol in SYMBOLS)


TestLimits = Limits.TestCase
# Two thousand steps.
TestLimits.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
