"""What to do with every symbol: orders that passed the guards, and for each symbol the stage that decided.

Pure. With a batch, sizing and rebalancing propose and the pre-trade checks judge; without one, only what has had its
sessions is sold. Every symbol asked about gets exactly one decision.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from execution.domain.decisions import Outcome
from execution.domain.orders import ProposedOrder
from execution.domain.quantities import Shares
from execution.domain.signals import SymbolSignal
from execution.portfolio.capital_ramp import RampStage
from execution.portfolio.construction import target_positions
from execution.portfolio.rebalance import Holding, Kept, horizon_exits, rebalance
from execution.portfolio.sizing_policy import SizingPolicy
from execution.portfolio.targets import Construction, LeftOut
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import Approved, Blocked, Verdict, review
from execution.risk.trading_context import TradingContext


class SymbolDecision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One symbol's decision. A struct, as the why-row it becomes.

    Attributes:
        stage: the first stage that said no, or the one that said yes.
        checks: what the guards said of its order, as text.
        target_weight: fraction of equity aimed at; None when it was not sized.
        order: the order proposed; None without one.
        shares: shares of it that may go; 0 when it was blocked.
    """

    symbol: str
    outcome: Outcome
    stage: str
    reason: str
    checks: tuple[str, ...] = ()
    target_weight: Decimal | None = None
    order: ProposedOrder | None = None
    shares: Shares = 0


@dataclass(frozen=True, slots=True)
class Decisions:
    """Orders to send in order of precedence, and every symbol's decision."""

    orders: tuple[SymbolDecision, ...]
    by_symbol: Mapping[str, SymbolDecision]


def decided_on_batch(
    *,
    signals: Sequence[SymbolSignal],
    regime: str | None,
    vix: float | None,
    holdings: Mapping[str, Holding],
    context: TradingContext,
    sizing: SizingPolicy,
    limits: RiskLimits,
    ramp: RampStage | None = None,
) -> Decisions:
    """Return what to do with every symbol of a batch and every symbol held.

    Args:
        signals: the batch's believed signals, one per symbol.
        regime: the market's regime, None when unknown.
        vix: volatility index in points, None when unknown.
        holdings: our own long positions; what else the account holds is left alone.
        context: the account as the venue holds it, at the closes of the session.
        sizing: the strategy's numbers.
        limits: what may not be exceeded.
        ramp: the stage of the capital ramp the account is at; None without one.
    """
    construction = target_positions(
        signals=signals,
        equity_usd=context.equity_usd,
        held_shares=context.positions_shares,
        policy=sizing,
        regime=regime,
        vix=vix,
        drawdown_fraction=context.drawdown_fraction,
        ramp=ramp,
    )
    proposal = rebalance(
        construction=construction,
        holdings=holdings,
        closes_usd=context.closes_usd,
        equity_usd=context.equity_usd,
        policy=sizing,
    )
    verdicts = review(orders=proposal.orders, context=context, limits=limits)
    weights = {target.symbol: target.weight for target in construction.targets}
    decisions = _left_out(construction) | _kept(proposal.kept) | _judged(verdicts)
    reason = "held on the account, but neither in the batch nor a position of this strategy: left alone"
    decisions |= _unmanaged(context.positions_shares, decisions, stage="account", reason=reason)
    return _with_weights(decisions, weights, verdicts)


def decided_to_hold(
    *,
    reason: str,
    stage: str,
    symbols: Iterable[str],
    holdings: Mapping[str, Holding],
    context: TradingContext,
    sizing: SizingPolicy,
    limits: RiskLimits,
) -> Decisions:
    """Return what to do in a session without a batch: nothing is bought, what has had its sessions is sold.

    Args:
        reason: why there is no batch to trade.
        stage: the stage that said so: `gate`, `batch` or `account`.
        symbols: every symbol that gets a row, held or not.
        holdings: our own long positions.
        context: the account at the closes of the session, without signals.
        sizing: the strategy's numbers.
        limits: what may not be exceeded.
    """
    proposal = horizon_exits(holdings=holdings, closes_usd=context.closes_usd, policy=sizing)
    verdicts = review(orders=proposal.orders, context=context, limits=limits)
    decisions = {
        symbol: SymbolDecision(symbol=symbol, outcome="none", stage=stage, reason=reason) for symbol in symbols
    }
    for kept in proposal.kept:
        told = f"{kept.reason}; {reason}"
        decisions[kept.symbol] = SymbolDecision(symbol=kept.symbol, outcome="hold", stage=stage, reason=told)
    decisions |= _judged(verdicts)
    managed = {symbol: decision for symbol, decision in decisions.items() if decision.outcome != "none"}
    decisions |= _unmanaged(context.positions_shares, managed, stage=stage, reason=f"held and left alone; {reason}")
    return _with_weights(decisions, {}, verdicts)


def _left_out(construction: Construction) -> dict[str, SymbolDecision]:
    return {left.symbol: _of_left_out(left) for left in construction.left_out}


def _of_left_out(left: LeftOut) -> SymbolDecision:
    outcome: Outcome = "hold" if left.is_held else "none"
    return SymbolDecision(symbol=left.symbol, outcome=outcome, stage=left.stage, reason=left.reason)


def _kept(kept: Iterable[Kept]) -> dict[str, SymbolDecision]:
    return {
        one.symbol: SymbolDecision(symbol=one.symbol, outcome="hold", stage="rebalance", reason=one.reason)
        for one in kept
    }


def _judged(verdicts: Iterable[Verdict]) -> dict[str, SymbolDecision]:
    return {verdict.order.symbol: _of_verdict(verdict) for verdict in verdicts}


def _of_verdict(verdict: Verdict) -> SymbolDecision:
    order = verdict.order
    told = f"{verdict.check}: {verdict.found}; allowed: {verdict.allowed}"
    if isinstance(verdict, Blocked):
        return SymbolDecision(
            symbol=order.symbol,
            outcome="none" if order.leg == "entry" else "hold",
            stage=f"guard:{verdict.check}",
            reason=f"{verdict.reason}: {verdict.found}, allowed {verdict.allowed}",
            checks=(told,),
            order=order,
        )
    reason = order.reason
    if not isinstance(verdict, Approved):
        reason = f"{reason}; cut from {order.quantity_shares} to {verdict.quantity_shares} shares, {verdict.reason}"
    return SymbolDecision(
        symbol=order.symbol,
        outcome="buy" if order.side == "buy" else "sell",
        stage="order",
        reason=reason,
        checks=(told,),
        order=order,
        shares=verdict.quantity_shares,
    )


def _unmanaged(
    positions_shares: Mapping[str, Shares], decisions: Mapping[str, SymbolDecision], *, stage: str, reason: str
) -> dict[str, SymbolDecision]:
    """Return rows for what the account holds and nobody decided on."""
    return {
        symbol: SymbolDecision(symbol=symbol, outcome="hold", stage=stage, reason=reason)
        for symbol, shares in positions_shares.items()
        if shares and symbol not in decisions
    }


def _with_weights(
    decisions: Mapping[str, SymbolDecision], weights: Mapping[str, Decimal], verdicts: Sequence[Verdict]
) -> Decisions:
    weighted = dict(sorted(decisions.items()))
    for symbol, weight in weights.items():
        if symbol in decisions:
            weighted[symbol] = replace(decisions[symbol], target_weight=weight)
    orders = tuple(weighted[v.order.symbol] for v in verdicts if not isinstance(v, Blocked))
    return Decisions(orders, weighted)
