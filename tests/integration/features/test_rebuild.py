"""One home lives day by day, another is built whole on the last day: every mart has the same bits in both."""

import shutil
from dataclasses import replace

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from assets.feature_catalogue import FEATURES, NAMES
from assets.features import build
from assets.features.dbt_bridge import DbtProject, _written
from assets.features.dbt_manifest import read_manifest
from assets.features.defs import MANIFEST_PATH, feature_definitions
from assets.features.feature_library import FeatureLibrary, switched_on
from assets.features.headline_scores import scored_by
from assets.features.model_sources import is_built_from, note_built, project_hash, source_hash
from assets.features.policy import NewsWeighing
from assets.features.recompute import recompute
from assets.features.sentiment import Lexicon
from assets.judged_rows import JUDGED_MARTS, judged_features_hash, judged_rows
from assets.mart_settings import built_by
from assets.raw_store import RawStore
from assets.universe_policy import UniversePolicy
from tests.builders import raw_rows
from tests.builders.feature_market import WEIGHING, FeatureHome, market, take_in
from tests.builders.raw_rows import CALENDAR
from tests.integration.features.conftest import PROJECT, run_dbt

DAYS = raw_rows.sessions(280)
RECORDS = market(DAYS)
# The first build holds years; then single days, catch-ups of odd lengths, and a day run twice.
STEPS = (223, 224, 231, 241, 241, 279)
LAST = DAYS[STEPS[-1]]
LIBRARY = switched_on(("alpha158",))
SYMBOLS = sorted({row["symbol"] for row in RECORDS["daily_bars"]})


def cycle(home, assets, place):
    session = DAYS[place]
    home.pin(session)
    result = dg.materialize(assets, partition_key=session.isoformat(), resources=home.resources())
    assert result.success
    return result


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    root = tmp_path_factory.mktemp("homes")
    store = RawStore(root / "lived" / "raw")
    lived = FeatureHome(root / "lived", store, PROJECT, LIBRARY)
    whole = FeatureHome(root / "whole", store, PROJECT, LIBRARY)
    assets = feature_definitions(read_manifest(MANIFEST_PATH)).assets
    before = None
    for place in STEPS:
        take_in(store, RECORDS, after=before, session=DAYS[place])
        last = cycle(lived, assets, place)
        before = DAYS[place]
    cycle(whole, assets, STEPS[-1])
    return lived, whole, last


@pytest.mark.parametrize("mart", sorted(JUDGED_MARTS))
def test_increments_and_full_rebuild_agree_bit_for_bit(homes, mart):
    lived, whole, _ = homes
    query = f"select * from marts.{mart} order by session, {JUDGED_MARTS[mart]}"  # noqa: S608 - constants
    left, right = lived.warehouse.read(query), whole.warehouse.read(query)
    assert left.num_rows >= len(DAYS)
    assert left.schema == right.schema
    differing = [
        name for name in left.column_names if not left[name].combine_chunks().equals(right[name].combine_chunks())
    ]
    assert differing == []


def test_every_session_has_the_hash_it_had_when_it_was_lived(homes):
    lived, whole, _ = homes
    for place in np.random.default_rng(9).choice(len(DAYS), size=5, replace=False):
        session = DAYS[place]
        left, right = (judged_features_hash(judged_rows(home.warehouse, session)) for home in (lived, whole))
        assert left == right


@pytest.fixture
def copied(homes, tmp_path):
    lived, _, _ = homes
    root = shutil.copytree(lived.root, tmp_path / "copy")
    return FeatureHome(root, RawStore(root / "raw"), PROJECT, LIBRARY)


def test_session_is_built_again_without_dbt_and_has_the_same_bytes(homes, copied, monkeypatch):
    lived, _, _ = homes

    def refuse(*_arguments, **_options):
        raise AssertionError("dbt was asked although every statement is noted and every test passes")

    monkeypatch.setattr(DbtProject, "build", refuse)
    cycle(copied, feature_definitions(read_manifest(MANIFEST_PATH)).assets, STEPS[-1])
    for mart, name in JUDGED_MARTS.items():
        query = f"select * from marts.{mart} order by session, {name}"  # noqa: S608 - constants
        assert copied.warehouse.read(query).equals(lived.warehouse.read(query))


def test_increment_that_finds_a_fault_is_judged_by_dbt(copied):
    with copied.warehouse.connect(read_only=False) as connection:
        twice = "intermediate.int_fundamentals__by_filing"
        connection.execute(f"insert into {twice} from {twice} limit 1")
    session = DAYS[STEPS[-1]]
    result = dg.materialize(
        feature_definitions(read_manifest(MANIFEST_PATH)).assets,
        partition_key=session.isoformat(),
        resources=copied.resources(),
        raise_on_error=False,
    )
    assert [event.step_key for event in result.all_events if event.is_step_start] == ["dbt_base"]
    assert not result.success
    refused = {check.check_name: check for check in result.get_asset_check_evaluations() if not check.passed}
    assert refused.keys() == {"known_facts_are_unique"}
    # The words are dbt's own.
    assert refused["known_facts_are_unique"].metadata["message"].value.startswith("Got 1 result")


def materialized(home, place, step, *, screen=None):
    """Materialize one step of dbt by hand, for a session that was pinned before."""
    assets = feature_definitions(read_manifest(MANIFEST_PATH)).assets
    (asset,) = (asset for asset in assets if asset.node_def.name == step)
    chosen = dg.AssetSelection.assets(*asset.keys)
    session = DAYS[place].isoformat()
    return dg.materialize(
        assets, partition_key=session, resources=home.resources(screen), selection=chosen, raise_on_error=False
    )


def test_settings_no_row_was_made_by_are_not_told_as_those_the_marts_were_built_by(copied):
    before, screen = built_by(copied.warehouse), UniversePolicy(max_names=1)
    assert before["universe.min_adv20_shares"] == "10000"
    # All that a session's build has done when it ends in the kernel, or at a model of the marts.
    assert materialized(copied, STEPS[-1], "dbt_base", screen=screen).success
    assert built_by(copied.warehouse) == before
    with copied.warehouse.connect(read_only=False) as connection:
        connection.execute("alter table intermediate.int_fundamentals__by_filing rename to aside")
    assert not materialized(copied, STEPS[-1], "dbt_marts", screen=screen).success
    assert built_by(copied.warehouse) == before
    with copied.warehouse.connect(read_only=False) as connection:
        connection.execute("alter table intermediate.aside rename to int_fundamentals__by_filing")
    assert materialized(copied, STEPS[-1], "dbt_marts", screen=screen).success
    assert built_by(copied.warehouse)["universe.max_names"] == "1"


def test_marts_on_figures_of_an_older_session_are_refused_with_what_to_do(copied):
    assert materialized(copied, STEPS[1], "dbt_base").success
    result = materialized(copied, STEPS[-1], "dbt_marts")
    assert not result.success
    refused = {check.check_name: check for check in result.get_asset_check_evaluations() if not check.passed}
    message = refused["figures_are_those_pinned"].metadata["message"].value
    assert "materialize features/staging/stg_raw__filings" in message
    assert "int_fundamentals__by_filing of this session again" in message
    assert materialized(copied, STEPS[-1], "dbt_base").success
    assert materialized(copied, STEPS[-1], "dbt_marts").success


def test_models_that_read_otherwise_than_before_are_built_whole_with_the_same_bytes(homes, tmp_path):
    lived, _, _ = homes
    shutil.copytree(lived.root, tmp_path / "copy")
    changed = FeatureHome(tmp_path / "copy", lived.raw_store, PROJECT, LIBRARY)
    for step in ("dbt_base", "dbt_marts"):
        note_built(changed.warehouse, step=step, source="other models")
    result = cycle(changed, feature_definitions(read_manifest(MANIFEST_PATH)).assets, STEPS[-1])
    built_again = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    assert JUDGED_MARTS.keys() <= built_again
    for mart, name in JUDGED_MARTS.items():
        query = f"select * from marts.{mart} order by session, {name}"  # noqa: S608 - constants
        assert changed.warehouse.read(query).equals(lived.warehouse.read(query))
    library = f"{LIBRARY.fingerprint} {scored_by(Lexicon.shipped(), WEIGHING)}"
    assert is_built_from(changed.warehouse, step="dbt_marts", source=source_hash(PROJECT, library=library))


def test_other_weights_of_providers_weigh_every_session_anew(homes, copied, tmp_path):
    lived, _, _ = homes
    weighing = NewsWeighing(weights={"second_wire": 7})
    changed = replace(copied, weighing=weighing)
    whole = FeatureHome(tmp_path / "whole", copied.raw_store, PROJECT, LIBRARY, weighing)
    for home in (changed, whole):
        cycle(home, feature_definitions(read_manifest(MANIFEST_PATH)).assets, STEPS[-1])
    query = "select * from marts.fct_features order by session, symbol"
    assert changed.warehouse.read(query).equals(whole.warehouse.read(query))
    assert not changed.warehouse.read(query).equals(lived.warehouse.read(query))


def test_whole_build_of_an_old_session_is_refused_while_the_marts_reach_further(copied):
    for step in ("dbt_base", "dbt_marts"):
        note_built(copied.warehouse, step=step, source="other models")
    refused = materialized(copied, STEPS[0], "dbt_base")
    assert not refused.success
    (failed,) = [event.event_specific_data.error for event in refused.all_events if event.is_step_failure]
    assert f"materialize {LAST} first, then this session again" in str(failed)
    newest = copied.warehouse.read("select max(session) as newest from marts.fct_features")["newest"].to_pylist()
    assert newest == [LAST]
    assert materialized(copied, STEPS[-1], "dbt_base").success


def test_raised_version_of_what_the_kernel_computes_computes_every_session_again(copied, monkeypatch):
    raised = tuple(replace(feature, version=2) if feature.name == "rsi_14" else feature for feature in FEATURES)
    monkeypatch.setattr(build, "FEATURES", raised)
    written = build.write_price_features(
        warehouse=copied.warehouse,
        snapshot=copied.snapshots.pinned(LAST),
        feature_parts=copied.feature_parts,
        library=FeatureLibrary(),
        calendar=CALENDAR,
    )
    assert tuple(written.sessions) == DAYS
    parts = copied.feature_parts
    assert parts.sessions(build.stored_kind("price_features")) == parts.sessions("price_features")


def test_the_mart_holds_the_catalogue_then_the_library(homes):
    columns = homes[0].warehouse.read("select * from marts.fct_features limit 0").schema
    assert columns.names == ["session", "symbol", *NAMES, *(feature.name for feature in LIBRARY.features)]
    assert {columns.field(name).type for name in NAMES} == {pa.float64()}
    noted = homes[0].warehouse.read("select feature, version from request.feature_versions")
    assert noted["feature"].to_pylist() == columns.names[2:]
    assert set(noted["version"].to_pylist()) == {1}


def test_each_cycle_writes_one_part_and_a_rebuild_one_per_year(homes):
    lived, whole, _ = homes
    counts = [len(list((home.root / "features" / "price_features").glob("2*.parquet"))) for home in (lived, whole)]
    assert counts == [len(STEPS), 2]


def test_recomputation_from_raw_rows_agrees_bit_for_bit(homes):
    lived, _, _ = homes
    for place in (27, 163, 205, 222, 227, 231, 241, 279):
        session = DAYS[place]
        as_of = CALENDAR.as_of(session)
        again = recompute(
            raw_store=lived.raw_store,
            session=session,
            as_of=as_of,
            symbols=SYMBOLS,
            library=LIBRARY,
            weighing=WEIGHING,
        )
        names = ", ".join(again.column_names)
        stored = lived.warehouse.read(
            f"select {names} from marts.fct_features where session = ? order by symbol",  # noqa: S608 - own columns
            (session,),
        )
        assert again.column_names == ["session", "symbol", *NAMES, *(feature.name for feature in LIBRARY.features)]
        assert stored.num_rows == again.num_rows > 5
        for name in again.column_names:
            assert stored[name].to_pylist() == again[name].to_pylist(), (session, name)


def test_marts_tell_what_a_person_wants_to_know(homes):
    _, _, last = homes
    told = {
        event.asset_key.path[-1]: event.materialization.metadata for event in last.get_asset_materialization_events()
    }
    features = told["fct_features"]
    assert features["session_rows"].value == 11
    assert len(features["features_hash"].value) == 64
    assert features["coverage_price"].value > 0.9
    assert features["coverage_library"].value > 0.9
    assert features["features"].value == len(NAMES) + len(LIBRARY.features)
    assert features["coverage_chart"].value.startswith("![feature coverage](data:image/png;base64,")
    assert "symbols that have it" in features["scarcest_features"].value
    assert told["price_features"]["sessions"].value.startswith("38: ")


def test_year_before_told_again_in_the_shares_after_a_split_is_compared_as_it_stands(homes):
    lived, _, _ = homes
    again = RECORDS["filings"][-1]
    newest = next(
        row
        for row in RECORDS["filings"]
        if row["symbol"] == again["symbol"]
        and row["metric"] == "eps_diluted"
        and row["known_at"] == again["known_at"]
        and row["period_end"] > again["period_end"]
    )
    session = next(day for day in DAYS if CALENDAR.as_of(day) >= again["known_at"])
    (row,) = lived.warehouse.read(
        "select eps_growth_yoy from marts.fct_features where symbol = ? and session = ?", (again["symbol"], session)
    ).to_pylist()
    assert row["eps_growth_yoy"] == pytest.approx(newest["value"] / again["value"] - 1)


def test_listed_symbols_have_a_place_in_the_universe_with_a_reason(homes):
    lived, _, _ = homes
    rows = lived.warehouse.read(
        "select symbol, is_member, excluded_reason from marts.fct_universe where session = ? order by symbol",
        (DAYS[204],),
    ).to_pylist()
    assert [row["symbol"] for row in rows] == SYMBOLS
    assert all(row["is_member"] == (row["excluded_reason"] is None) for row in rows)


def test_delisted_symbol_leaves_with_its_last_session(homes):
    lived, _, _ = homes
    read = "select session from marts.fct_universe where symbol = 'SYM09' order by session"
    assert lived.warehouse.read(read)["session"].to_pylist()[-1] == DAYS[-21]


def test_trading_facts_are_in_raw_dollars_and_shares_of_the_session(homes):
    lived, _, _ = homes
    # SYM02 had one share for ten on day 205: ten times the price, a tenth of the volume.
    query = (
        "select session, close_usd, atr14_usd, adv20_shares from marts.fct_trading_facts "
        "where symbol = 'SYM02' and session in (?, ?) order by session"
    )
    before, after = lived.warehouse.read(query, (DAYS[204], DAYS[205])).to_pylist()
    assert after["atr14_usd"] == pytest.approx(10 * before["atr14_usd"], rel=0.2)
    assert after["adv20_shares"] == pytest.approx(before["adv20_shares"] / 10, rel=0.2)


def test_build_sends_the_same_whether_its_project_was_parsed_now_or_by_make_manifest(homes, tmp_path, monkeypatch):
    lived, _, _ = homes
    copy = FeatureHome(shutil.copytree(lived.root, tmp_path / "copy"), lived.raw_store, PROJECT)
    names = [*JUDGED_MARTS, "int_bars__as_known", "int_fundamentals__by_filing", "int_news__as_known"]

    def sent():
        monkeypatch.setattr("assets.features.dbt_bridge._PARSED", {})
        statements = []
        results = copy.project.build(names, log=print, sent=lambda node, sql: statements.append((node, sql)))
        assert all(result.is_good for result in results)
        return statements

    assert _written(PROJECT, project_hash(PROJECT)) is not None, "run `make manifest`"
    by_make_manifest = sent()
    monkeypatch.setattr("assets.features.dbt_bridge._written", lambda *_: None)
    assert sent() == by_make_manifest


def test_build_holds_no_more_than_it_may(homes, tmp_path):
    lived, _, _ = homes
    copy = FeatureHome(shutil.copytree(lived.root, tmp_path / "copy"), lived.raw_store, PROJECT)
    (result,) = copy.project.build(["fct_features"], log=print, memory_mb=1)
    assert result.status == "error"
    assert "Out of Memory" in result.message


def test_unit_tests_of_the_models_pass(homes):
    lived, _, _ = homes
    outcome = run_dbt("test", project=PROJECT, home=lived.root, select="test_type:unit")
    assert outcome.success, [(result.node.name, result.message) for result in outcome.result.results]
    assert len(outcome.result.results) >= 4


def rows_found(home, root, statements, test):
    """Return how many rows a data test finds after some statements on a copy of the home."""
    copy = FeatureHome(shutil.copytree(home.root, root / test), home.raw_store, PROJECT)
    with copy.warehouse.connect(read_only=False) as connection:
        for statement in statements:
            connection.execute(statement)
    (result,) = copy.project.build([test], log=print)
    return result.failures


def test_every_key_held_twice_fails_a_test(homes, tmp_path):
    lived, _, _ = homes
    staged = [f"staging.stg_raw__{name}" for name in ("corporate_actions", "daily_bars", "filings")]
    known = [f"intermediate.int_{name}__as_known" for name in ("bars", "securities")]
    beneath = [f"intermediate.int_{name}__as_known" for name in ("fundamentals", "market", "news")]
    marts = [f"marts.{mart}" for mart in JUDGED_MARTS]
    now = "(select as_of from request.sessions where is_current)"
    twice = [
        *(f"insert into {name} select * replace ({now} as known_at) from {name} limit 1" for name in staged * 2),  # noqa: S608 - constants
        *(f"insert into {name} from {name} where session = '{LAST}' limit 1" for name in (*known, *beneath, *marts)),
        "insert into intermediate.int_fundamentals__by_filing from intermediate.int_fundamentals__by_filing limit 1",
    ]
    assert rows_found(lived, tmp_path, twice, "staged_versions_are_unique") == len(staged)
    assert rows_found(lived, tmp_path, twice, "known_facts_are_unique") == len(known) + 1
    assert rows_found(lived, tmp_path, twice, "keys_are_unique") == len(beneath) + len(marts)


def test_marts_without_the_session_fail_a_test(homes, tmp_path):
    lived, _, _ = homes
    marts = ("fct_features", "fct_market_context")
    emptied = [f"delete from marts.{mart} where session = '{LAST}'" for mart in marts]  # noqa: S608 - constants
    assert rows_found(lived, tmp_path, emptied, "marts_have_the_session") == len(marts)
