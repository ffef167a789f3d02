"""Cells of a user's file to values of a contract's type, naming the first cell that is none.

Text, numbers and dates are accepted in the forms they come in; what would lose something (a fraction of a share, an
instant without a zone) is refused and not guessed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.columns import prices
from assets.ingest.file_reading import bad_file
from assets.schemas import INSTANT, PRICE_USD

_LARGEST_USD = 1e12
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
"""Of the years 1 to 9999, since 1970: no other day can be handed to the calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellForm:
    """Where cells stand and how they are written.

    Attributes:
        file: the file as the settings name it.
        column: the file's column.
        rows: 1-based data row of each cell.
        scale: what numbers are multiplied by.
        date_format: format of dates in text; None for ISO 8601.
        timezone: zone of instants that name none, and of the day an instant names; None refuses both. A column of
            midnights in their own zone holds days in either case.
    """

    file: str
    column: str
    rows: pa.Array
    scale: float = 1.0
    date_format: str | None = None
    timezone: str | None = None


def typed(cells: pa.Array, field: pa.Field, form: CellForm) -> pa.Array:
    """Return cells as values of a contract field.

    Raises:
        BadSourceFile: a cell is no such value, or is empty where one is required; it names file, row and column.
    """
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if pa.types.is_floating(cells.type):
        # Frames write what is missing as not-a-number; infinity is no such thing and is refused below.
        cells = pc.if_else(pc.is_nan(cells), None, cells)
    if not field.nullable and cells.null_count:
        where = int(np.flatnonzero(cells.is_null().to_numpy(zero_copy_only=False))[0])
        row = form.rows[where].as_py()
        raise bad_file(form.file, "the cell is empty, expected a value", row=row, column=form.column)
    kind = field.type
    if pa.types.is_string(kind):
        return _text(cells, form)
    if pa.types.is_date32(kind) or pa.types.is_timestamp(kind):
        # Before the cells are changed too: far ones come round to another year without an error.
        _refuse_far_times(cells, cells, form)
        times = _dates(cells, form) if pa.types.is_date32(kind) else _instants(cells, form)
        _refuse_far_times(times, cells, form)
        return times
    if pa.types.is_boolean(kind):
        return _cast(_plain(cells), pa.bool_(), "true or false", form)
    numbers = _numbers(cells, form)
    return numbers if pa.types.is_float64(kind) else _exact(numbers, kind, form)


def _text(cells: pa.Array, form: CellForm) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(_cast(cells, pa.string(), "text", form))
    _refuse_where(pc.equal(trimmed, ""), "the cell is blank, expected text", form)
    return trimmed


def _refuse_far_times(times: pa.Array, cells: pa.Array, form: CellForm) -> None:
    """Refuse days and instants outside the years 1 to 9999, naming the first by its cell."""
    if not pa.types.is_date(times.type) and not pa.types.is_timestamp(times.type):
        return
    zone = times.type.tz if pa.types.is_timestamp(times.type) else None
    seconds = times.cast(pa.timestamp("s", zone), safe=False).cast(pa.int64())
    is_far = pc.or_(pc.less(seconds, _FIRST_SECOND), pc.greater(seconds, _LAST_SECOND))
    far = np.flatnonzero(is_far.fill_null(False).to_numpy(zero_copy_only=False))  # noqa: FBT003 - by position only
    if len(far):
        cell = cells[int(far[0])]
        found = f"{cell.value} stored as {cell.type}" if pa.types.is_temporal(cell.type) else repr(str(cell)[:80])
        fault = f"found {found}, expected a time of the years 1 to 9999; look at the unit it is stored in"
        raise bad_file(form.file, fault, row=form.rows[int(far[0])].as_py(), column=form.column)


def _dates(cells: pa.Array, form: CellForm) -> pa.Array:
    if pa.types.is_timestamp(cells.type):
        return _days_of(cells, form)
    if pa.types.is_date(cells.type):
        return cells.cast(pa.date32(), safe=False)
    written = _plain(_cast(cells, pa.string(), "a date", form))
    if form.date_format is None:
        return _cast(written, pa.date32(), "a date such as 2016-06-30 (or set date_format)", form)
    expected, pattern = f"a date like {form.date_format}", form.date_format
    return _tried(written, lambda part: _days_written(part, pattern), expected, form)


def _days_of(cells: pa.Array, form: CellForm) -> pa.Array:
    """Return the day of each instant: as written where all are midnights in their own zone, else the mapping's zone's.

    Dates are often stored as midnights UTC, the evening before in New York: as instants they would all come a day
    early. Where only most are midnights, one stray row would decide for all, so the column is refused. Instants that
    name no zone are written in the mapping's.
    """
    has_zone = cells.type.tz is not None
    own = pc.local_timestamp(cells) if has_zone else cells
    days = own.cast(pa.date32(), safe=False)
    is_midnight = pc.equal(days.cast(own.type), own)
    midnights, others = pc.sum(is_midnight).as_py() or 0, pc.sum(pc.invert(is_midnight)).as_py() or 0
    if not others:
        return days
    if form.timezone is None:
        fault = "the instant is no midnight, expected a day; set timezone to the zone whose day it names"
        _refuse_where(pc.invert(is_midnight), fault, form)
    if not has_zone:
        return days
    if midnights > others:
        fault = "the instant is no midnight, and most of the column are: expected days, or instants; write one of them"
        _refuse_where(pc.invert(is_midnight), fault, form)
    return pc.local_timestamp(cells.cast(pa.timestamp(cells.type.unit, form.timezone))).cast(pa.date32(), safe=False)


def _days_written(cells: pa.Array, pattern: str) -> pa.Array:
    """Return days written in a form; a day its month does not have is none.

    Raises:
        ArrowInvalid: a cell is no such day.
    """
    encoded = cells.dictionary_encode()
    written = encoded.dictionary
    found = pc.strptime(written, format=pattern, unit="s")
    # 31 February is read as 2 March: written back, its numbers are others. Zeros in front and names may differ.
    if pc.any(pc.not_equal(_numbers_in(written), _numbers_in(pc.strftime(found, format=pattern)))).as_py():
        raise pa.ArrowInvalid("a day the calendar does not have")
    return found.cast(pa.date32()).take(encoded.indices)


def _numbers_in(texts: pa.Array) -> pa.Array:
    """Return the numbers of each text in their order, without zeros in front."""
    short = pc.replace_substring_regex(texts, r"(^|\D)0+(\d)", r"\1\2")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(short, r"\D+", " "))


def _instants(cells: pa.Array, form: CellForm) -> pa.Array:
    if not pa.types.is_timestamp(cells.type):
        written = _plain(_cast(cells, pa.string(), "an instant", form))
        try:
            return written.cast(INSTANT)
        except pa.ArrowInvalid:
            cells = _cast(written, pa.timestamp("us"), "an instant such as 2016-06-30T20:00:00Z", form)
    if cells.type.tz is not None:
        return cells.cast(INSTANT, safe=False)
    if form.timezone is None:
        raise bad_file(form.file, "its instants name no time zone; set timezone, such as UTC", column=form.column)
    zoned = pc.assume_timezone(
        cells.cast(pa.timestamp("us"), safe=False), form.timezone, ambiguous="earliest", nonexistent="earliest"
    )
    return zoned.cast(INSTANT)


def _numbers(cells: pa.Array, form: CellForm) -> pa.Array:
    numbers = _cast(_plain(cells), pa.float64(), "a number", form)
    _refuse_where(pc.invert(pc.is_finite(numbers)), "the number is not finite", form)
    return numbers if form.scale == 1.0 else pc.multiply(numbers, form.scale)


def _exact(numbers: pa.Array, kind: pa.DataType, form: CellForm) -> pa.Array:
    if kind == PRICE_USD:
        _refuse_where(pc.greater(pc.abs(numbers), _LARGEST_USD), "the number is too large for a price", form)
        micro_usd = np.rint(numbers.fill_null(0.0).to_numpy(zero_copy_only=False) * 1e6).astype(np.int64)
        exact = prices(micro_usd)
        return pc.if_else(numbers.is_valid(), exact, None) if numbers.null_count else exact
    _refuse_where(pc.not_equal(pc.floor(numbers), numbers), "the number has a fraction, expected a whole one", form)
    return _cast(numbers, kind, "a whole number in range", form)


def _plain(cells: pa.Array) -> pa.Array:
    is_text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
    return pc.utf8_trim_whitespace(cells) if is_text else cells


def _cast(cells: pa.Array, kind: pa.DataType, expected: str, form: CellForm) -> pa.Array:
    return _tried(cells, lambda part: part.cast(kind), expected, form)


def _tried(cells: pa.Array, change: Callable[[pa.Array], pa.Array], expected: str, form: CellForm) -> pa.Array:
    try:
        return change(cells)
    except pa.ArrowException as error:
        where = _first_failure(cells, change)
        fault = f"found {str(cells[where].as_py())[:80]!r}, expected {expected}"
        raise bad_file(form.file, fault, row=form.rows[where].as_py(), column=form.column) from error


def _first_failure(cells: pa.Array, change: Callable[[pa.Array], pa.Array]) -> int:
    """Return the position of the first cell that cannot be changed, by halving."""
    good, bad = 0, len(cells)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            change(cells[good:middle])
            good = middle
        except pa.ArrowException:
            bad = middle
    return good


def _refuse_where(is_bad: pa.Array, fault: str, form: CellForm) -> None:
    found = np.flatnonzero(is_bad.fill_null(False).to_numpy(zero_copy_only=False))  # noqa: FBT003 - by position only
    if len(found):
        raise bad_file(form.file, fault, row=form.rows[int(found[0])].as_py(), column=form.column)
