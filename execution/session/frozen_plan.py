"""What a plan is once decided: its orders under derived ids, its content under one hash, its row in the ledger."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from execution.domain.canonical import canonical_bytes
from execution.domain.events import GateJudged, OrderIntended, PlanHeld, PlanRecorded
from execution.domain.orders import OrderRequest, ProposedOrder
from execution.domain.quantities import stated_shares
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.trading_context import TradingContext
from execution.session.approval import PLANS_FOLDER, frozen_orders
from execution.session.basis import Basis
from execution.session.bracket import exits_with
from execution.session.decide import Decisions, SymbolDecision
from execution.session.desk import Desk
from execution.session.ladder import rungs_of

_NEWER: Final = frozenset(
    {"share_decimals", "take_profit_multiple", "spread", "capital_ramp", "entry_rungs", "entry_rung_seconds"}
)


def intended_orders(desk: Desk, decisions: Decisions, session: date) -> tuple[OrderIntended, ...]:
    """Return the orders of a plan under their derived ids, in the order they were decided.

    An entry that tries several limits is an order for each of them (`ladder.py`).
    """
    return tuple(intent for decision in decisions.orders for intent in _rungs(desk, decision, session))


def frozen(desk: Desk, context: TradingContext, basis: Basis, orders: tuple[OrderIntended, ...]) -> str:
    """Store everything the plan rests on and orders, and return its hash; no instant and no path is in it.

    What the venue showed is in it too: a later replay has no venue to ask (`execution.replay`).
    """
    session = context.session
    content = {
        "cycle_id": desk.cycle_id(session),
        "session": session,
        "batch_hash": basis.batch_hash,
        "hold_reason": basis.hold_reason,
        "limits_hash": desk.limits_hash,
        "sizing": _told(desk.sized_by),
        "exits": [rule.model_dump() for rule in desk.exits],
        "expires_at": desk.submit_until(session),
        "settings_hash": desk.settings_hash,
        "code_hash": desk.code_hash,
        "cash_usd": context.cash_usd,
        "positions_shares": {symbol: stated_shares(held) for symbol, held in context.positions_shares.items()},
        "closes_usd": {symbol: context.closes_usd[symbol] for symbol in context.positions_shares},
        "open_orders": context.open_orders,
        "orders": frozen_orders(orders),
    }
    return desk.artifacts.write(PLANS_FOLDER, canonical_bytes(content), suffix=".json")


def plan_event(
    desk: Desk, basis: Basis, *, session: date, plan_hash: str, equity_usd: Decimal
) -> PlanRecorded | PlanHeld:
    """Return what the ledger is told of a frozen plan: that it holds, or which batch it trades and on what equity."""
    identity: dict[str, Any] = {
        "at": desk.clock.now(),
        "cycle_id": desk.cycle_id(session),
        "session": session,
        "plan_hash": plan_hash,
        "limits_hash": desk.limits_hash,
    }
    if basis.batch is None or basis.batch_hash is None:
        return PlanHeld(**identity, batch_hash=basis.batch_hash, reason=basis.hold_reason)
    return PlanRecorded(
        **identity,
        batch_hash=basis.batch_hash,
        decision_source=basis.batch.decision_source,
        equity_usd=equity_usd,
    )


def gate_event(basis: Basis, planned: PlanRecorded | PlanHeld) -> tuple[GateJudged, ...]:
    """Return what the ledger is told of the certificate behind a plan, check by check; nothing where there was none."""
    certificate = basis.certificate
    if certificate is None:
        return ()
    return (
        GateJudged(
            at=planned.at,
            cycle_id=planned.cycle_id,
            session=certificate.session,
            certificate_hash=certificate.hash,
            stage=certificate.stage,
            checks=certificate.checks,
        ),
    )


@lru_cache(maxsize=16)
def _told(sizing: SizingPolicy) -> Mapping[str, Any]:
    # Plans are older than these choices: one that leaves them alone keeps its bytes.
    fields = type(sizing).model_fields
    told = sizing.model_dump()
    return {n: value for n, value in told.items() if n not in _NEWER or getattr(sizing, n) != fields[n].default}


def _rungs(desk: Desk, decision: SymbolDecision, session: date) -> tuple[OrderIntended, ...]:
    proposed = decision.order
    assert proposed is not None  # noqa: S101 - decisions.orders holds only decisions with an order
    intent = _intent(desk, decision, proposed, session)
    return rungs_of(desk, intent, session) if proposed.leg == "entry" else (intent,)


def _intent(desk: Desk, decision: SymbolDecision, proposed: ProposedOrder, session: date) -> OrderIntended:
    order = OrderRequest(
        client_order_id=desk.order_id(session, symbol=proposed.symbol, side=proposed.side, leg=proposed.leg_name),
        symbol=proposed.symbol,
        side=proposed.side,
        leg=proposed.leg,
        quantity_shares=decision.shares,
        order_type="market" if proposed.limit_usd is None else "limit",
        time_in_force="day",
        limit_usd=proposed.limit_usd,
        is_reduce_only=proposed.leg != "entry",
    )
    order = replace(order, attached=exits_with(desk, order, proposed))
    return OrderIntended(
        at=desk.clock.now(),
        cycle_id=desk.cycle_id(session),
        leg=proposed.leg_name,
        order=order,
        reason=decision.reason,
        reference_price_usd=proposed.reference_price_usd,
        protective_stop_usd=proposed.stop_usd,
    )
