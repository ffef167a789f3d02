"""Nothing that runs here tells anybody that it runs."""

import dagster as dg
import pytest
import yaml

from pipelines.daemon_process import WORKSPACE
from pipelines.dagster_instance import prepare_instance, write_instance
from pipelines.home import Home

ROOT = WORKSPACE.parent


def test_the_orchestrator_of_a_home_is_silent(tmp_path):
    with dg.DagsterInstance.from_config(str(prepare_instance(Home(tmp_path / "home")))) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False


@pytest.mark.parametrize("place", ["home", "postgres"])
def test_an_instance_is_written_silent_wherever_its_history_is(tmp_path, place):
    write_instance(tmp_path, place=place)
    written = yaml.safe_load((tmp_path / "dagster.yaml").read_text())
    assert (written["telemetry"], written["nux"]) == ({"enabled": False}, {"enabled": False})


def test_processes_of_a_home_are_told_to_be_silent(tmp_path):
    assert Home(tmp_path).process_environment()["DAGSTER_DISABLE_TELEMETRY"] == "yes"


def test_dbt_is_silent():
    project = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())
    assert project["flags"]["send_anonymous_usage_stats"] is False


def test_expectations_are_silent_before_their_library_is_imported():
    text = (ROOT / "assets" / "quality" / "expectations.py").read_text()
    off, used = text.index('"GX_ANALYTICS_ENABLED", "false"'), text.index("import great_expectations")
    assert off < used


def test_make_tells_every_process_to_be_silent():
    text = (ROOT / "Makefile").read_text()
    assert "export DAGSTER_DISABLE_TELEMETRY := yes" in text
    assert "export DO_NOT_TRACK := 1" in text
