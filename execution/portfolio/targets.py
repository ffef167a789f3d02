"""What construction answers with: for every symbol of a batch either a target, or the stage that left it out."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

from execution.domain.quantities import Shares

LeftOutStage = Literal["universe", "no_data", "halted", "short", "score", "cost", "unknown", "slots", "size"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A position that sizing wants to have.

    Attributes:
        symbol: exchange symbol.
        rank: place among the scored symbols of the batch, 1 is best.
        ranked: how many symbols were scored.
        weight: the position at its limit price (a holding: at the close) as a fraction of equity.
        quantity_shares: shares wanted in all.
        close_usd: raw close of the session; None only for a holding that has none.
        limit_usd: the limit of the entry; None for a holding.
        stop_usd: the protective stop reckoned from the close; None for a holding, which has its own.
        is_held: the account holds the symbol already.
        zone: `entry` may be bought; `buffer` is only kept, until its horizon is over.
        reason: one sentence with its numbers.
    """

    symbol: str
    rank: int
    ranked: int
    weight: Decimal
    quantity_shares: Shares
    close_usd: Decimal | None
    limit_usd: Decimal | None
    stop_usd: Decimal | None
    is_held: bool
    zone: Literal["entry", "buffer"]
    reason: str


class LeftOut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A symbol that gets no target, the stage that said no, and why; `rank` is None when it has no score.

    A struct, for most of a universe is left out at every decision.
    """

    symbol: str
    stage: LeftOutStage
    reason: str
    rank: int | None
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Construction:
    """Targets by rank, what was left out by symbol, and the part of equity that may be at work."""

    targets: tuple[Target, ...]
    left_out: tuple[LeftOut, ...]
    heat: Decimal
