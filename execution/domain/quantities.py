"""Prices, ticks, shares and ratios: exact rounding in one place. Nothing here is a float for longer than one line."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

CENT: Final = Decimal("0.01")
_SUB_DOLLAR_TICK: Final = Decimal("0.0001")
_LARGEST_SPLIT_TERM: Final = 1000
# A ratio is stored with six decimals; a third is then off by less than this.
_RATIO_ROUNDING: Final = Fraction(1, 1_000_000)


def tick_usd(price_usd: Decimal) -> Decimal:
    """Return the smallest price step at a price: a cent from one dollar on, a hundredth of a cent below.

    Source:
        Regulation NMS, Rule 612 (17 CFR 242.612): no sub-penny quotes for stocks at or above $1.00.
    """
    return CENT if price_usd >= 1 else _SUB_DOLLAR_TICK


def tick_below_usd(price_usd: Decimal) -> Decimal:
    """Return the highest price on a tick that is not above a price."""
    tick = tick_usd(price_usd)
    return (price_usd / tick).to_integral_value(rounding=ROUND_FLOOR) * tick


def tick_above_usd(price_usd: Decimal) -> Decimal:
    """Return the lowest price on a tick that is not below a price."""
    tick = tick_usd(price_usd)
    return (price_usd / tick).to_integral_value(rounding=ROUND_CEILING) * tick


def is_on_tick(price_usd: Decimal) -> bool:
    """Return whether a venue would take a price as it stands."""
    return price_usd % tick_usd(price_usd) == 0


def cents(amount_usd: Decimal) -> Decimal:
    """Return an amount in whole cents; a half goes to the even cent, so many roundings do not drift."""
    return amount_usd.quantize(CENT, rounding=ROUND_HALF_EVEN)


def whole_shares(amount_usd: Decimal, price_usd: Decimal) -> int:
    """Return how many whole shares an amount pays for; 0 for a negative amount."""
    return max(0, int((amount_usd / price_usd).to_integral_value(rounding=ROUND_DOWN)))


def decimal_of(value: float) -> Decimal:
    """Return the shortest decimal that reads back as a float, so that equal floats give equal decimals everywhere."""
    return Decimal(repr(float(value)))


def split_fraction(ratio: Decimal) -> Fraction:
    """Return the true ratio behind a stored split ratio: 0.333333 is one share for three.

    Real ratios are of small whole numbers, but a store keeps six decimals; 300 shares at 0.333333 would lose a share.
    A ratio that no fraction of terms up to a thousand explains is taken as it stands.
    """
    stored = Fraction(ratio)
    simple = stored.limit_denominator(_LARGEST_SPLIT_TERM)
    return simple if abs(simple - stored) < _RATIO_ROUNDING else stored
