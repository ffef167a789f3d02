"""Open a user's file and hand over its columns, or say in one error which file, row and column is at fault.

Everything a hostile or broken file can do is met here: links out of the folder, pipes, sizes, endless lines, truncated
Parquet, wrong encodings. CSV columns come as text; turning text into values is `file_values.py`.

Rows are counted as a spreadsheet shows them: from 1 below the header, blank lines too, and a line break inside quotes
begins no row.
"""

import csv
import hashlib
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from execution.domain.errors import BadSourceFile

_LONGEST_LINE_BYTES: Final = 1_048_576
_PACKED: Final = {
    b"\x1f\x8b": "gzip",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\x03\x04": "ZIP",
}
"""How compressed files begin; a workbook of a spreadsheet is a ZIP."""
_STAND_IN: Final = b"the line that cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """What is opened at all.

    Attributes:
        max_bytes: largest file.
        max_rows: most rows.
    """

    max_bytes: int
    max_rows: int


def bad_file(file: str, fault: str, *, row: int | None = None, column: str | None = None) -> BadSourceFile:
    """Return the one error of a bad file, to be raised.

    Args:
        file: the file as the settings name it.
        fault: what was found, what was expected and what to do.
        row: 1-based row below the header.
        column: the file's column.
    """
    place = [file, *([f"row {row}"] if row is not None else []), *([f"column {column}"] if column else [])]
    return BadSourceFile(f"{', '.join(place)}: {fault}. Nothing of this file was taken in.")


def located(folder: Path, file: str, *, limits: FileLimits) -> Path:
    """Return the path of a regular file inside a folder.

    Raises:
        BadSourceFile: it is missing, leads out of the folder, is no regular file, is empty or too large.
    """
    home = folder.resolve()
    path = (home / file).resolve()
    if not path.is_relative_to(home):
        raise bad_file(file, f"it leads out of the folder {folder.name!r}; copy the file into it")
    try:
        found = path.stat()
    except OSError as error:
        raise bad_file(file, f"it cannot be opened ({error.strerror}); check the mapping's folder and file") from error
    if not stat.S_ISREG(found.st_mode):
        raise bad_file(file, "it is no regular file")
    if found.st_size == 0:
        raise bad_file(file, "it is empty, expected at least one row")
    if found.st_size > limits.max_bytes:
        raise bad_file(file, f"it has {found.st_size} bytes, the most allowed are {limits.max_bytes} (max_file_mb)")
    return path


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_parquet(path: Path, file: str, columns: Sequence[str], *, limits: FileLimits) -> pa.Table:
    """Return the wanted columns of a Parquet file, typed as they are stored.

    Raises:
        BadSourceFile: it is truncated or no Parquet, lacks a column, or has no row or too many.
    """
    try:
        with pq.ParquetFile(path) as parquet:
            _check_columns(file, parquet.schema_arrow.names, columns)
            _check_rows(file, parquet.metadata.num_rows, limits)
            table = parquet.read(columns=list(columns), use_threads=False)
        # Views of text cannot be filtered; some frames write nothing else.
        plain = [f.with_type(pa.string()) if pa.types.is_string_view(f.type) else f for f in table.schema]
        return table.cast(pa.schema(plain))
    except (pa.ArrowException, OSError) as error:
        fault = f"it cannot be read as Parquet ({_first_line(error)}); it may be truncated: copy it again"
        raise bad_file(file, fault) from error


def read_csv(
    path: Path, file: str, columns: Sequence[str], *, delimiter: str, limits: FileLimits
) -> tuple[pa.Table, pa.Array]:
    """Return the wanted columns of a CSV file with a header, as text, and the 1-based row each line of them stands in.

    Empty cells are null; blank lines are left out.

    Raises:
        BadSourceFile: the file is compressed, a line is endless or has another number of cells, a column is missing or
            named twice, the text is no UTF-8, or there is no row or too many.
    """
    _check_packing(path, file)
    has_blank_lines = _check_lines(path, file, delimiter)
    header = _header(path, file, delimiter)
    _check_columns(file, header, columns)
    try:
        table = pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(use_threads=False, block_size=4 * _LONGEST_LINE_BYTES),
            parse_options=pacsv.ParseOptions(delimiter=delimiter),
            convert_options=pacsv.ConvertOptions(
                include_columns=list(columns),
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except (pa.ArrowException, OSError) as error:
        _check_cells(path, file, delimiter, header)
        raise bad_file(file, f"it cannot be read as CSV ({_first_line(error)})") from error
    _check_rows(file, table.num_rows, limits)
    places = [row for row, cells in _records(_lines(path), delimiter) if row and cells] if has_blank_lines else []
    # Where the two readers do not see the same rows, their order is the best number there is.
    is_told = len(places) == table.num_rows
    return table, pa.array(places if is_told else np.arange(1, table.num_rows + 1))


def _check_columns(file: str, found: Sequence[str], wanted: Sequence[str]) -> None:
    for column in wanted:
        if found.count(column) == 0:
            raise bad_file(file, f"the column is missing; found {sorted(found)}", column=column)
        if found.count(column) > 1:
            raise bad_file(file, "the column is named twice; give each column a name of its own", column=column)


def _check_rows(file: str, rows: int, limits: FileLimits) -> None:
    if rows == 0:
        raise bad_file(file, "it has no rows, expected at least one")
    if rows > limits.max_rows:
        raise bad_file(file, f"it has {rows} rows, the most allowed are {limits.max_rows} (max_rows)")


def _check_packing(path: Path, file: str) -> None:
    with path.open("rb") as stream:
        start = stream.read(max(map(len, _PACKED)))
    for beginning, kind in _PACKED.items():
        if start.startswith(beginning):
            fault = f"it is compressed ({kind}), expected plain text; unpack it, or save a workbook's sheet as CSV"
            raise bad_file(file, fault)


def _check_lines(path: Path, file: str, delimiter: str) -> bool:
    """Refuse endless lines and text that is no UTF-8, by their row; return whether there are blank lines."""
    has_blank_lines = False
    for number, line in enumerate(_lines(path)):
        if len(line) > _LONGEST_LINE_BYTES:
            row = _row_of_line(path, delimiter, number)
            raise bad_file(file, f"the line is longer than {_LONGEST_LINE_BYTES} bytes", row=row)
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            fault = f"the text is no UTF-8 ({error.reason}); save it as UTF-8"
            raise bad_file(file, fault, row=_row_of_line(path, delimiter, number)) from error
        has_blank_lines |= not line.strip(b"\r\n")
    return has_blank_lines


def _check_cells(path: Path, file: str, delimiter: str, header: Sequence[str]) -> None:
    """Refuse the first row with another number of cells than the header, by its row and the first column it lacks."""
    for row, cells in _records(_lines(path), delimiter):
        if cells and len(cells) != len(header):
            fault = f"it cannot be read as CSV: found {len(cells)} cells, expected {len(header)} as in the header"
            lacking = header[len(cells)] if len(cells) < len(header) else None
            raise bad_file(file, fault, row=row, column=lacking)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while line := stream.readline(_LONGEST_LINE_BYTES + 1):
            yield line


def _records(lines: Iterable[bytes], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the header as row 0 and each row below it with its cells; a blank line is a row without any.

    They end before a cell that is too long or too odd for Python's reader.
    """
    try:
        yield from enumerate(csv.reader((line.decode("utf-8-sig", "replace") for line in lines), delimiter=delimiter))
    except csv.Error:
        return


def _row_of_line(path: Path, delimiter: str, number: int) -> int | None:
    """Return the row the line after a number of lines stands in; None for the header, and where none can be told."""
    in_its_place = chain(islice(_lines(path), number), [_STAND_IN])
    ((row, cells),) = deque(_records(in_its_place, delimiter), maxlen=1) or [(0, [])]
    return row if row and cells and cells[-1].endswith(_STAND_IN.decode()) else None


def _header(path: Path, file: str, delimiter: str) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader(stream, delimiter=delimiter), [])
    if not any(name.strip() for name in header):
        raise bad_file(file, "the first line names no columns, expected a header")
    return header


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
