"""One symbol, one day, as text: what happened and why, from the guard's numbers down to the hashes it all rests on."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from execution.domain.decisions import WhyRow
from execution.domain.errors import LedgerError
from execution.domain.events import PlanMissed
from execution.domain.orders import STOP_TYPES
from execution.ledger.book import Book, CycleRecord
from execution.ledger.store import LedgerStore
from execution.ledger.why_rows import read_why_rows
from execution.ports import Artifacts

_SHOWN_CONTRIBUTIONS: Final = 8


def why(ledger: LedgerStore, *, artifacts: Artifacts, symbol: str, session: date | None = None, gate: str = "") -> str:
    """Return what happened to a symbol in a decision session and why, for a person.

    Args:
        ledger: the account's ledger.
        artifacts: where the why-rows are.
        symbol: exchange symbol, as the batch spells it.
        session: the decision session; None for the newest one that was planned.
        gate: what the gate says of that session, told where it has no plan; empty when that is nothing.

    Raises:
        LedgerError: the session was never planned, or says nothing of the symbol.
        CorruptArtifact: the why-rows are missing or were changed.
    """
    book = ledger.book()
    cycle = _cycle(book, session, gate)
    rows = read_why_rows(artifacts, cycle.why_rows[-1].artifact_hash) if cycle.why_rows else ()
    row = next((row for row in rows if row.symbol == symbol), None)
    if row is None:
        raise LedgerError(
            f"session {cycle.session} says nothing of {symbol!r}: {len(rows)} symbols have a row; "
            "check the spelling, or the universe of that session"
        )
    return "\n".join([*_decision(cycle, row), *_evidence(row), *_trades(book, cycle, symbol), *_origin(cycle, row)])


def _cycle(book: Book, session: date | None, gate: str) -> CycleRecord:
    cycles = [cycle for cycle in book.cycles.values() if session in (None, cycle.session)]
    if not cycles and gate:
        raise LedgerError(f"session {session} has no plan yet: {gate}")
    if not cycles:
        known = sorted(cycle.session for cycle in book.cycles.values())
        told = f"planned sessions run from {known[0]} to {known[-1]}" if known else "no session was planned yet"
        raise LedgerError(f"session {session or 'newest'} was never planned: {told}")
    return max(cycles, key=lambda cycle: cycle.session)


def _decision(cycle: CycleRecord, row: WhyRow) -> Iterator[str]:
    yield f"{row.symbol}, decided on {cycle.session}: {row.outcome.replace('_', ' ')}"
    yield f"  stage     {row.stage}"
    yield f"  reason    {row.reason}"
    for check in row.checks:
        yield f"  guards    {check}"
    if row.shares:
        limit = f" at up to {_usd(row.limit_usd)}" if row.shares > 0 else f" at no less than {_usd(row.limit_usd)}"
        yield f"  order     {row.shares:+} shares{limit if row.limit_usd is not None else ''}"
    if row.target_weight is not None:
        yield f"  target    {row.target_weight * 100:.2f} % of equity"
    if row.stop_usd is not None:
        yield f"  stop      {_usd(row.stop_usd)}"
    if row.filled_shares:
        yield f"  filled    {row.filled_shares:+} shares at {_usd(row.average_fill_usd)}, fees {_usd(row.fee_usd)}"
    if row.not_filled_reason:
        yield f"  unfilled  {row.not_filled_reason}"
    if row.held_shares:
        yield f"  held      {row.held_shares} shares before the decision"


def _evidence(row: WhyRow) -> Iterator[str]:
    yield "evidence"
    yield f"  score     {_number(row.score)}"
    yield f"  expected  {_number(row.expected_return_bps)} bps over the horizon, net of the market"
    yield f"  chance up {_number(row.probability_up)}"
    yield f"  close     {_usd(row.close_usd)}, average true range {_usd(row.atr14_usd)}"
    yield f"  sector    {row.sector or 'unknown'}"
    yield f"  market    regime {row.regime or 'unknown'}, volatility index {_number(row.vix)}"
    strongest = sorted(row.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))
    for name, contribution in strongest[:_SHOWN_CONTRIBUTIONS]:
        yield f"  {contribution:+.6f}  {name} = {_number(row.features.get(name))}"
    if len(strongest) > _SHOWN_CONTRIBUTIONS:
        yield f"  and {len(strongest) - _SHOWN_CONTRIBUTIONS} smaller contributions"


def _trades(book: Book, cycle: CycleRecord, symbol: str) -> Iterator[str]:
    records = [record for record in book.orders_of(cycle.cycle_id) if record.order.symbol == symbol]
    if not records:
        return
    yield "orders"
    for record in records:
        order = record.order
        price = order.stop_usd if order.order_type in STOP_TYPES else order.limit_usd
        note = f", {record.note}" if record.note else ""
        yield (
            f"  {record.leg} {order.side} {order.quantity_shares} {order.order_type} {_usd(price)} "
            f"{order.time_in_force}: {record.state}{note} [{order.client_order_id}]"
        )
        for booked in book.fills.values():
            if booked.fill.client_order_id == order.client_order_id:
                fill = booked.fill
                yield (
                    f"    {fill.filled_at.isoformat()} {fill.quantity_shares} at {_usd(fill.price_usd)}, "
                    f"fee {_usd(fill.fee_usd)}"
                )


def _origin(cycle: CycleRecord, row: WhyRow) -> Iterator[str]:
    yield "origin"
    for name, value in (
        ("decided by", row.decision_source),
        ("batch", row.batch_hash),
        ("certificate", row.certificate_hash),
        ("model", row.model_hash),
        ("snapshot", row.snapshot_hash),
        ("features", row.features_hash),
        ("settings", row.settings_hash),
        ("code", row.code_hash),
        ("limits", row.limits_hash),
        ("plan", None if isinstance(cycle.plan, PlanMissed) else cycle.plan_hash),
        ("why-rows", cycle.why_rows[-1].artifact_hash),
    ):
        yield f"  {name:<12}{value or 'none'}"
    for batch_hash in cycle.superseded:
        yield f"  {'superseded':<12}{batch_hash}, not traded"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"


def _usd(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:.4f}".rstrip("0").rstrip(".") + " USD"
