"""How much each table of a home holds, before something was done to it and after."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one table holds.

    Attributes:
        rows: rows of it; runs of the run history, lines of the logs.
        size_bytes: what its files take.
    """

    rows: int
    size_bytes: int


def change_table(before: Mapping[str, Holding], after: Mapping[str, Holding]) -> str:
    """Return rows and bytes of every table before and after, as Markdown."""
    lines = ["| table | rows before | rows after | bytes before | bytes after |", "|---|---|---|---|---|"]
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name, _NOTHING), after.get(name, _NOTHING)
        lines.append(f"| {name} | {was.rows:,} | {now.rows:,} | {was.size_bytes:,} | {now.size_bytes:,} |")
    return "\n".join(lines)


def change_facts(before: Mapping[str, Holding], after: Mapping[str, Holding]) -> dict[str, int]:
    """Return rows and bytes of all tables together, before and after."""
    return {
        "rows_before": sum(one.rows for one in before.values()),
        "rows_after": sum(one.rows for one in after.values()),
        "bytes_before": sum(one.size_bytes for one in before.values()),
        "bytes_after": sum(one.size_bytes for one in after.values()),
    }


_NOTHING = Holding(rows=0, size_bytes=0)
