"""How the page writes numbers, times and names: one function per kind, the same everywhere on it.

A value that is not known is a dash, never a zero.
"""

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

UNKNOWN: Final = "–"  # noqa: RUF001 - a dash as wide as a digit, so that columns stay calm
_MINUS: Final = "−"  # noqa: RUF001 - the minus sign is as wide as a plus, a hyphen is not
_CENT: Final = Decimal("0.01")

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_STYLES: Final = {
    "buy": "bought",
    "bought": "bought",
    "sell": "sold",
    "sold": "sold",
    "hold": "held",
    "held": "held",
    "blocked": "blocked",
    "refused": "refused",
    "missed": "refused",
    "not_filled": "refused",
    "no_data": "nodata",
}


def usd(value: Decimal | None) -> str:
    """Return dollars with cents and thousands separators."""
    return UNKNOWN if value is None else _signed(f"{value.quantize(_CENT, ROUND_HALF_EVEN):,.2f}")


def signed_usd(value: Decimal | None) -> str:
    """Return dollars and cents with a sign in front unless they are zero."""
    return UNKNOWN if value is None else _signed(f"{value.quantize(_CENT, ROUND_HALF_EVEN):+,.2f}")


def price(value: Decimal | None) -> str:
    """Return dollars per share: cents, or four places below one dollar."""
    if value is None:
        return UNKNOWN
    places = _CENT if abs(value) >= 1 else Decimal("0.0001")
    return f"{value.quantize(places, ROUND_HALF_EVEN):,}"


def bps(value: Decimal | float | None) -> str:
    """Return basis points with a sign and one place."""
    return UNKNOWN if value is None else _signed(f"{float(value):+,.1f}")


def percent(value: Decimal | float | None, places: int = 2) -> str:
    """Return a fraction as per cent."""
    return UNKNOWN if value is None else _signed(f"{float(value):,.{places}%}")


def signed_percent(value: Decimal | float | None, places: int = 2) -> str:
    """Return a fraction as per cent with a sign in front."""
    return UNKNOWN if value is None else _signed(f"{float(value):+,.{places}%}")


def number(value: float | None, places: int = 2) -> str:
    """Return a statistic with a fixed number of places."""
    return UNKNOWN if value is None else _signed(f"{value:,.{places}f}")


def whole(value: int) -> str:
    """Return a count with thousands separators."""
    return _signed(f"{value:,}")


def long_date(value: date) -> str:
    """Return a day in words, in English on every machine."""
    return f"{_DAYS[value.weekday()]} {value.day} {_MONTHS[value.month - 1]} {value.year}"


def instant(value: datetime | None) -> str:
    """Return a UTC instant to the minute."""
    return UNKNOWN if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def words(value: str | None) -> str:
    """Return an identifier as words."""
    return "" if value is None else value.replace("_", " ").replace(":", ": ")


def sentence(value: str) -> str:
    """Return a text as a sentence: a capital in front, a full stop behind."""
    return f"{value[:1].upper()}{value[1:].rstrip('.')}." if value else ""


def brief(value: str, length: int) -> str:
    """Return a text cut at a length, with an ellipsis where something is missing."""
    return value if len(value) <= length else value[: length - 1].rstrip() + "…"


def style(outcome: str) -> str:
    """Return the colour class of an outcome."""
    return _STYLES.get(outcome, "passed")


def direction(value: Decimal | float | None) -> str:
    """Return the class that colours gains and losses; none at zero."""
    if value is None or value == 0:
        return ""
    return "up" if value > 0 else "down"


def _signed(text: str) -> str:
    """Return the text of a number with a minus as wide as a plus, or with no sign where it rounds to nothing."""
    return text.replace("-", _MINUS) if any(digit in text for digit in "123456789") else text.lstrip("+-")
