"""The gates as Dagster runs them: blocked runs, published certificates, and later runs that cannot be fooled."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets import keys
from assets.certificates import require_green
from assets.judged_rows import judged_features_hash, judged_rows
from assets.partitions import SESSIONS
from assets.quality.defs import DEFINITIONS
from assets.quality.policy import GatePolicy
from execution.domain.errors import CertificateRefused
from tests.builders.faults import append_unexplained_jump
from tests.builders.quality import GateHome, a_gate_home, copy_of
from tests.builders.raw_market import CALENDAR, SESSION, symbols_of

EARLIER = CALENDAR.previous(SESSION)
IMPOSSIBLE = GatePolicy(min_symbols=100_000)
SNAPSHOT = dg.AssetKey(keys.RAW_SNAPSHOT)
CERTIFICATE = dg.AssetKey(keys.FEATURES_GATE_CERTIFICATE)
FEATURES = dg.AssetKey(keys.FEATURES_MART)
SCORES = dg.AssetKey(keys.ML_SCORES)


@dg.asset(key=SNAPSHOT, partitions_def=SESSIONS)
def snapshot() -> None: ...


@dg.asset(key=FEATURES, deps=[SNAPSHOT], partitions_def=SESSIONS)
def features() -> None: ...


@dg.asset(key=SCORES, deps=[CERTIFICATE], partitions_def=SESSIONS)
def scores() -> None: ...


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> GateHome:
    return a_gate_home(tmp_path_factory.mktemp("home"))


@pytest.fixture
def home(built: GateHome, tmp_path: Path) -> GateHome:
    return copy_of(built, tmp_path)


def run(
    home: GateHome,
    instance: dg.DagsterInstance,
    session: date = SESSION,
    *,
    policy: GatePolicy | None = None,
    selection: dg.AssetSelection | None = None,
) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions.merge(
        DEFINITIONS, dg.Definitions(assets=[snapshot, features, scores], resources=home.resources(policy))
    )
    job = dg.define_asset_job("cycle", selection=selection or dg.AssetSelection.all())
    resolved = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("cycle")
    return resolved.execute_in_process(partition_key=session.isoformat(), instance=instance, raise_on_error=False)


def materialized(result: dg.ExecuteInProcessResult) -> set[dg.AssetKey]:
    return {event.asset_key for event in result.get_asset_materialization_events() if event.asset_key is not None}


def features_hash(home: GateHome, session: date = SESSION) -> str:
    return judged_features_hash(judged_rows(home.marts.warehouse, session))


def prove(home: GateHome, session: date = SESSION) -> None:
    require_green(
        home.batches,
        session=session,
        snapshot_hash=home.snapshots.pinned(session).hash,
        features_hash=features_hash(home, session),
    )


def test_clean_data_earn_a_green_certificate_and_are_scored(home: GateHome, instance: dg.DagsterInstance) -> None:
    result = run(home, instance)
    assert result.success
    assert SCORES in materialized(result)
    prove(home)


def test_both_gates_are_one_step_each(home: GateHome, instance: dg.DagsterInstance) -> None:
    result = run(home, instance)
    steps = {event.step_key for event in result.all_events if event.is_step_success}
    assert steps == {"raw__snapshot", "raw_gate", "features__fct_features", "gate_certificate", "ml__scores"}


def test_every_check_is_recorded_for_its_partition(home: GateHome, instance: dg.DagsterInstance) -> None:
    result = run(home, instance)
    evaluations = result.get_asset_check_evaluations()
    assert {evaluation.partition for evaluation in evaluations} == {SESSION.isoformat()}
    assert len(evaluations) > 25


def test_a_raw_gate_asked_for_before_its_session_is_pinned_publishes_nothing(
    home: GateHome, instance: dg.DagsterInstance
) -> None:
    following = CALENDAR.next(SESSION)
    gate = run(home, instance, following, selection=dg.AssetSelection.assets(SNAPSHOT))
    (failed,) = [event for event in gate.all_events if event.is_step_failure]
    error = failed.step_failure_data.error
    assert error is not None
    assert error.cause is not None
    assert f"no data snapshot is pinned for {following}" in error.cause.message
    assert home.batches.certificates(following) == ()


def test_red_raw_gate_stops_features_and_scores(home: GateHome, instance: dg.DagsterInstance) -> None:
    append_unexplained_jump(home.store, SESSION, symbols_of(20))
    home.pin(SESSION)
    result = run(home, instance)
    assert not result.success
    assert materialized(result) == {SNAPSHOT}


def test_red_raw_gate_publishes_its_reason(home: GateHome, instance: dg.DagsterInstance) -> None:
    append_unexplained_jump(home.store, SESSION, symbols_of(20))
    home.pin(SESSION)
    run(home, instance)
    (certificate,) = home.batches.certificates(SESSION)
    assert certificate.stage == "raw"
    assert certificate.symbols == symbols_of(40)
    assert "explained_jumps" in {check.name for check in certificate.failures}


def test_red_feature_gate_stops_scores_and_is_published(home: GateHome, instance: dg.DagsterInstance) -> None:
    result = run(home, instance, policy=IMPOSSIBLE)
    assert not result.success
    assert SCORES not in materialized(result)
    (certificate,) = home.batches.certificates(SESSION)
    assert (certificate.stage, certificate.is_green) == ("features", False)
    assert [check.name for check in certificate.failures] == ["rows_match_bars"]


def test_red_data_stay_refused_in_a_later_run_of_scores_alone(home: GateHome, instance: dg.DagsterInstance) -> None:
    run(home, instance, policy=IMPOSSIBLE)
    assert run(home, instance, selection=dg.AssetSelection.assets(SCORES)).success
    with pytest.raises(CertificateRefused, match="rows_match_bars"):
        prove(home)


def test_feature_gate_alone_refuses_what_the_raw_gate_refused(home: GateHome, instance: dg.DagsterInstance) -> None:
    append_unexplained_jump(home.store, SESSION, symbols_of(20))
    home.pin(SESSION)
    run(home, instance)
    result = run(home, instance, selection=dg.AssetSelection.assets(CERTIFICATE))
    assert not result.success
    with pytest.raises(CertificateRefused, match="explained_jumps"):
        prove(home)


def test_older_session_passing_later_does_not_open_a_red_one(home: GateHome, instance: dg.DagsterInstance) -> None:
    append_unexplained_jump(home.store, SESSION, symbols_of(20))
    home.pin(SESSION)
    home.pin(EARLIER)
    assert not run(home, instance).success
    assert run(home, instance, EARLIER).success
    prove(home, EARLIER)
    with pytest.raises(CertificateRefused):
        prove(home)


def test_features_changed_after_the_gate_have_no_proof(home: GateHome, instance: dg.DagsterInstance) -> None:
    run(home, instance)
    home.marts.run("update marts.fct_trading_facts set close_usd = close_usd * 2 where symbol = 'S001'")
    with pytest.raises(CertificateRefused, match="judge other features"):
        prove(home)


def test_failing_check_shows_its_rows_in_the_ui(home: GateHome, instance: dg.DagsterInstance) -> None:
    append_unexplained_jump(home.store, SESSION, symbols_of(20))
    home.pin(SESSION)
    result = run(home, instance)
    (failed,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "explained_jumps"]
    assert "S000" in str(failed.metadata["offending_rows"].value)
    assert "20 of 40" in (failed.description or "")
