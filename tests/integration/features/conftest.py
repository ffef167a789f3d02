import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from assets.features import dbt_bridge
from assets.features.dbt_manifest import read_manifest
from assets.features.model_sources import project_hash

PROJECT = Path(__file__).parents[3] / "dbt_project"


def run_dbt(verb: str, *, project: Path, home: Path, select: str | None = None) -> Any:
    """Run a verb of dbt in this process, as a person does by hand, and return what its runner says."""
    before = os.environ.get("TOUCHSTONE_HOME")
    os.environ["TOUCHSTONE_HOME"] = str(home)
    folders = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(home / "dbt")]
    chosen = [] if select is None else ["--select", select]
    try:
        return dbtRunner().invoke(["--quiet", "--log-level-file", "none", verb, *folders, *chosen])
    finally:
        DuckDBConnectionManager.close_all_connections()
        if before is None:
            del os.environ["TOUCHSTONE_HOME"]
        else:
            os.environ["TOUCHSTONE_HOME"] = before


def parsed(project: Path, parse_home: Path) -> Mapping[str, Any]:
    """Return the manifest of a dbt project parsed now, for a build too.

    Args:
        project: its folder.
        parse_home: where dbt finds what it parsed last: of the next small project it then reads only what is another.
    """
    outcome = run_dbt("parse", project=project, home=parse_home)
    assert outcome.success, outcome.exception
    # A build that follows would parse the same text once more.
    dbt_bridge._PARSED.clear()
    dbt_bridge._PARSED[project, project_hash(project)] = outcome.result
    return read_manifest(parse_home / "dbt" / "manifest.json")


@pytest.fixture(scope="session")
def parse_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which small projects are parsed one after the other, and none is built."""
    return tmp_path_factory.mktemp("parsed")


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT
