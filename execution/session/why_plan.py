"""The plan's why-rows: every symbol of the batch, or of the certificate that refused it, and everything held."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from msgspec.structs import replace

from execution.domain.decisions import WhyRow
from execution.domain.errors import DataError, ProofError
from execution.domain.quantities import Shares
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.session.decide import Decisions, SymbolDecision
from execution.session.desk import Desk

_NO_PLAN = ""


def known_symbols(desk: Desk, session: date, batch_hash: str | None) -> tuple[str, ...]:
    """Return the symbols a session's refusal must be told for: the batch's, else the newest certificate's."""
    try:
        if batch_hash is not None:
            return tuple(signal.symbol for signal in desk.batches.load(batch_hash).signals)
        certificates = desk.batches.certificates(session)
        return certificates[-1].symbols if certificates else ()
    except (DataError, ProofError):
        # What cannot be read names no symbols; the reason of the hold says so.
        return ()


def planned_rows(
    desk: Desk,
    decisions: Decisions,
    *,
    session: date,
    batch: SignalBatch | None,
    signals: Mapping[str, SymbolSignal],
    batch_hash: str | None,
    held_shares: Mapping[str, Shares],
    plan_hash: str,
) -> tuple[WhyRow, ...]:
    """Return one row per symbol decided on, sorted by symbol.

    Args:
        desk: for its hashes and order ids.
        decisions: every symbol's decision.
        session: the decision session.
        batch: the batch traded; None when the session holds.
        signals: its believed signals by symbol.
        batch_hash: the batch traded or refused; None when there was none.
        held_shares: shares held before the decision.
        plan_hash: the plan the rows belong to.
    """
    # What all of them say stands in a row of its own, and each symbol's is that one with what is said of it.
    shared = _hashes(desk, plan_hash) | _origin(batch, batch_hash) | _of_signal(None)
    empty = WhyRow(session=session, symbol="", outcome="none", stage="", reason="", **shared)
    return tuple(
        _planned(desk, empty, decision, signals.get(symbol), held_shares.get(symbol, 0))
        for symbol, decision in decisions.by_symbol.items()
    )


def missed_rows(desk: Desk, *, session: date, reason: str, held_shares: Mapping[str, Shares]) -> tuple[WhyRow, ...]:
    """Return the rows of a session that went by without a plan."""
    published = desk.batches.published(session)
    symbols = known_symbols(desk, session, published[-1] if published else None)
    return tuple(
        WhyRow(
            session=session,
            symbol=symbol,
            outcome="hold" if held_shares.get(symbol) else "none",
            stage="missed",
            reason=reason,
            held_shares=held_shares.get(symbol, 0),
            **_of_signal(None),
            **_hashes(desk, _NO_PLAN),
        )
        for symbol in sorted({*symbols, *held_shares})
    )


def _planned(
    desk: Desk, empty: WhyRow, decision: SymbolDecision, signal: SymbolSignal | None, held_shares: Shares
) -> WhyRow:
    row = replace(
        empty,
        symbol=decision.symbol,
        outcome=decision.outcome,
        stage=decision.stage,
        reason=decision.reason,
        checks=decision.checks,
        target_weight=decision.target_weight,
        held_shares=held_shares,
    )
    if signal is not None:
        row = replace(row, **_of_signal(signal))
    order, shares = decision.order, decision.shares
    if order is None or not shares:
        return row
    return replace(
        row,
        shares=shares if order.side == "buy" else -shares,
        limit_usd=order.limit_usd,
        stop_usd=order.stop_usd,
        client_order_id=desk.order_id(row.session, symbol=order.symbol, side=order.side, leg=order.leg_name),
    )


def _of_signal(signal: SymbolSignal | None) -> dict[str, Any]:
    if signal is None:
        return {"contributions": {}, "features": {}}
    return {
        "score": signal.score,
        "expected_return_bps": signal.expected_return_bps,
        "probability_up": signal.probability_up,
        "contributions": signal.contributions,
        "features": signal.features,
        "features_hash": signal.features_hash,
        "sector": signal.sector,
        "close_usd": signal.close_usd,
        "atr14_usd": signal.atr14_usd,
    }


def _origin(batch: SignalBatch | None, batch_hash: str | None) -> dict[str, Any]:
    if batch is None:
        return {"batch_hash": batch_hash}
    return {
        "regime": batch.regime,
        "vix": batch.vix,
        "decision_source": batch.decision_source,
        "batch_hash": batch_hash,
        "model_hash": batch.model_hash,
        "certificate_hash": batch.certificate.hash,
        "snapshot_hash": batch.snapshot_hash,
    }


def _hashes(desk: Desk, plan_hash: str) -> dict[str, Any]:
    return {
        "settings_hash": desk.settings_hash,
        "code_hash": desk.code_hash,
        "limits_hash": desk.limits_hash,
        "plan_hash": plan_hash,
    }
