"""Equal values give equal bytes."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from execution.domain.canonical import canonical_bytes, canonical_text, content_hash


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Row:
    when: datetime
    paid: Decimal


@dataclass(frozen=True)
class Signal:
    score: float | None
    weight: float
    paid: Decimal
    parts: dict[str, float]
    seen_at: datetime | None
    returns: tuple[float, ...]


NOON = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("zero", ["0", "-0", "0.00", "-0.00", "0E+5", "-0E-7"])
def test_zero_has_one_form_whatever_its_sign_and_places(zero: str) -> None:
    assert canonical_bytes(Decimal(zero)) == b'"0"'


@pytest.mark.parametrize(("amount", "text"), [("1.50", "1.5"), ("1E+3", "1000"), ("-0.0100", "-0.01")])
def test_an_amount_has_one_form_whatever_its_places(amount: str, text: str) -> None:
    assert canonical_text(Decimal(amount)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(-(10**6), 10**6, places=4))
@example(Decimal("12345678901234567890123456.78"))
@example(Decimal("123456789012345678901234567.85"))
@example(Decimal("-0.10000000000000000000000000000"))
def test_an_amount_is_written_in_its_normal_form_without_an_exponent(amount: Decimal) -> None:
    assert canonical_text(amount) == (format(amount.normalize(), "f") if amount else "0")


def test_nothing_stays_nothing() -> None:
    assert canonical_text(None) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [None, True, "x"]}, b'{"a":[null,true,"x"],"b":1}'),
        (0.1, b'"0.1"'),
        (1e300, b'"1e+300"'),
        (Colour.RED, b'"red"'),
        (date(2024, 3, 5), b'"2024-03-05"'),
        (NOON, b'"2024-03-05T12:00:00.000000Z"'),
        (NOON.astimezone(timezone(timedelta(hours=-5))), b'"2024-03-05T12:00:00.000000Z"'),
        ((Row(NOON, Decimal("1.50")),), b'[{"paid":"1.5","when":"2024-03-05T12:00:00.000000Z"}]'),
    ],
)
def test_each_kind_of_value_has_one_form(value: Any, expected: bytes) -> None:
    assert canonical_bytes(value) == expected


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
@settings(deadline=None)
def test_floats_in_a_row_are_written_as_each_of_them_is(values: list[float]) -> None:
    expected = orjson.dumps([repr(value) for value in values])
    assert canonical_bytes(values) == canonical_bytes(tuple(values)) == expected


@pytest.mark.parametrize("value", [1e-4, 9.99e-5, -1.5e-5, 5e-324, 1e15, 1e16, -9999999999999998.0, 1e300, -0.0, 0.0])
def test_a_float_is_written_alike_alone_and_in_a_row(value: float) -> None:
    assert canonical_bytes((value, 0.5)) == b"[" + canonical_bytes(value) + b',"0.5"]'


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.none() | FLOATS, max_size=24))
@settings(deadline=None)
def test_numbers_of_which_some_are_missing_are_written_as_each_of_them_is(values: list[float | None]) -> None:
    told = {str(place): None if value is None else repr(value) for place, value in enumerate(values)}
    named = {str(place): value for place, value in enumerate(values)}
    assert canonical_bytes(named) == orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


TINY_OR_HUGE = st.sampled_from([9.99e-5, -1.5e-5, 1e-6, 5e-324, 1e15, 1e16, -0.0, 10.00001, 1e300])
SIGNALS = st.builds(
    Signal,
    score=st.none() | FLOATS,
    weight=FLOATS | TINY_OR_HUGE,
    paid=st.decimals(allow_nan=False, allow_infinity=False, places=6),
    parts=st.dictionaries(st.text(max_size=3), FLOATS | TINY_OR_HUGE, max_size=3),
    seen_at=st.none() | st.just(NOON),
    returns=st.lists(FLOATS | TINY_OR_HUGE, max_size=4).map(tuple),
)


@given(st.lists(SIGNALS, min_size=1, max_size=24))
@settings(deadline=None)
def test_many_records_are_written_as_each_of_them_is(signals: list[Signal]) -> None:
    each = b",".join(map(canonical_bytes, signals))
    assert canonical_bytes(signals) == canonical_bytes(tuple(signals)) == b"[" + each + b"]"


@given(SIGNALS)
@settings(deadline=None)
def test_a_record_is_written_as_the_plainest_program_would(signal: Signal) -> None:
    told = {
        "score": None if signal.score is None else repr(signal.score),
        "weight": repr(signal.weight),
        "paid": format(signal.paid.normalize(), "f") if signal.paid else "0",
        "parts": {name: repr(value) for name, value in signal.parts.items()},
        "seen_at": None if signal.seen_at is None else "2024-03-05T12:00:00.000000Z",
        "returns": [repr(value) for value in signal.returns],
    }
    assert canonical_bytes(signal) == orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("field", ["score", "weight", "returns", "parts"])
def test_one_number_that_is_none_among_many_records_is_refused(field: str) -> None:
    nan = float("nan")
    wrong = {"returns": (0.5, nan), "parts": {"a": nan}}.get(field, nan)
    signals = [Signal(0.5, 0.5, Decimal(1), {"a": 0.5}, None, (0.5, 0.5))] * 9
    with pytest.raises(ValueError, match="nan has no canonical form: use None"):
        canonical_bytes([*signals, replace(signals[0], **{field: wrong})])


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_row_with_one_float_that_is_no_number_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="has no canonical form: use None"):
        canonical_bytes((0.5, wrong, 1e308, 1e308))


def test_a_hash_is_the_one_that_was_written_down_long_ago() -> None:
    # SHA-256 of {"a":"1.5"}
    assert content_hash({"a": Decimal("1.50")}) == "87d1686a3b72d474dd6a634812da8bd415587b9d0411af8c2399acd06b59ad61"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "nan has no canonical form: use None for what is not known"),
        (float("inf"), "inf has no canonical form"),
        (Decimal("NaN"), r"Decimal\('NaN'\) has no canonical form: use None for what is not known"),
        (NOON.replace(tzinfo=None), "naive datetime .*: expected a timezone"),
        ({1: "x"}, "keys that are not strings"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        canonical_bytes(value)


def test_a_type_nobody_thought_of_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="set has no canonical form"):
        canonical_bytes({1, 2})
