"""Protective stops from the average true range, what a split does to them, and when a holding's time is over."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from execution.domain.quantities import (
    SHARE_DECIMALS_MAX,
    Shares,
    share_decimals,
    split_fraction,
    stated_shares,
    tick_below_usd,
)


@dataclass(frozen=True, slots=True)
class SplitShares:
    """A holding after a split: the shares kept, and the part of a share that is paid out in cash, in [0, 1)."""

    kept: Shares
    fraction: Decimal


def protective_stop_usd(*, entry_usd: Decimal, atr14_usd: Decimal, atr_multiple: Decimal) -> Decimal | None:
    """Return the stop of a long position, rounded down to the tick; None when it would not be above zero.

    Args:
        entry_usd: price paid, or the reference price while planning.
        atr14_usd: average true range over 14 sessions, in raw dollars of the same session.
        atr_multiple: how many ranges below the entry the stop lies.

    Source:
        Average true range: Wilder (1978), New Concepts in Technical Trading Systems, ch. 3.
    """
    stop = tick_below_usd(max(Decimal(0), entry_usd - atr_multiple * atr14_usd))
    return stop if stop > 0 else None


def split_adjusted_stop_usd(stop_usd: Decimal, ratio: Decimal) -> Decimal:
    """Return a stop price after a split, rounded down to the tick.

    Args:
        stop_usd: the price before the split.
        ratio: new shares per old, as stored.
    """
    exact = Fraction(stop_usd) / split_fraction(ratio)
    return tick_below_usd(Decimal(exact.numerator) / Decimal(exact.denominator))


def split_adjusted_shares(shares: Shares, ratio: Decimal) -> SplitShares:
    """Return a long holding after a split: a whole one stays whole, one with a part of a share keeps parts.

    Args:
        shares: shares before the split, not negative.
        ratio: new shares per old, as stored.
    """
    steps = 10 ** (SHARE_DECIMALS_MAX if share_decimals(shares) else 0)
    exact = Fraction(shares) * split_fraction(ratio)
    kept = Fraction(exact * steps // 1, steps)
    rest = exact - kept
    return SplitShares(
        stated_shares(Decimal(kept.numerator) / Decimal(kept.denominator)),
        Decimal(rest.numerator) / Decimal(rest.denominator),
    )


def is_exit_due(*, held_sessions: int, horizon_sessions: int) -> bool:
    """Return whether a holding has had its sessions; the session of the entry is the first."""
    return held_sessions >= horizon_sessions
