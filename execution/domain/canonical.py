"""Canonical bytes and content hashes: equal values give equal bytes on any day, in any process.

The form is JSON with sorted keys and no spaces. Floats become shortest round-trip decimal strings and decimals become
plain strings, so no reader's number parser can change them. NaN and infinity are refused: a value that cannot be
compared cannot be proven.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache, partial
from operator import attrgetter
from typing import Any, Final

import orjson


def canonical_bytes(value: Any) -> bytes:
    """Return the canonical JSON bytes of a value built from dataclasses, mappings, sequences and scalars.

    Raises:
        ValueError: a float or decimal is not finite, a datetime is naive, or a mapping key is not a string.
        TypeError: a type has no canonical form.
    """
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)


def content_hash(value: Any) -> str:
    """Return the SHA-256 of a value's canonical bytes, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def canonical_text(value: Decimal | datetime | date | None) -> str | None:
    """Return an amount or a time as it stands in canonical bytes; None stays None.

    Raises:
        ValueError: a decimal is not finite, or a datetime is naive.
    """
    return None if value is None else str(_plain(value))


def _plain(value: Any) -> Any:
    kind = type(value)
    return value if kind in _AS_THEY_ARE else _form_of(kind)(value)  # type: ignore[arg-type]  # any class is hashable


@cache
def _form_of(kind: type) -> Callable[[Any], Any]:
    """Return how values of a type are written; asked once for each type, for batches hold hundreds of thousands."""
    if is_dataclass(kind) and not issubclass(kind, Enum):
        names = tuple(sorted(field.name for field in fields(kind)))
        return partial(_plain_record, names, attrgetter(*names)) if len(names) > 1 else partial(_plain_few, names)
    for base, form in _FORMS.items():
        # No number but a float itself: a subclass may be written in another way.
        if kind is base or (base is not float and issubclass(kind, base)):
            return form
    raise TypeError(f"{kind.__name__} has no canonical form")


def _plain_record(names: tuple[str, ...], values: Callable[[Any], tuple[Any, ...]], record: Any) -> dict[str, Any]:
    told = zip(names, values(record), strict=True)
    return {name: value if type(value) in _AS_THEY_ARE else _plain(value) for name, value in told}


def _plain_few(names: tuple[str, ...], record: Any) -> dict[str, Any]:
    return {name: _plain(getattr(record, name)) for name in names}


def _plain_float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value!r} has no canonical form: use None for what is not known")
    return repr(value)


def _plain_decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value!r} has no canonical form: use None for what is not known")
    # Zero has a sign in decimal arithmetic, and equal values must give equal bytes.
    return format(value.normalize(), "f") if value else "0"


@lru_cache(maxsize=1024)
def _plain_datetime(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"naive datetime {value!r}: expected a timezone")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _plain_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    if set(map(type, value)) - {str} and any(not isinstance(key, str) for key in value):
        raise ValueError("a mapping with keys that are not strings has no canonical form")
    return {key: _plain(item) for key, item in value.items()}


def _plain_sequence(value: Sequence[Any]) -> Any:
    are_floats = set(map(type, value)) == {float}
    return _plain_floats(value) if are_floats else [_plain(item) for item in value]


def _plain_floats(values: Sequence[float]) -> Any:
    """Return a row of floats, the bulk of a batch, as orjson writes it: the digits of `repr`, ten times sooner.

    The two differ in form alone, and only where one of them writes a power of ten.
    """
    row = orjson.dumps(values)
    if not math.isfinite(sum(values)) or b"e" in row or b"0.0000" in row:
        texts = row[1:-1].decode().split(",")
        return [
            text if _LEAST_PLAIN <= abs(value) < _MOST_PLAIN else _plain_float(value)
            for value, text in zip(values, texts, strict=True)
        ]
    return orjson.Fragment(b'["%b"]' % row[1:-1].replace(b",", b'","'))


_LEAST_PLAIN: Final = 1e-4
_MOST_PLAIN: Final = 1e16
_AS_THEY_ARE: Final = frozenset({str, int, bool, type(None)})
_FORMS: Final[dict[type, Callable[[Any], Any]]] = {
    float: _plain_float,
    Enum: lambda value: _plain(value.value),
    Decimal: _plain_decimal,
    datetime: _plain_datetime,
    date: date.isoformat,
    Mapping: _plain_mapping,
    tuple: _plain_sequence,
    list: _plain_sequence,
}
"""How values are written by type, the first that fits: a datetime is a date too."""
