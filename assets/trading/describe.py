"""Trading as metadata a person reads in the UI: reports as plain scalars, positions and decisions as tables."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from execution.domain.decisions import WhyRow
from execution.domain.events import FillBooked, PositionsMarked
from execution.domain.orders import BrokerFill
from execution.ledger.book import Book
from execution.ledger.why_rows import read_why_rows
from execution.ports import Artifacts

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SHOWN_FILLS: Final = 40


def described(report: "DataclassInstance") -> dict[str, str | int | float | bool]:
    """Return a report's fields as scalars: money and dates as text, absent values as `none`."""
    return {field.name: _scalar(getattr(report, field.name)) for field in fields(report)}


def settled_pages(book: Book, artifacts: Artifacts, cycle_id: str) -> dict[str, str]:
    """Return the pages of a settled cycle by the name of the asset they belong to; fewer when it is not settled yet."""
    pages = {}
    mark = next((mark for mark in reversed(book.marks) if mark.cycle_id == cycle_id), None)
    if mark is not None:
        day = book.days.get(mark.marked_session)
        pages["fills"] = fills_table(day.fills if day is not None else ())
        pages["positions"] = positions_table(mark)
    cycle = book.cycles.get(cycle_id)
    if cycle is not None and cycle.why_rows:
        pages["decisions"] = decisions_table(read_why_rows(artifacts, cycle.why_rows[-1].artifact_hash))
    return pages


def fills_table(booked: Iterable[FillBooked], *, shown: int = SHOWN_FILLS) -> str:
    """Return what was traded as a Markdown table: executions by symbol and side, the largest first, then the sums.

    Args:
        booked: executions of one exchange day; those that take others back have rows of their own.
        shown: most rows above the sums.
    """
    traded: dict[tuple[str, str], list[BrokerFill]] = {}
    for fill in (one.fill for one in booked):
        side = fill.side if fill.reverses is None else f"{fill.side}, taking back"
        traded.setdefault((side, fill.symbol), []).append(fill)
    if not traded:
        return "Nothing was traded."
    rows = sorted(
        ((_value_usd(fills), *key, fills) for key, fills in traded.items()), key=lambda row: (-row[0], row[2])
    )
    head = "| side | symbol | shares | mean price (USD) | value (USD) | fees (USD) |\n|---|---|--:|--:|--:|--:|\n"
    lines = [
        f"| {side} | {symbol} | {(shares := sum(fill.quantity_shares for fill in fills))} | {value / shares:,.4f} "
        f"| {value:,.2f} | {_fees_usd(fills):,.2f} |\n"
        for value, side, symbol, fills in rows[:shown]
    ]
    if len(rows) > shown:
        lines.append(f"| | and {len(rows) - shown} more | | | | |\n")
    for side in sorted({side for side, _ in traded}):
        fills = [fill for key, found in traded.items() if key[0] == side for fill in found]
        lines.append(f"| **{side}** | | | | {_value_usd(fills):,.2f} | {_fees_usd(fills):,.2f} |\n")
    return f"{head}{''.join(lines)}".rstrip()


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


def _value_usd(fills: Iterable[BrokerFill]) -> Decimal:
    return sum((fill.quantity_shares * fill.price_usd for fill in fills), Decimal(0))


def _fees_usd(fills: Iterable[BrokerFill]) -> Decimal:
    return sum((fill.fee_usd for fill in fills), Decimal(0))


def _scalar(value: Any) -> str | int | float | bool:
    if isinstance(value, (bool, int, float, str)):
        return value
    if value is None:
        return "none"
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
