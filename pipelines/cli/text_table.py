"""Rows as aligned plain text, for a terminal, a pipe or a log."""

from collections.abc import Iterable, Sequence


def text_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows under a header; columns whose every value is a number are aligned right, None is shown as a dash.

    Args:
        header: one name per column.
        rows: values in the order of the header.
    """
    cells = [["-" if value is None else str(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(header), *cells]) for column in range(len(header))]
    is_number = [bool(cells) and all(_is_number(row[column]) for row in cells) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *(line(row) for row in cells)])


def _is_number(text: str) -> bool:
    return text == "-" or text.lstrip("+-").replace(",", "").replace(".", "", 1).isdigit()
