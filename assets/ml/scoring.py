"""Score a session from end to end: ask for proof, decide who scores, answer or look up, and note it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from assets.certificates import Certificates, require_green
from assets.judged_rows import judged_features_hash, judged_rows
from assets.mart_settings import built_by
from assets.ml.dataset import stored_versions
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.rule_strategies import rule_named
from assets.ml.rules import decide_source
from assets.ml.score_store import Question, ScoreStore, ScoringNote
from assets.ml.scores import SessionScores, score_session
from assets.warehouse import Warehouse
from execution.domain.provenance import GateCertificate
from execution.domain.signals import Mode
from execution.trading_calendar import TradingCalendar

DECISION_LASTS: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Scored:
    """What scoring a session came to: the note, and the scores unless nobody scored."""

    note: ScoringNote
    scores: SessionScores | None


def proven(warehouse: Warehouse, certificates: Certificates, *, session: date, snapshot_hash: str) -> GateCertificate:
    """Return the green certificate of exactly the rows that are in the warehouse now.

    Raises:
        CertificateRefused: there is none, or the newest one is red.
    """
    features_hash = judged_features_hash(judged_rows(warehouse, session))
    return require_green(certificates, session=session, snapshot_hash=snapshot_hash, features_hash=features_hash)


def score(
    warehouse: Warehouse,
    store: ScoreStore,
    models: ModelRegistry,
    *,
    certificate: GateCertificate,
    mode: Mode,
    now: datetime,
    policy: LearningPolicy,
    calendar: TradingCalendar,
) -> Scored:
    """Return a session's scores, from the store when the same question was answered before, and note who decided.

    Args:
        warehouse: holds the marts of the session.
        store: scores and notes.
        models: where the champion is.
        certificate: the green certificate of the session's rows.
        mode: the mode the run is in.
        now: the clock's instant, in UTC.
        policy: ages and shares.
        calendar: the exchange's sessions.

    Raises:
        CorruptArtifact: the champion or stored scores changed since they were written.
    """
    session = certificate.session
    as_of = calendar.as_of(session)
    champion = models.champion(as_of=as_of)
    # A session scored again years later must not find its champion stale: the decision was due within the day.
    decided_at = min(now, as_of + DECISION_LASTS)
    decision = decide_source(
        mode=mode,
        champion=champion,
        now=decided_at,
        policy=policy,
        feature_versions=stored_versions(warehouse, champion.card.features if champion else ()),
        built_by=built_by(warehouse),
        newest=models.newest_verdict(as_of=as_of),
    )
    model = champion if decision.source == "model" else None
    model_hash = model.model_hash if model is not None else None
    features_hash = certificate.features_hash or ""
    scores, scores_hash = None, None
    if decision.source != "hold":
        question = Question(
            features_hash=features_hash,
            source=decision.source,
            model_hash=model_hash,
            min_feature_share=policy.min_feature_share,
        )
        scores_hash, scores = store.answer(
            question,
            lambda: score_session(
                warehouse,
                session=session,
                model=model,
                features_hash=features_hash,
                policy=policy,
                rule=rule_named(policy.fallback_rule),
            ),
        )
    note = ScoringNote(
        session=session,
        source=decision.source,
        reason=decision.reason,
        features_hash=features_hash,
        model_hash=model_hash,
        scores_hash=scores_hash,
    )
    store.note(note)
    return Scored(note, scores)
