"""Dagster face of learning: training on a schedule of its own, scores and the signal batch once a session.

Learning and scoring ask for the gate certificate themselves, so a red gate holds in a later run too.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import dagster as dg
import numpy as np
from pydantic import Field

from assets import keys
from assets.identity import RunIdentity
from assets.mart_settings import StoredSettings, require_built_by
from assets.memory import give_back
from assets.ml import another_future, backtest_pages, pages, promotion_pages
from assets.ml.backtest import FOLDER, Trial, day_of, live_through, numbers_of, summed_up
from assets.ml.backtest_files import store_report
from assets.ml.backtest_market import Scorer, recorded_world, scorer_named
from assets.ml.backtest_progress import Progress
from assets.ml.backtest_trials import counted
from assets.ml.challenge import challenger, judge
from assets.ml.dataset import build_training_set, offered_features, training_cut_off
from assets.ml.foresight import earlier_moment, label_differences
from assets.ml.forest_importance import forest_importance, importance_table
from assets.ml.lived_facts import resampled_band
from assets.ml.lived_market import stamps_of
from assets.ml.model_registry import MODELS, ModelRegistry
from assets.ml.model_report import ModelReport, store_model_report
from assets.ml.policy import LearningPolicy
from assets.ml.portfolios import Variant, side_by_side
from assets.ml.score_store import SCORES, ScoreStore
from assets.ml.scoring import proven, score
from assets.ml.signal_batch import build_signal_batch
from assets.ml.training_sets import TrainingSetStore
from assets.ml.trial_log import TrialLog, choices
from assets.ml.walk_forward import folds
from assets.partitions import SESSIONS, session_of
from assets.raw_store import RawStore
from assets.snapshots import SnapshotStore
from assets.universe_policy import UniversePolicy
from assets.warehouse import POOL, Warehouse
from execution.artifact_files import write_by_hash
from execution.backtest import Rules
from execution.domain.errors import CorruptArtifact, DataError
from execution.ports import Clock
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar

TRAINING_SETS: Final = "training_sets"
PROMOTION_GATE: Final = "promotion_gate"
LABELS_HOLD: Final = "labels_know_no_future"
_READ_MARTS: Final = (
    keys.FEATURES_MART,
    keys.FEATURES_UNIVERSE,
    keys.FEATURES_TRADING_FACTS,
    keys.FEATURES_TOTAL_RETURNS,
)


def _keys(*names: keys.Key) -> list[dg.AssetKey]:
    return [dg.AssetKey(list(name)) for name in names]


@dg.asset(
    key=list(keys.ML_TRAINING_SET),
    group_name=keys.ML,
    pool=POOL,
    deps=_keys(*_READ_MARTS, keys.FEATURES_GATE_CERTIFICATE),
    check_specs=[
        dg.AssetCheckSpec(
            LABELS_HOLD,
            asset=dg.AssetKey(list(keys.ML_TRAINING_SET)),
            blocking=True,
            description="Labels complete at an earlier cut-off are the same to the bit when no later session is read.",
        )
    ],
)
def training_set(
    *,
    warehouse: dg.ResourceParam[Warehouse],
    batches: dg.ResourceParam[SignalBatchStore],
    snapshots: dg.ResourceParam[SnapshotStore],
    clock: dg.ResourceParam[Clock],
    learning_policy: dg.ResourceParam[LearningPolicy],
    artifacts_root: dg.ResourceParam[Path],
) -> Iterator[dg.MaterializeResult[None]]:
    """Features of every member and session with the labels that were complete at the newest cut-off, if it is green."""
    calendar = TradingCalendar.shipped()
    cut_off = training_cut_off(warehouse, now=clock.now(), calendar=calendar)
    proven(warehouse, batches, session=cut_off, snapshot_hash=snapshots.pinned(cut_off).hash)
    store = TrainingSetStore(artifacts_root / TRAINING_SETS)
    # In a first cycle the steps before it leave freed memory behind, and this one needs most of all.
    give_back()
    try:
        made = build_training_set(
            warehouse,
            cut_off=cut_off,
            feature_names=offered_features(warehouse),
            policy=learning_policy,
            calendar=calendar,
        )
    except DataError as refusal:
        store.refuse(cut_off, str(refusal))
        yield _nothing_learned(LABELS_HOLD, str(refusal))
        return
    moment = earlier_moment(made, seed=calendar.index(cut_off))
    changed = label_differences(made, warehouse, moment=moment, policy=learning_policy, calendar=calendar)
    dataset_hash = store.publish(made)
    yield dg.MaterializeResult(
        metadata=pages.training_set_facts(made, dataset_hash=dataset_hash) | _markdown(labels=pages.return_chart(made)),
        check_results=[
            dg.AssetCheckResult(
                check_name=LABELS_HOLD,
                passed=changed == 0,
                metadata={"cut_off": moment.isoformat(), "labels_that_differ": changed},
            )
        ],
    )


@dg.asset(
    key=list(keys.ML_MODEL),
    group_name=keys.ML,
    pool=POOL,
    deps=_keys(keys.ML_TRAINING_SET),
    check_specs=[
        dg.AssetCheckSpec(
            PROMOTION_GATE,
            asset=dg.AssetKey(list(keys.ML_MODEL)),
            blocking=True,
            description="The newest model showed all that promotion asks; otherwise the champion stays.",
        )
    ],
)
def model(
    *,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    models: dg.ResourceParam[ModelRegistry],
    learning_policy: dg.ResourceParam[LearningPolicy],
    identity: dg.ResourceParam[RunIdentity],
    raw_store: dg.ResourceParam[RawStore],
    artifacts_root: dg.ResourceParam[Path],
) -> Iterator[dg.MaterializeResult[None]]:
    """LightGBM taught by the newest training set, judged by walk-forward, stored by hash, promoted or not."""
    calendar = TradingCalendar.shipped()
    cut_off = training_cut_off(warehouse, now=clock.now(), calendar=calendar)
    try:
        rows = TrainingSetStore(artifacts_root / TRAINING_SETS).newest(cut_off)
        made = challenger(
            rows,
            policy=learning_policy,
            trained_as_of=calendar.as_of(cut_off),
            code_hash=identity.code_hash,
            is_synthetic=identity.is_synthetic,
        )
    except DataError as refusal:
        models.refuse(trained_as_of=calendar.as_of(cut_off), reason=str(refusal), at=clock.now())
        yield _nothing_learned(PROMOTION_GATE, str(refusal))
        return
    log = TrialLog(artifacts_root / MODELS)
    judged = judge(made, registry=models, log=log, policy=learning_policy, at=clock.now())
    card, gate = made.model.card, promotion_pages.condition_table(judged.verdict.conditions)
    importances = forest_importance(
        rows, card.features, folds(rows, learning_policy)[-1], policy=learning_policy.forest, seed=learning_policy.seed
    )
    report = ModelReport(
        model_hash=judged.model_hash,
        card=card,
        record=made.record,
        tried=judged.tried,
        verdict=judged.verdict,
        band=np.array(resampled_band(np.array(made.record.model))),
        stamps=stamps_of(
            raw_store, calendar.between(card.train_first, card.train_last), is_synthetic=card.is_synthetic
        ),
        importances=importances,
    )
    # What training held is room for the steps that follow in the same process.
    del rows
    give_back()
    yield dg.MaterializeResult(
        metadata=pages.model_facts(card, model_hash=judged.model_hash, verdict=judged.verdict)
        | promotion_pages.tried_facts(judged.tried)
        | store_model_report(report, artifacts_root)
        | _markdown(promotion_gate=gate, **pages.model_pages(card), **promotion_pages.evidence_pages(card))
        | _markdown(**({"forest_importance": importance_table(importances)} if importances else {})),
        check_results=[
            dg.AssetCheckResult(
                check_name=PROMOTION_GATE,
                passed=judged.verdict.is_promoted,
                # A refused challenger stops nothing but itself: the champion decides on, or the rule does.
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"why": judged.verdict.reason} | _markdown(conditions=gate),
            )
        ],
    )


@dg.asset(
    key=list(keys.ML_SCORES),
    group_name=keys.ML,
    partitions_def=SESSIONS,
    pool=POOL,
    deps=_keys(*_READ_MARTS, keys.FEATURES_MARKET_CONTEXT, keys.FEATURES_GATE_CERTIFICATE, keys.ML_MODEL),
)
def scores(
    context: dg.AssetExecutionContext,
    *,
    warehouse: dg.ResourceParam[Warehouse],
    batches: dg.ResourceParam[SignalBatchStore],
    snapshots: dg.ResourceParam[SnapshotStore],
    models: dg.ResourceParam[ModelRegistry],
    clock: dg.ResourceParam[Clock],
    learning_policy: dg.ResourceParam[LearningPolicy],
    identity: dg.ResourceParam[RunIdentity],
    artifacts_root: dg.ResourceParam[Path],
) -> dg.MaterializeResult[None]:
    """One score per member of the universe, by the champion or the rule; none without a green certificate."""
    session = session_of(context)
    with warehouse.kept_open():
        certificate = proven(warehouse, batches, session=session, snapshot_hash=snapshots.pinned(session).hash)
        try:
            made = score(
                warehouse,
                ScoreStore(artifacts_root / SCORES),
                models,
                certificate=certificate,
                mode=identity.mode,
                now=clock.now(),
                policy=learning_policy,
                calendar=TradingCalendar.shipped(),
            )
        except (CorruptArtifact, DataError) as refusal:
            # The run fails, so that a person comes; trading is told why it gets nothing.
            batches.publish_hold(session, f"nothing was scored: {refusal}")
            raise
    return dg.MaterializeResult(metadata=pages.scoring_facts(made) | _markdown(**pages.score_pages(made.scores)))


@dg.asset(
    key=list(keys.ML_SIGNAL_BATCH),
    group_name=keys.ML,
    partitions_def=SESSIONS,
    pool=POOL,
    deps=_keys(keys.ML_SCORES),
)
def signal_batch(
    context: dg.AssetExecutionContext,
    *,
    warehouse: dg.ResourceParam[Warehouse],
    batches: dg.ResourceParam[SignalBatchStore],
    snapshots: dg.ResourceParam[SnapshotStore],
    learning_policy: dg.ResourceParam[LearningPolicy],
    identity: dg.ResourceParam[RunIdentity],
    artifacts_root: dg.ResourceParam[Path],
) -> dg.MaterializeResult[None]:
    """The hand-over to trading, published by hash; while the session is on hold, the reason in its place."""
    session = session_of(context)
    store = ScoreStore(artifacts_root / SCORES)
    note = store.noted(session)
    if note.scores_hash is None:
        batches.publish_hold(session, note.reason)
        return dg.MaterializeResult(metadata={"published": "nothing", "decision": note.source, "why": note.reason})
    snapshot_hash = snapshots.pinned(session).hash
    with warehouse.kept_open():
        batch = build_signal_batch(
            warehouse,
            certificate=proven(warehouse, batches, session=session, snapshot_hash=snapshot_hash),
            snapshot_hash=snapshot_hash,
            note=note,
            scores=store.load(note.scores_hash),
            identity=identity,
            horizon_sessions=learning_policy.horizon_sessions,
            calendar=TradingCalendar.shipped(),
        )
    return dg.MaterializeResult(metadata=pages.batch_facts(batch, batch_hash=batches.publish(batch)))


class TrialConfig(dg.Config):
    """What to try; materialize the asset with it by hand."""

    first: str
    """First decision session, as 2023-01-04."""
    last: str
    """Last decision session; the session after it must be stored too."""
    scorer: Scorer = "momentum_12_1"
    """A rule by its name, or models taught on the way, each on the past alone."""
    every_sessions: int = 1
    """Sessions from one publication of scores to the next."""
    retrain_sessions: int = 63
    """Sessions from one training to the next."""
    cost_multiples: str = "1,2,3"
    """How many times the settings' costs, one portfolio each, with commas between; 1 is among them."""
    beside: list[str] = Field(default=[])
    """Other ways to score that live the same sessions beside production, each a portfolio of its own."""
    capitals_usd: str = ""
    """Other opening cash, one portfolio each, with commas between: how much money this bears."""

    def trial(self) -> Trial:
        """Return it as the value that is lived.

        Raises:
            SettingsRefused: a day or a number is none.
        """
        return Trial(
            first=day_of(self.first, named="first"),
            last=day_of(self.last, named="last"),
            scorer=self.scorer,
            every_sessions=self.every_sessions,
            retrain_sessions=self.retrain_sessions,
            cost_multiples=numbers_of(self.cost_multiples),
            capitals_usd=numbers_of(self.capitals_usd),
        )


@dg.asset(
    key=list(keys.ML_BACKTEST),
    group_name=keys.ML,
    pool=POOL,
    deps=_keys(*_READ_MARTS, keys.FEATURES_MARKET_CONTEXT, keys.RAW_DAILY_BARS, keys.RAW_CORPORATE_ACTIONS),
    check_specs=[
        dg.AssetCheckSpec(
            another_future.CHECK,
            asset=dg.AssetKey(keys.ML_BACKTEST),
            description="Its beginning comes out again, order by order, in a world that goes on differently.",
            blocking=True,
        )
    ],
)
def backtest(  # type: ignore[no-untyped-def]  # Dagster would read a return annotation as outputs
    context: dg.AssetExecutionContext,
    config: TrialConfig,
    *,
    warehouse: dg.ResourceParam[Warehouse],
    raw_store: dg.ResourceParam[RawStore],
    batches: dg.ResourceParam[SignalBatchStore],
    learning_policy: dg.ResourceParam[LearningPolicy],
    identity: dg.ResourceParam[RunIdentity],
    desk_rules: dg.ResourceParam[Rules],
    universe_policy: dg.ResourceParam[UniversePolicy],
    stored_settings: dg.ResourceParam[StoredSettings],
    clock: dg.ResourceParam[Clock],
    artifacts_root: dg.ResourceParam[Path],
):
    """Stored history traded again by the live session's own acts, at several multiples of the costs."""
    require_built_by(warehouse, stored_settings(), named="the settings of this home")
    trial, calendar = config.trial(), TradingCalendar.shipped()
    portfolios = side_by_side(
        desk_rules,
        scorer=trial.scorer,
        policy=learning_policy,
        cost_multiples=trial.cost_multiples,
        variants=[
            Variant(name=one, rules=desk_rules, scorer=scorer_named(one), policy=learning_policy)
            for one in config.beside
        ],
        capitals_usd=trial.capitals_usd,
    )
    sessions = trial.sessions(calendar)
    progress, lived = Progress(len(sessions), now_seconds=time.monotonic), []
    world = recorded_world(warehouse, raw_store, first=sessions[0], last=sessions[-1], calendar=calendar)
    log = TrialLog(artifacts_root / MODELS)
    for days in counted(
        live_through(trial, world=world, gate=batches, identity=identity, portfolios=portfolios, calendar=calendar),
        trial=trial,
        portfolios=portfolios,
        world=world,
        universe=universe_policy,
        log=log,
        at=clock.now(),
    ):
        lived.append(days)
        if told := progress.told(days[0]):
            context.log.info(told)
    verdict = another_future.check_orders(
        trial,
        lived,
        world=world,
        gate=batches,
        identity=identity,
        portfolios=portfolios,
        calendar=calendar,
    )
    checked = dg.AssetCheckResult(
        check_name=verdict.name,
        passed=verdict.passed,
        description=verdict.reason or None,
        metadata={"found": verdict.value, "demanded": verdict.threshold},
    )
    if not verdict.passed:
        return dg.MaterializeResult(metadata={"refused": verdict.reason}, check_results=[checked])
    desks = summed_up(portfolios, lived)
    hashes = [write_by_hash(artifacts_root / FOLDER, desk.content, suffix=".json") for desk in desks]
    heading = backtest_pages.title(trial, is_synthetic=identity.is_synthetic)
    report = store_report(
        trial,
        desks,
        warehouse=warehouse,
        raw=raw_store,
        artifacts_root=artifacts_root,
        identity=identity,
    )
    return dg.MaterializeResult(
        metadata={
            "tried": heading,
            "days_hashes": hashes,
            "report_hash": report.html_hash,
            "report_pdf_hash": report.pdf_hash,
        }
        | {"choices_tried": choices(log.trials(), of="account")}
        | _markdown(
            results=backtest_pages.markdown_table(desks),
            equity=backtest_pages.equity_chart(desks[0], heading=heading),
        ),
        check_results=[checked],
    )


def _nothing_learned(check_name: str, reason: str) -> dg.MaterializeResult[None]:
    """Return the result of a step that had nothing to learn from; scoring goes on and says why there is no model."""
    return dg.MaterializeResult(
        metadata={"learned": "nothing", "why": reason},
        check_results=[
            dg.AssetCheckResult(
                check_name=check_name, passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"why": reason}
            )
        ],
    )


def _markdown(**pages_by_name: str) -> dict[str, Any]:
    return {name: dg.MetadataValue.md(page) for name, page in pages_by_name.items()}


DEFINITIONS: Final = dg.Definitions(assets=[training_set, model, scores, signal_batch, backtest])
