"""A real venue behind a bad wire: answers get lost, orders are cut, cancels are slow; submissions are kept."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from execution.domain.broker_capabilities import BrokerCapabilities
from execution.domain.orders import (
    AccountSnapshot,
    BrokerFill,
    OrderRequest,
    OrderState,
    Refused,
    SubmitOutcome,
    Unknown,
)
from execution.ports import Broker

Fault = Literal["refuse", "lose_request", "lose_answer", "take_less"]


class ScriptedBroker:
    """Passes every call on, but for submissions a test scripts by symbol and leg."""

    def __init__(self, venue: Broker) -> None:
        self._venue = venue
        self.faults: dict[tuple[str, str], Fault] = {}
        self.ignores_cancel: Callable[[str], bool] = lambda _: False
        self.hides_fills = False
        self.hides_fills_of = ""
        self.hides_orders_of = ""
        self.adds_fills: tuple[BrokerFill, ...] = ()
        self.never_ends = False
        self.cash_apart_usd = Decimal(0)
        self.block = ""
        self.positions_apart: dict[str, int] = {}
        self.promises: BrokerCapabilities | None = None
        self.answers_with: SubmitOutcome | None = None
        self.submitted: list[OrderRequest] = []
        self.before_submit: Callable[[OrderRequest], None] = lambda _: None
        self.after_submit: Callable[[OrderRequest], object] = lambda _: None

    @property
    def capabilities(self) -> BrokerCapabilities:
        return self.promises or self._venue.capabilities

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        self.before_submit(order)
        self.submitted.append(order)
        if self.block:
            return Refused(f"not sent: {self.block}")
        fault = self.faults.get((order.symbol, order.leg))
        if fault == "refuse":
            return Refused("the script refuses")
        if fault == "lose_request":
            return Unknown("timed out")
        if fault == "take_less":
            order = replace(order, quantity_shares=order.quantity_shares - 5)
        outcome = self._venue.submit(order)
        self.after_submit(order)
        return Unknown("timed out") if fault == "lose_answer" else self.answers_with or outcome

    def cancel(self, client_order_id: str) -> None:
        if not self.ignores_cancel(client_order_id):
            self._venue.cancel(client_order_id)

    def order(self, client_order_id: str) -> OrderState | None:
        state = self._venue.order(client_order_id)
        if state is not None and state.symbol == self.hides_orders_of:
            return None
        return replace(state, status="open") if state is not None and self.never_ends else state

    def fills(self, *, since: datetime) -> tuple[BrokerFill, ...]:
        told = () if self.hides_fills else self._venue.fills(since=since)
        return tuple(fill for fill in (*told, *self.adds_fills) if fill.symbol != self.hides_fills_of)

    def account(self) -> AccountSnapshot:
        account = self._venue.account()
        symbols = sorted(account.positions_shares.keys() | self.positions_apart.keys())
        shares = {s: account.positions_shares.get(s, 0) + self.positions_apart.get(s, 0) for s in symbols}
        held = {symbol: count for symbol, count in shares.items() if count}
        cash = account.cash_usd + self.cash_apart_usd
        return replace(account, cash_usd=cash, positions_shares=held, block=self.block)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)
