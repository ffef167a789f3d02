"""Look back on what was published and traded, and demote the champion when the world has left it."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np

from assets.ledger_frames import load_export, newest_export
from assets.ml.dataset import Floats, Singles, member_features, training_cut_off
from assets.ml.drift import Drift, judge_drift
from assets.ml.ensemble import predicted
from assets.ml.live_judgement import LiveJudgement, judge_live, live_rows
from assets.ml.model_registry import ModelRecord, ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.training_sets import TrainingSetStore
from assets.ml.walk_forward import standardised_by_day
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar

_LEARNED_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedBack:
    """What published scores were worth, how far the world moved since the champion learned, and what came of it.

    Attributes:
        live: of every published session, whoever scored it.
        drift: None without a champion.
        demoted: hash of the champion that may no longer decide; None when it goes on.
    """

    live: LiveJudgement
    drift: Drift | None
    demoted: str | None


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
    published = [batches.load(found[0]) for day in batches.sessions() if (found := batches.published(day))]
    bought = _bought(artifacts_root)
    rows = live_rows(warehouse, published, bought, calendar=calendar, upto=upto)
    live = judge_live(rows, horizon_sessions=policy.horizon_sessions, seed=policy.seed)
    champion = models.champion(as_of=now)
    drift = None
    if champion is not None:
        own = [batch for batch in published if batch.model_hash == champion.model_hash]
        theirs = live_rows(warehouse, own, bought, calendar=calendar, upto=upto)
        judged = judge_live(theirs, horizon_sessions=policy.horizon_sessions, seed=policy.seed)
        drift = _drift(
            champion=champion,
            judged=judged,
            warehouse=warehouse,
            training_sets=training_sets,
            upto=upto,
            policy=policy,
            calendar=calendar,
        )
    demoted = None
    if champion is not None and drift is not None and drift.reasons:
        models.demote(champion.model_hash, reason="; ".join(drift.reasons), at=now)
        demoted = champion.model_hash
    return LookedBack(live=live, drift=drift, demoted=demoted)


def _bought(artifacts_root: Path) -> dict[date, set[str]]:
    folder = newest_export(artifacts_root)
    if folder is None:
        return {}
    orders = load_export(folder).orders
    # An entry that tried several limits is an order for each: entry, entry_2 and so on.
    entered = orders[orders["leg"].str.startswith("entry") & (orders["filled_shares"] > 0)]
    found: dict[date, set[str]] = {}
    for session, symbol in zip(entered["session"], entered["symbol"], strict=True):
        found.setdefault(session, set()).add(symbol)
    return found


def _drift(
    *,
    champion: ModelRecord,
    judged: LiveJudgement,
    warehouse: Warehouse,
    training_sets: TrainingSetStore,
    upto: date,
    policy: LearningPolicy,
    calendar: TradingCalendar,
) -> Drift | None:
    names = champion.card.features
    try:
        learned = training_sets.newest(champion.card.trained_as_of.date())
    except DataError:
        return None  # its training set has left the home; ranks alone cannot tell drift
    columns = [learned.feature_names.index(name) for name in names]
    # Whole days, evenly spread: scores are standardised within a day.
    step = max(1, len(learned.label) // _LEARNED_ROWS)
    then = np.isin(learned.sessions, learned.days[::step])
    first = calendar.sessions[max(0, calendar.index(upto) + 1 - policy.drift.window_sessions)]
    days, now = member_features(warehouse, names, first=first, last=upto)
    before = learned.features[then][:, columns]
    return judge_drift(
        features_then=before,
        features_now=now,
        names=names,
        scores_then=_scores(champion, learned.sessions[then], before),
        scores_now=_scores(champion, days, now),
        rank_ic=judged.ranking.rank_ic,
        sessions=judged.ranking.days,
        entries_net_bps=judged.bought_net_bps,
        entry_sessions=judged.bought_sessions,
        policy=policy.drift,
    )


def _scores(
    champion: ModelRecord, sessions: "np.ndarray[tuple[int], np.dtype[np.datetime64]]", rows: Singles
) -> Floats:
    return standardised_by_day(sessions, predicted(champion.text, champion.card.features, sessions, rows))
