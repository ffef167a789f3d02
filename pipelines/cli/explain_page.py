"""`touchstone explain`: from an order down to the raw rows behind it, or from a raw row up to the orders it touched."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from assets import schemas
from assets.feature_catalogue import FEATURES
from assets.features.feature_library import every_set
from assets.raw_lineage import RawRow, RowsBehind, rows_behind, stored_rows
from assets.raw_store import RawStore
from assets.snapshots import DataSnapshot, SnapshotStore
from execution.artifact_files import FileArtifacts
from execution.domain.decisions import WhyRow
from execution.domain.errors import DataError, LedgerError
from execution.domain.signals import SignalBatch
from execution.ledger.book import Book, CycleRecord
from execution.ledger.order_record import OrderRecord
from execution.ledger.why_rows import read_why_rows
from execution.ports import Artifacts
from execution.signal_batch_store import SignalBatchStore
from pipelines.home import Home

_SHOWN_FEATURES: Final = 5
_SHOWN_ORDERS: Final = 20


def explain_order(home: Home, book: Book, order_id: str) -> str:
    """Return the way from an order to the raw rows its decision could see, each with source and time.

    Args:
        home: where artifacts, snapshots and raw parts lie.
        book: the folded ledger.
        order_id: client order id, or a beginning of it that only one order has.

    Raises:
        LedgerError: no order, or more than one, has this id.
        DataError: the snapshot pinned for the session is another than the batch was made from.
        CorruptArtifact: an artifact or a part does not have the hash it is named by.
    """
    record = _order(book, order_id)
    cycle = book.cycles[record.cycle_id]
    lines = [*_of_order(record), *_of_plan(cycle)]
    if cycle.batch_hash is None:
        return "\n".join([*lines, "batch         none: the plan only managed what was held"])
    batch = SignalBatchStore(home.artifacts).load(cycle.batch_hash)
    lines += _of_batch(batch, cycle.batch_hash)
    lines += _of_features(_why_row(FileArtifacts(home.artifacts), cycle, record.order.symbol))
    snapshot = SnapshotStore(home.snapshots).pinned(cycle.session)
    if snapshot.hash != batch.snapshot_hash:
        raise DataError(
            f"the snapshot pinned for {cycle.session} is {snapshot.hash}, the batch was made from "
            f"{batch.snapshot_hash}: raw/snapshot was materialized again since; its former list is in a backup"
        )
    behind = rows_behind(RawStore(home.raw), snapshot, record.order.symbol)
    return "\n".join([*lines, *_of_rows(behind, snapshot, record.order.symbol)])


def wanted_row(what: str, columns: Sequence[str]) -> dict[str, str]:
    """Return column name to value of the row a person names; empty where an order is meant.

    Args:
        what: name of a raw table, or a client order id.
        columns: words of the form `column=value`.

    Raises:
        DataError: a word has another form, or a table is named and no column of it.
    """
    wanted = dict(column.partition("=")[::2] for column in columns)
    wrong = [column for column in columns if not column.partition("=")[0] or "=" not in column]
    if wrong or (what in schemas.BY_NAME and not wanted):
        found = repr(wrong[0]) if wrong else "no column"
        raise DataError(f"found {found} after {what}, expected column=value, which names the row: {what} symbol=A")
    return wanted


def explain_row(home: Home, book: Book, *, table_name: str, wanted: Mapping[str, str]) -> str:
    """Return the orders a raw row touched: those of its symbol, and how many through what ranks all symbols.

    Args:
        home: where artifacts, snapshots and raw parts lie.
        book: the folded ledger.
        table_name: name of the raw table.
        wanted: column name to value, as text; every stored version with these values is told.

    Raises:
        DataError: there is no such table, column or row.
    """
    table = schemas.BY_NAME.get(table_name)
    if table is None:
        raise DataError(f"there is no raw table {table_name!r}: the tables are {', '.join(sorted(schemas.BY_NAME))}")
    found = stored_rows(RawStore(home.raw), table, wanted)
    if not found:
        raise DataError(f"raw/{table_name} holds no row with {dict(wanted)}: check the values")
    snapshots = SnapshotStore(home.snapshots)
    seen_by = {cycle.cycle_id: snapshots.pinned(cycle.session) for cycle in _decided(book)}
    lines = []
    for row in found:
        lines += [f"raw/{table_name} {_columns(row.columns)}", f"  part      {row.part_hash}"]
        lines += _of_touched(book, row, [key for key, snapshot in seen_by.items() if row.is_behind(snapshot)])
    return "\n".join(lines)


def _order(book: Book, order_id: str) -> OrderRecord:
    found = [record for key, record in book.orders.items() if key.startswith(order_id)]
    if len(found) != 1:
        raise LedgerError(
            f"{len(found)} orders have an id that begins with {order_id!r}: give the whole id, "
            "`touchstone orders` lists them"
        )
    return found[0]


def _decided(book: Book) -> tuple[CycleRecord, ...]:
    return tuple(cycle for cycle in book.cycles.values() if cycle.batch_hash is not None)


def _why_row(artifacts: Artifacts, cycle: CycleRecord, symbol: str) -> WhyRow | None:
    rows = read_why_rows(artifacts, cycle.why_rows[-1].artifact_hash) if cycle.why_rows else ()
    return next((row for row in rows if row.symbol == symbol), None)


def _of_order(record: OrderRecord) -> Iterator[str]:
    order = record.order
    yield f"order         {order.client_order_id}"
    yield f"              {record.leg} {order.side} {order.quantity_shares} {order.symbol}, {order.order_type}"
    yield f"              decided {_at(record.intended_at)}: {record.reason}"
    yield f"              sent {_at(record.sent_at)}, {record.state}, {record.filled_shares} filled"


def _of_plan(cycle: CycleRecord) -> Iterator[str]:
    yield f"plan          {cycle.plan_hash} of session {cycle.session}"
    approval = cycle.approval
    yield f"              approved by {approval.approver} at {_at(approval.at)}" if approval else "              waits"


def _of_batch(batch: SignalBatch, batch_hash: str) -> Iterator[str]:
    certificate = batch.certificate
    verdict = "green" if certificate.is_green else "red"
    yield f"batch         {batch_hash}, cut-off {_at(batch.as_of)}, decided by {batch.decision_source}"
    yield f"certificate   {certificate.hash}, {verdict}, {len(certificate.checks)} checks"
    yield f"model         {batch.model_hash or 'none, a rule decided'}"
    yield f"settings      {batch.settings_hash}"
    yield f"code          {batch.code_hash}"
    yield f"features      {batch.features_hash}"


def _of_features(row: WhyRow | None) -> Iterator[str]:
    of_library = (feature for one in every_set() for feature in one.features)
    inputs = {feature.name: feature for feature in (*FEATURES, *of_library)}
    strongest = sorted(row.contributions.items(), key=lambda item: (-abs(item[1]), item[0])) if row else []
    for name, contribution in strongest[:_SHOWN_FEATURES]:
        feature = inputs.get(name)
        rests_on = f"{feature.look_back_sessions} sessions of {', '.join(feature.inputs)}" if feature else "unknown"
        yield f"              {contribution:+.6f}  {name}, on {rests_on}"


def _of_rows(behind: Sequence[RowsBehind], snapshot: DataSnapshot, symbol: str) -> Iterator[str]:
    parts = sum(len(hashes) for _, hashes in snapshot.parts)
    yield f"snapshot      {snapshot.hash}, {parts} parts, known up to {_at(snapshot.as_of)}"
    yield f"raw rows of {symbol}"
    for table in behind:
        span = f"known {_at(table.first_known_at)} to {_at(table.last_known_at)}"
        yield f"  {table.table:<18}{table.rows} rows of {', '.join(table.origins)}, {span}, in {len(table.parts)} parts"
        yield f"  {'':<18}last known: {_columns(table.newest)}"
        yield f"  {'':<18}in part {table.parts[-1][0]}" if len(table.parts) == 1 else f"  {'':<18}in {_named(table)}"


def _named(table: RowsBehind) -> str:
    """Return the parts of a table with most rows first, the rest as a count."""
    most = sorted(table.parts, key=lambda part: (-part[1], part[0]))
    shown = ", ".join(f"{part_hash[:12]} ({rows})" for part_hash, rows in most[:3])
    return shown if len(most) <= 3 else f"{shown} and {len(most) - 3} more"


def _of_touched(book: Book, row: RawRow, cycle_ids: Iterable[str]) -> Iterator[str]:
    symbol, cycles = row.columns.get("symbol"), tuple(cycle_ids)
    orders = [record for cycle_id in cycles for record in book.orders_of(cycle_id)]
    own = [record for record in orders if record.order.symbol == symbol]
    sessions = [book.cycles[cycle_id].session for cycle_id in cycles]
    yield f"  behind    {_range(sessions)}"
    for record in own[:_SHOWN_ORDERS]:
        order = record.order
        yield (
            f"  touched   {record.session} {record.leg} {order.side} {order.quantity_shares} {order.symbol}: "
            f"{record.state} [{order.client_order_id}]"
        )
    if len(own) > _SHOWN_ORDERS:
        yield f"  touched   {len(own) - _SHOWN_ORDERS} more orders in {symbol}"
    ranked = _ranking_features(row.table)
    if ranked and len(orders) > len(own):
        others = len(orders) - len(own)
        yield f"  touched   {others} orders in other symbols, through {ranked} ranks and market features"
    if not orders:
        yield "  touched   no order"


def _ranking_features(table: str) -> int:
    return sum(table in feature.inputs for feature in FEATURES if feature.family in {"rank", "market"})


def _range(sessions: Sequence[date]) -> str:
    if not sessions:
        return "no decision could see it"
    return f"{len(sessions)} decisions, sessions {min(sessions)} to {max(sessions)}"


def _columns(columns: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_text(value)}" for name, value in columns.items() if value is not None)


def _text(value: object) -> str:
    return _at(value) if isinstance(value, datetime) else str(value)


def _at(instant: datetime | None) -> str:
    return "never" if instant is None else instant.isoformat(timespec="seconds")
