"""The hand-over from analysis to trading: one value, named by its hash, holding all that trading may know.

Trading never opens the warehouse. What is not in the batch does not exist for it, and what is None blocks with the
reason "unknown" rather than passing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from execution.domain.canonical import content_hash
from execution.domain.provenance import GateCertificate

Mode = Literal["simulated", "files", "paper", "live"]
RuleName = Literal["momentum_12_1", "reversal_5d", "range_bound", "level_high_252d"]
DecisionSource = Literal["model", RuleName]


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSignal:
    """What analysis says of one symbol at the cut-off.

    Attributes:
        symbol: exchange symbol.
        sector: GICS sector name or the source's own; None when unknown (blocks new entries).
        score: higher is better; comparable within one batch only. None when the symbol was not scored.
        expected_return_bps: expected return over the horizon, net of the market, in basis points; None for rules.
        probability_up: calibrated probability that the return beats the market; None where not calibrated.
        contributions: additive contribution of each feature to the score; they sum to score less its base value.
        features: the feature values scored, None where missing.
        features_hash: content hash of `features`.
        close_usd: raw (unadjusted) close of the session.
        atr14_usd: average true range over 14 sessions, in raw dollars of the session.
        adv20_shares: mean volume of the last 20 sessions, in raw shares of the session.
        volatility_20d: standard deviation of the last 20 one-session returns, not annualised.
        dollar_volume_20d_usd: mean of close times volume over 20 sessions.
        is_tradable: in the universe and listed.
        is_halted: the venue halted trading in it on this session.
        next_event_at: the next scheduled earnings release known at the cut-off; None when none is known.
        is_event_calendar_known: whether a calendar of events covers this symbol at all.
        missing_reason: why it has no score; None when it has one.
        returns_60d: the last 60 one-session total returns, oldest first, shorter when the history is.
    """

    symbol: str
    sector: str | None
    score: float | None
    expected_return_bps: float | None
    probability_up: float | None
    contributions: Mapping[str, float]
    features: Mapping[str, float | None]
    features_hash: str | None
    close_usd: Decimal | None
    atr14_usd: Decimal | None
    adv20_shares: int | None
    volatility_20d: float | None
    dollar_volume_20d_usd: Decimal | None
    is_tradable: bool
    is_halted: bool
    next_event_at: datetime | None
    is_event_calendar_known: bool
    missing_reason: str | None
    returns_60d: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalBatch:
    """One session's scores with everything that names their origin.

    Attributes:
        schema_version: 1.
        session: the decision session S; its orders go out in the session after it.
        as_of: the cut-off; no row known later was used.
        strategy: name of the strategy; part of every client order id.
        horizon_sessions: how many sessions ahead the score looks.
        mode: the mode the batch was made in; trading in another mode refuses it.
        is_synthetic: the data come from a simulated market; stamped on every page made from it.
        decision_source: `model`, or the rule that stood in for it.
        decision_reason: why that source decided, one sentence.
        snapshot_hash: hash of the raw parts behind the features.
        features_hash: hash of the feature rows scored; equal to the certificate's.
        certificate: the gate certificate itself.
        model_hash: content hash of the model file; None when a rule decided.
        settings_hash: content hash of the settings tree, without paths and secrets.
        code_hash: content hash of the program's own source.
        regime: `bull_calm`, `bull_volatile`, `bear_calm` or `bear_volatile`; None when history is too short.
        vix: the volatility index level in points; None when there is neither the index nor a stand-in.
        vix_basis: `vix`, or the name of the stand-in.
        signals: every symbol of the universe and every one left out of it, sorted by symbol.
        next_macro_at: the next scheduled macro release known at the cut-off; None when none is known.
        is_macro_calendar_known: whether there is a calendar of macro releases; one that fell silent is none.
    """

    schema_version: int
    session: date
    as_of: datetime
    strategy: str
    horizon_sessions: int
    mode: Mode
    is_synthetic: bool
    decision_source: DecisionSource
    decision_reason: str
    snapshot_hash: str
    features_hash: str
    certificate: GateCertificate
    model_hash: str | None
    settings_hash: str
    code_hash: str
    regime: str | None
    vix: float | None
    vix_basis: str | None
    signals: tuple[SymbolSignal, ...]
    next_macro_at: datetime | None = None
    is_macro_calendar_known: bool = False

    @property
    def hash(self) -> str:
        """Content hash of the batch: its name."""
        return content_hash(self)
