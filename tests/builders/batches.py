"""Signal batches and gate certificates that hold together; each builder varies what a test names."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from execution.domain.canonical import content_hash
from execution.domain.provenance import CheckOutcome, GateCertificate
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.trading_calendar import TradingCalendar

SESSION = date(2024, 3, 5)
SNAPSHOT_HASH = content_hash("snapshot")
FEATURES_HASH = content_hash("features")
PASSED = CheckOutcome(
    name="freshness", subject="raw/daily_bars", passed=True, value="0 sessions", threshold="at most 0 sessions"
)
FAILED = CheckOutcome(
    name="completeness",
    subject="raw/daily_bars",
    passed=False,
    value="41 %",
    threshold="at least 95 %",
    reason="59 of 100 symbols have no bar",
)


def a_certificate(**changes: Any) -> GateCertificate:
    session = changes.get("session", SESSION)
    certificate = GateCertificate(
        session=session,
        as_of=TradingCalendar.shipped().as_of(session),
        stage="features",
        snapshot_hash=SNAPSHOT_HASH,
        features_hash=FEATURES_HASH,
        symbols=("AAA", "BBB"),
        checks=(PASSED,),
    )
    return replace(certificate, **changes)


def a_red_certificate(**changes: Any) -> GateCertificate:
    return a_certificate(**{"stage": "raw", "features_hash": None, "checks": (PASSED, FAILED), **changes})


def a_signal(symbol: str, **changes: Any) -> SymbolSignal:
    features: Mapping[str, float | None] = changes.pop("features", {"return_5d": 0.021, "rsi_14": 61.5, "roe": None})
    signal = SymbolSignal(
        symbol=symbol,
        sector="Energy",
        score=0.5,
        expected_return_bps=80.0,
        probability_up=0.58,
        contributions={"return_5d": 0.3, "rsi_14": 0.1},
        features=features,
        features_hash=content_hash(features),
        close_usd=Decimal("50.00"),
        atr14_usd=Decimal("1.00"),
        adv20_shares=1_000_000,
        volatility_20d=0.02,
        dollar_volume_20d_usd=Decimal("50000000.00"),
        is_tradable=True,
        is_halted=False,
        next_event_at=None,
        is_event_calendar_known=True,
        missing_reason=None,
        returns_60d=returns_of(symbol),
    )
    return replace(signal, **changes)


@cache
def returns_of(symbol: str) -> tuple[float, ...]:
    """Return 60 calm one-session returns that move with no other symbol's: the name is the seed."""
    drawn = Random(symbol)  # noqa: S311 - made prices, not secrets
    return tuple(round(drawn.gauss(0.0, 0.006), 6) for _ in range(60))


def an_unscored_signal(symbol: str, **changes: Any) -> SymbolSignal:
    unknown: dict[str, Any] = dict.fromkeys(
        ("score", "expected_return_bps", "probability_up", "close_usd", "atr14_usd", "adv20_shares", "volatility_20d")
    )
    reason = {"missing_reason": "no bar on the session", "features": {}, "contributions": {}}
    return a_signal(symbol, **{**unknown, **reason, **changes})


def a_batch(signals: Iterable[SymbolSignal] | None = None, **changes: Any) -> SignalBatch:
    chosen = tuple(sorted(signals or (a_signal("AAA"), a_signal("BBB", score=0.4)), key=lambda one: one.symbol))
    session = changes.get("session", SESSION)
    certificate = a_certificate(session=session, symbols=tuple(one.symbol for one in chosen))
    batch = SignalBatch(
        schema_version=1,
        session=session,
        as_of=TradingCalendar.shipped().as_of(session),
        strategy="momentum",
        horizon_sessions=5,
        mode="simulated",
        is_synthetic=True,
        decision_source="model",
        decision_reason="the champion is 3 days old",
        snapshot_hash=SNAPSHOT_HASH,
        features_hash=FEATURES_HASH,
        certificate=certificate,
        model_hash=content_hash("model"),
        settings_hash=content_hash("settings"),
        code_hash=content_hash("code"),
        regime="bull_calm",
        vix=14.5,
        vix_basis="vix",
        signals=chosen,
    )
    return replace(batch, **changes)
