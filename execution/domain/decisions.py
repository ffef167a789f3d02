"""Why-rows: for every symbol of a cycle, what happened, the first stage that said so, and the numbers it looked at."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from execution.domain.quantities import Shares

Outcome = Literal["buy", "sell", "hold", "none", "bought", "sold", "held", "not_filled"]
"""At plan: buy, sell, hold (kept), none (not held, not bought). After settle: bought, sold, held, not_filled, none."""


class WhyRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One symbol in one cycle. A struct, for every symbol of a batch gets two of them, each with 36 fields.

    Attributes:
        session: the decision session.
        outcome: what was decided; after settle, what came of it.
        stage: the first stage that said no, or the one that said yes: `gate`, `data`, a stage of sizing, `guard:` and
            the name of a check, `order`, `fill`, `delisting`, `missed`.
        reason: one sentence with its numbers.
        checks: what each guard said of the order, in declared order, as text.
        regime: the market regime at the decision; None when unknown.
        close_usd: raw close at the decision; None when unknown.
        target_weight: fraction of equity aimed at; None when the symbol was not sized.
        held_shares: shares held before the decision.
        shares: signed shares of the order decided; 0 without one.
        limit_usd: worst price of that order; None without one.
        stop_usd: protective stop belonging to the position or order; None without one.
        client_order_id: the order decided; None without one.
        filled_shares: signed shares filled, stops included; None before settle.
        average_fill_usd: mean price of those fills on the side of the order decided, or of all of them where that side
            did not trade; None without any.
        fee_usd: fees of those fills; None before settle.
        not_filled_reason: why less was filled than ordered; None when nothing is missing or before settle.
        decision_source: `model`, the rule that decided, or None when no batch was traded.
        batch_hash: the batch traded, or refused; None when there was none.
    """

    session: date
    symbol: str
    outcome: Outcome
    stage: str
    reason: str
    checks: tuple[str, ...] = ()
    score: float | None = None
    expected_return_bps: float | None = None
    probability_up: float | None = None
    contributions: Mapping[str, float]
    features: Mapping[str, float | None]
    features_hash: str | None = None
    sector: str | None = None
    regime: str | None = None
    vix: float | None = None
    close_usd: Decimal | None = None
    atr14_usd: Decimal | None = None
    target_weight: Decimal | None = None
    held_shares: Shares = 0
    shares: Shares = 0
    limit_usd: Decimal | None = None
    stop_usd: Decimal | None = None
    client_order_id: str | None = None
    filled_shares: Shares | None = None
    average_fill_usd: Decimal | None = None
    fee_usd: Decimal | None = None
    not_filled_reason: str | None = None
    decision_source: str | None = None
    batch_hash: str | None = None
    model_hash: str | None = None
    certificate_hash: str | None = None
    snapshot_hash: str | None = None
    settings_hash: str
    code_hash: str
    limits_hash: str
    plan_hash: str
