"""The hand-over to trading: one session's scores with every fact that sizing and checks will ask for.

Trading never opens the warehouse, so what is left out here does not exist for it. Same certificate, scores and marts
give the same batch hash in any process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from assets.identity import RunIdentity
from assets.ml.restated_returns import restated_returns
from assets.ml.score_store import ScoringNote
from assets.ml.scores import SessionScores, SymbolScore
from assets.warehouse import Warehouse
from execution.domain.canonical import content_hash
from execution.domain.errors import BatchRefused, CertificateRefused
from execution.domain.provenance import GateCertificate
from execution.domain.quantities import cents, decimal_of
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.trading_calendar import TradingCalendar

SCHEMA_VERSION: Final = 1
RETURN_SESSIONS: Final = 60
_MICRO_DOLLAR: Final = Decimal("0.000001")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SessionFacts:
    """Rows of the marts for one session, by symbol where they have one."""

    universe: Mapping[str, Row]
    facts: Mapping[str, Row]
    features: Mapping[str, Row]
    returns: Mapping[str, tuple[float, ...]]
    context: Row


def build_signal_batch(
    warehouse: Warehouse,
    *,
    certificate: GateCertificate,
    snapshot_hash: str,
    note: ScoringNote,
    scores: SessionScores,
    identity: RunIdentity,
    horizon_sessions: int,
    calendar: TradingCalendar,
) -> SignalBatch:
    """Return the batch of a session: every listed symbol, scored or with the reason it is not.

    Args:
        warehouse: holds the marts of the session.
        certificate: the green certificate of the session's rows.
        snapshot_hash: hash of the session's pinned snapshot.
        note: who decided the session.
        scores: the stored scores the note names.
        identity: mode, strategy and hashes of the run.
        horizon_sessions: how far ahead the scores look.
        calendar: the exchange's sessions.

    Raises:
        CertificateRefused: the certificate is red, or judges other data than the scores or the snapshot.
        BatchRefused: nobody scored the session.
    """
    session = certificate.session
    _require_one_origin(certificate, snapshot_hash=snapshot_hash, scores=scores, note=note, calendar=calendar)
    if note.source == "hold":
        raise BatchRefused(f"session {session} is on hold ({note.reason}): expected scores; nothing is published")
    facts = _session_facts(warehouse, session=session, calendar=calendar)
    by_symbol = {score.symbol: score for score in scores.scores}
    return SignalBatch(
        schema_version=SCHEMA_VERSION,
        session=session,
        as_of=certificate.as_of,
        strategy=identity.strategy,
        horizon_sessions=horizon_sessions,
        mode=identity.mode,
        is_synthetic=identity.is_synthetic,
        decision_source=note.source,
        decision_reason=note.reason,
        snapshot_hash=snapshot_hash,
        features_hash=scores.features_hash,
        certificate=certificate,
        model_hash=scores.model_hash,
        settings_hash=identity.settings_hash,
        code_hash=identity.code_hash,
        regime=facts.context.get("regime"),
        vix=_finite(facts.context.get("vix")),
        vix_basis=facts.context.get("vix_basis"),
        signals=tuple(_signal(symbol, facts, by_symbol.get(symbol)) for symbol in sorted(facts.universe)),
        next_macro_at=_instant(facts.context.get("next_macro_at")),
        is_macro_calendar_known=bool(facts.context.get("is_macro_calendar_known", False)),
    )


def _require_one_origin(
    certificate: GateCertificate,
    *,
    snapshot_hash: str,
    scores: SessionScores,
    note: ScoringNote,
    calendar: TradingCalendar,
) -> None:
    session = certificate.session
    if not certificate.is_green:
        raise CertificateRefused(f"the certificate of {session} is red: expected every check of its features to pass")
    pairs = (
        ("snapshot", certificate.snapshot_hash, snapshot_hash),
        ("features scored", certificate.features_hash, scores.features_hash),
        ("features noted", certificate.features_hash, note.features_hash),
        ("model", note.model_hash, scores.model_hash),
        ("session scored", str(session), str(scores.session)),
        ("cut-off", certificate.as_of.isoformat(), calendar.as_of(session).isoformat()),
    )
    for what, expected, found in pairs:
        if expected != found:
            raise CertificateRefused(
                f"{what} of {session}: found {found}, expected {expected}; materialize ml/scores of that session again"
            )


def _signal(symbol: str, session_facts: _SessionFacts, score: SymbolScore | None) -> SymbolSignal:
    universe = session_facts.universe[symbol]
    facts = session_facts.facts.get(symbol, {})
    features = _features(session_facts.features.get(symbol))
    return SymbolSignal(
        symbol=symbol,
        sector=facts.get("sector"),
        score=score.score if score else None,
        expected_return_bps=score.expected_return_bps if score else None,
        probability_up=score.probability_up if score else None,
        contributions=score.contributions if score else {},
        features=features,
        features_hash=content_hash(features) if features else None,
        close_usd=facts.get("close_usd"),
        atr14_usd=_usd(facts.get("atr14_usd"), _MICRO_DOLLAR),
        adv20_shares=facts.get("adv20_shares"),
        volatility_20d=_finite(facts.get("volatility_20d")),
        dollar_volume_20d_usd=_whole_cents(facts.get("dollar_volume_20d_usd")),
        is_tradable=bool(universe["is_member"]),
        is_halted=bool(facts.get("is_halted", False)),
        next_event_at=_instant(facts.get("next_event_at")),
        is_event_calendar_known=bool(facts.get("is_event_calendar_known", False)),
        missing_reason=_missing_reason(universe, score),
        returns_60d=session_facts.returns.get(symbol, ()),
    )


def _missing_reason(universe: Row, score: SymbolScore | None) -> str | None:
    if not universe["is_member"]:
        return f"not in the universe: {universe['excluded_reason'] or 'no reason was recorded'}"
    if score is None:
        return "a member of the universe that was not scored"
    return score.missing_reason


def _session_facts(warehouse: Warehouse, *, session: date, calendar: TradingCalendar) -> _SessionFacts:
    def by_symbol(mart: str) -> dict[str, Row]:
        rows = warehouse.read(
            f"select * from marts.{mart} where session = $session order by symbol",  # noqa: S608 - names are constants
            {"session": session},
        )
        return {row["symbol"]: row for row in rows.to_pylist()}

    context = warehouse.read("select * from marts.fct_market_context where session = $session", {"session": session})
    return _SessionFacts(
        universe=by_symbol("fct_universe"),
        facts=by_symbol("fct_trading_facts"),
        features=by_symbol("fct_features"),
        returns=_returns(warehouse, session=session, calendar=calendar),
        context=context.to_pylist()[0] if context.num_rows else {},
    )


def _returns(warehouse: Warehouse, *, session: date, calendar: TradingCalendar) -> dict[str, tuple[float, ...]]:
    """Return up to 60 one-session returns per symbol, oldest first, the last of them always the session's own.

    They are as known at the session's cut-off: a split told late leaves no fall in them. A session without a bar counts
    as no change, so that two names' series stay aligned from their ends.
    """
    last = calendar.index(session)
    grid = calendar.sessions[max(0, last + 1 - RETURN_SESSIONS) : last + 1]
    position = {day: index for index, day in enumerate(grid)}
    rows = warehouse.read(
        "select session, symbol, total_return from marts.fct_total_returns "
        "where session between $first and $last and total_return is not null order by symbol, session",
        {"first": grid[0], "last": session},
    )
    restated = restated_returns(warehouse, grid=grid, calendar=calendar)
    series: dict[str, list[float]] = {}
    for day, symbol, value in zip(*(rows.column(name).to_pylist() for name in rows.column_names), strict=True):
        if isfinite(value):
            # The list begins at the symbol's first return; later sessions without a bar stay at no change.
            known = series.setdefault(symbol, [0.0] * (len(grid) - position[day]))
            known[position[day] - len(grid)] = restated.get((day, symbol), value)
    return {symbol: tuple(values) for symbol, values in series.items()}


def _features(row: Row | None) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in (row or {}).items() if name not in {"session", "symbol"}}


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and isfinite(value) else None


def _usd(value: float | None, unit: Decimal) -> Decimal | None:
    known = _finite(value)
    return decimal_of(known).quantize(unit) if known is not None else None


def _whole_cents(value: float | None) -> Decimal | None:
    known = _finite(value)
    return cents(decimal_of(known)) if known is not None else None


def _instant(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC) if value is not None else None
