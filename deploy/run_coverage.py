"""Run the tests that need no daemon under coverage, branches counted, and fail below the floors.

What a test's own child process runs is not counted, so that the figures err on the low side.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from pipelines.code_hash import checkout_root

FLOORS: Final = {"execution/": 95.0, "": 80.0}
"""Least percentage of lines and branches, by folder; the empty name is all four packages."""
_PACKAGES: Final = ("execution", "assets", "sensors", "pipelines")
_TESTS: Final = ("unit", "property", "contract", "simulation", "crash", "integration", "architecture")
_MARKS: Final = "not daemon and not browser and not campaign"


def main() -> int:
    """Run the tests, print each floor with what was found, and return 0 when all hold."""
    root = checkout_root()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        measured = [f"--cov={package}" for package in _PACKAGES]
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", _MARKS]
        command += [*measured, "--cov-branch", "--cov-report=", f"--cov-report=json:{report}", *sys.argv[1:]]
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "COVERAGE_FILE": str(Path(folder) / "data"),
        }
        code = subprocess.run(  # noqa: S603 - our own command
            [*command, *(f"tests/{name}" for name in _TESTS)], cwd=root, env=environment, check=False
        ).returncode
        files = json.loads(report.read_bytes())["files"]
    for folder_name, floor in FLOORS.items():
        found = percent_covered(files, folder_name)
        sys.stdout.write(f"{folder_name or 'all packages'}: {found:.1f} % of lines and branches, floor {floor:.0f} %\n")
        if found < floor:
            code = code or 1
    return code


def percent_covered(files: dict[str, Any], folder: str) -> float:
    """Return the percentage of lines and branches run in the files of a folder.

    Args:
        files: the `files` of a JSON report of coverage.
        folder: start of their names; empty for all.
    """
    summaries = [file["summary"] for name, file in files.items() if name.startswith(folder)]
    found = sum(each["covered_lines"] + each["covered_branches"] for each in summaries)
    there = sum(each["num_statements"] + each["num_branches"] for each in summaries)
    return 100 * found / there if there else 0.0


if __name__ == "__main__":
    sys.exit(main())
