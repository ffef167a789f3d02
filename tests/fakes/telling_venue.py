"""A venue of which every answer is written down by a test."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from execution.domain.broker_capabilities import BrokerCapabilities
from execution.domain.orders import (
    Accepted,
    AccountSnapshot,
    BrokerFill,
    CorporateActionEntry,
    OrderRequest,
    OrderState,
    SubmitOutcome,
)
from execution.domain.positions import cash_flow_usd
from tests.builders.orders import an_order

CASH: Final = Decimal(100_000)


def at_venue(order: OrderRequest | None = None, **changes: Any) -> OrderState:
    order = order or an_order()
    fields: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "broker_order_id": "v-1",
        "symbol": order.symbol,
        "side": order.side,
        "quantity_shares": order.quantity_shares,
        "filled_shares": 0,
        "status": "open",
        "order_type": order.order_type,
        "limit_usd": order.limit_usd,
        "stop_usd": order.stop_usd,
    }
    return OrderState(**{**fields, **changes})


class TellingVenue:
    """Takes every order and fills none, and tells what a test lays down.

    Its account is what its fills and actions come to, unless a test says otherwise.
    """

    capabilities = BrokerCapabilities(
        id_uniqueness="forever",
        lookup_by_client_id=True,
        answer_seconds=10.0,
        visibility_lag_seconds=20.0,
        order_types=frozenset({"limit", "market", "stop"}),
        times_in_force=frozenset({"day", "gtc"}),
        has_extended_hours=False,
    )

    def __init__(self) -> None:
        self.orders: dict[str, OrderState] = {}
        self.strangers: tuple[OrderState, ...] = ()
        self.executions: list[BrokerFill] = []
        self.actions: list[CorporateActionEntry] = []
        self.cash_apart_usd = Decimal(0)
        self.shares_apart: dict[str, int] = {}
        self.asked: list[tuple[str, Any]] = []
        self.submitted: list[OrderRequest] = []
        self.cancelled: list[str] = []
        self.ignores_cancels = False
        self.while_asked: Callable[[str], object] = lambda _: None

    def order(self, client_order_id: str) -> OrderState | None:
        self._told("order", client_order_id)
        return self.orders.get(client_order_id)

    def fills(self, *, since: datetime) -> tuple[BrokerFill, ...]:
        self._told("fills", since)
        return tuple(self.executions)

    def corporate_actions(self, *, since: datetime) -> tuple[CorporateActionEntry, ...]:
        self._told("actions", since)
        return tuple(self.actions)

    def account(self) -> AccountSnapshot:
        self._told("account", None)
        shares: dict[str, Any] = dict(self.shares_apart)
        for fill in self.executions:
            signed = fill.quantity_shares if fill.side == "buy" else -fill.quantity_shares
            shares[fill.symbol] = shares.get(fill.symbol, 0) + signed
        cash = CASH + self.cash_apart_usd + sum((cash_flow_usd(fill) for fill in self.executions), Decimal(0))
        cash += sum((entry.cash_usd for entry in self.actions), Decimal(0))
        return AccountSnapshot(
            cash_usd=cash, positions_shares={symbol: held for symbol, held in shares.items() if held}
        )

    def open_orders(self) -> tuple[OrderState, ...]:
        self._told("open orders", None)
        return (*(state for state in self.orders.values() if state.status == "open"), *self.strangers)

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        self.submitted.append(order)
        self.orders[order.client_order_id] = at_venue(order, broker_order_id=f"v-{len(self.submitted)}")
        return Accepted(f"v-{len(self.submitted)}")

    def cancel(self, client_order_id: str) -> None:
        self.cancelled.append(client_order_id)
        if not self.ignores_cancels:
            self.orders[client_order_id] = replace(self.orders[client_order_id], status="cancelled")

    def _told(self, what: str, of: Any) -> None:
        self.asked.append((what, of))
        self.while_asked(what)
