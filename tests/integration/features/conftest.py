import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assets.features.dbt_manifest import read_manifest

PROJECT = Path(__file__).parents[3] / "dbt_project"


def parse(project: Path, home: Path) -> Mapping[str, Any]:
    """Return the manifest of a dbt project, as `make manifest` writes it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    before = os.environ.get("TOUCHSTONE_HOME")
    os.environ["TOUCHSTONE_HOME"] = str(home)
    try:
        folders = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(home / "dbt")]
        outcome = dbtRunner().invoke(["--quiet", "--log-level-file", "none", "parse", *folders])
    finally:
        DuckDBConnectionManager.close_all_connections()
        if before is None:
            del os.environ["TOUCHSTONE_HOME"]
        else:
            os.environ["TOUCHSTONE_HOME"] = before
    assert outcome.success, outcome.exception
    return read_manifest(home / "dbt" / "manifest.json")


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    return parse(PROJECT, tmp_path_factory.mktemp("parse"))
