"""Scores of one session: by the champion, or by the rule that stands in for it, in one form.

Scoring reads the session's members only and knows no holdings. The same features and the same model give the same
scores; `score_store` returns them without asking here again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from assets.ml.dataset import feature_matrix
from assets.ml.ensemble import explained
from assets.ml.model_registry import ModelRecord
from assets.ml.policy import LearningPolicy
from assets.ml.rule_strategies import MOMENTUM, Rule
from assets.ml.walk_forward import standardised
from assets.warehouse import Warehouse
from execution.domain.signals import DecisionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolScore:
    """One member's score.

    Attributes:
        symbol: exchange symbol.
        score: higher is better; None when it could not be scored.
        expected_return_bps: over the horizon, net of the market; None for the rule and where volatility is unknown.
        probability_up: probability to beat the market; None for the rule.
        contributions: what each feature added; they sum to the score less the base value.
        missing_reason: why there is no score; None when there is one.
    """

    symbol: str
    score: float | None
    expected_return_bps: float | None = None
    probability_up: float | None = None
    contributions: Mapping[str, float]
    missing_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionScores:
    """Every member of a session's universe, sorted by symbol, with its score or the reason it has none.

    Attributes:
        session: the decision session.
        source: who scored.
        model_hash: the champion; None when the rule scored.
        features_hash: the judged rows that were scored.
        base_value: the score before any feature spoke.
        scores: one entry per member.
    """

    session: date
    source: DecisionSource
    model_hash: str | None
    features_hash: str
    base_value: float
    scores: tuple[SymbolScore, ...]

    @property
    def scored(self) -> tuple[SymbolScore, ...]:
        """The members that have a score, best first; equal scores in the order of their symbols."""
        return tuple(
            sorted((s for s in self.scores if s.score is not None), key=lambda s: (-(s.score or 0.0), s.symbol))
        )


def score_session(
    warehouse: Warehouse,
    *,
    session: date,
    model: ModelRecord | None,
    features_hash: str,
    policy: LearningPolicy,
    rule: Rule = MOMENTUM,
) -> SessionScores:
    """Return the scores of a session's universe members.

    Args:
        warehouse: holds the marts of the session.
        session: the decision session.
        model: the champion; None lets the rule score.
        features_hash: hash of the judged rows, as the gate certificate names them.
        policy: the share of features a name needs.
        rule: who scores without a model.

    Raises:
        DataError: the model reads a feature that the marts no longer have.
    """
    rows = warehouse.read(_members_sql(), {"session": session})
    scored = _by_rule(rows, rule) if model is None else _by_model(rows, model, policy)
    base_value, scores = scored
    return SessionScores(
        session=session,
        source=rule.name if model is None else "model",
        model_hash=None if model is None else model.model_hash,
        features_hash=features_hash,
        base_value=base_value,
        scores=scores,
    )


def _by_model(rows: pa.Table, model: ModelRecord, policy: LearningPolicy) -> tuple[float, tuple[SymbolScore, ...]]:
    names = model.card.features
    features = feature_matrix(rows, names)
    known = np.isfinite(features).sum(axis=1)
    needed = int(np.ceil(policy.min_feature_share * len(names)))
    has_features = np.asarray(rows.column("has_features").to_pylist(), dtype=np.bool_)
    is_scored = has_features & (known >= needed)
    scores, parts = explained(model.text, names, features[is_scored])
    z = standardised(scores)
    probabilities = model.calibration.probabilities_up(z).tolist()
    symbols = rows.column("symbol").to_pylist()
    volatilities = rows.column("fact_volatility_20d").to_pylist()
    made: list[SymbolScore] = []
    position = 0
    for row, symbol in enumerate(symbols):
        if not is_scored[row]:
            few = f"{int(known[row])} of the model's {len(names)} features are known, {needed} are needed"
            reason = few if has_features[row] else "no features: it has no bar on the session"
            made.append(SymbolScore(symbol=symbol, score=None, contributions={}, missing_reason=reason))
            continue
        calibrated = model.calibration
        made.append(
            SymbolScore(
                symbol=symbol,
                score=float(scores[position]),
                expected_return_bps=calibrated.expected_return_bps(
                    float(z[position]), volatility_20d=volatilities[row]
                ),
                probability_up=probabilities[position],
                contributions=dict(zip(names, parts[position, :-1].tolist(), strict=True)),
            )
        )
        position += 1
    return (float(parts[0, -1]) if len(parts) else 0.0), tuple(made)


def _by_rule(rows: pa.Table, rule: Rule) -> tuple[float, tuple[SymbolScore, ...]]:
    made = []
    values = rows.column(rule.feature).to_pylist()
    for symbol, value in zip(rows.column("symbol").to_pylist(), values, strict=True):
        if value is None or not np.isfinite(value):
            reason = f"{rule.feature} is not known: its history is too short or it has no bar"
            made.append(SymbolScore(symbol=symbol, score=None, contributions={}, missing_reason=reason))
        else:
            score = rule.sign * float(value)
            made.append(SymbolScore(symbol=symbol, score=score, contributions={rule.feature: score}))
    return 0.0, tuple(made)


def _members_sql() -> str:
    return (
        "select u.symbol, f.symbol is not null as has_features, "
        "t.volatility_20d as fact_volatility_20d, f.* exclude (session, symbol) "
        "from marts.fct_universe as u "
        "left join marts.fct_features as f on f.session = u.session and f.symbol = u.symbol "
        "left join marts.fct_trading_facts as t on t.session = u.session and t.symbol = u.symbol "
        "where u.session = $session and u.is_member order by u.symbol"
    )
