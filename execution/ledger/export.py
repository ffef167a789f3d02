"""The ledger as Parquet for analysis: orders, fills, positions, equity and decisions, in one folder named by its hash.

Analysis reads this, and the ledger itself only for the account's days (`docs/adr/0035-account.md`). Same ledger, same
session: same bytes, same hash, on any day.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from execution.artifact_files import FileArtifacts, write_atomically
from execution.domain.canonical import canonical_bytes
from execution.domain.events import Event, PositionMark, PositionsMarked, SettleFinished
from execution.domain.quantities import stated_shares, unsigned_shares
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.ledger.order_record import OrderRecord
from execution.ledger.store import LedgerStore
from execution.ledger.why_rows import SCHEMA as WHY_SCHEMA
from execution.ledger.why_rows import parquet_bytes, schema_holding, why_table
from execution.trading_calendar import TradingCalendar

FOLDER: Final = "ledger_export"
MANIFEST: Final = "manifest.json"
EXPORT_VERSION: Final = 1
_MONEY: Final = pa.decimal128(18, 6)
_INSTANT: Final = pa.timestamp("us", tz="UTC")
_DECIMALS: Final = 6
# Per symbol and session, these are most of the bytes; they stay in the why-rows, where `touchstone why` reads them.
_LEFT_OUT: Final = ("contributions", "features")

_ORDERS: Final = pa.schema(
    [
        ("session", pa.date32()),
        ("cycle_id", pa.string()),
        ("client_order_id", pa.string()),
        ("broker_order_id", pa.string()),
        ("symbol", pa.string()),
        ("side", pa.string()),
        ("leg", pa.string()),
        ("order_type", pa.string()),
        ("time_in_force", pa.string()),
        ("quantity_shares", pa.int64()),
        ("limit_usd", _MONEY),
        ("stop_usd", _MONEY),
        ("status", pa.string()),
        ("filled_shares", pa.int64()),
        ("average_fill_usd", _MONEY),
        ("fee_usd", _MONEY),
        ("sent_at", _INSTANT),
        ("reason", pa.string()),
        ("note", pa.string()),
    ]
)
_FILLS: Final = pa.schema(
    [
        ("session", pa.date32()),
        ("execution_id", pa.string()),
        ("client_order_id", pa.string()),
        ("symbol", pa.string()),
        ("side", pa.string()),
        ("quantity_shares", pa.int64()),
        ("price_usd", _MONEY),
        ("fee_usd", _MONEY),
        ("filled_at", _INSTANT),
    ]
)
_POSITIONS: Final = pa.schema(
    [
        ("session", pa.date32()),
        ("symbol", pa.string()),
        ("shares", pa.int64()),
        ("average_cost_usd", _MONEY),
        ("close_usd", _MONEY),
        ("market_value_usd", _MONEY),
        ("unrealised_usd", _MONEY),
        ("realised_usd", _MONEY),
    ]
)
_EQUITY: Final = pa.schema(
    [
        ("session", pa.date32()),
        ("cash_usd", _MONEY),
        ("equity_usd", _MONEY),
        ("realised_usd", _MONEY),
        ("unrealised_usd", _MONEY),
        ("gross_exposure", _MONEY),
    ]
)


@dataclass(frozen=True, slots=True)
class LedgerExport:
    """An export: its content hash and its folder."""

    hash: str
    path: Path


def export_ledger(ledger: LedgerStore, root: Path, *, upto_session: date) -> LedgerExport:
    """Write the ledger up to the settle of an exchange day and return where; the same export again changes nothing.

    In `orders` and `decisions`, `session` is the decision session; in `fills`, `positions` and `equity` it is the
    exchange day of the execution or the close.

    Args:
        ledger: the account's ledger.
        root: folder of all artifacts, why-rows included.
        upto_session: newest exchange day in the export: the session after the newest decision session.

    Raises:
        CorruptArtifact: the why-rows of a cycle are missing or were changed.
    """
    events = _settled_upto([recorded.event for recorded in ledger.events()], upto_session)
    book = folded(Book(), events)
    # Not by the marks: a session that is settled after the next open has none, and its day is told all the same.
    settled = [cycle.session for cycle in book.cycles.values() if cycle.settled]
    reached = min(upto_session, TradingCalendar.shipped().next(max(settled))) if settled else upto_session
    tables = {
        "orders": _table(_ORDERS, (_order(r) for r in book.orders.values() if r.sent_at is not None)),
        "fills": _table(_FILLS, (_fill(booked.fill) for booked in book.fills.values())),
        "positions": _table(_POSITIONS, (_position(mark, held) for mark in book.marks for held in mark.positions)),
        "equity": _table(_EQUITY, (_equity(mark) for mark in book.marks)),
        "decisions": _decisions(book, root),
    }
    contents = {name: parquet_bytes(table) for name, table in tables.items()}
    manifest = canonical_bytes(
        {
            "version": EXPORT_VERSION,
            "upto_session": reached,
            "tables": {
                name: {"rows": tables[name].num_rows, "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in contents.items()
            },
        }
    )
    digest = hashlib.sha256(manifest).hexdigest()
    folder = root / FOLDER / digest
    # The manifest comes last: a folder without one is not an export yet.
    for name, content in (*((f"{name}.parquet", content) for name, content in contents.items()), (MANIFEST, manifest)):
        if not (folder / name).exists():
            write_atomically(folder / name, content)
    return LedgerExport(digest, folder)


def _settled_upto(events: Sequence[Event], upto_session: date) -> Sequence[Event]:
    """Return the events up to the last settle of a decision session before an exchange day."""
    ends = [
        number
        for number, event in enumerate(events, start=1)
        if isinstance(event, SettleFinished) and event.session < upto_session
    ]
    return events[: ends[-1]] if ends else ()


def _table(schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    rounded = [{name: _stored(schema.field(name).type, value) for name, value in row.items()} for row in rows]
    return pa.Table.from_pylist(rounded, schema=schema_holding(schema, rounded))


def _stored(kind: pa.DataType, value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return stated_shares(value) if kind == pa.int64() else round(value, _DECIMALS)


def _order(record: OrderRecord) -> dict[str, Any]:
    order = record.order
    return {
        "session": record.session,
        "cycle_id": record.cycle_id,
        "client_order_id": order.client_order_id,
        "broker_order_id": record.broker_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "leg": record.leg,
        "order_type": order.order_type,
        "time_in_force": order.time_in_force,
        "quantity_shares": order.quantity_shares,
        "limit_usd": order.limit_usd,
        "stop_usd": order.stop_usd,
        "status": record.state,
        "filled_shares": record.filled_shares,
        "average_fill_usd": record.average_fill_usd,
        "fee_usd": record.fee_usd,
        "sent_at": record.sent_at,
        "reason": record.reason,
        "note": record.note,
    }


def _fill(fill: Any) -> dict[str, Any]:
    # New York sessions lie within one UTC day, so the instant's date is the exchange day.
    columns = {name: getattr(fill, name) for name in _FILLS.names if name != "session"}
    return {"session": fill.filled_at.date(), **columns}


def _position(mark: PositionsMarked, held: PositionMark) -> dict[str, Any]:
    value = held.shares * held.close_usd
    return {
        "session": mark.marked_session,
        "symbol": held.symbol,
        "shares": held.shares,
        "average_cost_usd": held.cost_usd / held.shares,
        "close_usd": held.close_usd,
        "market_value_usd": value,
        "unrealised_usd": value - held.cost_usd,
        "realised_usd": held.realised_usd,
    }


def _equity(mark: PositionsMarked) -> dict[str, Any]:
    gross = sum((unsigned_shares(held.shares) * held.close_usd for held in mark.positions), Decimal(0))
    return {
        "session": mark.marked_session,
        "cash_usd": mark.cash_usd,
        "equity_usd": mark.equity_usd,
        "realised_usd": mark.realised_usd,
        "unrealised_usd": mark.unrealised_usd,
        "gross_exposure": gross / mark.equity_usd if mark.equity_usd > 0 else None,
    }


def _decisions(book: Book, root: Path) -> pa.Table:
    """Return the newest why-rows of every cycle: the settle's where it stands, else the plan's."""
    kept = [name for name in WHY_SCHEMA.names if name not in _LEFT_OUT]
    newest = [cycle.why_rows[-1].artifact_hash for cycle in book.cycles.values() if cycle.why_rows]
    empty = WHY_SCHEMA.remove_metadata().empty_table().select(kept)
    artifacts = FileArtifacts(root)
    tables = [
        why_table(artifacts, artifact_hash).replace_schema_metadata(None).select(kept) for artifact_hash in newest
    ]
    # A cycle that held a part of a share has wider columns than one of whole shares alone.
    return pa.concat_tables([empty, *tables], promote_options="permissive")
