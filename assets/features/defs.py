"""Dagster face: dbt's models and tests, the kernel between them, and the scored headlines.

The models are read from `manifest.json`, which `make manifest` writes; dbt itself is imported when a build runs.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pyarrow as pa

from assets import keys
from assets.feature_catalogue import FEATURES, raised_versions
from assets.features.dbt_bridge import DbtProject, NodeResult, results_of
from assets.features.dbt_increments import NotedIncrement
from assets.features.dbt_manifest import BuildPlan, DbtModel, build_plan, read_manifest
from assets.features.feature_library import FeatureLibrary
from assets.features.feature_parts import FeatureParts
from assets.features.headline_scores import scored_by
from assets.features.model_sources import (
    is_built_from,
    note_built,
    note_versions,
    refuse_to_drop_newer,
    source_hash,
)
from assets.features.policy import FeaturePolicy
from assets.features.scorer_choice import scorer_facts, scorer_of
from assets.features.told import coverage_pages, feature_facts, model_facts, refusals, slow_models, written_facts
from assets.judged_rows import judged_rows
from assets.mart_settings import StoredSettings, note_built_by
from assets.memory import give_back
from assets.partitions import SESSIONS, session_of
from assets.raw_store import RawStore
from assets.snapshots import SnapshotStore
from assets.universe_policy import UniversePolicy
from assets.warehouse import POOL, Warehouse
from execution.trading_calendar import TradingCalendar

MANIFEST_PATH: Final = Path(__file__).parents[2] / "dbt_project" / "target" / "manifest.json"

_IN_TIME: Final = "built_in_time"

Outcome = dg.MaterializeResult[None] | dg.AssetCheckResult


def made_with(library: FeatureLibrary, policy: FeaturePolicy) -> str:
    """Return what the marts rest on beside their models' text: sets, scorer, weights, and versions that were raised."""
    return f"{library.fingerprint} {scored_by(scorer_of(policy), policy.news)} {raised_versions(FEATURES)}".rstrip()


def dbt_assets(plan: BuildPlan, *, name: str) -> dg.AssetsDefinition:
    """Return one multi-asset, a step of this name, that builds a plan's models and reports its tests as checks."""

    @dg.multi_asset(
        name=name,
        specs=[_spec(model) for model in plan.models],
        check_specs=[
            *(
                dg.AssetCheckSpec(test.name, asset=dg.AssetKey(test.model_key), blocking=test.is_blocking)
                for test in plan.tests
            ),
            dg.AssetCheckSpec(
                _IN_TIME,
                asset=dg.AssetKey(plan.models[-1].key),
                description="No model of this step took longer than the settings allow.",
                blocking=False,
            ),
        ],
        partitions_def=SESSIONS,
        pool=POOL,
    )
    def build(
        context: dg.AssetExecutionContext,
        *,
        dbt: dg.ResourceParam[DbtProject],
        raw_store: dg.ResourceParam[RawStore],
        snapshots: dg.ResourceParam[SnapshotStore],
        warehouse: dg.ResourceParam[Warehouse],
        feature_parts: dg.ResourceParam[FeatureParts],
        feature_library: dg.ResourceParam[FeatureLibrary],
        feature_policy: dg.ResourceParam[FeaturePolicy],
        universe_policy: dg.ResourceParam[UniversePolicy],
        stored_settings: dg.ResourceParam[StoredSettings],
    ) -> Iterator[Outcome]:
        from assets.features.build import (  # noqa: PLC0415 - numba loads when a session is built
            build_memory_mb,
            request_build,
        )

        snapshot = snapshots.pinned(session_of(context))
        library = made_with(feature_library, feature_policy)
        source = source_hash(dbt.project_dir, library=library)
        increment = NotedIncrement.of(project_dir=dbt.project_dir, library=library, work=dbt.home / "dbt", step=name)
        results: Mapping[str, NodeResult]
        with warehouse.kept_open(read_only=False):
            request_build(
                warehouse=warehouse,
                raw_store=raw_store,
                snapshot=snapshot,
                feature_parts=feature_parts,
                library=feature_library,
                policy=universe_policy,
                calendar=TradingCalendar.shipped(),
            )
            is_increment = is_built_from(warehouse, step=name, source=source)
            if not is_increment:
                refuse_to_drop_newer(warehouse, snapshot.session)
            repeated = increment.repeat(warehouse, plan.nodes) if is_increment else None
            if repeated is not None:
                results = results_of(plan.nodes, repeated)
                _note_settings(plan, results, warehouse, stored_settings)
                yield from _told(plan, results, warehouse, snapshot.session, feature_policy)
                return
        # dbt opens the warehouse by itself, so it is closed here.
        if is_increment:
            results = _incremented(plan, increment, dbt, context.log.warning)
        else:
            memory_mb = build_memory_mb(raw_store, snapshot)
            told = dbt.build(plan.names, log=context.log.warning, is_full_refresh=True, memory_mb=memory_mb)
            results = results_of(plan.nodes, told)
            # A build its own tests refused stays unknown, so that the next one is whole again.
            if all(result.is_good for result in results.values()):
                if any(model.key == keys.FEATURES_MART for model in plan.models):
                    note_versions(warehouse, (*FEATURES, *feature_library.features))
                note_built(warehouse, step=name, source=source)
        _note_settings(plan, results, warehouse, stored_settings)
        yield from _told(plan, results, warehouse, snapshot.session, feature_policy)

    return build


@dg.asset(
    key=dg.AssetKey(keys.FEATURES_PRICE),
    group_name=keys.FEATURES,
    partitions_def=SESSIONS,
    pool=POOL,
    deps=[
        dg.AssetKey(("features", "staging", f"stg_raw__{table}"))
        for table in ("daily_bars", "corporate_actions", "membership")
    ],
    kinds={"python", "parquet"},
)
def price_features(
    context: dg.AssetExecutionContext,
    snapshots: dg.ResourceParam[SnapshotStore],
    warehouse: dg.ResourceParam[Warehouse],
    feature_parts: dg.ResourceParam[FeatureParts],
    feature_library: dg.ResourceParam[FeatureLibrary],
) -> dg.MaterializeResult[None]:
    """Price, volume, risk, indicator and level features, the library's, and the market's series, window by window."""
    from assets.features.build import write_price_features  # noqa: PLC0415 - numba loads when a session is built

    snapshot = snapshots.pinned(session_of(context))
    written = write_price_features(
        warehouse=warehouse,
        snapshot=snapshot,
        feature_parts=feature_parts,
        library=feature_library,
        calendar=TradingCalendar.shipped(),
    )
    # The histories of all symbols are freed now; the marts need room of their own.
    give_back()
    return dg.MaterializeResult(metadata={**written_facts(written), "library_features": len(feature_library.features)})


@dg.asset(
    key=dg.AssetKey(keys.FEATURES_NEWS),
    group_name=keys.FEATURES,
    partitions_def=SESSIONS,
    pool=POOL,
    deps=[dg.AssetKey(("features", "staging", "stg_raw__news"))],
    kinds={"python", "parquet"},
)
def news_sentiment(
    context: dg.AssetExecutionContext,
    snapshots: dg.ResourceParam[SnapshotStore],
    warehouse: dg.ResourceParam[Warehouse],
    feature_parts: dg.ResourceParam[FeatureParts],
    feature_policy: dg.ResourceParam[FeaturePolicy],
) -> dg.MaterializeResult[None]:
    """Headlines that became known, each with the sentiment its words tell."""
    from assets.features.build import write_news_sentiment  # noqa: PLC0415 - numba loads when a session is built

    scorer = scorer_of(feature_policy)
    written = write_news_sentiment(
        warehouse=warehouse,
        snapshot=snapshots.pinned(session_of(context)),
        feature_parts=feature_parts,
        calendar=TradingCalendar.shipped(),
        scorer=scorer,
        weighing=feature_policy.news,
    )
    return dg.MaterializeResult(metadata={**written_facts(written), **scorer_facts(scorer)})


def feature_definitions(manifest: Mapping[str, Any]) -> dg.Definitions:
    """Return the feature assets and checks of a dbt manifest."""
    base, marts = build_plan(manifest, "base"), build_plan(manifest, "marts")
    # A model is drawn below what it reads and nothing else. A red test on any base model stops kernel and marts all the
    # same: it fails the one step of the base, and whoever reads one model of a step waits for the whole of it.
    return dg.Definitions(
        assets=[dbt_assets(base, name="dbt_base"), price_features, news_sentiment, dbt_assets(marts, name="dbt_marts")]
    )


def _incremented(
    plan: BuildPlan, increment: NotedIncrement, dbt: DbtProject, log: Callable[[str], None]
) -> Mapping[str, NodeResult]:
    """Return the results of dbt's own increment, whose statements are noted when all of it was good."""
    sent: dict[str, list[str]] = {}
    told = dbt.build(plan.names, log=log, sent=lambda node, sql: sent.setdefault(node, []).append(sql))
    results = results_of(plan.nodes, told)
    if all(result.status in {"success", "pass"} for result in results.values()):
        increment.note(sent)
    return results


def _note_settings(
    plan: BuildPlan, results: Mapping[str, NodeResult], warehouse: Warehouse, settings: StoredSettings
) -> None:
    """Remember what the session's rows were made by, refused by a test or not; nothing where a model broke."""
    is_of_marts = any(model.key == keys.FEATURES_MART for model in plan.models)
    if is_of_marts and all(results[model.unique_id].is_good for model in plan.models):
        note_built_by(warehouse, settings())


def _spec(model: DbtModel) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(model.key),
        deps=[dg.AssetKey(dep) for dep in model.deps],
        group_name=keys.FEATURES,
        description=model.description,
        kinds={"dbt", "duckdb"},
    )


def _told(
    plan: BuildPlan,
    results: Mapping[str, NodeResult],
    warehouse: Warehouse,
    session: date,
    policy: FeaturePolicy,
) -> Iterator[Outcome]:
    built = [model for model in plan.models if results[model.unique_id].is_good]
    with warehouse.kept_open():
        facts = model_facts(warehouse, built, session)
        is_mart_built = any(model.key == keys.FEATURES_MART for model in built)
        judged = judged_rows(warehouse, session) if is_mart_built else {}
    for model in built:
        more = _told_of_mart(judged, session) if model.key == keys.FEATURES_MART else {}
        seconds = round(results[model.unique_id].seconds, 3)
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(model.key), metadata={**facts[model.name], **more, "seconds": seconds}
        )
    for test in plan.tests:
        result = results[test.unique_id]
        yield dg.AssetCheckResult(
            passed=result.status in {"pass", "warn"} and result.failures == 0,
            asset_key=dg.AssetKey(test.model_key),
            check_name=test.name,
            severity=dg.AssetCheckSeverity.ERROR if test.is_blocking else dg.AssetCheckSeverity.WARN,
            metadata={"rows_found": result.failures, "status": result.status, "message": result.message or "none"},
        )
    slow = slow_models(built, results, most_seconds=policy.slow_model_seconds)
    yield dg.AssetCheckResult(
        passed=not slow,
        asset_key=dg.AssetKey(plan.models[-1].key),
        check_name=_IN_TIME,
        severity=dg.AssetCheckSeverity.WARN,
        description=slow or None,
        metadata={model.name: round(results[model.unique_id].seconds, 3) for model in built},
    )
    refused = refusals(list(results.values()))
    if refused:
        raise dg.Failure(f"the feature build of {session} is not whole:\n{refused}")


def _told_of_mart(judged: Mapping[str, pa.Table], session: date) -> dict[str, Any]:
    pages = coverage_pages(judged["fct_features"], session)
    return {**feature_facts(judged), **{name: dg.MetadataValue.md(text) for name, text in pages.items()}}


DEFINITIONS: Final = feature_definitions(read_manifest(MANIFEST_PATH))
