"""A trading report as metadata a person reads in the UI: plain scalars, the why-rows as a table."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def described(report: "DataclassInstance") -> dict[str, str | int | float | bool]:
    """Return a report's fields as scalars: money and dates as text, absent values as `none`."""
    return {field.name: _scalar(getattr(report, field.name)) for field in fields(report)}


def _scalar(value: Any) -> str | int | float | bool:
    if isinstance(value, (bool, int, float, str)):
        return value
    if value is None:
        return "none"
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
