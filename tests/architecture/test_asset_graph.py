import dagster as dg
import pytest

from assets import keys
from assets.features.dbt_manifest import read_manifest
from assets.features.defs import MANIFEST_PATH
from pipelines import analysis, trading
from pipelines.home import Home
from pipelines.jobs import JOBS
from pipelines.run_executor import run_executor
from pipelines.settings import load_settings

BUILDERS = {"analysis": analysis.build_definitions, "trading": trading.build_definitions}


@pytest.fixture(scope="module")
def locations(tmp_path_factory):
    """Return both code locations, bound to a home that does not exist."""
    home = Home(tmp_path_factory.mktemp("graph") / "home")
    settings = load_settings(environ={"TOUCHSTONE_HOME": str(home.root)})
    return {name: build(settings, home) for name, build in BUILDERS.items()}


@pytest.fixture(scope="module")
def upstream(locations):
    """Return each asset's direct dependencies over both locations."""
    found = {}
    for definitions in locations.values():
        graph = definitions.resolve_asset_graph()
        for key in graph.get_all_asset_keys():
            found.setdefault(key, set()).update(graph.get(key).parent_keys)
    return found


@pytest.mark.parametrize("name", BUILDERS)
def test_every_run_of_a_location_knows_its_ids_when_it_logs(locations, name):
    executors = {job.name: job.executor_def.name for job in locations[name].resolve_all_job_defs()}
    assert locations[name].executor is run_executor
    assert set(executors.values()) == {"in_process"}


def ancestors(upstream, key):
    seen, waiting = set(), [key]
    while waiting:
        for parent in upstream.get(waiting.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return seen


@pytest.mark.parametrize("name", BUILDERS)
def test_a_location_resolves_with_every_resource_it_asks_for(locations, name):
    dg.Definitions.validate_loadable(locations[name])


def test_lineage_reaches_from_raw_bars_to_fills_and_back_to_the_report(upstream):
    before_fills = ancestors(upstream, dg.AssetKey(keys.TRADING_FILLS))
    for key in (
        keys.RAW_DAILY_BARS,
        keys.RAW_SNAPSHOT,
        keys.FEATURES_PRICE,
        keys.FEATURES_MART,
        keys.FEATURES_GATE_CERTIFICATE,
        keys.ML_SCORES,
        keys.ML_SIGNAL_BATCH,
        keys.TRADING_ORDER_PLAN,
        keys.TRADING_ORDERS,
    ):
        assert dg.AssetKey(key) in before_fills
    assert dg.AssetKey(keys.TRADING_LEDGER_EXPORT) in ancestors(upstream, dg.AssetKey(keys.REPORTS_DAILY))


def test_every_model_is_drawn_below_what_dbt_says_it_reads_and_nothing_else(upstream):
    manifest = read_manifest(MANIFEST_PATH)
    models = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    drawn = {name: upstream[asset_of_model(node)] for name, node in models.items()}
    assert len(models) == 20
    assert drawn == {name: assets_read(manifest["parent_map"][name], manifest) for name in models}


def assets_read(parents, manifest):
    sources = [manifest["sources"][parent] for parent in parents if parent in manifest["sources"]]
    found = {asset_of_model(manifest["nodes"][parent]) for parent in parents if parent in manifest["nodes"]}
    for source in sources:
        match source["source_name"]:
            case "raw":
                # Which of a raw table's parts are read, the session's pinned snapshot says.
                found |= {dg.AssetKey(["raw", source["name"]]), dg.AssetKey(keys.RAW_SNAPSHOT)}
            case "features":
                found.add(dg.AssetKey(["features", source["meta"].get("asset", source["name"])]))
            case other:
                # Written by the step itself, before it builds.
                assert other == "request"
    return found


def asset_of_model(node):
    layer = [] if node["schema"] == "marts" else [node["schema"]]
    return dg.AssetKey(["features", *layer, node["name"]])


def test_analysis_never_depends_on_holdings(upstream):
    before_batch = ancestors(upstream, dg.AssetKey(keys.ML_SIGNAL_BATCH))
    assert [key for key in before_batch if key.path[0] in {"trading", "reports"}] == []


def test_no_asset_is_made_in_two_locations(locations):
    made = [
        key for definitions in locations.values() for key in definitions.resolve_asset_graph().materializable_asset_keys
    ]
    assert len(made) == len(set(made))


def test_every_job_of_the_table_exists_where_the_table_says(locations):
    for row in JOBS:
        assert locations[row.location].resolve_job_def(str(row.act)).name == str(row.act)


def test_what_opens_the_warehouse_waits_for_its_one_writer(locations):
    pools = {
        assets_def.op.name: assets_def.op.pool
        for assets_def in locations["analysis"].resolve_asset_graph().assets_defs
        if assets_def.is_executable and {"warehouse", "dbt"} & set(assets_def.required_resource_keys)
    }
    assert len(pools) >= 4
    assert set(pools.values()) == {"warehouse"}, pools


def test_trading_opens_no_warehouse(locations):
    asked = {
        resource
        for assets_def in locations["trading"].resolve_asset_graph().assets_defs
        if assets_def.is_executable
        for resource in assets_def.required_resource_keys
    }
    assert not asked & {"warehouse", "dbt", "sources", "models"}
