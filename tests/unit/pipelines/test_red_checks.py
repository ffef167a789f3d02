"""No order without proof, within one run: a red check stops every later step, also where none reads what it judged.

Assets, edges, checks and selections are those of the analysis location; its steps are emptied of their work.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
import pytest

from assets import keys
from assets.features.dbt_manifest import build_plan, read_manifest
from assets.features.defs import MANIFEST_PATH
from pipelines.analysis import build_definitions
from pipelines.home import Home
from pipelines.jobs import job_definitions
from pipelines.settings import load_settings
from sensors.rules import Act

SESSION = "2026-11-20"
SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
INGEST = ("raw_tables", "raw__snapshot", "raw_gate")
KERNEL = ("features__price_features", "features__news_sentiment")
CYCLE = (*INGEST, "dbt_base", *KERNEL, "dbt_marts", "gate_certificate", "ml__scores", "ml__signal_batch")
MODELS = {
    f"dbt_{tag}": {dg.AssetKey(model.key): model.deps for model in build_plan(manifest, tag).models}
    for manifest in (read_manifest(MANIFEST_PATH),)
    for tag in ("base", "marts")
}
READ_BY_NO_MART = [
    model for model in MODELS["dbt_base"] if all(tuple(model.path) not in read for read in MODELS["dbt_marts"].values())
]
READ_BY_NO_GATE = [model for model in MODELS["dbt_marts"] if "intermediate" in model.path]

Steps = Mapping[str, dg.AssetsDefinition]


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = Home(tmp_path_factory.mktemp("red") / "home")
    return build_definitions(load_settings(environ={"TOUCHSTONE_HOME": str(home.root)}), home)


@pytest.fixture(scope="module")
def steps(analysis: dg.Definitions) -> Steps:
    found = {step.op.name: step for step in analysis.resolve_asset_graph().assets_defs if step.is_executable}
    return {name: found[name] for name in CYCLE}


def emptied(step: dg.AssetsDefinition, red: dg.AssetKey | None) -> dg.AssetsDefinition:
    """Return a step that only reports its assets and checks: all green, or red for one of the assets."""
    added = [dg.AssetCheckSpec("red", asset=red, blocking=True)] if red and red in step.keys else []
    checks = [*step.check_specs, *added]

    def judged() -> Iterator[dg.AssetCheckResult]:
        for check in checks:
            yield dg.AssetCheckResult(passed=check.asset_key != red, asset_key=check.asset_key, check_name=check.name)

    if not step.keys:
        return dg.multi_asset_check(name=step.op.name, specs=checks)(judged)

    @dg.multi_asset(name=step.op.name, specs=[*step.specs], check_specs=checks, can_subset=step.can_subset)
    def report() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield from (dg.MaterializeResult(asset_key=spec.key) for spec in step.specs)
        yield from judged()

    return report


def made(steps: Steps, judge: str, red: dg.AssetKey, left_out: Sequence[str] = ()) -> set[dg.AssetKey]:
    """Return what a run of the cycle makes, some steps left out by hand, while the step `judge` refuses an asset."""
    cycle = [emptied(step, red if name == judge else None) for name, step in steps.items()]
    aside = dg.AssetSelection.assets(*(key for name in left_out for key in steps[name].keys))
    job = dg.define_asset_job("cycle", selection=job_definitions("analysis")[Act.CYCLE].selection - aside)
    run = dg.Definitions(assets=cycle, jobs=[job]).resolve_job_def("cycle")
    result = run.execute_in_process(partition_key=SESSION, raise_on_error=False, run_config=SILENT)
    assert [event.step_key for event in result.all_events if event.is_step_failure] == [judge]
    return {event.asset_key for event in result.get_asset_materialization_events() if event.asset_key is not None}


def made_up_to(steps: Steps, last: str, left_out: Sequence[str] = ()) -> set[dg.AssetKey]:
    names = [name for name in CYCLE[: CYCLE.index(last) + 1] if name not in left_out]
    return {key for name in names for key in steps[name].keys}


def test_the_base_has_models_that_no_mart_reads() -> None:
    assert {model.path[-1] for model in READ_BY_NO_MART} == {
        "stg_raw__daily_bars",
        "stg_raw__filings",
        "stg_raw__securities",
    }


@pytest.mark.parametrize("left_out", [(), INGEST, KERNEL], ids=["cycle", "without ingest", "without the kernel"])
@pytest.mark.parametrize("model", READ_BY_NO_MART, ids=lambda model: model.path[-1])
def test_a_red_check_on_a_model_that_no_mart_reads_stops_kernel_marts_gate_and_scores(
    steps: Steps, model: dg.AssetKey, left_out: Sequence[str]
) -> None:
    assert made(steps, "dbt_base", model, left_out) == made_up_to(steps, "dbt_base", left_out)


@pytest.mark.parametrize("model", READ_BY_NO_GATE, ids=lambda model: model.path[-1])
def test_a_red_check_on_a_model_that_no_gate_reads_stops_gate_and_scores(steps: Steps, model: dg.AssetKey) -> None:
    assert made(steps, "dbt_marts", model) == made_up_to(steps, "dbt_marts")


@pytest.mark.parametrize(
    ("gate", "judged"), [("raw_gate", keys.RAW_SNAPSHOT), ("gate_certificate", keys.FEATURES_GATE_CERTIFICATE)]
)
def test_a_red_gate_stops_all_that_comes_after_it(steps: Steps, gate: str, judged: keys.Key) -> None:
    assert made(steps, gate, dg.AssetKey(judged)) == made_up_to(steps, gate)


@pytest.mark.parametrize("step", MODELS)
def test_no_model_is_materialized_by_hand_without_the_others_of_its_step(analysis: dg.Definitions, step: str) -> None:
    by_hand = analysis.resolve_implicit_global_asset_job_def()
    for model in MODELS[step]:
        with pytest.raises(dg.DagsterInvalidSubsetError, match=f"'{step}' .* attempted to select only"):
            by_hand.execute_in_process(asset_selection=[model], partition_key=SESSION)
