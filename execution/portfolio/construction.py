"""Scores to target positions: rank, choose, size. Pure arithmetic, the same in backtest, paper and live.

Long only. Every symbol of the batch ends in exactly one place: a target, or left out at a named stage with its numbers.
The order in which signals come changes nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from execution.domain.quantities import Shares, affordable_shares, share_decimals
from execution.domain.signals import SymbolSignal
from execution.portfolio.capital_ramp import RampStage
from execution.portfolio.risk_parity import of_known_movement, spread_by_risk_parity
from execution.portfolio.sizing import Candidate, Spread, by_own_risk, candidate, room_weight, rounded, sized_entries
from execution.portfolio.sizing_policy import SizingPolicy
from execution.portfolio.targets import Construction, LeftOut, Target


@dataclass(frozen=True, slots=True)
class _Ranking:
    ranked: int
    entry_ranks: int
    hold_ranks: int

    @classmethod
    def of(cls, ranked: int, policy: SizingPolicy) -> "_Ranking":
        entry_ranks = max(1, int(policy.entry_top_fraction * ranked))
        return cls(ranked, entry_ranks, max(entry_ranks, int(policy.hold_top_fraction * ranked)))


def target_positions(
    *,
    signals: Sequence[SymbolSignal],
    equity_usd: Decimal,
    held_shares: Mapping[str, Shares],
    policy: SizingPolicy,
    regime: str | None,
    vix: float | None,
    drawdown_fraction: Decimal = Decimal(0),
    ramp: RampStage | None = None,
) -> Construction:
    """Return the positions wanted after this session, and for every other symbol of the batch why not.

    Holdings are kept, or reduced to the cap of a position; nothing is added to them, and only entries shrink with the
    heat of market and account. A holding takes its place among the names until it is sold; the places left go to the
    best ranks that can be bought.

    Args:
        signals: the batch's signals, one per symbol, in any order.
        equity_usd: cash and positions at the session's closes.
        held_shares: symbol to signed shares of the whole account; an absent symbol means zero.
        policy: the strategy's numbers.
        regime: the market's regime, None when unknown.
        vix: volatility index in points, None when unknown.
        drawdown_fraction: loss from the highest equity, as a fraction of it.
        ramp: the share of its full size that an entry gets; None for all of it. Holdings stay as they are.

    Returns:
        Targets by rank, ties by symbol; symbols left out by symbol.
    """
    held = {symbol: shares for symbol, shares in held_shares.items() if shares}
    if ramp is not None:
        # What is worth making grows with the stages, or the first of them would make nothing.
        policy = policy.model_copy(update={"position_min_weight": policy.position_min_weight * ramp.share})
    heat = policy.heat(regime=regime, vix=vix, drawdown_fraction=drawdown_fraction)
    scored = sorted((s for s in signals if _is_scored(s)), key=lambda s: (-(s.score or 0.0), s.symbol))
    ranking = _Ranking.of(len(scored), policy)
    places: list[Target | LeftOut | Candidate] = [
        _unscored(s, is_held=s.symbol in held) for s in signals if not _is_scored(s)
    ]
    for rank, signal in enumerate(scored, start=1):
        if signal.symbol in held:
            places.append(_holding(signal, rank, ranking, shares=held[signal.symbol], equity=equity_usd, policy=policy))
        else:
            places.append(_newcomer(signal, rank, ranking, heat=heat, policy=policy, ramp=ramp))
    closes = {signal.symbol: signal.close_usd for signal in signals}
    room = room_weight(closes_usd=closes, held_shares=held, equity_usd=equity_usd, heat=heat, policy=policy)
    candidates = [place for place in places if isinstance(place, Candidate)]
    entries, too_small, waiting = sized_entries(
        candidates,
        places=max(0, policy.max_names - len(held)),
        room=room,
        spread=_spread(signals, policy),
        equity_usd=equity_usd,
        policy=policy,
    )
    targets = [place for place in places if isinstance(place, Target)] + entries
    left_out = [place for place in places if isinstance(place, LeftOut)] + too_small
    left_out += [_without_slot(each, held_names=len(held), policy=policy) for each in waiting]
    return Construction(
        targets=tuple(sorted(targets, key=lambda target: target.rank)),
        left_out=tuple(sorted(left_out, key=lambda symbol: symbol.symbol)),
        heat=heat,
    )


def _spread(signals: Sequence[SymbolSignal], policy: SizingPolicy) -> Spread:
    if policy.spread == "own_risk":
        return by_own_risk
    return partial(spread_by_risk_parity, returns={signal.symbol: signal.returns_60d for signal in signals})


def _is_scored(signal: SymbolSignal) -> bool:
    return signal.is_tradable and not signal.is_halted and signal.score is not None and math.isfinite(signal.score)


def _unscored(signal: SymbolSignal, *, is_held: bool) -> LeftOut:
    symbol = signal.symbol
    if not signal.is_tradable:
        reason = signal.missing_reason or "not in the session's universe"
        return LeftOut(symbol=symbol, stage="universe", reason=reason, rank=None, is_held=is_held)
    if signal.is_halted:
        reason = "trading was halted on the session"
        return LeftOut(symbol=symbol, stage="halted", reason=reason, rank=None, is_held=is_held)
    reason = signal.missing_reason or "no score, and the batch gives no reason"
    return LeftOut(symbol=symbol, stage="no_data", reason=reason, rank=None, is_held=is_held)


def _holding(
    signal: SymbolSignal, rank: int, ranking: _Ranking, *, shares: Shares, equity: Decimal, policy: SizingPolicy
) -> Target | LeftOut:
    symbol, ranked = signal.symbol, ranking.ranked
    if shares < 0:
        reason = f"{shares} shares held: long only, a short position is left alone"
        return LeftOut(symbol=symbol, stage="short", reason=reason, rank=rank, is_held=True)
    if rank > ranking.hold_ranks:
        reason = f"score too low to hold: rank {rank} of {ranked}, holdings are kept to rank {ranking.hold_ranks}"
        return LeftOut(symbol=symbol, stage="score", reason=reason, rank=rank, is_held=True)
    close = signal.close_usd if signal.close_usd is not None and signal.close_usd > 0 else None
    cap_usd = policy.position_max_weight * equity
    most = shares if close is None else affordable_shares(cap_usd, close, decimals=share_decimals(shares))
    quantity = min(shares, most)
    is_entry_zone = rank <= ranking.entry_ranks
    bound = f"top {ranking.entry_ranks} are bought" if is_entry_zone else f"kept to rank {ranking.hold_ranks}"
    return Target(
        symbol=symbol,
        rank=rank,
        ranked=ranked,
        weight=Decimal(0) if close is None or equity <= 0 else rounded(quantity * close / equity),
        quantity_shares=quantity,
        close_usd=close,
        limit_usd=None,
        stop_usd=None,
        is_held=True,
        zone="entry" if is_entry_zone else "buffer",
        reason=f"held: rank {rank} of {ranked}, {bound}",
    )


def _newcomer(
    signal: SymbolSignal,
    rank: int,
    ranking: _Ranking,
    *,
    heat: Decimal,
    policy: SizingPolicy,
    ramp: RampStage | None,
) -> Candidate | LeftOut:
    symbol, ranked = signal.symbol, ranking.ranked
    if rank > ranking.entry_ranks:
        reason = f"score too low: rank {rank} of {ranked}, top {ranking.entry_ranks} are bought"
        return LeftOut(symbol=symbol, stage="score", reason=reason, rank=rank, is_held=False)
    expected, cost = signal.expected_return_bps, policy.round_trip_cost_bps
    if expected is not None and (math.isnan(expected) or expected <= cost):
        reason = f"expected return {expected:.1f} bps does not exceed the cost of {cost} bps; rank {rank} of {ranked}"
        return LeftOut(symbol=symbol, stage="cost", reason=reason, rank=rank, is_held=False)
    found = candidate(signal, rank=rank, ranked=ranked, heat=heat, policy=policy, ramp=ramp)
    if policy.spread == "risk_parity" and isinstance(found, Candidate):
        return of_known_movement(found, signal.returns_60d)
    return found


def _without_slot(each: Candidate, *, held_names: int, policy: SizingPolicy) -> LeftOut:
    free = max(0, policy.max_names - held_names)
    reason = (
        f"no place free: rank {each.rank} of {each.ranked}; {held_names} of {policy.max_names} places are held "
        f"and {free} go to better ranks"
    )
    return LeftOut(symbol=each.symbol, stage="slots", reason=reason, rank=each.rank, is_held=False)
