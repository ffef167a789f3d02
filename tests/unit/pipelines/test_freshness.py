import dagster as dg

from pipelines.analysis import build_definitions
from pipelines.freshness import POLICIES
from pipelines.home import Home
from pipelines.settings import load_settings
from pipelines.trading import build_definitions as trading_definitions

REAL = {
    "TOUCHSTONE__MODE": "paper",
    "TOUCHSTONE__BROKER_KEYS__KEY_ID": "PK-of-a-test",
    "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": "secret-of-a-test",
    "TOUCHSTONE__ALPACA_DATA__KEY_ID": "PK-of-a-test",
    "TOUCHSTONE__ALPACA_DATA__SECRET_KEY": "secret-of-a-test",
    "TOUCHSTONE__EDGAR__SENDER": "a person somebody@example.com",
}


def policies(definitions: dg.Definitions) -> dict[tuple[str, ...], object]:
    graph = definitions.resolve_asset_graph()
    return {tuple(key.path): graph.get(key).freshness_policy for key in graph.materializable_asset_keys}


def test_every_asset_with_a_policy_carries_it_in_real_time(tmp_path):
    settings, home = load_settings(environ=REAL), Home(tmp_path / "home")
    found = policies(build_definitions(settings, home)) | policies(trading_definitions(settings, home))
    assert {key: policy for key, policy in found.items() if policy is not None} == POLICIES


def test_told_time_is_not_counted_in_hours(tmp_path):
    settings, home = load_settings(environ={}), Home(tmp_path / "home")
    assert set(policies(build_definitions(settings, home)).values()) == {None}


def test_a_location_with_policies_keeps_everything_else(tmp_path):
    told, real = (load_settings(environ=given) for given in ({}, REAL))
    before = build_definitions(told, Home(tmp_path / "told")).get_repository_def()
    after = build_definitions(real, Home(tmp_path / "real")).get_repository_def()
    assert {job.name for job in after.get_all_jobs()} == {job.name for job in before.get_all_jobs()}
    assert set(after.asset_graph.asset_check_keys) == set(before.asset_graph.asset_check_keys)
    # A clock that is told has a sensor of its own.
    gone = {sensor.name for sensor in before.sensor_defs} - {sensor.name for sensor in after.sensor_defs}
    assert gone == {"session_clock"}
