"""Dagster face of the search: materialized by hand, since every choice it tries makes promotion harder."""

from pathlib import Path
from typing import Final

import dagster as dg

from assets import keys
from assets.identity import RunIdentity
from assets.ml.dataset import training_cut_off
from assets.ml.model_registry import MODELS, ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.training_sets import TrainingSetStore
from assets.ml.trial_log import TrialLog
from assets.ml.tuning import pages
from assets.ml.tuning.search import FOLDER, search
from assets.warehouse import POOL, Warehouse
from execution.artifact_files import write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

TRAINING_SETS: Final = "training_sets"


@dg.asset(key=list(keys.ML_SEARCH), group_name=keys.ML, pool=POOL, deps=[dg.AssetKey(list(keys.ML_TRAINING_SET))])
def settings_search(
    context: dg.AssetExecutionContext,
    *,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    models: dg.ResourceParam[ModelRegistry],
    learning_policy: dg.ResourceParam[LearningPolicy],
    identity: dg.ResourceParam[RunIdentity],
    artifacts_root: dg.ResourceParam[Path],
) -> dg.MaterializeResult[None]:
    """Settings of the learner tried on the newest training set by seed; each choice is a trial, none is promoted."""
    calendar = TradingCalendar.shipped()
    cut_off = training_cut_off(warehouse, now=clock.now(), calendar=calendar)
    found = search(
        TrainingSetStore(artifacts_root / TRAINING_SETS).newest(cut_off),
        registry=models,
        log=TrialLog(artifacts_root / MODELS),
        policy=learning_policy,
        trained_as_of=calendar.as_of(cut_off),
        code_hash=identity.code_hash,
        is_synthetic=identity.is_synthetic,
        at=clock.now(),
        tell=context.log.info,
    )
    digest = write_by_hash(artifacts_root / FOLDER, canonical_bytes(found), suffix=".json")
    return dg.MaterializeResult(
        metadata={
            **pages.search_facts(found),
            "search_hash": digest,
            "best": dg.MetadataValue.md(pages.search_table(found)),
            "settings": dg.MetadataValue.md(f"```yaml\n{pages.settings_lines(found)}\n```"),
        }
    )


DEFINITIONS: Final = dg.Definitions(assets=[settings_search])
