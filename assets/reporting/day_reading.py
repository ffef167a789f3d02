"""A day read from the hashed ledger export and the published batches: the only place that knows their columns."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Protocol

from assets.ledger_frames import LedgerFrames, chosen_batch, of_session, records
from assets.reporting.day import Day, DecisionRow, EquityPoint, HeldPosition
from assets.reporting.transaction_costs import Execution, SentOrder, order_costs
from execution.domain.provenance import GateCertificate
from execution.domain.signals import SignalBatch
from execution.ledger.order_record import EXPOSED
from execution.trading_calendar import TradingCalendar

_GUARD: Final = "guard:"
_NO_SPLITS: Final[Mapping[str, Decimal]] = {}
_UNTRADED: Final = {
    "gate": "refused",
    "missed": "missed",
    "halted": "blocked",
    "no_data": "no_data",
    "unknown": "no_data",
    "universe": "not_eligible",
}


class PublishedBatches(Protocol):
    """Where analysis published: the part of the signal batch store this page reads."""

    def published(self, session: date) -> tuple[str, ...]:
        """Return the hashes of a session's batches in publication order."""
        ...

    def load(self, batch_hash: str) -> SignalBatch:
        """Return the batch of a hash, verified."""
        ...

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return a session's certificates in publication order."""
        ...


def read_day(
    *,
    session: date,
    frames: LedgerFrames,
    batches: PublishedBatches,
    opens_usd: Mapping[str, Decimal],
    split_ratios: Mapping[str, Decimal] = _NO_SPLITS,
) -> Day:
    """Return one decision session gathered from the ledger export and the published batches.

    Args:
        session: the decision session S.
        frames: a ledger export that reaches the session after it.
        batches: where analysis published certificates and batches.
        opens_usd: raw opens of the traded session per symbol, as far as known.
        split_ratios: new shares per old of what was split before that open: a fill is of shares after it, and so is
            the close it is measured against.
    """
    traded_session = TradingCalendar.shipped().next(session)
    decisions = of_session(frames.decisions, session)
    fills = of_session(frames.fills, traded_session)
    orders = records(frames.orders)
    positions = _positions(frames, traded_session)
    published = batches.published(session)
    chosen = chosen_batch(published, decisions[0]["batch_hash"] if decisions else None)
    batch = batches.load(chosen) if chosen else None
    return Day(
        session=session,
        traded_session=traded_session,
        certificates=batches.certificates(session),
        batch=batch,
        superseded=tuple(digest for digest in published if digest != chosen),
        plan_hash=decisions[0]["plan_hash"] if decisions else None,
        held_back=_held_back(batch, decisions),
        resting_stops_usd={row["symbol"]: row["stop_usd"] for row in orders if row["stop_usd"] and _is_working(row)},
        bare_symbols=_bare(positions, orders),
        export_hash=frames.hash,
        decisions=tuple(sorted((_decision(row) for row in decisions), key=lambda row: row.symbol)),
        costs=order_costs(
            orders=[_sent(row) for row in orders if row["session"] == session or _has_traded(row, fills)],
            fills=[_execution(row) for row in fills],
            decision_closes_usd={
                row["symbol"]: row["close_usd"] / split_ratios.get(row["symbol"], 1)
                for row in decisions
                if row["close_usd"] is not None
            },
            opens_usd=opens_usd,
        ),
        positions=positions,
        equity=_equity(frames, traded_session),
    )


def _held_back(batch: SignalBatch | None, decisions: Sequence[Mapping[str, Any]]) -> str | None:
    if batch is None or not decisions or any(row["decision_source"] for row in decisions):
        return None
    reason: str = decisions[0]["reason"]
    return reason


def _is_working(order: Mapping[str, Any]) -> bool:
    return order["status"] in EXPOSED


def _bare(positions: Sequence[HeldPosition], orders: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what is held without protection; part of a share alone can have no stop that stays."""
    sold = {row["symbol"] for row in orders if row["side"] == "sell" and _is_working(row)}
    return tuple(held.symbol for held in positions if held.shares >= 1 and held.symbol not in sold)


def _has_traded(order: Mapping[str, Any], fills: Sequence[Mapping[str, Any]]) -> bool:
    return any(fill["client_order_id"] == order["client_order_id"] for fill in fills)


def _decision(row: Mapping[str, Any]) -> DecisionRow:
    return DecisionRow(
        symbol=row["symbol"],
        outcome=_outcome(row["outcome"], row["stage"]),
        stage=row["stage"],
        reason=f"{row['reason']}; {row['not_filled_reason']}" if row["not_filled_reason"] else row["reason"],
        score=row["score"],
        shares=row["shares"],
    )


def _outcome(outcome: str, stage: str) -> str:
    """Return what a reader calls it: the ledger says `none` of everything that was not traded, whoever said no."""
    if outcome != "none":
        return outcome
    if stage.startswith(_GUARD):
        return "blocked"
    return _UNTRADED.get(stage, "not_wanted")


def _sent(row: Mapping[str, Any]) -> SentOrder:
    return SentOrder(
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=row["side"],
        leg=row["leg"],
        quantity_shares=row["quantity_shares"],
        status=row["status"],
        stop_usd=row["stop_usd"],
    )


def _execution(row: Mapping[str, Any]) -> Execution:
    return Execution(
        client_order_id=row["client_order_id"],
        quantity_shares=row["quantity_shares"],
        price_usd=row["price_usd"],
        fee_usd=row["fee_usd"],
    )


def _positions(frames: LedgerFrames, session: date) -> tuple[HeldPosition, ...]:
    held = of_session(frames.positions, session)
    return tuple(
        HeldPosition(**{name: row[name] for name in HeldPosition.__slots__})
        for row in sorted(held, key=lambda row: row["symbol"])
    )


def _equity(frames: LedgerFrames, session: date) -> tuple[EquityPoint, ...]:
    past = [row for row in records(frames.equity) if row["session"] <= session]
    points = tuple(
        EquityPoint(**{name: row[name] for name in EquityPoint.__slots__})
        for row in sorted(past, key=lambda row: row["session"])
    )
    return (_opening(points[0]), *points) if points else ()


def _opening(first: EquityPoint) -> EquityPoint:
    """Return the account before its first trade: what it is worth less what was earned is what it began with."""
    cash = first.equity_usd - first.realised_usd - first.unrealised_usd
    return EquityPoint(
        session=TradingCalendar.shipped().previous(first.session),
        cash_usd=cash,
        equity_usd=cash,
        realised_usd=Decimal(0),
        unrealised_usd=Decimal(0),
        gross_exposure=Decimal(0),
    )
