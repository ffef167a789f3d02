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
from itertools import chain
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
    if _is_record(kind):
        return partial(_plain_record, *_fields_of(kind))
    for base, form in _FORMS.items():
        # No number but a float itself: a subclass may be written in another way.
        if kind is base or (base is not float and issubclass(kind, base)):
            return form
    raise TypeError(f"{kind.__name__} has no canonical form")


@cache
def _is_record(kind: type) -> bool:
    return is_dataclass(kind) and not issubclass(kind, Enum)


@cache
def _fields_of(kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(sorted(field.name for field in fields(kind)))
    if len(names) > 1:
        return names, attrgetter(*names)
    return names, lambda record: tuple(getattr(record, name) for name in names)


def _plain_record(names: tuple[str, ...], values: Callable[[Any], tuple[Any, ...]], record: Any) -> dict[str, Any]:
    told = zip(names, values(record), strict=True)
    return {name: value if type(value) in _AS_THEY_ARE else _plain(value) for name, value in told}


def _plain_float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value!r} has no canonical form: use None for what is not known")
    return repr(value)


def _plain_decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value!r} has no canonical form: use None for what is not known")
    # Zero has a sign in decimal arithmetic, and equal values must give equal bytes.
    if not value:
        return "0"
    text = str(value)
    if "." in text and "E" not in text and len(text) <= _DIGITS_KEPT:
        return text.rstrip("0").rstrip(".")
    text = str(value.normalize())
    return format(value.normalize(), "f") if "E" in text else text


@lru_cache(maxsize=1024)
def _plain_datetime(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"naive datetime {value!r}: expected a timezone")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _plain_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    if not value:
        return {}
    if set(map(type, value)) - {str} and any(not isinstance(key, str) for key in value):
        raise ValueError("a mapping with keys that are not strings has no canonical form")
    if len(value) < _MANY:
        return {key: item if type(item) in _AS_THEY_ARE else _plain(item) for key, item in value.items()}
    return dict(zip(value, _plain_column(tuple(value.values())), strict=True))


def _plain_sequence(value: Sequence[Any]) -> Any:
    kinds = set(map(type, value))
    if kinds == {float}:
        return _float_row(value, orjson.dumps(value)[1:-1])
    if len(kinds) == 1 and len(value) >= _MANY and _is_record(kind := kinds.pop()):
        return _plain_records(kind, value)
    return [_plain(item) for item in value]


def _plain_records(kind: type, records: Sequence[Any]) -> list[dict[str, Any]]:
    """Return many records of one type, written column by column: most columns of a batch hold one kind of value."""
    names, values = _fields_of(kind)
    columns = map(_plain_column, zip(*map(values, records), strict=True))
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain_column(values: Sequence[Any]) -> Sequence[Any]:
    kinds = set(map(type, values))
    if kinds <= _AS_THEY_ARE:
        return values
    if kinds == {float}:
        return _powers_as_repr(values, orjson.dumps(values)[1:-1]).decode().split(",")
    if kinds == {float, type(None)}:
        known = iter(_plain_column([value for value in values if value is not None]))
        return [None if value is None else next(known) for value in values]
    if kinds == {tuple} and all(values) and set(map(type, chain.from_iterable(values))) == {float}:
        rows = orjson.dumps(values)[2:-2].split(b"],[")
        return list(map(_float_row, values, rows))
    return [_plain(value) for value in values] if len(kinds) > 1 else list(map(_form_of(kinds.pop()), values))


def _float_row(values: Sequence[float], row: bytes) -> orjson.Fragment:
    """Return a row of floats, the bulk of a batch, of what orjson wrote of them: the digits of `repr`, much sooner."""
    return orjson.Fragment(b'["%b"]' % _powers_as_repr(values, row).replace(b",", b'","'))


def _powers_as_repr(values: Sequence[float], row: bytes) -> bytes:
    """Return what orjson wrote of floats as `repr` writes them: only powers of ten have another form, or none."""
    if b"n" in row:
        # Of what is no number it makes null; one of these is refused.
        return ",".join(map(_plain_float, values)).encode()
    for mark in (b"e", b"0.0000"):
        at = row.find(mark)
        while at >= 0:
            begin, end = row.rfind(b",", 0, at) + 1, row.find(b",", at)
            number = row[begin:end] if end >= 0 else row[begin:]
            told = repr(float(number)).encode()
            row = row[:begin] + told + row[begin + len(number) :]
            at = row.find(mark, begin + len(told))
    return row


_MANY: Final = 8
# So many digits an amount keeps when its form is computed; with fewer of them it can be read off its text.
_DIGITS_KEPT: Final = 28
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
