"""Can a batch's numbers be true? Pure: what no market can show is a fault of whoever made the batch, or of a unit.

A batch that is not whole, not finite or not sorted was not written by this program and is refused. A symbol whose
numbers no market can show is left out of the plan, alone. What is absent is no fault here: it blocks its own symbol in
sizing and checks, with the reason "unknown".
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, starmap
from operator import attrgetter
from typing import Any, Final, get_args

from execution.domain.orders import SYMBOL
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.portfolio.exit_rules import Regime
from execution.session.answers import HIGHEST_PRICE_USD, MOST_CASH_USD

_HASHES: Final = ("snapshot_hash", "features_hash", "settings_hash", "code_hash", "model_hash")
_FIELDS: Final = tuple(field.name for field in fields(SymbolSignal))
_VALUES: Final[Callable[[SymbolSignal], tuple[Any, ...]]] = attrgetter(*_FIELDS)
_NO_NUMBERS: Final = frozenset({str, bool, int, type(None)})
_HEXADECIMAL: Final = frozenset("0123456789abcdef")
_HASH_LENGTH: Final = 64
_MOST_SESSIONS_AHEAD: Final = 260
_HIGHEST_VIX: Final = 1_000
_MOST_VOLUME_SHARES: Final = 1_000_000_000_000
_HIGHEST_BPS: Final = 100_000
_HIGHEST_RETURN: Final = 100
_HIGHEST_VOLATILITY: Final = 10
_MOST_RETURNS: Final = 60
_HIGHEST_SCORE: Final = 1_000_000
_REGIMES: Final = get_args(Regime)
_BOUNDS: Final[tuple[tuple[str, Any, Any, bool], ...]] = (
    ("score", -_HIGHEST_SCORE, _HIGHEST_SCORE, False),
    ("close_usd", 0, HIGHEST_PRICE_USD, True),
    ("atr14_usd", 0, HIGHEST_PRICE_USD, True),
    ("adv20_shares", 0, _MOST_VOLUME_SHARES, False),
    ("dollar_volume_20d_usd", 0, MOST_CASH_USD, False),
    ("expected_return_bps", -_HIGHEST_BPS, _HIGHEST_BPS, False),
    ("probability_up", 0, 1, False),
    ("volatility_20d", 0, _HIGHEST_VOLATILITY, False),
)
# Nobody schedules a release so far ahead: seconds were read as something else.
_FURTHEST_EVENT: Final = timedelta(days=1_100)
# Two amounts of one symbol that should be near each other: further apart than so many times, a unit is wrong.
_FURTHEST_APART: Final = 10


def batch_faults(batch: SignalBatch) -> tuple[str, ...]:
    """Return what is wrong with a batch as a whole, each with what was found and what was expected."""
    return tuple(_faults_of_the_whole(batch))


def signal_faults(signals: Sequence[SymbolSignal], as_of: datetime) -> Mapping[int, Sequence[str]]:
    """Return which facts of symbols cannot be true, each with what was found and what was expected.

    Args:
        signals: what a batch says of its symbols.
        as_of: the batch's cut-off; what is said to come next comes after it.

    Returns:
        The faults of a symbol by its place among the signals; one without a fault is left out.
    """
    found: dict[int, list[str]] = {}
    for index, fault in _faults_by_place(signals, as_of):
        found.setdefault(index, []).append(fault)
    return found


def _faults_of_the_whole(batch: SignalBatch) -> Iterator[str]:
    yield from _faults_of_the_market(batch)
    if not batch.decision_reason.strip():
        yield "decision_reason is empty, expected a sentence"
    if not 0 < batch.horizon_sessions <= _MOST_SESSIONS_AHEAD:
        yield f"horizon_sessions {batch.horizon_sessions}, expected 1 to {_MOST_SESSIONS_AHEAD}"
    for name in _HASHES:
        value = getattr(batch, name)
        if value is not None and not _is_hash(value):
            yield f"{name} {value!r}, expected 64 hexadecimal digits"
    if batch.decision_source == "model" and batch.model_hash is None:
        yield "a model decided, and model_hash is absent"
    symbols = [signal.symbol for signal in batch.signals]
    if symbols != sorted(set(symbols)):
        yield "signals are not sorted by symbol, one each"
    yield from _faults_of_symbols(batch.signals)


def _faults_of_symbols(signals: Sequence[SymbolSignal]) -> Iterator[str]:
    are_finite = all(map(_is_column_finite, zip(*map(_VALUES, signals), strict=True)))
    for signal in signals:
        if SYMBOL.fullmatch(signal.symbol) is None:
            yield f"symbol {signal.symbol!r}, expected an exchange symbol"
        if signal.features_hash is not None and not _is_hash(signal.features_hash):
            yield f"{signal.symbol} features_hash {signal.features_hash!r}, expected 64 hexadecimal digits"
        if are_finite:
            continue
        for name, value in zip(_FIELDS, _VALUES(signal), strict=True):
            if not _is_finite(value):
                yield f"{signal.symbol} {name} is not finite"


def _faults_of_the_market(batch: SignalBatch) -> Iterator[str]:
    if batch.vix is not None and not 0 < batch.vix <= _HIGHEST_VIX:
        yield f"vix {batch.vix}, expected above 0 up to {_HIGHEST_VIX}"
    if batch.vix is not None and not (batch.vix_basis or "").strip():
        yield f"vix {batch.vix} of vix_basis {batch.vix_basis!r}, expected the name of an index"
    if batch.regime is not None and batch.regime not in _REGIMES:
        yield f"regime {batch.regime!r}, expected one of {', '.join(_REGIMES)}"
    event = _fault_of_event("next_macro_at", batch.next_macro_at, batch.as_of)
    if event:
        yield event


def _faults_by_place(signals: Sequence[SymbolSignal], as_of: datetime) -> Iterator[tuple[int, str]]:
    # Field by field, for nearly every symbol of a batch has no fault in any of them.
    yield from _faults_of_numbers(signals)
    yield from _faults_of_returns([signal.returns_60d for signal in signals])
    for index, signal in enumerate(signals):
        if signal.sector is not None and not signal.sector.strip():
            yield index, f"sector {signal.sector!r}, expected a name or nothing"
        if signal.score is not None and signal.missing_reason is not None:
            yield (
                index,
                f"score {signal.score} beside missing_reason {signal.missing_reason!r}, expected one of the two",
            )
        units = _fault_of_units(signal)
        if units:
            yield index, units
        event = _fault_of_event("next_event_at", signal.next_event_at, as_of)
        if event:
            yield index, event


def _faults_of_numbers(signals: Sequence[SymbolSignal]) -> Iterator[tuple[int, str]]:
    for name, least, most, is_open in _BOUNDS:
        for index, value in enumerate(map(attrgetter(name), signals)):
            # Nearly all lie between the two; only at them and beyond the rule itself is asked.
            if value is not None and not least < value < most:
                fault = _within(name, value, least, most, is_open=is_open)
                if fault:
                    yield index, fault


def _faults_of_returns(rows: Sequence[Sequence[float]]) -> Iterator[tuple[int, str]]:
    for index, length in enumerate(starmap(math.hypot, rows)):
        number = len(rows[index])
        if number > _MOST_RETURNS:
            yield index, _within("number of returns_60d", number, 0, _MOST_RETURNS)
        # No number of a row is further from zero than the row is long, and one that is none leaves no length.
        if not length < 1:
            for value in rows[index]:
                fault = _within("returns_60d", value, -1, _HIGHEST_RETURN)
                if fault:
                    yield index, fault


def _fault_of_event(name: str, told: datetime | None, as_of: datetime) -> str:
    if told is None:
        return ""
    if told.tzinfo is None:
        return f"{name} {told} has no timezone"
    # The whole batch is refused beside this where its cut-off has none.
    is_next = as_of.tzinfo is None or as_of < told <= as_of + _FURTHEST_EVENT
    return "" if is_next else f"{name} {told.isoformat()}, expected within three years after {as_of.isoformat()}"


def _fault_of_units(signal: SymbolSignal) -> str:
    """Return which two amounts cannot both be in their unit; empty when they fit or one is absent."""
    close, range_usd = signal.close_usd, signal.atr14_usd
    if not close or close < 0:
        return ""
    if range_usd is not None and range_usd > close * _FURTHEST_APART:
        return f"atr14_usd {range_usd} beside close_usd {close}: one of them is in another unit"
    traded_usd, shares = signal.dollar_volume_20d_usd, signal.adv20_shares
    if not traded_usd or not shares or traded_usd < 0 or shares < 0:
        return ""
    mean_price = traded_usd / shares
    if max(mean_price, close) > _FURTHEST_APART * min(mean_price, close):
        return f"{traded_usd} USD traded in {shares} shares, and close_usd {close}: one of them is in another unit"
    return ""


def _is_hash(value: str) -> bool:
    return len(value) == _HASH_LENGTH and not set(value) - _HEXADECIMAL


def _within(name: str, value: Any, least: Any, most: Any, *, is_open: bool = False) -> str:
    if value is None or (least <= value <= most and not (is_open and value == least)):
        return ""
    return f"{name} {value}, expected {'above ' if is_open else ''}{least} up to {most}"


def _is_column_finite(values: Sequence[Any]) -> bool:
    """Return whether one field of all symbols is finite; False too where only a look at each of them tells."""
    kinds = set(map(type, values))
    if kinds <= _NO_NUMBERS:
        return True
    if kinds == {float}:
        return math.isfinite(sum(values))
    if kinds == {Decimal}:
        return all(map(Decimal.is_finite, values))
    if kinds == {tuple}:
        # Rows of returns: one with something in it that is no number has no length.
        return all(map(math.isfinite, starmap(math.hypot, values)))
    if kinds == {dict}:
        return _is_finite(tuple(chain.from_iterable(map(dict.values, values))))
    return all(map(_is_finite, values))


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if value is None or isinstance(value, str):
        return True
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, dict):
        return all(_is_finite(each) for each in value.values())
    if isinstance(value, tuple):
        # Returns are floats, all of them, and a sum with something in it that is no number is none either.
        is_sum_finite = set(map(type, value)) == {float} and math.isfinite(sum(value))
        return is_sum_finite or all(map(_is_finite, value))
    return True
