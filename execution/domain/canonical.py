"""Canonical bytes and content hashes: equal values give equal bytes on any day, in any process.

The form is JSON with sorted keys and no spaces. Floats become shortest round-trip decimal strings and decimals become
plain strings, so no reader's number parser can change them. NaN and infinity are refused: a value that cannot be
compared cannot be proven.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

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


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    is_record = is_dataclass(kind) and not issubclass(kind, Enum)
    return tuple(field.name for field in fields(kind)) if is_record else None


def _plain(value: Any) -> Any:  # noqa: C901 - one return per kind of value is the clearest form of this table
    # Exact types first: batches hold hundreds of thousands of floats, and this line is where the time goes.
    kind = type(value)
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{value!r} has no canonical form: use None for what is not known")
        return repr(value)
    if kind is str or kind is int or value is None or kind is bool:
        return value
    names: tuple[str, ...] | None = _field_names(kind)  # type: ignore[arg-type]  # a class is hashable, whatever its metaclass
    if names is not None:
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value!r} has no canonical form: use None for what is not known")
        # Zero has a sign in decimal arithmetic, and equal values must give equal bytes.
        return format(value.normalize(), "f") if value else "0"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: expected a timezone")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        if any(not isinstance(key, str) for key in value):
            raise ValueError("a mapping with keys that are not strings has no canonical form")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        # Long tuples of floats are the bulk of a batch: the commonest case without a call of its own.
        return [repr(item) if type(item) is float and math.isfinite(item) else _plain(item) for item in value]
    raise TypeError(f"{kind.__name__} has no canonical form")
