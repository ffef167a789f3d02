"""Look back on what was published and traded, and demote the champion when the world has left it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypedDict

import numpy as np

from assets.ledger_frames import LedgerFrames, chosen_batch, load_export, newest_export, records
from assets.ml.dataset import Floats, Singles, member_features, training_cut_off
from assets.ml.drift import Drift, judge_drift
from assets.ml.ensemble import predicted
from assets.ml.live_judgement import HorizonOutcomes, LiveJudgement, judge_live, live_outcomes, live_rows
from assets.ml.model_registry import ModelRecord, ModelRegistry, PromotionEntry
from assets.ml.policy import LearningPolicy
from assets.ml.training_sets import TrainingSetStore
from assets.ml.walk_forward import standardised_by_day
from assets.warehouse import Warehouse
from execution.domain.errors import CorruptArtifact, DataError
from execution.domain.signals import SignalBatch
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar

_LEARNED_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedBack:
    """What published scores were worth, how far the world moved since the champion learned, and what came of it.

    Attributes:
        live: of every published session, by the batch it was decided from, whoever scored it.
        drift: None without a champion; live ranking alone where `unknown` says why.
        unknown: why features and scores could not be held against what the champion learned from; None when they were.
        demoted: hash of the champion that may no longer decide; None when it goes on.
        outcomes: what followed every published session over several horizons; none before they were told.
    """

    live: LiveJudgement
    drift: Drift | None
    demoted: str | None
    unknown: str | None = None
    outcomes: tuple[HorizonOutcomes, ...] = ()


class Compared(TypedDict):
    """What a champion learned from beside the newest sessions."""

    features_then: Singles
    features_now: Singles
    names: tuple[str, ...]
    scores_then: Floats
    scores_now: Floats


_NOTHING_COMPARED: Final = Compared(
    features_then=np.empty((0, 0), dtype=np.float32),
    features_now=np.empty((0, 0), dtype=np.float32),
    names=(),
    scores_then=np.empty(0),
    scores_now=np.empty(0),
)


def look_back(
    *,
    warehouse: Warehouse,
    batches: SignalBatchStore,
    models: ModelRegistry,
    training_sets: TrainingSetStore,
    artifacts_root: Path,
    policy: LearningPolicy,
    calendar: TradingCalendar,
    now: datetime,
) -> LookedBack:
    """Return the look back as of an instant; a champion with reasons against it is demoted.

    Raises:
        DataError: there are no features yet.
        CorruptArtifact: a batch, an export or the champion is not what it was.
    """
    upto = training_cut_off(warehouse, now=now, calendar=calendar)
    newest = newest_export(artifacts_root)
    ledger = load_export(newest) if newest is not None else None
    published = _chosen_batches(batches, ledger)
    bought = _bought(ledger)
    rows = live_rows(warehouse, published, bought, calendar=calendar, upto=upto)
    live = judge_live(rows, horizon_sessions=policy.horizon_sessions, seed=policy.seed)
    champion = models.champion(as_of=now)
    drift = unknown = None
    if champion is not None:
        own = decided_by_models(published, models.history(), now=now)
        theirs = live_rows(warehouse, own, bought, calendar=calendar, upto=upto)
        count = max(policy.drift.window_sessions, policy.drift.min_live_sessions)
        ranked, entered = (
            judge_live(rows.newest(count), horizon_sessions=policy.horizon_sessions, seed=policy.seed)
            for rows in (theirs, theirs.bought())
        )
        try:
            compared = _compared(
                champion,
                warehouse,
                training_sets,
                upto=upto,
                window_sessions=policy.drift.window_sessions,
                calendar=calendar,
            )
        except CorruptArtifact:
            raise
        except DataError as gone:
            # Ranks tell whether a champion is still right even where nobody can tell any more what it learned from.
            unknown, compared = str(gone), _NOTHING_COMPARED
        drift = judge_drift(
            **compared,
            rank_ic=ranked.ranking.rank_ic,
            sessions=ranked.ranking.days,
            entries_net_bps=entered.bought_net_bps,
            entry_sessions=entered.bought_sessions,
            policy=policy.drift,
        )
    demoted = None
    if champion is not None and drift is not None and drift.reasons:
        models.demote(champion.model_hash, reason="; ".join(drift.reasons), at=now)
        demoted = champion.model_hash
    outcomes = live_outcomes(warehouse, published, bought, calendar=calendar, upto=upto)
    return LookedBack(live=live, drift=drift, demoted=demoted, unknown=unknown, outcomes=outcomes)


def decided_by_models(
    published: Sequence[SignalBatch], history: Sequence[PromotionEntry], *, now: datetime
) -> list[SignalBatch]:
    """Return the batches models decided since the newest demotion: the sessions that speak for or against learning.

    One champion decides a month at most, too few sessions to tell ranking from chance, so those of its predecessors
    count with its own. What a champion was demoted for is not held against the next one.

    Args:
        published: one batch a session.
        history: every promotion and refusal.
        now: the instant to look back from, in UTC.
    """
    demoted = [entry.at for entry in history if entry.verdict == "demoted" and entry.at <= now]
    return [
        batch for batch in published if batch.model_hash is not None and (not demoted or batch.as_of > max(demoted))
    ]


def _chosen_batches(batches: SignalBatchStore, ledger: LedgerFrames | None) -> list[SignalBatch]:
    decisions = None if ledger is None else ledger.decisions[["session", "batch_hash"]].drop_duplicates("session")
    named = {} if decisions is None else {row["session"]: row["batch_hash"] for row in records(decisions)}
    chosen = (chosen_batch(batches.published(session), named.get(session)) for session in batches.sessions())
    return [batches.load(batch_hash) for batch_hash in chosen if batch_hash is not None]


def _bought(ledger: LedgerFrames | None) -> dict[date, set[str]]:
    if ledger is None:
        return {}
    orders = ledger.orders
    # An entry that tried several limits is an order for each: entry, entry_2 and so on.
    entered = orders[orders["leg"].str.startswith("entry") & (orders["filled_shares"] > 0)]
    found: dict[date, set[str]] = {}
    for session, symbol in zip(entered["session"], entered["symbol"], strict=True):
        found.setdefault(session, set()).add(symbol)
    return found


def _compared(
    champion: ModelRecord,
    warehouse: Warehouse,
    training_sets: TrainingSetStore,
    *,
    upto: date,
    window_sessions: int,
    calendar: TradingCalendar,
) -> Compared:
    """Return features and scores of what a champion learned from and of the newest sessions.

    Raises:
        DataError: its training set has left the home, or the marts lack one of its features.
    """
    names = champion.card.features
    learned = training_sets.of(champion.card.dataset_hash)
    columns = [learned.feature_names.index(name) for name in names]
    # Whole days, evenly spread: scores are standardised within a day.
    step = max(1, len(learned.label) // _LEARNED_ROWS)
    then = np.isin(learned.sessions, learned.days[::step])
    first = calendar.sessions[max(0, calendar.index(upto) + 1 - window_sessions)]
    days, now = member_features(warehouse, names, first=first, last=upto)
    before = learned.features[then][:, columns]
    return Compared(
        features_then=before,
        features_now=now,
        names=names,
        scores_then=_scores(champion, learned.sessions[then], before),
        scores_now=_scores(champion, days, now),
    )


def _scores(
    champion: ModelRecord, sessions: "np.ndarray[tuple[int], np.dtype[np.datetime64]]", rows: Singles
) -> Floats:
    return standardised_by_day(sessions, predicted(champion.text, champion.card.features, sessions, rows))
