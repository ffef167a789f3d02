"""Targets and holdings to orders: exits first, then entries by rank. Pure arithmetic.

A holding is sold when one of the strategy's exit rules is due, when its rank leaves the buffer, when it leaves the
universe, or when its horizon is over and it is no longer among those that may be bought. A kept holding is reduced only
outside a no-trade band, and never added to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from execution.domain.orders import ProposedOrder
from execution.domain.quantities import Shares, tick_above_usd
from execution.portfolio.exit_rules import DueExit
from execution.portfolio.sizing_policy import SizingPolicy
from execution.portfolio.stops import is_exit_due
from execution.portfolio.targets import Construction, LeftOut, Target

_BPS: Final = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A long position of ours: shares above zero, and sessions held, of which the entry's is the first.

    Attributes:
        due: the exit rule that is due for it; None when none is.
    """

    symbol: str
    quantity_shares: Shares
    held_sessions: int
    due: DueExit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A holding that is left as it is, and why."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebalance:
    """Orders in order of precedence (exits by symbol, then entries by rank) and the holdings left alone, by symbol."""

    orders: tuple[ProposedOrder, ...]
    kept: tuple[Kept, ...]


def rebalance(
    *,
    construction: Construction,
    holdings: Mapping[str, Holding],
    closes_usd: Mapping[str, Decimal],
    equity_usd: Decimal,
    policy: SizingPolicy,
) -> Rebalance:
    """Return the orders that move holdings onto the targets.

    Args:
        construction: what `target_positions` wants.
        holdings: our positions by symbol; foreign ones are left out and stay untouched.
        closes_usd: raw close of the session per held symbol; a holding without one is kept, for it cannot be priced.
        equity_usd: cash and positions at the session's closes.
        policy: the strategy's numbers.
    """
    targets = {target.symbol: target for target in construction.targets}
    left_out = {symbol.symbol: symbol for symbol in construction.left_out}
    decided = []
    for symbol, holding in sorted(holdings.items()):
        if symbol in targets:
            sale = _of_target(holding, targets[symbol], equity_usd, policy)
        else:
            sale = _of_left_out(holding, left_out.get(symbol), policy)
        decided.append(_order_or_kept(holding, sale, closes_usd.get(symbol), policy))
    entries = [
        _entry(target, target.close_usd)
        for target in construction.targets
        if not target.is_held and target.symbol not in holdings and target.close_usd is not None
    ]
    return _rebalance(decided, entries)


def horizon_exits(
    *, holdings: Mapping[str, Holding], closes_usd: Mapping[str, Decimal], policy: SizingPolicy
) -> Rebalance:
    """Return the exits of a session without a batch: what has had its sessions is sold, the rest is kept."""
    decided = []
    for symbol, holding in sorted(holdings.items()):
        decided.append(_order_or_kept(holding, _of_left_out(holding, None, policy), closes_usd.get(symbol), policy))
    return _rebalance(decided, [])


def _rebalance(decided: Sequence[ProposedOrder | Kept], entries: Sequence[ProposedOrder]) -> Rebalance:
    exits = [each for each in decided if isinstance(each, ProposedOrder)]
    return Rebalance(orders=(*exits, *entries), kept=tuple(each for each in decided if isinstance(each, Kept)))


def _of_target(holding: Holding, target: Target, equity_usd: Decimal, policy: SizingPolicy) -> DueExit:
    whole = holding.quantity_shares
    if holding.due is not None and holding.due.sell_shares == whole:
        return holding.due
    if target.zone == "buffer" and _is_over(holding, policy):
        return DueExit("", whole, f"{_sessions(holding, policy)}, and only in the buffer: {target.reason}")
    if holding.due is not None:
        return holding.due
    excess = whole - target.quantity_shares
    if excess <= 0 or target.close_usd is None:
        return DueExit("", 0, target.reason)
    excess_usd, band_usd = excess * target.close_usd, policy.no_trade_band_weight * equity_usd
    if target.quantity_shares > 0 and excess_usd < band_usd:
        return DueExit(
            "", 0, f"{target.reason}; {excess_usd:.2f} USD above its cap, inside the band of {band_usd:.2f} USD"
        )
    return DueExit("", excess, f"{excess_usd:.2f} USD above its cap of {policy.position_max_weight} of equity")


def _of_left_out(holding: Holding, left_out: LeftOut | None, policy: SizingPolicy) -> DueExit:
    whole = holding.quantity_shares
    if left_out is not None and left_out.stage == "halted":
        return DueExit("", 0, f"kept: {left_out.reason}")
    if left_out is not None and left_out.stage in ("score", "universe"):
        return DueExit("", whole, left_out.reason)
    why = "" if left_out is None else f"; {left_out.reason}"
    if _is_over(holding, policy):
        return DueExit("", whole, f"{_sessions(holding, policy)}{why}")
    return holding.due or DueExit("", 0, f"{_sessions(holding, policy)}{why}")


def _is_over(holding: Holding, policy: SizingPolicy) -> bool:
    return is_exit_due(held_sessions=holding.held_sessions, horizon_sessions=policy.horizon_sessions)


def _sessions(holding: Holding, policy: SizingPolicy) -> str:
    return f"held for {holding.held_sessions} of {policy.horizon_sessions} sessions"


def _order_or_kept(
    holding: Holding, sale: DueExit, close_usd: Decimal | None, policy: SizingPolicy
) -> ProposedOrder | Kept:
    if sale.sell_shares == 0:
        return Kept(symbol=holding.symbol, reason=sale.reason)
    if close_usd is None or close_usd <= 0:
        return Kept(symbol=holding.symbol, reason=f"unknown: no close to price its exit; {sale.reason}")
    return ProposedOrder(
        symbol=holding.symbol,
        side="sell",
        leg="exit",
        quantity_shares=sale.sell_shares,
        reference_price_usd=close_usd,
        limit_usd=tick_above_usd(close_usd * (1 - policy.exit_collar_bps / _BPS)),
        stop_usd=None,
        reason=sale.reason,
        part_rule=sale.rule if sale.sell_shares < holding.quantity_shares else "",
    )


def _entry(target: Target, close_usd: Decimal) -> ProposedOrder:
    return ProposedOrder(
        symbol=target.symbol,
        side="buy",
        leg="entry",
        quantity_shares=target.quantity_shares,
        reference_price_usd=close_usd,
        limit_usd=target.limit_usd,
        stop_usd=target.stop_usd,
        reason=target.reason,
    )
