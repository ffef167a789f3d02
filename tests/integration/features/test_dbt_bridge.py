"""Nothing passes silently: what dbt fails, breaks or skips fails the run and stops what comes after, in the open."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets import schemas
from assets.features.dbt_bridge import DbtProject, results_of
from assets.features.dbt_manifest import build_plan, read_manifest
from assets.features.defs import MANIFEST_PATH, dbt_assets
from assets.partitions import SESSIONS
from assets.raw_store import RawStore
from execution.domain.errors import DataError
from tests.builders import raw_rows
from tests.builders.feature_market import FeatureHome, take_in
from tests.integration.features.conftest import PROJECT, parsed

SESSION = raw_rows.sessions(1)[0]
PROJECT_FILE = """
name: touchstone
version: "1.0.0"
config-version: 2
profile: touchstone
flags: {send_anonymous_usage_stats: false}
models: {touchstone: {+materialized: table, +schema: marts, +tags: ["base"]}}
"""
GOOD = "select current_date as session, 'AAA' as symbol"
ONE_TEST = """
version: 2
models:
  - name: second
    data_tests: [{not_null: {name: second_is_named, column_name: symbol, config: {severity: SEVERITY}}}]
"""


def small_project(root: Path, *, first: str = GOOD, second: str = GOOD, severity: str = "error") -> Path:
    """Write a project of three models in a row, a test on the second."""
    folder = root / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "macros").mkdir()
    (folder / "dbt_project.yml").write_text(PROJECT_FILE)
    (folder / "profiles.yml").write_text((PROJECT / "profiles.yml").read_text())
    (folder / "macros" / "schema.sql").write_text((PROJECT / "macros" / "generate_schema_name.sql").read_text())
    (folder / "models" / "first.sql").write_text(first)
    (folder / "models" / "second.sql").write_text(f"{second} -- {{{{ ref('first') }}}}")
    (folder / "models" / "third.sql").write_text("select * from {{ ref('second') }}")
    (folder / "models" / "second.yml").write_text(ONE_TEST.replace("SEVERITY", severity))
    return folder


@pytest.fixture
def run(tmp_path, parse_home):
    def build(**sql):
        folder = small_project(tmp_path, **sql)
        home = FeatureHome(tmp_path, RawStore(tmp_path / "raw"), folder)
        take_in(home.raw_store, {"daily_bars": [raw_rows.bar("AAA", SESSION, 10.0)]}, after=None, session=SESSION)
        home.pin(SESSION)
        plan = build_plan(parsed(folder, parse_home), "base")
        downstream = _downstream()
        result = dg.materialize(
            [dbt_assets(plan, name="build"), downstream],
            partition_key=SESSION.isoformat(),
            resources=home.resources(),
            raise_on_error=False,
        )
        # The handle dbt leaves behind would refuse this connection.
        assert home.warehouse.read("select 1 as one")["one"].to_pylist() == [1]
        return result

    return build


def _downstream():
    @dg.asset(name="after", deps=[dg.AssetKey(["features", "second"])], partitions_def=SESSIONS)
    def after() -> None:
        return None

    return after


def made(result):
    return {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}


def checks(result):
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def failure_text(result):
    return "\n".join(str(event.event_specific_data.error) for event in result.all_events if event.is_step_failure)


def test_good_project_builds_everything_and_shows_its_evidence(run):
    result = run()
    assert result.success
    assert made(result) == {"first", "second", "third", "after"}
    check = checks(result)["second_is_named"]
    assert check.passed
    assert check.metadata["rows_found"].value == 0
    built = next(e for e in result.get_asset_materialization_events() if e.asset_key.path[-1] == "second")
    assert built.materialization.metadata["rows"].value == 1


def test_failing_test_fails_its_check_the_run_and_all_that_follows(run):
    result = run(second="select current_date as session, null::varchar as symbol")
    assert not result.success
    assert made(result) == {"first", "second"}
    check = checks(result)["second_is_named"]
    assert (check.passed, check.severity, check.metadata["rows_found"].value) == (
        False,
        dg.AssetCheckSeverity.ERROR,
        1,
    )
    assert "third: skipped" in failure_text(result)


def test_failing_test_of_severity_warn_is_shown_and_stops_nothing(run):
    result = run(second="select current_date as session, null::varchar as symbol", severity="warn")
    assert result.success
    assert made(result) == {"first", "second", "third", "after"}
    assert (checks(result)["second_is_named"].passed, checks(result)["second_is_named"].severity) == (
        False,
        dg.AssetCheckSeverity.WARN,
    )


def test_model_that_breaks_fails_the_run_with_its_reason_and_its_skipped_test_is_no_pass(run):
    result = run(second="select no_such_column from (select 1 as x)")
    assert not result.success
    assert made(result) == {"first"}
    assert not checks(result)["second_is_named"].passed
    assert "no_such_column" in failure_text(result)


def test_first_model_broken_skips_the_rest_loudly(run):
    result = run(first="select 1 / 'x'::int as symbol")
    assert not result.success
    assert made(result) == set()
    text = failure_text(result)
    assert "first: error" in text
    assert "second: skipped" in text
    assert "third: skipped" in text


def test_build_that_breaks_after_its_delete_leaves_the_rows_it_had(tmp_path, parse_home):
    breaks_on_new_data = """
    {{ config(
        materialized='incremental', incremental_strategy='append',
        pre_hook=['delete from {{ this }}'] if is_incremental() else [],
    ) }}
    select session, case when (select count(*) from request.raw_parts where table_name = 'daily_bars') > 2
        then error('boom') end as symbol
    from request.sessions where is_current
    """
    folder = small_project(tmp_path, first=breaks_on_new_data)
    home = FeatureHome(tmp_path, RawStore(tmp_path / "raw"), folder)
    first_take = {"daily_bars": [raw_rows.bar("AAA", SESSION, 10.0)]}
    second_take = {"daily_bars": [raw_rows.bar("BBB", SESSION, 20.0)]}
    plan = build_plan(parsed(folder, parse_home), "base")
    outcomes = []
    for records in (first_take, second_take):
        take_in(home.raw_store, records, after=None, session=SESSION)
        home.pin(SESSION)
        built = dg.materialize(
            [dbt_assets(plan, name="build")],
            partition_key=SESSION.isoformat(),
            resources=home.resources(),
            raise_on_error=False,
        )
        outcomes.append(built.success)
    assert outcomes == [True, False]
    assert home.warehouse.read("select session from marts.first")["session"].to_pylist() == [SESSION]


def test_node_dbt_does_not_mention_is_not_good():
    assert results_of(["model.touchstone.lost"], [])["model.touchstone.lost"].status == "missing"
    assert not results_of(["model.touchstone.lost"], [])["model.touchstone.lost"].is_good


def test_project_that_does_not_parse_is_an_error_with_a_reason(tmp_path):
    folder = small_project(tmp_path, first="select * from {{ ref('nowhere') }}")
    home = FeatureHome(tmp_path, RawStore(tmp_path / "raw"), folder)
    with pytest.raises(DataError, match="nowhere"):
        home.project.build(["first"], log=lambda _: None)


def test_build_parses_only_a_project_that_is_not_the_one_whose_manifest_was_written(tmp_path, monkeypatch):
    folder = small_project(tmp_path)
    home = FeatureHome(tmp_path, RawStore(tmp_path / "raw"), folder)
    verbs = []
    arguments = DbtProject._arguments

    def told(project, verb, *options):
        verbs.append(verb)
        return arguments(project, verb, *options)

    monkeypatch.setattr(DbtProject, "_arguments", told)
    take_in(home.raw_store, {"daily_bars": [raw_rows.bar("AAA", SESSION, 10.0)]}, after=None, session=SESSION)
    home.pin(SESSION)
    # In a process of its own, as `make manifest` has one: dbt reads its variables once.
    wrote = f"from assets.features.dbt_bridge import write_manifest; write_manifest({str(folder)!r})"
    subprocess.run([sys.executable, "-c", wrote], check=True)
    assets = [dbt_assets(build_plan(read_manifest(folder / "target" / "manifest.json"), "base"), name="build")]
    dg.materialize(assets, partition_key=SESSION.isoformat(), resources=home.resources())
    assert verbs == ["build"]
    model = folder / "models" / "second.sql"
    model.write_text(model.read_text().replace("select", "select 7 as added,", 1))
    dg.materialize(assets, partition_key=SESSION.isoformat(), resources=home.resources())
    assert verbs == ["build", "parse", "build"]
    assert home.warehouse.read("select added from marts.second")["added"].to_pylist() == [7]


def test_absent_manifest_says_what_to_run(tmp_path):
    with pytest.raises(DataError, match="run `make manifest`"):
        read_manifest(tmp_path / "manifest.json")


def test_every_raw_table_reaches_the_graph_as_its_own_asset():
    manifest = read_manifest(MANIFEST_PATH)
    base, marts = build_plan(manifest, "base"), build_plan(manifest, "marts")
    sources = {dep for model in (*base.models, *marts.models) for dep in model.deps if dep[0] == "raw"}
    assert sources == {table.key for table in schemas.ALL} | {("raw", "snapshot")}
    price_readers = {model.name for model in marts.models if ("features", "price_features") in model.deps}
    assert {"fct_features", "fct_trading_facts", "fct_total_returns", "int_market__as_known"} <= price_readers
    tests = {unique_id for unique_id, node in manifest["nodes"].items() if node["resource_type"] == "test"}
    assert {test.unique_id for test in (*base.tests, *marts.tests)} == tests


INCREMENTAL = "{{ config(materialized='incremental', on_schema_change='ignore') }}"


def test_a_whole_build_that_its_own_test_refused_is_made_whole_again(tmp_path, parse_home):
    unnamed = "select current_date as session, null::varchar as symbol"
    told = "{{ 'true' if is_incremental() else 'false' }} as is_more"
    folder = small_project(tmp_path, second=f"{INCREMENTAL} {unnamed}, {told}")
    # The test then stands on a model nobody builds upon: every model is good, and the build is not.
    (folder / "models" / "third.sql").write_text(GOOD)
    home = FeatureHome(tmp_path, RawStore(tmp_path / "raw"), folder)
    take_in(home.raw_store, {"daily_bars": [raw_rows.bar("AAA", SESSION, 10.0)]}, after=None, session=SESSION)
    home.pin(SESSION)
    asset = dbt_assets(build_plan(parsed(folder, parse_home), "base"), name="build")
    for _ in range(2):
        built = dg.materialize(
            [asset], partition_key=SESSION.isoformat(), resources=home.resources(), raise_on_error=False
        )
        assert made(built) == {"first", "second", "third"}
        assert not checks(built)["second_is_named"].passed
        assert home.warehouse.read("select is_more from marts.second").to_pylist() == [{"is_more": False}]


def test_a_changed_model_is_built_whole_and_an_unchanged_one_is_not(tmp_path, parse_home):
    second = f"{INCREMENTAL} {GOOD}, {{{{ 'true' if is_incremental() else 'false' }}}} as is_more"
    folder = small_project(tmp_path, second=second)
    home = FeatureHome(tmp_path, RawStore(tmp_path / "raw"), folder)
    take_in(home.raw_store, {"daily_bars": [raw_rows.bar("AAA", SESSION, 10.0)]}, after=None, session=SESSION)
    home.pin(SESSION)

    def built():
        asset = dbt_assets(build_plan(parsed(folder, parse_home), "base"), name="build")
        dg.materialize([asset], partition_key=SESSION.isoformat(), resources=home.resources())
        return home.warehouse.read("select * from marts.second order by is_more").to_pylist()

    assert [row["is_more"] for row in built()] == [False]
    assert [row["is_more"] for row in built()] == [False, True]
    model = folder / "models" / "second.sql"
    model.write_text(model.read_text().replace("as is_more", "as is_more, 7 as added"))
    assert [(row["is_more"], row["added"]) for row in built()] == [(False, 7)]
