import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGES, ROOT, modules, named

SECONDS = 180
WATCHED = ("socket.connect", "subprocess.Popen", "os.mkdir", "os.remove", "os.rename", "sqlite3.connect")
ANALYSIS_ONLY = ("dbt", "dbt_common", "great_expectations", "lightgbm", "duckdb", "sklearn", "numba", "talib", "altair")
ANALYSIS_ROOMS = (
    "assets.ingest",
    "assets.features",
    "assets.quality",
    "assets.ml",
    "assets.reporting",
    "pipelines.settings",
)

# A library asks `platform.architecture()`, which reads the interpreter's own file through the command `file`.
LOOKS_AT_THE_INTERPRETER = ["subprocess.Popen", "file"]


def in_fresh_process(program, home):
    """Run a program that prints one JSON line last, and return that line's value."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        cwd=home,
        env={"PATH": "", "TOUCHSTONE_HOME": str(home / "home"), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def loaded_by(statement, home):
    return in_fresh_process(f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))", home)


def below(names, loaded):
    """Return which of the names, or modules below them, were loaded."""
    return sorted({name for name in names for module in loaded if module == name or module.startswith(f"{name}.")})


def test_the_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_trading_location_loads_no_analysis(tmp_path):
    loaded = loaded_by("import pipelines.trading", tmp_path)
    assert below((*ANALYSIS_ONLY, *ANALYSIS_ROOMS), loaded) == []


def test_the_trading_location_stays_free_of_analysis_when_it_is_built(tmp_path):
    program = (
        "import pipelines.trading as location\n"
        "from pipelines.home import Home\n"
        "from pipelines.trading_settings import load_trading_settings\n"
        "location.build_definitions(load_trading_settings(), Home.from_environment())"
    )
    assert below((*ANALYSIS_ONLY, *ANALYSIS_ROOMS), loaded_by(program, tmp_path)) == []


def test_execution_loads_neither_orchestrator_nor_warehouse_nor_frames(tmp_path):
    names = [
        named(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in modules("execution")
    ]
    loaded = loaded_by("import " + ", ".join(names), tmp_path)
    assert (
        below(("dagster", "duckdb", "pandas", "dbt", "lightgbm", "great_expectations", "assets", "pipelines"), loaded)
        == []
    )


@pytest.mark.parametrize("location", ["pipelines.trading", "pipelines.analysis"])
def test_loading_a_location_writes_no_file_and_opens_no_connection(location, tmp_path):
    program = f"""
import json, os, sys
seen = []
def watch(event, arguments):
    if event in {WATCHED!r}:
        seen.append([event, str(arguments[0])])
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append([event, str(arguments[0])])
sys.addaudithook(watch)
import {location}
print(json.dumps([entry for entry in seen if "/dev/" not in entry[1]]))
"""
    assert [entry for entry in in_fresh_process(program, tmp_path) if entry != LOOKS_AT_THE_INTERPRETER] == []
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_the_one_of_this_checkout(package, tmp_path):
    where = in_fresh_process(f"import json, {package}\nprint(json.dumps({package}.__file__))", tmp_path)
    assert where == str(ROOT / package / "__init__.py")


def test_no_other_distribution_claims_one_of_the_packages():
    claims = importlib.metadata.packages_distributions()
    assert {claimant for package in PACKAGES for claimant in claims.get(package, [])} <= {"touchstone"}
