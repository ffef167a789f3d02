"""How large an entry is: what its risk allows, within the caps, shrunk to the room there is."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from execution.domain.canonical import canonical_text
from execution.domain.quantities import Shares, affordable_shares, decimal_of, tick_below_usd, unsigned_shares
from execution.domain.signals import SymbolSignal
from execution.portfolio.capital_ramp import RampStage
from execution.portfolio.kelly import kelly_weight
from execution.portfolio.sizing_policy import SizingPolicy
from execution.portfolio.stops import protective_stop_usd
from execution.portfolio.targets import LeftOut, Target

_ZERO: Final = Decimal(0)
_BPS: Final = Decimal(10_000)
_WEIGHT_STEP: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A symbol chosen for an entry, with the weight it would have were there room for all."""

    symbol: str
    rank: int
    ranked: int
    close_usd: Decimal
    limit_usd: Decimal
    stop_usd: Decimal
    wanted_weight: Decimal
    sized_by: str


Spread = Callable[[Sequence[Candidate], Decimal], list[Candidate]]
"""What candidates get of a room, in their order: together no more than it, and none more than it wanted alone."""


def candidate(
    signal: SymbolSignal, *, rank: int, ranked: int, heat: Decimal, policy: SizingPolicy, ramp: RampStage | None = None
) -> Candidate | LeftOut:
    """Return an entry with the weight its risk allows, or why no size can be reckoned.

    The least of three: the loss from limit to stop is about a fixed part of equity; a part of the Kelly bet, where a
    probability is known; the cap of a position. A position volatile beyond the target then shrinks in proportion, and
    every position with the market's heat; a capital ramp lets a share of that.
    """
    close, atr, volatility = signal.close_usd, signal.atr14_usd, signal.volatility_20d
    is_known = {
        "close": close is not None and close > 0,
        "average true range": atr is not None and atr > 0,
        "volatility": volatility is not None and math.isfinite(volatility) and volatility > 0,
    }
    if not all(is_known.values()) or close is None or atr is None or volatility is None:
        missing = ", ".join(name for name, known in is_known.items() if not known)
        reason = f"unknown: {missing}, so no size can be reckoned"
        return LeftOut(symbol=signal.symbol, stage="unknown", reason=reason, rank=rank, is_held=False)
    stop = protective_stop_usd(entry_usd=close, atr14_usd=atr, atr_multiple=policy.stop_atr_multiple)
    if stop is None:
        reason = (
            f"no stop above zero: close {canonical_text(close)} USD less {policy.stop_atr_multiple} x "
            f"{canonical_text(atr)} USD"
        )
        return LeftOut(symbol=signal.symbol, stage="size", reason=reason, rank=rank, is_held=False)
    limit = tick_below_usd(close * (1 + policy.entry_collar_bps / _BPS))
    stop_fraction = policy.stop_atr_multiple * atr / limit
    kelly = kelly_weight(
        probability_up=signal.probability_up,
        stop_fraction=stop_fraction,
        payoff_ratio=policy.kelly_payoff_ratio,
        multiple=policy.kelly_multiple,
    )
    if kelly is not None and kelly <= 0:
        reason = (
            f"the Kelly bet is nothing: probability {signal.probability_up:.4f} of beating the market at a payoff of "
            f"{policy.kelly_payoff_ratio}; rank {rank} of {ranked}"
        )
        return LeftOut(symbol=signal.symbol, stage="size", reason=reason, rank=rank, is_held=False)
    weights = {
        "cap of a position": policy.position_max_weight,
        "risk per trade": policy.risk_per_trade_fraction / stop_fraction,
    }
    if kelly is not None:
        weights["Kelly bet"] = kelly
    least = min(weights, key=lambda name: weights[name])
    sized_by = least if kelly is not None or not policy.kelly_multiple else f"{least}, no probability for Kelly"
    calm = min(Decimal(1), policy.volatility_target_daily / decimal_of(volatility))
    return Candidate(
        symbol=signal.symbol,
        rank=rank,
        ranked=ranked,
        close_usd=close,
        limit_usd=limit,
        stop_usd=stop,
        wanted_weight=weights[least] * calm * heat * (ramp.share if ramp else 1),
        sized_by=f"{sized_by}, cut by {ramp.told}" if ramp else sized_by,
    )


def room_weight(
    *,
    closes_usd: Mapping[str, Decimal | None],
    held_shares: Mapping[str, Shares],
    equity_usd: Decimal,
    heat: Decimal,
    policy: SizingPolicy,
) -> Decimal:
    """Return the part of equity that entries may take: what heat and buffer leave beside the holdings.

    A holding nobody can price may be worth anything, so it leaves no room that is known to be free.
    """
    if equity_usd <= 0:
        return _ZERO
    value = _ZERO
    for symbol, shares in held_shares.items():
        close = closes_usd.get(symbol)
        if close is None:
            return _ZERO
        value += unsigned_shares(shares) * close
    return max(_ZERO, heat * (1 - policy.cash_buffer_weight) - value / equity_usd)


def sized_entries(
    candidates: Sequence[Candidate],
    *,
    places: int,
    room: Decimal,
    spread: Spread,
    equity_usd: Decimal,
    policy: SizingPolicy,
) -> tuple[list[Target], list[LeftOut], list[Candidate]]:
    """Return the entries that fill the places, the candidates too small to buy, and those that find no place.

    Places and room go down the ranks together. Who is too small with all the room to itself takes no place. The best of
    the others share the room, and the places and the room they leave are for the next, who thus take nothing from them.

    Args:
        candidates: by rank, best first; the worst gives way first.
        places: most entries.
        room: part of equity that entries may take together.
        spread: what each gets of a room.
        equity_usd: cash and positions.
        policy: the strategy's numbers.
    """
    entries: list[Target] = []
    bought: set[str] = set()
    reasons: dict[str, LeftOut] = {}
    waiting = list(candidates)
    while waiting and len(entries) < places:
        fitting = []
        for each in waiting:
            [alone] = spread([each], room)
            if _shares(alone, equity_usd, policy):
                fitting.append(each)
            else:
                reasons.setdefault(each.symbol, _too_small(alone, room, policy))
        kept, gave_way = _sharing(fitting[: places - len(entries)], room, spread, equity_usd, policy)
        entries += [_entry(each, equity_usd, policy) for each in kept]
        reasons |= {each.symbol: _too_small(each, room, policy) for each in gave_way}
        room = max(_ZERO, room - sum((each.wanted_weight for each in kept), _ZERO))
        bought |= {each.symbol for each in kept}
        waiting = [each for each in fitting if each.symbol not in bought]
    return entries, [reason for symbol, reason in reasons.items() if symbol not in bought], waiting


def by_own_risk(candidates: Sequence[Candidate], room: Decimal) -> list[Candidate]:
    """Return candidates with the weights they want, all shrunk in proportion where these exceed the room together."""
    wanted = sum((each.wanted_weight for each in candidates), _ZERO)
    if wanted <= room:
        return list(candidates)
    return [replace(each, wanted_weight=each.wanted_weight * (room / wanted)) for each in candidates]


def rounded(weight: Decimal) -> Decimal:
    """Return a weight with six digits after the point."""
    return weight.quantize(_WEIGHT_STEP)


def _size(policy: SizingPolicy) -> str:
    return "part of a share" if policy.share_decimals else "share"


def _sharing(
    candidates: Sequence[Candidate], room: Decimal, spread: Spread, equity_usd: Decimal, policy: SizingPolicy
) -> tuple[list[Candidate], list[Candidate]]:
    """Return the candidates that can be bought when they share the room, and those that gave way, as they were then."""
    kept = list(candidates)
    gave_way: list[Candidate] = []
    while True:
        shared = spread(kept, room)
        small = [each for each in shared if not _shares(each, equity_usd, policy)]
        if not small:
            return shared, gave_way
        # One at a time, the worst ranked: the room it leaves may be enough for the others.
        gave_way.append(small[-1])
        kept = [each for each in kept if each.symbol != small[-1].symbol]


def _shares(each: Candidate, equity_usd: Decimal, policy: SizingPolicy) -> Shares:
    """Return what a candidate's weight buys; nothing where the entry would not be worth making."""
    if each.wanted_weight < policy.position_min_weight:
        return 0
    return affordable_shares(each.wanted_weight * equity_usd, each.limit_usd, decimals=policy.share_decimals)


def _too_small(each: Candidate, room: Decimal, policy: SizingPolicy) -> LeftOut:
    reason = (
        f"too small: weight {rounded(each.wanted_weight)} at {canonical_text(each.limit_usd)} USD a share, at least "
        f"{policy.position_min_weight} and one {_size(policy)}; rank {each.rank} of {each.ranked}, "
        f"room left {rounded(room)}"
    )
    return LeftOut(symbol=each.symbol, stage="size", reason=reason, rank=each.rank, is_held=False)


def _entry(each: Candidate, equity_usd: Decimal, policy: SizingPolicy) -> Target:
    shares = _shares(each, equity_usd, policy)
    return Target(
        symbol=each.symbol,
        rank=each.rank,
        ranked=each.ranked,
        weight=rounded(shares * each.limit_usd / equity_usd),
        quantity_shares=shares,
        close_usd=each.close_usd,
        limit_usd=each.limit_usd,
        stop_usd=each.stop_usd,
        is_held=False,
        zone="entry",
        reason=f"bought: rank {each.rank} of {each.ranked}, {shares} shares at up to "
        f"{canonical_text(each.limit_usd)} USD, stop {canonical_text(each.stop_usd)} USD, sized by {each.sized_by}",
    )
