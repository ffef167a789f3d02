"""Trading as metadata a person reads in the UI: reports as plain scalars; orders, positions and decisions as tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from execution.domain.decisions import WhyRow
from execution.domain.events import FillBooked, PositionsMarked
from execution.domain.orders import BrokerFill
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.ledger.why_rows import read_why_rows
from execution.ports import Artifacts
from execution.session.approval import PLANS_FOLDER

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SHOWN_ORDERS: Final = 60
SHOWN_FILLS: Final = 40


def described(report: "DataclassInstance") -> dict[str, str | int | float | bool]:
    """Return a report's fields as scalars: money as a number, dates as text, absent values as `none`.

    A text that says nothing, such as the reason of what went well, is left out.
    """
    told = {field.name: _scalar(getattr(report, field.name)) for field in fields(report)}
    return {name: value for name, value in told.items() if value != ""}


def plan_pages(artifacts: Artifacts, plan_hash: str | None) -> dict[str, str]:
    """Return the page of a plan as it was frozen, whatever became of its orders since; nothing without a plan.

    Raises:
        CorruptArtifact: the plan's artifact is missing, or does not have the hash it is named by.
    """
    if plan_hash is None:
        return {}
    frozen = orjson.loads(artifacts.read(PLANS_FOLDER, plan_hash, suffix=".json"))
    held = f"Held: {frozen['hold_reason']}.\n\n" if frozen["hold_reason"] else ""
    return {"plan": held + plan_table(frozen["orders"])}


def plan_table(orders: Sequence[Mapping[str, Any]], *, shown: int = SHOWN_ORDERS) -> str:
    """Return a plan's orders as a Markdown table, in the order they go out.

    Args:
        orders: as the plan's artifact keeps them.
        shown: most rows.
    """
    if not orders:
        return "No order is planned."
    rows = [
        (
            planned["order"]["symbol"],
            planned["order"]["side"],
            planned["leg"],
            planned["order"]["quantity_shares"],
            _price(planned["order"]["limit_usd"]) or "market",
            _price(planned["stop_usd"]),
            planned["reason"],
        )
        for planned in orders
    ]
    head = "| symbol | side | leg | shares | limit (USD) | stop (USD) | reason |\n|---|---|---|--:|--:|--:|---|"
    return _table(head, rows, shown=shown)


def orders_table(records: Sequence[OrderRecord], *, shown: int = SHOWN_ORDERS) -> str:
    """Return a cycle's orders as a Markdown table: what was decided, what went out and what became of it.

    Args:
        records: in the order they were decided, stops included.
        shown: most rows.
    """
    if not records:
        return "No order was decided."
    rows = [
        (
            record.order.symbol,
            record.order.side,
            record.leg,
            record.order.quantity_shares,
            _price(record.order.limit_usd),
            _price(record.order.stop_usd),
            record.filled_shares,
            "" if record.average_fill_usd is None else f"{record.average_fill_usd:,.4f}",
            record.state.replace("_", " "),
            record.note or record.reason,
        )
        for record in records
    ]
    head = (
        "| symbol | side | leg | shares | limit (USD) | stop (USD) | filled | mean price (USD) | state | why |\n"
        "|---|---|---|--:|--:|--:|--:|--:|---|---|"
    )
    return _table(head, rows, shown=shown)


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


def _table(head: str, rows: Sequence[Sequence[object]], *, shown: int) -> str:
    lines = [_line(row) for row in rows[:shown]]
    if len(rows) > shown:
        lines.append(_line([f"and {len(rows) - shown} more", *[""] * (len(rows[0]) - 1)]))
    return "\n".join([head, *lines])


def _line(cells: Iterable[object]) -> str:
    # A bar or a line's end in a reason would end the cell.
    told = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in told)


def _price(usd: Decimal | str | None) -> str:
    if usd is None:
        return ""
    price = Decimal(usd)
    return f"{price:,.{2 if abs(price) >= 1 else 4}f}"


def _value_usd(fills: Iterable[BrokerFill]) -> Decimal:
    return sum((fill.quantity_shares * fill.price_usd for fill in fills), Decimal(0))


def _fees_usd(fills: Iterable[BrokerFill]) -> Decimal:
    return sum((fill.fee_usd for fill in fills), Decimal(0))


def _scalar(value: Any) -> str | int | float | bool:
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Decimal):
        # A picture of money: the page draws numbers over the sessions, never text. The ledger's own stays Decimal.
        return float(value)
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
