"""Signals and accounts for sizing and pre-trade checks: a plain one that passes everything, and what a test varies."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from execution.domain.orders import OrderState, ProposedOrder
from execution.domain.quantities import Shares
from execution.domain.signals import SymbolSignal
from execution.portfolio.construction import target_positions
from execution.portfolio.sizing_policy import SizingPolicy
from execution.portfolio.targets import Construction, LeftOut, Target
from execution.risk.trading_context import TradingContext
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import SESSION, a_signal

CALENDAR = TradingCalendar.shipped()
EQUITY = Decimal(100_000)
CLOSE = Decimal("50.00")


def plain(symbol: str = "AAA", **changes: Any) -> SymbolSignal:
    """Return a signal that any rule lets pass: 50 USD, ranges of 1 USD, a million shares a day, calm."""
    fields: dict[str, Any] = {
        "sector": "Energy",
        "expected_return_bps": 80.0,
        "close_usd": CLOSE,
        "atr14_usd": Decimal("1.00"),
        "adv20_shares": 1_000_000,
        "volatility_20d": 0.015,
        "is_tradable": True,
        "is_halted": False,
        "next_event_at": None,
        "is_event_calendar_known": True,
        "missing_reason": None,
    }
    return a_signal(symbol, **{**fields, **changes})


def ranked(count: int, **changes: Any) -> list[SymbolSignal]:
    """Return plain signals S001, S002, ... with falling scores: the number is the rank."""
    return [plain(f"S{rank:03}", score=1.0 - rank / 1_000, **changes) for rank in range(1, count + 1)]


def constructed(
    signals: Iterable[SymbolSignal],
    *,
    held: Mapping[str, int] | None = None,
    equity_usd: Decimal = EQUITY,
    regime: str | None = "bull_calm",
    vix: float | None = 15.0,
    drawdown_fraction: Decimal = Decimal(0),
    **policy: Any,
) -> Construction:
    return target_positions(
        signals=tuple(signals),
        equity_usd=equity_usd,
        held_shares=held or {},
        policy=SizingPolicy(**policy),
        regime=regime,
        vix=vix,
        drawdown_fraction=drawdown_fraction,
    )


def target_of(construction: Construction, symbol: str) -> Target:
    [target] = [target for target in construction.targets if target.symbol == symbol]
    return target


def left_out_of(construction: Construction, symbol: str) -> LeftOut:
    [left_out] = [left_out for left_out in construction.left_out if left_out.symbol == symbol]
    return left_out


def an_entry(quantity: Shares = 100, symbol: str = "AAA", **changes: Any) -> ProposedOrder:
    order = ProposedOrder(
        symbol=symbol,
        side="buy",
        leg="entry",
        quantity_shares=quantity,
        reference_price_usd=CLOSE,
        limit_usd=Decimal("50.00"),
        stop_usd=Decimal("48.50"),
        reason="the test wants it",
    )
    return replace(order, **changes)


def an_exit(quantity: Shares = 100, symbol: str = "AAA", **changes: Any) -> ProposedOrder:
    fields: dict[str, Any] = {"side": "sell", "leg": "exit", "limit_usd": Decimal("49.00"), "stop_usd": None}
    return replace(an_entry(quantity, symbol), **{**fields, **changes})


def a_context(*signals: SymbolSignal, **changes: Any) -> TradingContext:
    """Return an account of cash alone at the session's cut-off; its batch is AAA unless signals are given."""
    batch = {signal.symbol: signal for signal in (signals or (plain(),))}
    context = TradingContext(
        session=SESSION,
        now=CALENDAR.as_of(SESSION) + timedelta(minutes=1),
        calendar=CALENDAR,
        trading_state="active",
        equity_usd=EQUITY,
        day_start_equity_usd=EQUITY,
        drawdown_fraction=Decimal(0),
        cash_usd=EQUITY,
        unsettled_usd=Decimal(0),
        positions_shares={},
        closes_usd={symbol: signal.close_usd for symbol, signal in batch.items() if signal.close_usd is not None},
        signals=batch,
        messages_today=0,
        losses_in_a_row=0,
        is_macro_calendar_known=True,
    )
    return replace(context, **changes)


def a_working(side: Any = "buy", symbol: str = "AAA", **changes: Any) -> OrderState:
    order = OrderState(
        client_order_id=f"working-{symbol}-{side}",
        broker_order_id="v-1",
        symbol=symbol,
        side=side,
        quantity_shares=100,
        filled_shares=0,
        status="open",
        order_type="limit",
        limit_usd=CLOSE,
        stop_usd=None,
    )
    return replace(order, **changes)
