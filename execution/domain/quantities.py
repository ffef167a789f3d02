"""Prices, ticks, shares and ratios: exact rounding in one place. Nothing here is a float for longer than one line."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

from execution.domain.errors import SettingsRefused

CENT: Final = Decimal("0.01")
_SUB_DOLLAR_TICK: Final = Decimal("0.0001")
_LARGEST_SPLIT_TERM: Final = 1000
# A ratio is stored with six decimals; a third is then off by less than this.
_RATIO_ROUNDING: Final = Fraction(1, 1_000_000)
SHARE_DECIMALS_MAX: Final = 9
"""Digits after the point of the smallest part of a share that anybody trades."""

Shares = int | Decimal
"""A number of shares: an int when it is whole, else a decimal. `stated_shares` gives it that one form."""


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


def stated_shares(shares: Shares) -> Shares:
    """Return a number of shares in its one form, so that equal sizes are equal bytes; what is no number stays."""
    if not isinstance(shares, Decimal) or not shares.is_finite():
        return shares
    return int(shares) if shares == shares.to_integral_value() else shares.normalize()


def state_shares(value: object, *names: str) -> None:
    """Give fields of a frozen value that are numbers of shares their one form, while the value is being made."""
    for name in names:
        shares = getattr(value, name)
        if type(shares) is not int:
            object.__setattr__(value, name, stated_shares(shares))


def is_share_count(value: object) -> bool:
    """Return whether a value is a number of shares: whole, or a finite decimal no finer than anybody trades."""
    if type(value) is int:
        return True
    if isinstance(value, Decimal):
        return value.is_finite() and share_decimals(value) <= SHARE_DECIMALS_MAX
    return isinstance(value, int) and not isinstance(value, bool)


def unsigned_shares(shares: Shares) -> Shares:
    """Return how many shares a signed number of them is."""
    return -shares if shares < 0 else shares


def share_decimals(shares: Shares) -> int:
    """Return the digits after the point of a number of shares; 0 for a whole one."""
    stated = stated_shares(shares)
    return -int(stated.as_tuple().exponent) if isinstance(stated, Decimal) else 0


def floor_shares(shares: Shares, *, decimals: int = 0) -> Shares:
    """Return the largest size of so many digits after the point that is not above a number; 0 for a negative one."""
    step = Decimal(1).scaleb(-decimals)
    return stated_shares(max(Decimal(0), Decimal(shares).quantize(step, rounding=ROUND_DOWN)))


def affordable_shares(amount_usd: Decimal, price_usd: Decimal, *, decimals: int = 0) -> Shares:
    """Return how many shares of so many digits an amount pays for; 0 for a negative amount."""
    return floor_shares(amount_usd / price_usd, decimals=decimals)


def shares_text(shares: Shares) -> str:
    """Return a number of shares as plain decimal text, never with an exponent."""
    stated = stated_shares(shares)
    return format(stated, "f") if isinstance(stated, Decimal) else str(stated)


def decimal_of(value: float) -> Decimal:
    """Return the shortest decimal that reads back as a float, so that equal floats give equal decimals everywhere."""
    return Decimal(repr(float(value)))


def number_of(text: str, *, named: str) -> Decimal:
    """Return the exact number that a person wrote.

    Args:
        text: what was written.
        named: the option or field it was written into.

    Raises:
        SettingsRefused: the text is no finite number.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise SettingsRefused(
            f"{named} is {text!r}: expected a number of digits, with a point before its fraction and a minus for what "
            "went out"
        )
    return number


def split_fraction(ratio: Decimal) -> Fraction:
    """Return the true ratio behind a stored split ratio: 0.333333 is one share for three.

    Real ratios are of small whole numbers, but a store keeps six decimals; 300 shares at 0.333333 would lose a share.
    A ratio that no fraction of terms up to a thousand explains is taken as it stands.
    """
    stored = Fraction(ratio)
    simple = stored.limit_denominator(_LARGEST_SPLIT_TERM)
    return simple if abs(simple - stored) < _RATIO_ROUNDING else stored
