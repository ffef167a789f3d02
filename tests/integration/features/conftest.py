import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from assets.features import dbt_bridge
from assets.features.dbt_manifest import read_manifest
from assets.features.defs import MANIFEST_PATH
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


def parsed(project: Path, home: Path) -> Mapping[str, Any]:
    """Return the manifest of a dbt project: ours as `make manifest` wrote it, another parsed now, for a build too."""
    if project == PROJECT:
        return read_manifest(MANIFEST_PATH)
    outcome = run_dbt("parse", project=project, home=home)
    assert outcome.success, outcome.exception
    # A build that follows would parse the same text once more.
    dbt_bridge._PARSED.clear()
    dbt_bridge._PARSED[project, project_hash(project)] = outcome.result
    return read_manifest(home / "dbt" / "manifest.json")


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT
