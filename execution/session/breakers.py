"""Ask the circuit breakers and write down what they trip; a decision made afterwards sees it."""

from dataclasses import replace
from datetime import timedelta

from execution.risk.circuit_breakers import BreakerFacts, tripped
from execution.risk.trading_context import TradingContext
from execution.session.control import tighten
from execution.session.day_so_far import cycles_sent_at
from execution.session.desk import Desk
from execution.session.reconcile import Reconciled
from execution.session.trading_state import standing


def after_breakers(desk: Desk, reconciled: Reconciled, context: TradingContext) -> TradingContext:
    """Record what the breakers trip and return the context as it is then; asking again records nothing more."""
    held = tuple(
        symbol
        for symbol in sorted(context.positions_shares)
        if (signal := context.signals.get(symbol)) is None or not signal.is_halted
    )
    facts = BreakerFacts(
        now=context.now,
        control=reconciled.book.control,
        has_person=desk.mode in ("paper", "live"),
        equity_usd=context.equity_usd,
        day_start_equity_usd=context.day_start_equity_usd,
        drawdown_fraction=context.drawdown_fraction,
        held=held,
        stale=tuple(symbol for symbol in held if desk.quotes.close_usd(symbol, context.session) is None),
        cycles_sent_at=cycles_sent_at(
            reconciled.book, since=context.now - timedelta(hours=desk.limits.cycles_in_a_row_hours)
        ),
    )
    is_tightened = [tighten(desk.ledger, changed) for changed in tripped(facts, desk.limits)]
    if not any(is_tightened):
        return context
    stands = standing(book=desk.ledger.book(), equity_usd=context.equity_usd, limits=desk.limits, mode=desk.mode)
    return replace(context, trading_state=stands.state, state_reason=stands.reason)
