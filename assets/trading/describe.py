"""Trading as metadata a person reads in the UI: reports as plain scalars, positions and decisions as tables."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from execution.domain.decisions import WhyRow
from execution.domain.events import PositionsMarked
from execution.ledger.book import Book
from execution.ledger.why_rows import read_why_rows
from execution.ports import Artifacts

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def described(report: "DataclassInstance") -> dict[str, str | int | float | bool]:
    """Return a report's fields as scalars: money and dates as text, absent values as `none`."""
    return {field.name: _scalar(getattr(report, field.name)) for field in fields(report)}


def settled_pages(book: Book, artifacts: Artifacts, cycle_id: str) -> dict[str, str]:
    """Return the pages of a settled cycle by the name of the asset they belong to; fewer when it is not settled yet."""
    pages = {}
    mark = next((mark for mark in reversed(book.marks) if mark.cycle_id == cycle_id), None)
    if mark is not None:
        pages["positions"] = positions_table(mark)
    cycle = book.cycles.get(cycle_id)
    if cycle is not None and cycle.why_rows:
        pages["decisions"] = decisions_table(read_why_rows(artifacts, cycle.why_rows[-1].artifact_hash))
    return pages


def positions_table(mark: PositionsMarked) -> str:
    """Return a daily mark as a Markdown table: one row per position, then cash and equity."""
    head = "| symbol | shares | cost (USD) | close (USD) | value (USD) |\n|---|--:|--:|--:|--:|\n"
    rows = [
        f"| {held.symbol} | {held.shares} | {held.cost_usd:,.2f} | {held.close_usd:,.2f} | "
        f"{held.shares * held.close_usd:,.2f} |\n"
        for held in mark.positions
    ]
    return (
        f"{head}{''.join(rows)}| **cash** | | | | {mark.cash_usd:,.2f} |\n| **equity** | | | | {mark.equity_usd:,.2f} |"
    )


def decisions_table(rows: Iterable[WhyRow]) -> str:
    """Return why-rows as a Markdown table: how many symbols ended how, at which stage."""
    counts = Counter((row.outcome, row.stage) for row in rows)
    lines = [f"| {outcome} | {stage} | {count} |\n" for (outcome, stage), count in counts.most_common()]
    return f"| outcome | stage | symbols |\n|---|---|--:|\n{''.join(lines)}".rstrip()


def _scalar(value: Any) -> str | int | float | bool:
    if isinstance(value, (bool, int, float, str)):
        return value
    if value is None:
        return "none"
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
