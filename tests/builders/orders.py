"""Orders and fills of one small account."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from execution.domain.events import (
    AccountAdjusted,
    AccountOpened,
    GateJudged,
    OrderAccepted,
    OrderIntended,
    PlanRecorded,
    SubmissionStarted,
)
from execution.domain.orders import BrokerFill, CorporateActionEntry, OrderRequest, client_order_id
from execution.domain.provenance import CheckOutcome
from tests.builders.batches import SESSION

AT = datetime(2024, 3, 6, 14, 31, tzinfo=UTC)
CYCLE = "paper:momentum:2024-03-05"


def an_order_id(symbol: str = "AAA", side: Any = "buy", leg: str = "entry", cycle_id: str = CYCLE) -> str:
    return client_order_id(
        account="paper", epoch=0, cycle_id=cycle_id, strategy="momentum", symbol=symbol, side=side, leg=leg
    )


def an_order(symbol: str = "AAA", **changes: Any) -> OrderRequest:
    side, leg = changes.get("side", "buy"), changes.get("leg", "entry")
    fields: dict[str, Any] = {
        "client_order_id": an_order_id(symbol, side, leg),
        "symbol": symbol,
        "side": side,
        "leg": leg,
        "quantity_shares": 10,
        "order_type": "limit",
        "time_in_force": "day",
        "limit_usd": Decimal("51.00"),
    }
    return OrderRequest(**{**fields, **changes})


def a_fill(execution_id: str = "x1", symbol: str = "AAA", **changes: Any) -> BrokerFill:
    fields: dict[str, Any] = {
        "execution_id": execution_id,
        "client_order_id": an_order_id(symbol, changes.get("side", "buy")),
        "symbol": symbol,
        "side": "buy",
        "quantity_shares": 10,
        "price_usd": Decimal("50.10"),
        "fee_usd": Decimal("0.35"),
        "filled_at": AT,
    }
    return BrokerFill(**{**fields, **changes})


def an_action(entry_id: str = "c1", symbol: str = "AAA", **changes: Any) -> CorporateActionEntry:
    fields: dict[str, Any] = {
        "entry_id": entry_id,
        "kind": "dividend",
        "symbol": symbol,
        "session": SESSION,
        "quantity_delta_shares": 0,
        "cash_usd": Decimal("1.20"),
        "ratio": None,
        "booked_at": AT,
    }
    return CorporateActionEntry(**{**fields, **changes})


def account_opened() -> AccountOpened:
    return AccountOpened(at=AT, account="paper", cash_usd=Decimal(100_000))


def an_adjustment(symbol: str | None = None, **changes: Any) -> AccountAdjusted:
    """Return what a person booked: nothing moved but what the test says."""
    fields: dict[str, Any] = {
        "at": AT,
        "symbol": symbol,
        "shares_delta": 0,
        "cash_usd": Decimal(0),
        "cost_usd": Decimal(0),
        "actor": "ann",
        "reason": "in the statement",
    }
    return AccountAdjusted(**{**fields, **changes})


def plan_recorded(**changes: Any) -> PlanRecorded:
    fields: dict[str, Any] = {
        "at": AT,
        "cycle_id": CYCLE,
        "session": SESSION,
        "plan_hash": "p" * 64,
        "batch_hash": "b" * 64,
        "limits_hash": "l" * 64,
        "decision_source": "model",
    }
    return PlanRecorded(**{**fields, **changes})


def a_check(name: str = "bars_present", **changes: Any) -> CheckOutcome:
    fields: dict[str, Any] = {
        "name": name,
        "subject": "raw/daily_bars",
        "passed": True,
        "value": "100 %",
        "threshold": "at least 98 %",
    }
    return CheckOutcome(**{**fields, **changes})


def gate_judged(**changes: Any) -> GateJudged:
    fields: dict[str, Any] = {
        "at": AT,
        "cycle_id": CYCLE,
        "session": SESSION,
        "certificate_hash": "g" * 64,
        "stage": "features",
        "checks": (a_check(),),
    }
    return GateJudged(**{**fields, **changes})


def intended(order: OrderRequest, **changes: Any) -> OrderIntended:
    fields: dict[str, Any] = {"at": AT, "cycle_id": CYCLE, "leg": order.leg, "order": order, "reason": "the test wants"}
    return OrderIntended(**{**fields, **changes})


def sent(order: OrderRequest) -> SubmissionStarted:
    return SubmissionStarted(at=AT, client_order_id=order.client_order_id, quantity_shares=order.quantity_shares)


def accepted(order: OrderRequest) -> OrderAccepted:
    return OrderAccepted(at=AT, client_order_id=order.client_order_id, broker_order_id="v-1")
