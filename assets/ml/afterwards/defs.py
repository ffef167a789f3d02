"""Dagster face of looking back: scores and account when training is due, the hold-out when somebody asks for it."""

from pathlib import Path
from typing import Final

import dagster as dg

from assets import keys
from assets.identity import RunIdentity
from assets.ml.afterwards import account_page, pages
from assets.ml.afterwards.account import AccountReader, record_of
from assets.ml.afterwards.account_files import write_account
from assets.ml.afterwards.looking_back import look_back
from assets.ml.backtest_pages import equity_chart
from assets.ml.dataset import training_cut_off
from assets.ml.hold_out import HoldOutRecord, open_hold_out
from assets.ml.model_registry import MODELS, ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.train import out_of_fold, unusable_features
from assets.ml.training_sets import TrainingSetStore
from assets.raw_store import RawStore
from assets.warehouse import POOL, Warehouse
from execution.ports import Clock
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar

TRAINING_SETS: Final = "training_sets"
CHAMPION_HOLDS: Final = "champion_holds"


@dg.asset(
    key=list(keys.ML_LIVE_JUDGEMENT),
    group_name=keys.ML,
    pool=POOL,
    deps=[
        dg.AssetKey(list(key))
        for key in (keys.ML_SIGNAL_BATCH, keys.TRADING_LEDGER_EXPORT, keys.FEATURES_TOTAL_RETURNS)
    ],
    check_specs=[
        dg.AssetCheckSpec(
            CHAMPION_HOLDS,
            asset=dg.AssetKey(list(keys.ML_LIVE_JUDGEMENT)),
            description="Features, scores and live ranking speak for the champion; otherwise it is demoted.",
        )
    ],
)
def live_judgement(  # type: ignore[no-untyped-def]  # Dagster would read a return annotation as outputs
    *,
    warehouse: dg.ResourceParam[Warehouse],
    batches: dg.ResourceParam[SignalBatchStore],
    models: dg.ResourceParam[ModelRegistry],
    clock: dg.ResourceParam[Clock],
    learning_policy: dg.ResourceParam[LearningPolicy],
    artifacts_root: dg.ResourceParam[Path],
):
    """Published scores and real entries against what followed; demotes a champion the world has left."""
    with warehouse.kept_open():
        found = look_back(
            warehouse=warehouse,
            batches=batches,
            models=models,
            training_sets=TrainingSetStore(artifacts_root / TRAINING_SETS),
            artifacts_root=artifacts_root,
            policy=learning_policy,
            calendar=TradingCalendar.shipped(),
            now=clock.now(),
        )
    reasons = [] if found.drift is None else [*found.drift.reasons]
    if found.unknown is not None:
        reasons.append(f"drift is unknown: {found.unknown}")
    return dg.MaterializeResult(
        metadata=pages.live_facts(found)
        | {name: dg.MetadataValue.md(page) for name, page in pages.live_pages(found).items()},
        check_results=[
            dg.AssetCheckResult(
                check_name=CHAMPION_HOLDS,
                passed=not reasons,
                severity=dg.AssetCheckSeverity.WARN,
                description="; ".join(reasons) or None,
            )
        ],
    )


@dg.asset(
    key=list(keys.ML_ACCOUNT),
    group_name=keys.ML,
    pool=POOL,
    deps=[
        dg.AssetKey(list(key))
        for key in (
            keys.TRADING_LEDGER_EXPORT,
            keys.FEATURES_MART,
            keys.FEATURES_UNIVERSE,
            keys.FEATURES_TRADING_FACTS,
            keys.FEATURES_TOTAL_RETURNS,
            keys.RAW_INDICES,
            keys.RAW_SECURITIES,
        )
    ],
)
def account_performance(
    *,
    warehouse: dg.ResourceParam[Warehouse],
    raw_store: dg.ResourceParam[RawStore],
    account_reader: dg.ResourceParam[AccountReader],
    identity: dg.ResourceParam[RunIdentity],
    reports_root: dg.ResourceParam[Path],
) -> dg.MaterializeResult[None]:
    """The traded account as a backtest is told: page, PDF and JSON, from the ledger's own days."""
    record = record_of(account_reader(), session=None, warehouse=warehouse, raw=raw_store, identity=identity)
    if isinstance(record, str):
        return dg.MaterializeResult(metadata={"told": record})
    files = write_account(record, reports_root)
    # From the home on: whoever looks may have the home elsewhere than the machine that wrote the pages.
    in_home = {name: path.relative_to(reports_root.parent) for name, path in files.by_name().items()}
    drawn = account_page.tables(record) | {"equity_chart": equity_chart(record.desk, heading="Equity at the close")}
    return dg.MaterializeResult(
        metadata={
            **{name: dg.MetadataValue.path(path) for name, path in in_home.items()},
            "stamps": ", ".join(record.stamps) or "none",
            **account_page.told(record),
            **{name: dg.MetadataValue.md(text) for name, text in drawn.items()},
        }
    )


class HoldOutConfig(dg.Config):
    """What opening the hold-out needs; materialize the asset with it by hand, once."""

    reason: str
    """Why it is opened now; it stays in the record."""


@dg.asset(key=list(keys.ML_HOLD_OUT), group_name=keys.ML, deps=[dg.AssetKey(list(keys.ML_TRAINING_SET))], pool=POOL)
def hold_out(
    config: HoldOutConfig,
    *,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    learning_policy: dg.ResourceParam[LearningPolicy],
    artifacts_root: dg.ResourceParam[Path],
) -> dg.MaterializeResult[None]:
    """The sealed sessions of the newest training set, looked at once; a second look is refused."""
    cut_off = training_cut_off(warehouse, now=clock.now(), calendar=TradingCalendar.shipped())
    rows = TrainingSetStore(artifacts_root / TRAINING_SETS).newest(cut_off)
    dropped = unusable_features(rows)
    names = tuple(name for name in rows.feature_names if name not in dropped)
    found = open_hold_out(
        rows,
        HoldOutRecord(artifacts_root / MODELS),
        score=lambda fold: out_of_fold(rows, names, fold, learning_policy),
        policy=learning_policy,
        reason=config.reason,
        at=clock.now(),
    )
    return dg.MaterializeResult(metadata={"result": dg.MetadataValue.md(pages.hold_out_table(found))})


DEFINITIONS: Final = dg.Definitions(assets=[live_judgement, account_performance, hold_out])
